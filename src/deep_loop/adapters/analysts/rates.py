"""How often proposals are kept, crash, repeat or are refused: over time, by proposer, by cost; and what a gain costs.

What a unit of gain costs is a ratio of two sums over experiments; its interval is that of the ratio estimator (Cochran,
Sampling Techniques, 3rd ed., 1977, section 6.4).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deep_loop.adapters.analysts.estimates import Interval, wilson
from deep_loop.adapters.analysts.evidence import Evidence, Trial
from deep_loop.adapters.analysts.words import experiments, rate, span
from deep_loop.core.cohort import Dossier, Finding
from deep_loop.core.experiment import Experiment

PARTS = 3  # of the study, in time
ENOUGH = 6  # experiments in one group before its rate is told
PROPOSERS = 4  # that are told of, those who proposed most
HOUR = 3600.0
CHEAP, HOURLY = "kept, cheaper and dearer half", "kept gain per slot-hour"  # rows that the wall clock has a part in
Z = 1.96  # standard deviations: the interval holds 95 %

Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One trial with what it cost."""

    trial: Trial
    proposer: str
    seconds: float  # of slots
    usd: float  # of its proposal; 0 where nobody knows


def entries(dossier: Dossier, evidence: Evidence) -> tuple[Entry, ...]:
    """All trials in the order of closing."""
    known = {experiment.number: experiment for experiment in dossier.experiments}
    spent = dossier.spent
    found = []
    for trial in evidence.trials:
        experiment = known[trial.number]
        usd = spent.get(experiment.ask.id, 0.0) if spent else 0.0
        found.append(Entry(trial, experiment.proposal.proposer, _seconds(experiment), usd))
    return tuple(found)


def rows(dossier: Dossier, evidence: Evidence, found: Sequence[Entry]) -> tuple[Row, ...]:
    """Rows of process_log.md's table."""
    told: list[Row] = []
    if len(found) >= PARTS * ENOUGH:
        size = math.ceil(len(found) / PARTS)
        parts = [found[start : start + size] for start in range(0, len(found), size)]
        told.append(("kept, early to late", ", ".join(_kept(part) for part in parts), ""))
        dear = sorted(found, key=lambda entry: (entry.seconds, entry.trial.number))
        half = len(dear) // 2
        told.append((CHEAP, f"{_kept(dear[:half])}, {_kept(dear[half:])}", ""))
    for name, theirs in _by_proposer(found):
        crashed = rate(wilson(sum(entry.trial.crashed for entry in theirs), len(theirs)))
        told.append((f"kept of {name}", _kept(theirs), f"crashed {crashed}; {_refused(dossier, name)}"))
    told += _spend(found)
    return tuple(told)


def differences(found: Sequence[Entry]) -> tuple[Finding, ...]:
    """Proposers whose keep rate is clearly another than that of the others, each with its experiments."""
    said = []
    for name, theirs in _by_proposer(found):
        others = [entry for entry in found if entry.proposer != name]
        mine = wilson(sum(entry.trial.kept for entry in theirs), len(theirs))
        rest = wilson(sum(entry.trial.kept for entry in others), len(others))
        if len(others) >= ENOUGH and (mine.low > rest.high or mine.high < rest.low):
            numbers = tuple(entry.trial.number for entry in theirs)
            text = f"{name} has {rate(mine)} kept, the others {rate(rest)} ({experiments(numbers)})"
            said.append(Finding(text, numbers))
    return tuple(said)


def ratio(pairs: Sequence[tuple[float, float]]) -> Interval | None:
    """The sum of the first over the sum of the second, with its interval; None for fewer than two, or a sum of zero."""
    count, first, second = len(pairs), math.fsum(a for a, _ in pairs), math.fsum(b for _, b in pairs)
    if count < 2 or second <= 0:
        return None
    found = first / second
    squares = math.fsum((a - found * b) ** 2 for a, b in pairs)
    half = Z * math.sqrt(count * squares / (count - 1)) / second
    return Interval(found, found - half, found + half)


# --- pieces ----------------------------------------------------------------------------------------


def _spend(found: Sequence[Entry]) -> Iterable[Row]:
    gains = [entry.trial.gain or 0.0 if entry.trial.kept else 0.0 for entry in found]
    if len(found) < ENOUGH or not any(gains):
        return
    hourly = ratio([(gain, entry.seconds / HOUR) for gain, entry in zip(gains, found, strict=True)])
    if hourly is not None:
        hours = math.fsum(entry.seconds for entry in found) / HOUR
        yield (
            HOURLY,
            span(hourly),
            f"{hours:.3g} hours, {_price(hours, gains)} a per cent",
        )
    dollars = math.fsum(entry.usd for entry in found)
    paid = ratio([(gain, entry.usd) for gain, entry in zip(gains, found, strict=True)])
    if paid is not None:
        yield "kept gain per dollar", span(paid), f"${dollars:.2f} on proposals, ${_price(dollars, gains)} a per cent"


def _price(spent: float, gains: Sequence[float]) -> str:
    """Spent for each per cent of gain; `no` where nothing was gained."""
    whole = 100 * math.fsum(gains)
    return f"{spent / whole:.2g}" if whole > 0 else "no"


def _by_proposer(found: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Those who made enough experiments, where there is more than one, by how many they made."""
    groups: dict[str, list[Entry]] = {}
    for entry in found:
        groups.setdefault(entry.proposer, []).append(entry)
    if len(groups) < 2:
        return []
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(name, theirs) for name, theirs in ranked if len(theirs) >= ENOUGH][:PROPOSERS]


def _kept(those: Sequence[Entry]) -> str:
    return rate(wilson(sum(entry.trial.kept for entry in those), len(those)))


def _refused(dossier: Dossier, proposer: str) -> str:
    """How often its proposals were refused, and as repeats, since the oldest refusal that is known."""
    theirs = [refusal for refusal in dossier.refusals if refusal.ask.proposer == proposer]
    since = min((refusal.ask.id for refusal in dossier.refusals), default=0)
    ran = sum(e.proposal.proposer == proposer and e.ask.id >= since for e in dossier.experiments)
    again = sum("same code as" in refusal.reason for refusal in theirs)
    whole = ran + len(theirs)
    return f"refused {rate(wilson(len(theirs), whole))}, as repeats {rate(wilson(again, whole))}"


def _seconds(experiment: Experiment) -> float:
    """Of slots, over all its runs that ended; a slot of two devices counts twice."""
    whole = 0.0
    for run in experiment.measurements:
        if run.ended_at is not None and run.ended_at > run.started_at:
            whole += (run.ended_at - run.started_at) * (1 + run.slot.count("+"))
    return whole
