"""What a person suggests and the outer tier orders, turned into moves away from the incumbent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deep_loop import knobs
from deep_loop.adapters.proposers.tuner_search import Move, Search
from deep_loop.adapters.proposers.tuner_trials import Reader, Setting
from deep_loop.core import screening, spelling
from deep_loop.core.experiment import Idea, is_baseline, is_keep
from deep_loop.core.hypothesis import Hypothesis, Target, parse
from deep_loop.knobs import Knob, KnobError
from deep_loop.ports import Brief, Suggestion

COMBINE = "combine"
PRIOR = (0.5, 4.5)  # keeps and discards that stand for what is not known of a study yet


@dataclass(frozen=True, slots=True)
class Order:
    """A move that somebody asked for."""

    move: Move
    origin: (
        Suggestion | Hypothesis | tuple[int, ...] | str
    )  # a combination names its experiments, a screening's run itself


def order(brief: Brief, search: Search, reader: Reader, proposer: str) -> Order | None:
    """The order to carry out now, or None where there is none, or it is the tuner's own turn.

    A person's suggestions come first, then the runs of a screening. Other orders are at most every second proposal of
    this proposer, so that a long list does not keep it from what it has learnt itself.
    """
    for suggestion in brief.suggestions:
        if (targets := understood(suggestion.text)) and (move := _aim(targets, search)) is not None:
            return Order(move, suggestion)
    if (run := _screening(brief, search)) is not None:
        return run
    if _latest_was_order(brief, proposer):
        return None
    return next(_orders(brief, search, reader), None)


def understood(text: str) -> tuple[Target, ...]:
    """What a suggestion says in the form of a hypothesis, as in `DEPTH = 8`; nothing where it is prose."""
    return next((entry.targets for entry in parse(f"## suggested\n\n- set: {' '.join(text.split())}\n")), ())


def _orders(brief: Brief, search: Search, reader: Reader) -> Iterator[Order]:
    """Those not taken yet: hypotheses as they are ranked, then combinations.

    A hypothesis to which its own author gives less of a chance than the tuner's moves have had is left to others.
    """
    ideas, usual = _ideas(brief), _keep_rate(brief)
    taken = {idea.hypothesis for idea in ideas}
    for hypothesis in brief.hypotheses:
        if hypothesis.id in taken or (hypothesis.probability or 1.0) < usual:
            continue
        if hypothesis.targets and (move := _aim(hypothesis.targets, search)):
            yield Order(move, hypothesis)
    made = [frozenset((change.name, change.after) for change in idea.changes) for idea in ideas]
    for numbers in brief.strategy.combinations:
        texts = _together(numbers, brief, search.memory.incumbent, reader)
        changes = {(search.memory.incumbent.knobs[key].name, text) for key, text in texts.items()}
        if len(texts) > 1 and not any(changes <= earlier for earlier in made) and (move := search.to(texts)):
            yield Order(move, numbers)


def _screening(brief: Brief, search: Search) -> Order | None:
    """The first run of the strategy's screening that is neither made nor under way, nor was refused twice."""
    levels, incumbent = brief.strategy.screen, search.memory.incumbent.knobs
    if not levels:
        return None
    made = {*screening.done(levels, [record.proposal.idea for record in brief.history])}
    made |= {*screening.done(levels, [proposal.idea for proposal in brief.pending])}
    refused = screening.done(levels, [refusal.proposal.idea for refusal in brief.refusals if refusal.proposal])
    for run in range(1, screening.runs(len(levels)) + 1):
        if run in made or refused.count(run) > 1:
            continue
        wanted = screening.settings(levels, run)
        texts = {name: _spelled(value, incumbent[name]) for name, value in wanted.items() if name in incumbent}
        if (move := search.to(texts)) is not None:
            return Order(move, screening.title(levels, run))
    return None


def _spelled(value: float, knob: Knob) -> str:
    """A level in the style of the constant's own text."""
    return spelling.spell(round(value) if isinstance(knob.value, int) else value, knob.source)


