"""What observers hear. Plain values: an observer can log, show or send them, and change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deep_loop.core.record import Record
from deep_loop.core.standing import Standing

AnyRecord = Record[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class StudyStarted:
    """A study begins, or goes on after a stop or a crash."""

    tag: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A proposal broke a rule and was logged without being run."""

    ask: int
    proposer: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run of unit `unit` starts in a slot; `sought_by` is the unit whose decision asked for it."""

    unit: int
    sought_by: int
    title: str
    slot: str
    purpose: str  # "first run", "to be confirmed on a fresh seed", "repair", ...


@dataclass(frozen=True, slots=True)
class Closed:
    """A unit was decided, recorded and settled."""

    record: AnyRecord


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A kept unit's value stands on enough runs made after it was kept; at a study's end, on its final ones."""

    record: AnyRecord
    standing: Standing
    before: float | None  # what was claimed until now: of its predecessor, or of itself before the final runs


@dataclass(frozen=True, slots=True)
class MetaStarted:
    """The outer tier begins to think."""

    reason: str


@dataclass(frozen=True, slots=True)
class Revised:
    """The outer tier's new strategy is on the study branch."""

    version: int
    summary: str
    hypotheses: int

    @property
    def words(self) -> str:
        """What to answer a person who asked for it."""
        return f"strategy v{self.version}: {self.summary}"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know; the study goes on."""

    text: str

    @property
    def words(self) -> str:
        """The text."""
        return self.text


@dataclass(frozen=True, slots=True)
class Paused:
    """A person paused the study, or let it go on."""

    paused: bool


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """What is spent of a budget has come to a share that is worth telling: 0.5, 0.8 or 1."""

    share: float
    what: str  # "$45", "2,000,000 tokens", "12 slot hours"


@dataclass(frozen=True, slots=True)
class AgentDown:
    """An agent is not asked for a while: its quota is used up, its server is out of reach, and the like."""

    agent: str
    reason: str
    until: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class AgentBack:
    """An agent that was down is asked again."""

    agent: str


@dataclass(frozen=True, slots=True)
class StudyEnded:
    """The study stops for now; `reason` says why, in words."""

    reason: str


Event = (
    StudyStarted
    | Refused
    | RunStarted
    | Closed
    | Confirmed
    | MetaStarted
    | Revised
    | Warned
    | Paused
    | BudgetSpent
    | AgentDown
    | AgentBack
    | StudyEnded
)
