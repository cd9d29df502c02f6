"""Whether an analyst's advice may be adopted: what it cites is there and is so, and what it proposes is new.

An analyst may be a model, which invents. So its findings are typed: each names experiments and what it says of them,
and that is looked up here. Numbers in its words are looked up too. `core.strategy.review` looks at program.md.

An analyst answers for its own words alone: hypotheses that were there before are carried on as they are, and titles of
experiments that it quotes are taken out of what is read. The statistician's words are made of figures and quotes by a
program, so its typed numbers alone are looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from deep_loop.core.cohort import STATISTICS, Advice, Claim, Dossier, Finding
from deep_loop.core.experiment import Crash, Discard, Experiment, is_keep, value
from deep_loop.core.fate import HUMAN, ended, move
from deep_loop.core.hypothesis import Hypothesis, parse, render
from deep_loop.core.metric import Metric

MOST = 30  # hypotheses, or findings of one kind
LONGEST = 2000  # characters of one text
SUMMARY = 120
DIGITS = 12  # of a number that is read; no study has so many experiments

_JOIN = r"(?:,[ \t]*|,?[ \t]+and[ \t]+|[ \t]+to[ \t]+)"
_CITED = re.compile(rf"(?:\bexperiments?[ \t]+|#)(\d+(?:{_JOIN}#?\d+\b(?![ \t]+more))*)", re.IGNORECASE)


def objection(advice: Advice, dossier: Dossier) -> str | None:
    """Why the advice must be dropped, or None."""
    return next(_objections(advice, dossier), None)


def cited(text: str) -> tuple[int, ...]:
    """The experiments that a text names: `experiment 7`, `experiments 3, 8 and 12`, `#7`."""
    return tuple(int(number[:DIGITS]) for group in _CITED.findall(text) for number in re.findall(r"\d+", group))


def _objections(advice: Advice, dossier: Dossier) -> Iterator[str]:
    own = tuple(entry for entry in advice.hypotheses if entry not in dossier.hypotheses)
    yield from _sizes(advice, own)
    known = {experiment.number: experiment for experiment in dossier.experiments}
    for finding in (*advice.worked, *advice.failed):
        yield from _finding(finding, known, dossier.metric)
    for group in advice.strategy.combinations:
        yield from _missing("the strategy combines", group, known)
    for entry in own:
        yield from _missing(f"`{_short(entry.title)}` rests on", entry.evidence, known)
    if advice.analyst != STATISTICS:
        yield from _words(advice, own, known)
    yield from _hypotheses(advice.hypotheses, own, dossier)


def _words(advice: Advice, own: Sequence[Hypothesis], known: Mapping[int, Experiment]) -> Iterator[str]:
    """What is named in sentences is there; what a finding names is what it makes its claim of."""
    titles = [experiment.proposal.idea.title for experiment in known.values()]
    quotable = [re.compile(r"\s+".join(map(re.escape, title.split()))) for title in titles if cited(title)]

    def named(text: str) -> tuple[int, ...]:
        for quote in quotable:
            text = quote.sub("…", text)
        return cited(text)

    for text in (advice.summary, advice.strategy.prose, *advice.changed, *(entry.rationale for entry in own)):
        yield from _missing(f"`{_short(text)}` names", named(text), known)
    for finding in (*advice.worked, *advice.failed):
        yield from _missing(f"`{_short(finding.text)}` names", named(finding.text), known)
        beside = next((number for number in named(finding.text) if number not in finding.experiments), None)
        if beside is not None:
            yield f"`{_short(finding.text)}` names experiment {beside}, of which it makes no claim"


def _sizes(advice: Advice, own: Sequence[Hypothesis]) -> Iterator[str]:
    if not advice.summary.strip() or len(advice.summary) > SUMMARY:
        yield f"its summary has {len(advice.summary)} characters; 1 to {SUMMARY} are allowed"
    for what, texts in (
        ("findings", [finding.text for finding in (*advice.worked, *advice.failed)]),
        ("changes", list(advice.changed)),
        ("hypotheses", [f"{entry.title}{entry.rationale}{entry.expected}" for entry in own]),
    ):
        if len(texts) > MOST:
            yield f"it has {len(texts)} {what}, more than {MOST}"
        if any(len(text) > LONGEST for text in texts):
            yield f"one of its {what} has more than {LONGEST} characters"


def _finding(finding: Finding, known: Mapping[int, Experiment], metric: Metric) -> Iterator[str]:
    yield from _missing(f"`{_short(finding.text)}` names", finding.experiments, known)
    if not finding.experiments:
        yield f"`{_short(finding.text)}` names no experiment"
    for number in finding.experiments:
        experiment = known.get(number)
        if experiment is not None and not _holds(finding.claim, experiment, known, metric):
            yield f"`{_short(finding.text)}` says of experiment {number} that it was {finding.claim}, which it was not"


def _holds(claim: Claim, experiment: Experiment, known: Mapping[int, Experiment], metric: Metric) -> bool:
    match claim:
        case "kept":
            return is_keep(experiment)
        case "discarded":
            return isinstance(experiment.decision, Discard)
        case "crashed":
            return isinstance(experiment.decision, Crash)
        case "better" | "worse":
            parent = known.get(experiment.proposal.parent) if experiment.proposal.parent is not None else None
            mine, its = value(experiment), value(parent) if parent else None
            if mine is None or its is None:
                return False
            gain = metric.gain(mine, its)
            return gain > 0 if claim == "better" else gain < 0
        case "tried":
            return True


def _missing(what: str, numbers: Sequence[int], known: Mapping[int, Experiment]) -> Iterator[str]:
    absent = next((number for number in numbers if number not in known), None)
    if absent is not None:
        yield f"{what} experiment {absent}, which there is not"


def _hypotheses(entries: Sequence[Hypothesis], own: Sequence[Hypothesis], dossier: Dossier) -> Iterator[str]:
    """Its own are written so that they can be read again; none is there twice, and none whose move an experiment made.

    What a person wrote may be a move that they want once more.
    """
    if parse(render(own)) != tuple(own) or len({entry.id for entry in entries}) < len(entries):
        yield "its hypotheses cannot be written to next-hypotheses.md and read again"
    tried = {e.proposal.idea.hypothesis: e.number for e in dossier.experiments if e.proposal.idea.hypothesis}
    over = ended(dossier.fates)
    offered = {fate.offer.hypothesis.id for fate in dossier.fates if fate.offer.author != HUMAN}
    wanted = {entry.id for entry in dossier.hypotheses} - offered
    for entry in entries:
        end = over.get(move(entry))
        if end is not None and entry.id not in {*wanted, *tried}:
            yield f"`{_short(entry.title)}` repeats {end.offer.hypothesis.id}, {end.words}"
        if entry.id in tried:
            yield f"`{_short(entry.title)}` ({entry.id}) is not new: experiment {tried[entry.id]} took it up"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