def _ideas(brief: Brief) -> list[Idea]:
    """Every idea that has been proposed before, whatever became of it."""
    closed = [record.proposal.idea for record in brief.history]
    refused = [refusal.proposal.idea for refusal in brief.refusals if refusal.proposal]
    return [*closed, *refused, *(proposal.idea for proposal in brief.pending)]


def _keep_rate(brief: Brief) -> float:
    """How often what nobody ordered was kept: the mean of a Beta posterior, whose prior is worth five experiments."""
    closed = [record for record in brief.history if not is_baseline(record)]
    own = [r for r in closed if not _is_order(r.proposal.idea) and not screening.is_screening(r.proposal.idea)]
    return (sum(map(is_keep, own)) + PRIOR[0]) / (len(own) + sum(PRIOR))


def _latest_was_order(brief: Brief, proposer: str) -> bool:
    """Whether this proposer's latest proposal, as far as the brief shows it, was an order."""
    if waiting := [proposal.idea for proposal in brief.pending if proposal.proposer == proposer]:
        return _is_order(waiting[-1])
    asked = [(record.ask.id, record.proposal) for record in brief.history]
    asked += [(refusal.ask.id, refusal.proposal) for refusal in brief.refusals if refusal.proposal]
    mine = [(ask, proposal.idea) for ask, proposal in asked if proposal.proposer == proposer]
    return bool(mine) and _is_order(max(mine, key=lambda pair: pair[0])[1])


def _is_order(idea: Idea) -> bool:
    return idea.hypothesis is not None or idea.title.startswith(f"{COMBINE} #")


def combined(numbers: tuple[int, ...]) -> str:
    """How the title of a combination begins."""
    return f"{COMBINE} #{' + #'.join(str(number) for number in numbers)}"


def _aim(targets: tuple[Target, ...], search: Search) -> Move | None:
    """The move that sets all targets; None where one names no knob, does not fit it, or nothing would move."""
    texts: dict[str, str] = {}
    for target in targets:
        knob = search.memory.incumbent.knobs.get(target.name)
        if knob is not None and target.value is not None:
            if (text := _fitting(knob, target.value)) is None:
                return None
            texts[target.name] = text
        elif (bounds := _bounds(target)) is not None and (move := search.inside(target.name, *bounds)) is not None:
            texts |= move.sources
        else:
            return None
    return search.to(texts)


def _bounds(target: Target) -> tuple[float, float] | None:
    """The range of a target; that of a value is the value alone, which is how an element of a tuple is set."""
    if target.low is not None and target.high is not None:
        return target.low, target.high
    try:
        value = knobs.evaluate(target.value or "")
    except KnobError:
        return None
    return None if isinstance(value, str | bool | tuple) else (float(value), float(value))


def _fitting(knob: Knob, text: str) -> str | None:
    """The value as source text if it is of the knob's type; a bare word for a string is quoted."""
    try:
        value = knobs.evaluate(text)
    except KnobError:
        return repr(text) if isinstance(knob.value, str) else None
    if isinstance(knob.value, tuple):
        same = isinstance(value, tuple) and len(value) == len(knob.value)
    elif isinstance(knob.value, bool | str):
        same = type(value) is type(knob.value)
    else:
        same = isinstance(value, int | float) and not isinstance(value, bool)
    return text.strip() if same else None


def _together(numbers: tuple[int, ...], brief: Brief, incumbent: Setting, reader: Reader) -> Mapping[str, str]:
    """What these experiments changed, by key, as far as the incumbent has not got it; the last named wins."""
    records = {record.number: record for record in brief.history}
    texts: dict[str, str] = {}
    for number in numbers:
        if (record := records.get(number)) is None:
            return {}
        after, before = reader.at(record.commit, brief), reader.at(record.proposal.base, brief)
        texts |= {key: after.knobs[key].source for key in sorted(after.moved_from(before)) if key in incumbent.knobs}
    return {key: text for key, text in texts.items() if knobs.evaluate(text) != incumbent.knobs[key].value}
