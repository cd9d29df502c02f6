"""What became of hypotheses: next-hypotheses.md is a queue, and whatever was on it has an end.

An entry is **taken** when an experiment takes it up, or makes its move and is kept; **refuted** when an experiment
makes its move without naming it and is not kept; **expired** when a later strategy leaves it out. Until then it is
open. A move is made by an experiment that moves just the entry's constants, each to its value or into its range.

What a person wrote is ended by nothing but an experiment that names it: they may well want a move once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deep_loop.core.experiment import Crash, Experiment, is_baseline, is_keep, moves, value
from deep_loop.core.hypothesis import Hypothesis, identity, reaches
from deep_loop.core.metric import Metric

Ending = Literal["open", "taken", "refuted", "expired"]

HUMAN = "human"  # who wrote what a person wrote
SHOWN = 12  # ended entries that next-hypotheses.md tells of, the latest ones
TITLE = 100  # characters of a title there


@dataclass(frozen=True, slots=True)
class Offer:
    """A hypothesis as the ledger remembers it."""

    hypothesis: Hypothesis
    author: str  # the analyst who offered it, or `HUMAN`
    version: int  # the strategy that it came with
    seen: int  # experiments that were closed then
    dropped: int | None = None  # the strategy that left it out; None: it is on the list


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one offer."""

    offer: Offer
    ending: Ending
    experiment: int | None = None  # that took it up, or made its move
    kept: bool | None = None  # whether that one was kept; None where there is none
    result: str = ""  # of it, in words: `kept, +0.42 %`
    at: int = 0  # place of that experiment in the order of closing, or experiments seen by who left it out

    @property
    def words(self) -> str:
        """`taken by experiment 7: kept, +0.42 %`."""
        if self.experiment is None:
            return f"expired: v{self.offer.dropped} left it out" if self.ending == "expired" else self.ending
        return f"{self.ending} by experiment {self.experiment}: {self.result}"


def offers(
    known: Sequence[Offer],
    before: Sequence[Hypothesis],
    after: Sequence[Hypothesis],
    *,
    author: str,
    version: int,
    seen: int,
) -> tuple[Offer, ...]:
    """The offers that a revision adds or changes: it found `before` in next-hypotheses.md and leaves `after`.

    `author` is its analyst, `version` its own, `seen` the experiments that it knew.

    What it found and nobody offered is a person's. An entry that comes back after it was left out is offered anew; one
    whose probability is stated anew is its who states it, since they are held to it.
    """
    found = {offer.hypothesis.id: offer for offer in known}
    for entry in before:
        found.setdefault(entry.id, Offer(entry, HUMAN, version - 1, seen))
    listed = {entry.id for entry in after}
    for entry in after:
        offer = found.get(entry.id)
        if offer and offer.dropped is None and offer.hypothesis.probability == entry.probability:
            found[entry.id] = replace(offer, hypothesis=entry)
        else:
            found[entry.id] = Offer(entry, author, version, seen)
    for id, offer in found.items():
        if id not in listed and offer.dropped is None:
            found[id] = replace(offer, dropped=version)
    old = {offer.hypothesis.id: offer for offer in known}
    return tuple(offer for id, offer in found.items() if old.get(id) != offer)


def fates(
    offered: Sequence[Offer], closed: Sequence[Experiment], metric: Metric, under_way: Collection[str] = ()
) -> tuple[Fate, ...]:
    """What became of each offer, in their order. `closed` are in the order of closing.

    `under_way` are identities that a proposal took up which is not closed: they are open, whoever left them out. Linear
    in the experiments.
    """
    takers: dict[str, Experiment] = {}
    movers: dict[frozenset[str], list[Experiment]] = {}
    for experiment in closed:
        if name := experiment.proposal.idea.hypothesis:
            takers.setdefault(name, experiment)
        if moved := frozenset(change.name for change in moves(experiment)):
            movers.setdefault(moved, []).append(experiment)
    worth = {experiment.number: experiment for experiment in closed}
    found = []
    for offer in offered:
        entry = offer.hypothesis
        taker = takers.get(entry.id)
        maker = taker or _maker(offer, movers)
        if maker is not None:
            named = taker is not None or is_keep(maker)
            found.append(
                Fate(
                    offer,
                    "taken" if named else "refuted",
                    maker.number,
                    is_keep(maker),
                    _result(maker, worth, metric),
                    maker.order or 0,
                )
            )
        elif offer.dropped is not None and entry.id not in under_way:
            found.append(Fate(offer, "expired", at=offer.seen))
        else:
            found.append(Fate(offer, "open"))
    return tuple(found)


def ended(known: Sequence[Fate]) -> dict[str, Fate]:
    """Those whose move was made, by the identity of the move: nobody should offer it once more."""
    return {move(fate.offer.hypothesis): fate for fate in known if fate.ending in ("taken", "refuted")}


def move(entry: Hypothesis) -> str:
    """What tells an entry's move from any other, whatever its identity: that of its targets, where it has any."""
    return identity("", entry.targets, "") if entry.targets else entry.id


def section(known: Sequence[Fate]) -> str:
    """The end of next-hypotheses.md: what became of the latest entries, as a table.

    `hypothesis.parse` does not read it. Empty where nothing ended.
    """
    over = [fate for fate in known if fate.ending != "open"]
    if not over:
        return ""
    over.sort(key=lambda fate: fate.at, reverse=True)
    more = f"\n{len(over) - SHOWN} more: `deep-loop hypotheses`.\n" if len(over) > SHOWN else ""
    rows = "".join(_row(fate) for fate in over[:SHOWN])
    return f"# What became of others\n\n| hypothesis | by | predicted | end |\n|---|---|---|---|\n{rows}{more}"


# --- pieces ----------------------------------------------------------------------------------------


def _maker(offer: Offer, movers: Mapping[frozenset[str], Sequence[Experiment]]) -> Experiment | None:
    """The first experiment closed since the offer that made its move; None for what a person wrote."""
    targets = offer.hypothesis.targets
    if offer.author == HUMAN or not targets:
        return None
    return next(_making(offer, movers.get(frozenset(target.name for target in targets), ())), None)


def _making(offer: Offer, those: Sequence[Experiment]) -> Iterator[Experiment]:
    goals = {target.name: target for target in offer.hypothesis.targets}
    for experiment in those:
        since = (experiment.order or 0) > offer.seen and not is_baseline(experiment)
        if since and all(reaches(goals[change.name], change.after) for change in moves(experiment)):
            yield experiment


def _result(experiment: Experiment, known: Mapping[int, Experiment], metric: Metric) -> str:
    if isinstance(experiment.decision, Crash):
        return "crashed"
    parent = known.get(experiment.proposal.parent) if experiment.proposal.parent is not None else None
    own, base = value(experiment), value(parent) if parent else None
    gain = f", {100 * metric.relative_gain(own, base):+.2g} %" if own is not None and base is not None else ""
    return f"{'kept' if is_keep(experiment) else 'discarded'}{gain}"


def _row(fate: Fate) -> str:
    entry, author = fate.offer.hypothesis, fate.offer.author
    title = " ".join(entry.title.split())
    short = title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
    odds = "" if entry.probability is None else f"{entry.probability:.2g}"
    cells = (f"{entry.id}: {short}", f"{author}, v{fate.offer.version}", odds, fate.words)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"
