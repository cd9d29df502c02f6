"""A second mode, for tests: guess a hidden number.

It has nothing in common with ML mode but the shape of its three values and of its unit, so whatever
works with both works with any mode. A guess is tried once; a right one is tried a second time, to be
sure; one that is no number between 0 and `LARGEST` goes back to whoever made it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from deep_loop.core.cohort import Revision
from deep_loop.core.event import Closed, Refused, Revised, RunStarted, Warned
from deep_loop.core.record import Ask, Kinds, Record, Waiting
from deep_loop.core.seed import derive
from deep_loop.loop.audience import Audience
from deep_loop.loop.unit import Fate, Mend, Run
from deep_loop.ports import Clock, Executor, Exit, Job, Ledger, Slot

LARGEST = 100
GUESSER = "guesser"


@dataclass(frozen=True, slots=True)
class Guess:
    """A proposal: the number, and how it was arrived at."""

    number: int
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of trying a guess: on which side of the hidden number it lies."""

    side: Literal["below", "above", "equal", "outside"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What closes a guess."""

    status: Literal["right", "wrong"]
    reason: str


Round = Record[Guess, Answer, Verdict]
Guesser = Callable[[Ask, Sequence[Round]], Guess | None]  # from an ask and the rounds that it may know

KINDS: Kinds[Guess, Answer, Verdict] = Kinds(Guess, Answer, Verdict)


def halve(ask: Ask, rounds: Sequence[Round]) -> Guess | None:
    """The middle of what the answers leave, whoever else guesses the same at the moment."""
    low, high = 0, LARGEST
    for closed in rounds:
        tried = int(closed.commit)
        match closed.measurements[-1].outcome:
            case Answer(side="below"):
                low = max(low, tried + 1)
            case Answer(side="above"):
                high = min(high, tried - 1)
            case Answer(side="equal"):
                low = high = tried
            case _:
                continue
    return Guess((low + high) // 2, ("halve",))


def against(hidden: int) -> Callable[[Job], Exit | str]:
    """The program that a guess is tried with: its command is the number."""

    def program(job: Job) -> Exit | str:
        number = int(job.command)
        if not 0 <= number <= LARGEST:
            return Exit(1, 1.0, "outside")
        return "equal" if number == hidden else "below" if number < hidden else "above"

    return program


@dataclass
class Table:
    """What the guessing mode works with."""

    ledger: Ledger[Guess, Answer, Verdict]
    executor: Executor
    clock: Clock
    folder: Path  # for logs
    guesser: Guesser = halve
    interval: int = 3  # rounds between two revisions
    audience: Audience = field(default_factory=Audience)


Step = Run | Mend[Guess | None] | Closed


class GuessingUnit:
    """One guess, from ask to verdict; implements `loop.unit.Unit`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._running: dict[Run, int] = {}  # -> its measurement

    def recover(self) -> Sequence[Step]:
        """Settle what was decided and bring open rounds back; a run that was cut off never gets an outcome."""
        ledger = self._table.ledger
        for closed in ledger.unsettled():
            ledger.settled(closed.number)
        return [self._advance(r) if r.attempts else self._enter(r) for r in ledger.opened()]

    def foundation(self) -> Run | None:
        """Nothing has to be known before the first guess."""
        return None

    def watch(self) -> bool:
        """There is no workspace that a person could change."""
        return False

    def whom(self, busy: Collection[str]) -> str | None:
        """There is but one who guesses."""
        return None if GUESSER in busy else GUESSER

    def knows(self, proposer: str) -> bool:
        """Only that one."""
        return proposer == GUESSER

    def lost(self) -> str | None:
        """It never tires."""
        return None

    def hush(self) -> None:
        """A guess is made at once."""

    def think(self, ask: Ask) -> Callable[[], Guess | None]:
        """Guess from the rounds that were closed at the ask."""
        rounds = self._table.ledger.closed()[: ask.seen]
        return lambda: self._table.guesser(ask, rounds)

    def take(self, ask: Ask, thought: Guess | None) -> Fate:
        """Any guess is taken; having none is refused."""
        if thought is None:
            self._refuse(ask, "nothing to propose")
            return "refused"
        self._table.ledger.propose(ask, thought)
        return "waits"

    def give_up(self, ask: Ask, reason: str) -> None:
        """Refuse the ask."""
        self._refuse(ask, reason)

    def begin(self, waiting: Waiting[Guess]) -> Run | None:
        """Open the round."""
        assert waiting.proposal is not None
        return self._enter(self._table.ledger.open(waiting.ask, waiting.proposal, counted=True))

    def start(self, run: Run, slot: Slot) -> Future[Exit]:
        """Try the number."""
        table = self._table
        record = table.ledger.record(run.unit)
        seed = derive(0, run.unit, sum(m.outcome is not None for m in record.measurements))
        log = f"{run.unit}-{seed}.log"
        measurement = table.ledger.start(run.unit, seed, run.sought_by, slot.name, log, run.role)
        self._running[run] = measurement.id
        number = record.commit
        table.audience.tell(RunStarted(run.unit, run.sought_by, run.title, slot.name, run.purpose))
        return table.executor.start(Job(str(measurement.id), number, table.folder, table.folder / log, {}, 60.0), slot)

    def finish(self, run: Run, result: Exit) -> Step:
        """Write the answer down; an interrupted run has none."""
        measurement = self._running.pop(run)
        if not result.interrupted:
            side: Any = result.text  # the ledger checks it
            self._table.ledger.end(measurement, Answer(side))
        return self._advance(self._table.ledger.record(run.unit))

    def mended(self, unit: int, thought: Guess | None) -> Step:
        """Try the mended number as the round's next attempt."""
        record = self._table.ledger.record(unit)
        if thought is None:
            return self._close(record, Verdict("wrong", "outside"))
        self._table.ledger.attempt(unit, str(thought.number))
        return self._advance(self._table.ledger.record(unit))

    def upkeep(self, *, final: bool) -> None:
        """Numbers do not drift."""

    def estimate(self) -> float:
        """A guess takes a second."""
        return 1.0

    def halt(self) -> None:
        """Stop every run."""
        self._table.executor.stop()

    def _enter(self, record: Round) -> Run:
        self._table.ledger.attempt(record.number, str(record.proposal.number))
        return self._run(record, 0)

    def _advance(self, record: Round) -> Step:
        last = len(record.attempts) - 1
        answers = [m.outcome.side for m in record.measurements if m.attempt == last and m.outcome]
        match answers:
            case []:
                return self._run(record, 0)
            case ["equal"]:
                return self._run(record, 1)
            case ["outside"]:
                nearest = Guess(min(max(int(record.commit), 0), LARGEST))
                return Mend(record.number, lambda: nearest)
            case _:
                return self._close(record, Verdict("right" if answers[-1] == "equal" else "wrong", answers[-1]))

    def _close(self, record: Round, verdict: Verdict) -> Closed:
        closed = self._table.ledger.close(record.number, verdict)
        self._table.ledger.settled(record.number)
        self._table.audience.tell(Closed(closed))
        return Closed(closed)

    def _run(self, record: Round, had: int) -> Run:
        title = f"is it {record.proposal.number}?"
        purpose = "sure?" if had else "first run"
        return Run(record.number, record.number, "try", title, purpose)

    def _refuse(self, ask: Ask, reason: str) -> None:
        self._table.ledger.refuse(ask, reason, None)
        self._table.audience.tell(Refused(ask.id, ask.proposer, reason))


class GuessingOuter:
    """Counts the right guesses from time to time; implements `loop.unit.Outer`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._seen = 0  # rounds closed when the present advice was asked for
        self._reason = ""

    def recover(self) -> None:
        """A revision is one transaction: none is ever half made."""
        return

    def version(self, number: int, seen: int) -> int:
        """The latest that was there then."""
        return max((r.version for r in self._table.ledger.revisions() if r.seen <= seen), default=0)

    def due(self) -> str | None:
        """After every `interval` rounds."""
        revisions = self._table.ledger.revisions()
        fresh = len(self._table.ledger.closed()) - (revisions[-1].seen if revisions else 0)
        return f"{fresh} rounds" if fresh >= self._table.interval else None

    def think(self, reason: str) -> Callable[[], str]:
        """Sum up the rounds so far."""
        rounds = self._table.ledger.closed()
        self._seen, self._reason = len(rounds), reason
        return lambda: f"{sum(r.decision is not None and r.decision.status == 'right' for r in rounds)} right"

    def adopt(self, advice: str) -> Revised | Warned:
        """Record the sum as the next version."""
        ledger = self._table.ledger
        version = len(ledger.revisions()) + 1
        now = self._table.clock.time()
        ledger.revise(Revision(version, "", self._seen, self._reason, "counter", advice, now))
        return Revised(version, advice, 0)

    def failed(self, error: BaseException) -> Warned:
        """Say so."""
        return Warned(f"counting failed: {error}")

    def hush(self) -> None:
        """It is never at it for long."""
