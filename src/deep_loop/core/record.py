"""What the ledger stores of one unit of work, whatever the mode.

The three type parameters are the mode's own values: P its proposal, O the outcome of one
run, D the decision that closes the unit. In ML mode they are `Proposal`, `Outcome` and
`Decision` of `core.experiment`; research mode brings others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


class Verdict(Protocol):
    """What every mode's decision tells the ledger: a word for the table, and why."""

    @property
    def status(self) -> str: ...

    @property
    def reason(self) -> str: ...


P = TypeVar("P")
O = TypeVar("O")  # noqa: E741  (O for outcome, as in the docstring)
D = TypeVar("D", bound=Verdict)


@dataclass(frozen=True)
class Kinds(Generic[P, O, D]):
    """The types of a mode's three values: dataclasses, or unions of dataclasses told apart by a `kind`.

    `Any` because a union is not a `type`; annotate the constant instead, as `core.experiment.ML` is.
    """

    proposal: Any
    outcome: Any
    decision: Any


@dataclass(frozen=True, slots=True)
class Ask:
    """A place in the order of proposals, taken before anyone thinks.

    `seen` is how many units were closed when it was asked. A proposer is shown exactly those,
    so that an ask repeated after a crash is answered from the same knowledge.
    """

    id: int  # 1, 2, 3, ... within the study
    proposer: str
    seen: int
    revision: int  # version of the strategy that it follows


@dataclass(frozen=True, slots=True)
class Waiting(Generic[P]):
    """An ask that no unit has taken up yet; without a proposal nobody has answered it."""

    ask: Ask
    proposal: P | None


@dataclass(frozen=True, slots=True)
class Refusal(Generic[P]):
    """A proposal that broke a rule: logged with its reason, not numbered, not run."""

    ask: Ask
    proposal: P | None
    reason: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a unit: the first, or a repair after a crash."""

    index: int  # 0 is the first
    commit: str
    opened_at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Measurement(Generic[O]):
    """One run of one attempt with one seed. Without an outcome it is running, or was cut off."""

    id: int  # unique in the ledger
    unit: int
    attempt: int
    seed: int
    sought_by: int  # the unit whose decision asked for it; differs from `unit` for an incumbent's replicate
    role: str  # what it is for, in its mode's words; in ML mode one of `core.experiment.Role`
    machine: str  # host and device that it ran on; runs of different machines are not compared
    slot: str
    log: str  # path of the log, relative to the workspace
    started_at: float  # seconds since the epoch
    ended_at: float | None
    outcome: O | None


@dataclass(frozen=True, slots=True)
class Record(Generic[P, O, D]):
    """One unit's line in the ledger, open or closed."""

    number: int  # 0 is the study's baseline
    ask: Ask
    proposal: P
    counted: bool  # towards max_experiments and meta_interval; baselines are not
    opened_at: float
    attempts: tuple[Attempt, ...]
    measurements: tuple[Measurement[O], ...]  # oldest first
    decision: D | None
    closed_at: float | None
    order: int | None  # place in the order of closing, from 1
    closed_before: int = 0  # lines that were closed when this one was opened; times cannot tell: clocks jump

    @property
    def commit(self) -> str:
        """The last attempt's commit; raises IndexError while the line has none yet."""
        return self.attempts[-1].commit


@dataclass(frozen=True, slots=True)
class Imported(Generic[P, O, D]):
    """A unit that another system ran and decided, as its log tells it."""

    proposal: P
    commit: str  # as the log writes it; empty where it writes none
    outcome: O | None  # None where the log has no value
    decision: D
    counted: bool
    machine: str  # whose runs these were: they are not compared with those of any other
    line: int  # in the log


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a person wants tried, in their words."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """Something another process asks of the owner: pause, resume, stop, meta."""

    id: int
    kind: str
    payload: Mapping[str, str]
