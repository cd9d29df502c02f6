"""A study: one unit after another, as many at a time as there are slots, until the budget is spent.

One thread owns every decision, git and the ledger: the one that calls `run`. Workers (the proposer, the
runs, the outer tier) post what they bring to one inbox. The study knows units that begin, finish and
settle; it never sees a metric or a question.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic

from deep_loop.core.budget import Budget
from deep_loop.core.event import BudgetSpent, Closed, Event, MetaStarted, Paused, StudyEnded, StudyStarted, Warned
from deep_loop.core.record import Ask, P, Waiting
from deep_loop.loop.unit import A, Again, E, Fate, Mend, Outer, Run, T, Unit
from deep_loop.ports import Clock, Ledger, Slot

WORKERS = 32  # more than ever think, mend and advise at one time
TICK_SECONDS = 0.25  # how soon requests, edits and signals are seen
META_GRACE_SECONDS = 20.0  # how long proposals wait for advice that is being thought of
MEND_GRACE_SECONDS = 5.0  # how long new lines wait for a repair that is being thought of
BARREN = 20  # refusals in a row that end a study
WORTH_TELLING = (0.5, 0.8, 1.0)  # shares of a budget


@dataclass(frozen=True, slots=True)
class Settings:
    """How a study goes about it."""

    tag: str
    budget: Budget
    ahead: int = 1  # proposals kept waiting for a free slot
    final: int = 0  # runs of the end, that time is kept for
    patience: float | None = None  # seconds that a free slot waits for somebody who thinks; None: as long as a run


class Study(Generic[P, T, E, A]):
    """Repeats a unit. `run` may be called once; `interrupt` from any thread or signal handler.

    `tell` lets everybody hear what happens, and never raises (`audience`).
    """

    def __init__(
        self,
        settings: Settings,
        unit: Unit[P, T, E],
        outer: Outer[A],
        ledger: Ledger[P, Any, Any],
        slots: Sequence[Slot],
        clock: Clock,
        tell: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._unit = unit
        self._outer = outer
        self._ledger = ledger
        self._clock = clock
        self._tell = tell
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._alarm: SimpleQueue[bool] = SimpleQueue()  # True: stop what runs; False: the study is over
        self._slots = slots
        self._free = deque(slots)
        self._waiting: deque[Waiting[P]] = deque()  # proposals without a line
        self._unanswered: deque[Ask] = deque()  # asks that a dead harness left
        self._queue: deque[Run] = deque()  # runs of open lines, without a slot
        self._running: dict[Run, Slot] = {}
        self._thinking: dict[str, float] = {}  # proposers that think of something new -> since when
        self._mending: dict[int, float] = {}  # units that are being repaired -> since when
        self._advising_since: float | None = None
        self._askers: set[int] = set()  # requests that wait for the advice under way
        self._doubtful = False  # whether a new foundation may be due
        self._paused = False
        self._stopping: str | None = None  # why nothing more is started
        self._hushed = False
        self._shares: dict[str, float] = {}  # what part of each budget was spent when it was last looked at
        self._barren = 0
        self._barren_reason: str | None = None

    def run(self) -> str:
        """Go on until the budget is spent or somebody stops it; returns why it ended, in words."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="worker") as self._workers:
            self._workers.submit(self._heed)
            try:
                self._resume()
                while (reason := self._ended()) is None:
                    self._serve()
                    self._fill()
                    self._receive()
            finally:
                self._alarm.put(False)
                self._unit.halt()
        self._tell(StudyEnded(reason))
        return reason

    def interrupt(self) -> None:
        """Stop at once: what runs is killed and counts as interrupted; the next `run` goes on from there."""
        self._inbox.put(lambda: self._stop("interrupted", now=True))
        self._alarm.put(True)

    def _heed(self) -> None:
        """Stop what runs when somebody interrupts, though our own thread waits for it, as for a preparation."""
        while self._alarm.get():
            self._unit.halt()
            self._hush()

    def _hush(self) -> None:
        self._unit.hush()
        self._outer.hush()

    def _resume(self) -> None:
        resumed = bool(self._ledger.closed() or self._ledger.opened() or self._ledger.waiting())
        self._tell(StudyStarted(self._settings.tag, resumed))
        if (event := self._outer.recover()) is not None:
            self._tell(event)
        for step in self._unit.recover():
            self._follow(step)
        self._lay_foundation()
        for ask in [w.ask for w in self._ledger.waiting() if w.proposal is None]:
            if self._unit.knows(ask.proposer):
                self._unanswered.append(ask)
            else:
                self._unit.give_up(ask, "the harness stopped before it was answered")
        self._line_up()
        self._account()
        self._consider()

    def _line_up(self) -> None:
        """Put the proposals that wait into line, as the ledger has them."""
        self._waiting = deque(w for w in self._ledger.waiting() if w.proposal is not None)

    def _ended(self) -> str | None:
        """Why the study is over, once nothing is under way any more."""
        if (self._stopping or self._late()) and not self._hushed:
            self._hushed = True
            self._hush()
        if self._running or self._thinking or self._mending or self._advising_since is not None:
            return None
        if self._stopping:
            return self._stopping
        if (late := self._late()) is not None:
            return late
        over = None if self._queue else self._over()
        return None if over and self._unit.upkeep(final=True) else over

    def _over(self) -> str | None:
        """Why no new line is begun any more."""
        return (
            self._barren_reason
            or self._settings.budget.full(self._ledger.counted())
            or self._spent()
            or self._late(keeping=True)
            or self._deserted()
        )

    def _spent(self) -> str | None:
        """Why nothing more may be bought."""
        budget = self._settings.budget
        return budget.spent(self._ledger.spending()) if budget.buys else None

    def _account(self) -> None:
        """Tell what was spent, where it has come to a share of a budget that is worth telling."""
        shares = dict(self._settings.budget.shares(self._ledger.spending()))
        for what, share in shares.items():
            for worth in WORTH_TELLING:
                if self._shares.get(what, share) < worth <= share:
                    self._tell(BudgetSpent(worth, what))
        self._shares = shares

    def _deserted(self) -> str | None:
        """Why nobody will ever propose anything again, where nothing waits either."""
        return None if self._waiting or self._thinking else self._unit.lost()

    def _late(self, *, keeping: bool = False) -> str | None:
        """Why there is no time for another run; with `keeping`, for one more and the final ones after it."""
        runs = 1 + (self._settings.final / len(self._slots) if keeping else 0)
        return self._settings.budget.late(self._clock.time(), runs * self._unit.estimate())

    def _fill(self) -> None:
        """Start what can be started, and see to it that proposals wait for the next free slot."""
        if self._stopping:
            return
        self._doubtful |= self._unit.watch()
        if self._doubtful and not self._founding():
            self._doubtful = False
            self._lay_foundation()
        if self._paused or self._late():
            return
        while self._free and (run := self._next()) is not None:
            slot = self._free.popleft()
            self._running[run] = slot
            self._post(self._unit.start(run, slot), partial(self._finished, run))
        if not self._over() and self._wants_proposal() and (ask := self._ask()) is not None:
            self._thinking[ask.proposer] = self._clock.time()
            self._think(ask, self._unit.think(ask))

    def _wants_proposal(self) -> bool:
        """Whether somebody should think of one now: there is room ahead, and nothing worth waiting for."""
        idle = bool(self._free) and not self._waiting and not self._queue
        room = (idle or len(self._waiting) < self._settings.ahead) and not self._thinking
        spare = self._settings.budget.full(self._ledger.counted() + len(self._waiting)) is None
        return (room or (idle and self._impatient())) and spare and not self._founding() and not self._awaiting_advice()

    def _impatient(self) -> bool:
        """Whether all who think have been at it for so long that a free slot should not wait for them alone."""
        patience = self._unit.estimate() if self._settings.patience is None else self._settings.patience
        now = self._clock.time()
        return all(now - since > patience for since in self._thinking.values())

    def _ask(self) -> Ask | None:
        """Take the next place in the order of proposals, or one that a dead harness left; None: nobody can think."""
        left = next((ask for ask in self._unanswered if ask.proposer not in self._thinking), None)
        if left is not None:
            self._unanswered.remove(left)
            return left
        proposer = self._unit.whom(self._thinking.keys())
        if proposer is None:
            return None
        seen = self._known()
        return self._ledger.ask(proposer, self._outer.version(self._ledger.asked() + 1, seen), seen)

    def _known(self) -> int:
        """How many closed units the next proposal knows: those that were closed when the latest line was opened.

        Were it all of them, how long somebody thinks would decide what the next one is told, and a study that was
        killed and resumed would take another course. New ground calls for all: a new foundation, or a
        proposal that did not fit the incumbent any more.
        """
        closed = self._ledger.closed()
        lines = (*closed, *self._ledger.opened())
        if not lines:
            return 0
        latest = max(lines, key=lambda line: line.number)
        refused = (refusal for refusal in self._ledger.refusals(BARREN) if refusal.ask.id > latest.ask.id)
        if not latest.counted or any(refusal.proposal is not None for refusal in refused):
            return len(closed)
        return max(latest.closed_before, latest.ask.seen)

    def _next(self) -> Run | None:
        """The next run: first what open lines need, then upkeep, then a new line for a waiting proposal."""
        if self._queue:
            return self._queue.popleft()
        if self._founding() or self._awaiting_repair():
            return None
        final = self._over() is not None and not self._ledger.opened() and not self._mending
        if (upkeep := self._unit.upkeep(final=final)) is not None:
            return upkeep
        while self._waiting and not self._over():
            run = self._unit.begin(self._waiting.popleft())
            if run is not None:
                self._barren = 0
                return run
            self._refused()
        return None

    def _founding(self) -> bool:
        """Whether a foundation is under way: until it is decided, there is nothing to build on."""
        return any(run.foundation for run in (*self._queue, *self._running))

    def _lay_foundation(self) -> None:
        if not self._founding() and (run := self._unit.foundation()) is not None:
            self._queue.append(run)

    # --- what workers bring -----------------------------------------------------------------------

    def _receive(self) -> None:
        """Take what workers brought; wait a moment where they brought nothing."""
        try:
            self._inbox.get(timeout=TICK_SECONDS)()
        except Empty:
            return

    def _post(self, future: Future[Any], handle: Callable[[Future[Any]], None]) -> None:
        future.add_done_callback(lambda done: self._inbox.put(lambda: handle(done)))

    def _think(self, ask: Ask, think: Callable[[], T]) -> None:
        self._post(self._workers.submit(think), lambda done: self._thought(ask, done))

    def _thought(self, ask: Ask, done: Future[T]) -> None:
        error = done.exception()
        if error is not None:
            self._unit.give_up(ask, f"{ask.proposer} failed: {type(error).__name__}: {error}")
            fate: Fate | Again[T] = "refused"
        else:
            fate = self._unit.take(ask, done.result())
        if isinstance(fate, Again):
            self._think(ask, fate.think)
            return
        del self._thinking[ask.proposer]
        self._account()
        match fate:
            case "waits":
                self._line_up()
            case "refused":
                self._refused()
            case "excused":
                pass  # it is not asked for a while, and others are

    def _refused(self) -> None:
        self._barren += 1
        if self._barren >= BARREN:
            reason = next((r.reason for r in reversed(self._ledger.refusals(1))), "")
            self._barren_reason = f"{BARREN} proposals in a row were refused, the last one because: {reason}"

    def _finished(self, run: Run, done: Future[E]) -> None:
        self._free.append(self._running.pop(run))
        self._follow(self._unit.finish(run, done.result()))
        self._account()

    def _follow(self, step: Run | Mend[T] | Closed | None) -> None:
        match step:
            case Run():
                self._queue.appendleft(step)
            case Mend(unit=unit, think=think):
                self._mending[unit] = self._clock.time()
                self._post(self._workers.submit(think), lambda done: self._mended(unit, done))
            case Closed():
                self._line_up()  # a close may have queued a combination
                self._consider()

    def _mended(self, unit: int, done: Future[T]) -> None:
        del self._mending[unit]
        error = done.exception()
        if error is not None:
            self._tell(Warned(f"repairing experiment {unit} failed: {type(error).__name__}: {error}"))
        self._follow(self._unit.mended(unit, None if error else done.result()))

    def _awaiting_repair(self) -> bool:
        """Whether a new line should wait for a repair under way: a quick one comes first, a slow one never blocks.

        Else the moment at which a repair is refused or made would decide which of two lines closes first, and a study
        that was killed and resumed would take another course.
        """
        now = self._clock.time()
        return any(now - since < MEND_GRACE_SECONDS for since in self._mending.values())

    # --- the outer tier ---------------------------------------------------------------------------

    def _consider(self) -> None:
        """Let the outer tier think where that is due. Experiments go on meanwhile."""
        if self._advising_since is None and (reason := self._outer.due()) is not None:
            self._advise(reason)

    def _advise(self, reason: str) -> None:
        self._advising_since = self._clock.time()
        self._tell(MetaStarted(reason))
        self._post(self._workers.submit(self._outer.think(reason)), self._advised)

    def _advised(self, done: Future[A]) -> None:
        self._doubtful = True  # whoever adopts advice looks at the workspace first, and may be the one to see an edit
        error = done.exception()
        event = self._outer.failed(error) if error else self._outer.adopt(done.result())
        if isinstance(event, Again):
            self._post(self._workers.submit(event.think), self._advised)
            return
        self._advising_since = None
        self._tell(event)
        while self._askers:
            self._ledger.serve(self._askers.pop(), event.words)
        self._consider()

    def _awaiting_advice(self) -> bool:
        """Whether a proposal should wait for advice under way: quick advice is used at once, slow never blocks."""
        since = self._advising_since
        return since is not None and self._clock.time() - since < META_GRACE_SECONDS

    # --- what people ask for ----------------------------------------------------------------------

    def _serve(self) -> None:
        """Do what other processes asked of the owner, and answer them."""
        for request in self._ledger.requests():
            if request.id in self._askers:
                continue
            match request.kind:
                case "stop":
                    now = request.payload.get("now") == "yes"
                    self._stop("stopped by request", now=now)
                    self._ledger.serve(request.id, "stopping" if now else "stopping as soon as what runs has ended")
                case "pause" | "resume":
                    self._paused = request.kind == "pause"
                    self._tell(Paused(self._paused))
                    answer = "paused; what runs now runs to its end" if self._paused else "going on"
                    self._ledger.serve(request.id, answer)
                case "meta":
                    self._askers.add(request.id)  # served when the advice is there
                    if self._advising_since is None:
                        self._advise("asked for")
                case unknown:
                    self._ledger.serve(request.id, f"nobody here knows how to {unknown}")

    def _stop(self, reason: str, *, now: bool) -> None:
        """Start nothing more; `now` also kills what runs."""
        self._stopping = self._stopping or reason
        if now:
            self._unit.halt()
            self._hush()
