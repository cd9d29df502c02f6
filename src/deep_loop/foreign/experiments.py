"""A reading as experiments of a study: what the log says, and nothing that it does not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deep_loop.core.experiment import (
    BASELINE,
    IMPORTED,
    Closing,
    Crash,
    Discard,
    Idea,
    Keep,
    Measured,
    Outcome,
    Proposal,
)
from deep_loop.core.metric import Metric
from deep_loop.core.record import Imported
from deep_loop.foreign.entries import Entry
from deep_loop.foreign.reading import Reading
from deep_loop.foreign.wording import changes, kind


@dataclass(frozen=True, slots=True)
class _Incumbent:
    """What was kept last in a campaign."""

    number: int
    value: float | None


def experiments(reading: Reading, source: str, first: int) -> Sequence[Imported[Proposal, Outcome, Closing]]:
    """The entries in the order of the file, numbered from `first`; `source` names the file.

    The parent of each is what its campaign kept last, with a value where it kept any with one. What begins a campaign
    has none. A keep is marked as one that fresh seeds are not known to reach, and its gain is over that parent.
    """
    incumbent: _Incumbent | None = None
    found: list[Imported[Proposal, Outcome, Closing]] = []
    for number, entry in enumerate(reading.entries, start=first):
        if entry.opens:
            incumbent = None
        place = f"{source}, {reading.place} {entry.line}"
        found.append(
            Imported(
                proposal=_proposal(entry, incumbent),
                commit=entry.commit,
                outcome=_outcome(entry),
                decision=_decision(entry, incumbent, reading.metric, place, said=entry.line not in reading.inferred),
                counted=entry.verdict != "baseline",
                machine=f"another system's: {source}",
                line=entry.line,
            )
        )
        if entry.verdict in ("keep", "baseline") and (
            incumbent is None or entry.value is not None or incumbent.value is None
        ):
            incumbent = _Incumbent(number, entry.value)
    return found


def _proposal(entry: Entry, incumbent: _Incumbent | None) -> Proposal:
    moved = changes(f"{entry.title}\n{entry.rationale}")
    opens = incumbent is None and entry.verdict in ("keep", "baseline")
    named = BASELINE if opens and (entry.verdict == "baseline" or "baseline" in entry.title.casefold()) else ""
    idea = Idea(
        title=entry.title,
        kind=named or kind(entry.title, moved),
        rationale=entry.rationale,
        changes=() if opens else moved,
    )
    parent = incumbent.number if incumbent is not None else None
    return Proposal(idea, IMPORTED, base="", parent=parent, commit=entry.commit, fingerprint="")


def _outcome(entry: Entry) -> Measured | None:
    """What the log says that a run measured; a crash, and a row without a value, measured nothing."""
    if entry.value is None or entry.verdict == "crash":
        return None
    return Measured(entry.value, entry.seconds or 0.0, entry.memory_mb, dict(entry.numbers))


def _decision(entry: Entry, incumbent: _Incumbent | None, metric: Metric, place: str, *, said: bool) -> Closing:
    why = f"{entry.word!r} in {place}" if said else f"{place} does not say; by its value alone"
    match entry.verdict:
        case "crash":
            return Crash(why)
        case "discard":
            return Discard(why)
        case "keep" | "baseline":
            before = incumbent.value if incumbent is not None else None
            gain = metric.gain(entry.value, before) if entry.value is not None and before is not None else 0.0
            return Keep(why, gain=gain, seeded=False)
