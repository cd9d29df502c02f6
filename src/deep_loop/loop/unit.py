"""What a study knows of its mode.

A study repeats a unit: an experiment in ML mode, an inquiry in research mode. It never sees a
metric or a question, only these calls, all of them made from its own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from deep_loop.core.event import Closed, Revised, Warned
from deep_loop.core.record import Ask, P, Waiting
from deep_loop.ports import Slot

T = TypeVar("T")  # what a worker brings back from thinking
E = TypeVar("E")  # what a run brings back
A = TypeVar("A")  # an analyst's advice


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """One run that waits for a slot. Two with the same values are two runs."""

    unit: int
    sought_by: int  # the unit whose decision needs it
    role: str  # what it is for, in the mode's words, as the ledger keeps it
    title: str
    purpose: str  # in words, for those who watch
    foundation: bool = False  # nothing is proposed or begun until its unit is decided


@dataclass(frozen=True, slots=True)
class Mend(Generic[T]):
    """A unit whose attempt failed goes back to its proposer; a worker calls `think`."""

    unit: int
    think: Callable[[], T]


Fate = Literal[
    "waits",  # in the ledger, for a slot
    "refused",  # it breaks a rule
    "excused",  # nobody thought badly: somebody could not think at all
]


@dataclass(frozen=True, slots=True)
class Again(Generic[T]):
    """A proposal that breaks a rule goes back to its proposer, once; a worker calls `think`."""

    think: Callable[[], T]


class Unit(Protocol[P, T, E]):
    """One mode's unit of work."""

    def recover(self) -> Sequence[Run | Mend[T] | Closed]:
        """Clear what a dead harness left, settle what was decided, and bring open units back."""
        ...

    def foundation(self) -> Run | None:
        """Begin what must be measured before anything is proposed, if it is due (a baseline)."""
        ...

    def upkeep(self, *, final: bool) -> Run | None:
        """A run that no proposal asked for, if one is due; `final` says that no line will be begun any more."""
        ...

    def watch(self) -> bool:
        """See what a person did to the workspace; True where a new foundation may be due. Cheap."""
        ...

    def whom(self, busy: Collection[str]) -> str | None:
        """Who is to think of the next proposal, not one of `busy`; None where nobody can now."""
        ...

    def knows(self, proposer: str) -> bool:
        """Whether there is such a proposer."""
        ...

    def lost(self) -> str | None:
        """Why nobody will ever think of a proposal again, where that is so."""
        ...

    def think(self, ask: Ask) -> Callable[[], T]:
        """Gather what a proposer needs; the callable is the thinking, for a worker thread."""
        ...

    def take(self, ask: Ask, thought: T) -> Fate | Again[T]:
        """Check an answer: what became of it, or what its proposer is to think of again."""
        ...

    def give_up(self, ask: Ask, reason: str) -> None:
        """Nobody will answer the ask any more: refuse it."""
        ...

    def begin(self, waiting: Waiting[P]) -> Run | None:
        """Open a line for a waiting proposal; None when it no longer fits and was refused."""
        ...

    def start(self, run: Run, slot: Slot) -> Future[E]:
        """Start a run; the future never raises."""
        ...

    def finish(self, run: Run, result: E) -> Run | Mend[T] | Closed | None:
        """Judge a run's result: one more run, a repair, or the end of its unit; None after upkeep."""
        ...

    def mended(self, unit: int, thought: T | None) -> Run | Mend[T] | Closed | None:
        """Take up a repair, or close the unit without one (None: the thinking failed); None: it was stopped."""
        ...

    def estimate(self) -> float:
        """Seconds that the next run is expected to take."""
        ...

    def halt(self) -> None:
        """Stop every run at once; their futures resolve. May come from any thread."""
        ...

    def hush(self) -> None:
        """End all thinking soon, for good. May come from any thread."""
        ...


class Outer(Protocol[A]):
    """The outer tier, as a study sees it."""

    def recover(self) -> Revised | None:
        """Record a revision that a dead harness committed and no more; None where there is none."""
        ...

    def version(self, number: int, seen: int) -> int:
        """The version of the strategy that proposal `number` follows, by what is known when `seen` units are closed."""
        ...

    def due(self) -> str | None:
        """Why a meta-analysis is due, by what is closed since the last one; None where it is not."""
        ...

    def think(self, reason: str) -> Callable[[], A]:
        """Freeze the evidence; the callable is the analysis, for a worker thread."""
        ...

    def adopt(self, advice: A) -> Revised | Warned | Again[A]:
        """Review and commit the advice; an account of what became of it, or who else is to think."""
        ...

    def failed(self, error: BaseException) -> Warned | Again[A]:
        """The analysis itself failed: somebody else is to think, or it is tried again after the next cohort."""
        ...

    def hush(self) -> None:
        """End all thinking soon, for good. May come from any thread."""
        ...
