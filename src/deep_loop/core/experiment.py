"""ML mode's values: a proposal, the outcome of one run, the decision about an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from deep_loop.core.record import Kinds, Measurement, Record
from deep_loop.core.rules import Rules
from deep_loop.core.standing import Standing, standing

Role = Literal[
    "first",  # of an attempt; whatever is tried again was selected for it
    "fresh",  # of a promising change, to confirm or refute it
    "reference",  # of the incumbent, for the decision about another experiment
    "control",  # of the incumbent, now and then, to see the machine drift
    "final",  # of the incumbent, at a study's end
    "audit",  # of a change whose gain is not plausible, with clean caches
    "holdout",  # of a keep, on data that nobody who proposes or advises hears of
]
IMPORTED = "imported"  # who proposed an experiment that was read from another system's log
BASELINE = "baseline"  # the kind of the experiment that measures code as a person left it


@dataclass(frozen=True, slots=True)
class Change:
    """One constant's move, as source text: `LEARNING_RATE` from `3e-3` to `4.1e-3`."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Idea:
    """What a proposer says about its change, before it runs."""

    title: str  # one line; becomes the description in results.tsv
    kind: str  # its place in the task's taxonomy of changes, as the proposer states it
    rationale: str
    expected: str = ""  # the effect that it hopes for, in words
    hypothesis: str | None = None  # identity of the entry of next-hypotheses.md that it takes up
    changes: tuple[Change, ...] = ()  # the constants that it moves, where it can say so
    suggestion: int | None = None  # of a person, that it follows
    probability: float | None = None  # that it is kept, as the proposer predicts; from 0 to 1


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change on a base commit, with its idea. The change itself is the commit's diff."""

    idea: Idea
    proposer: str
    base: str  # commit
    parent: int | None  # the incumbent experiment that `base` carries; None for a baseline
    commit: str
    fingerprint: str  # of the editable files' normalised syntax; equal means a duplicate
    kind: str = ""  # as the diff tells it (`core.sort`), else as the idea's words do; empty where neither does
    moved: tuple[Change, ...] = ()  # the constants that the diff moves, where it changes nothing else


@dataclass(frozen=True, slots=True)
class Measured:
    """The run ended well and printed a finite metric."""

    value: float
    seconds: float  # wall clock of the whole run
    memory_mb: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)  # the rest of its summary block
    curve: tuple[tuple[float, float], ...] = ()  # per cent of the run, loss there; finite, thinned
    load: float | None = None  # cores that others kept busy meanwhile, on average; None where it is not known
    kind: Literal["measured"] = "measured"


@dataclass(frozen=True, slots=True)
class Crashed:
    """The run failed, or printed no usable metric; `reason` is one line, `tail` the log's end."""

    reason: str
    seconds: float
    tail: str = ""
    kind: Literal["crashed"] = "crashed"


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The run was killed at its time limit."""

    limit_seconds: float
    seconds: float
    kind: Literal["timed_out"] = "timed_out"


@dataclass(frozen=True, slots=True)
class Pruned:
    """The run was stopped early because it could not win any more."""

    reason: str
    seconds: float
    kind: Literal["pruned"] = "pruned"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The harness stopped, or died, while it ran. Says nothing about the change."""

    reason: str
    seconds: float = 0.0
    kind: Literal["interrupted"] = "interrupted"


@dataclass(frozen=True, slots=True)
class Breached:
    """The run broke a rule: it changed a protected file, or reported two different metrics."""

    reason: str
    seconds: float
    kind: Literal["breached"] = "breached"


@dataclass(frozen=True, slots=True)
class Disturbed:
    """The run ended well, but others used the machine too much meanwhile: it is made again and counts for nothing."""

    reason: str
    value: float
    seconds: float
    load: float  # as in `Measured`
    kind: Literal["disturbed"] = "disturbed"


Outcome = Measured | Crashed | TimedOut | Pruned | Interrupted | Breached | Disturbed


@dataclass(frozen=True, slots=True)
class Keep:
    """The change becomes the incumbent."""

    reason: str
    gain: float  # over the incumbent of that moment, in the metric's unit; 0 for a baseline
    simplification: bool = False  # kept for its simpler code, the metric being no worse
    suspicious: bool = False  # its gain was beyond the plausible, and confirmed with clean caches
    seeded: bool = True  # whether fresh seeds reach its program; else its runs may all have drawn the same numbers
    kind: Literal["keep"] = "keep"
    status: ClassVar[str] = "keep"


@dataclass(frozen=True, slots=True)
class Discard:
    """The change is not better; its commit stays reachable."""

    reason: str
    kind: Literal["discard"] = "discard"
    status: ClassVar[str] = "discard"


@dataclass(frozen=True, slots=True)
class Crash:
    """The change does not run."""

    reason: str
    kind: Literal["crash"] = "crash"
    status: ClassVar[str] = "crash"


Target = Literal[
    "candidate",
    "incumbent",
    "anchor",  # the best incumbent that is no simplification
    "audit",  # the candidate, with clean caches
]


@dataclass(frozen=True, slots=True)
class Measure:
    """The evidence is not enough: one more run."""

    target: Target
    reason: str
    kind: Literal["measure"] = "measure"


Closing = Keep | Discard | Crash  # what closes an experiment
Decision = Closing | Measure

Experiment = Record[Proposal, Outcome, Closing]

ML: Kinds[Proposal, Outcome, Closing] = Kinds(Proposal, Outcome, Closing)


JUDGED: tuple[Role, ...] = ("first", "fresh", "audit")  # runs that a decision about the experiment itself rests on
AFTER: tuple[Role, ...] = ("reference", "control", "final")  # runs of an incumbent, made after it was kept


def finished(experiment: Experiment, *roles: Role) -> tuple[Measurement[Outcome], ...]:
    """The runs of its last attempt that came to an end of their own, oldest first; by default all but held-out ones.

    Interrupted and disturbed ones are left out: they say nothing.
    """
    last = len(experiment.attempts) - 1
    wanted = roles or (*JUDGED, *AFTER)
    return tuple(
        m
        for m in experiment.measurements
        if m.attempt == last and m.role in wanted and not isinstance(m.outcome, Interrupted | Disturbed | None)
    )


def outcomes(experiment: Experiment) -> tuple[Outcome, ...]:
    """How the runs ended that its decision rests on, oldest first."""
    return tuple(m.outcome for m in finished(experiment, *JUDGED) if m.outcome is not None)


def measured(experiment: Experiment, *roles: Role) -> tuple[float, ...]:
    """The metric of its good runs in these roles, oldest first, in the metric's unit."""
    return tuple(m.outcome.value for m in finished(experiment, *roles) if isinstance(m.outcome, Measured))


def judged(experiment: Experiment) -> tuple[float, ...]:
    """The values that its decision rests on: those of fresh runs where it has any, since the first was chosen by.

    Where all are equal there was nothing to choose.
    """
    everything, fresh = measured(experiment, "first", "fresh"), measured(experiment, "fresh")
    if is_baseline(experiment) or len(set(everything)) == 1:
        return everything
    return fresh or everything


def values(experiment: Experiment) -> tuple[float, ...]:
    """The values that say best what it is worth: those made after it was kept, else those it was judged by."""
    if is_baseline(experiment):  # nothing was chosen
        return measured(experiment, "final") or (*judged(experiment), *measured(experiment, *AFTER))
    return measured(experiment, "final") or measured(experiment, *AFTER) or judged(experiment)


def value(experiment: Experiment) -> float | None:
    """The mean of `values`, or None where it has none."""
    found = values(experiment)
    return sum(found) / len(found) if found else None


def claimed(experiment: Experiment, rules: Rules) -> Standing | None:
    """What can be said of its value; None where it was never measured well."""
    won, after, enough = judged(experiment), measured(experiment, *AFTER), rules.reference_runs
    if is_baseline(experiment):  # nothing was chosen
        won, after, enough = (), (*won, *after), rules.baseline_runs
    return standing(won, after, measured(experiment, "final"), enough) if won or after else None


def as_of(closed: Sequence[Experiment], seen: int) -> tuple[Experiment, ...]:
    """The first `seen` closed experiments as they were when the last of them was closed.

    An incumbent is run again later on. Whoever is asked twice, before and after a crash of the harness, must be
    told the same both times. Runs on held-out data are for nobody who proposes or advises.
    """
    if not seen:
        return ()
    moment = closed[seen - 1].closed_at or 0.0

    def known(run: Measurement[Outcome]) -> bool:
        return run.role in JUDGED or (run.role in AFTER and run.ended_at is not None and run.ended_at <= moment)

    return tuple(
        e if all(map(known, e.measurements)) else replace(e, measurements=tuple(filter(known, e.measurements)))
        for e in closed[:seen]
    )


def moves(experiment: Experiment) -> tuple[Change, ...]:
    """The constants that it moved, as its proposer says, else as its diff does; none where more than that changed."""
    return experiment.proposal.idea.changes or experiment.proposal.moved


def kind(experiment: Experiment) -> str:
    """The kind of its change: as the diff tells it, where it does, else as its proposer said."""
    return experiment.proposal.kind or experiment.proposal.idea.kind


def is_baseline(experiment: Experiment) -> bool:
    """Whether it measures code as a person left it: nothing was chosen."""
    return experiment.proposal.parent is None


def is_imported(experiment: Experiment) -> bool:
    """Whether it was read from another system's log: then its commit is no commit of this repository."""
    return experiment.proposal.proposer == IMPORTED


def is_keep(experiment: Experiment) -> bool:
    """Whether it was kept (a baseline is)."""
    return isinstance(experiment.decision, Keep)
