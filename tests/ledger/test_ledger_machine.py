"""Any history of calls leaves the ledger consistent, and says the same to whoever opens it next."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from ledger_shelves import SqliteShelf, guessing_shelf, ml_shelf

from deep_loop.core.record import Ask
from deep_loop.errors import LedgerError
from deep_loop.testing.ledger_contract import check_invariants, snapshot

AMPLE = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
index = st.integers(0, 5)


class LedgerMachine(RuleBasedStateMachine):
    """An owner that does anything in any order, beside a model that is three plain containers."""

    asks = Bundle("asks")
    lines = Bundle("lines")
    runs = Bundle("runs")

    @initialize(mode=st.sampled_from([ml_shelf, guessing_shelf]))
    def begin(self, mode: Any) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.shelf: SqliteShelf[Any, Any, Any] = mode(self.folder)
        self.samples = self.shelf.samples
        self.ledger = self.shelf.fresh()
        self.reader = self.shelf.reader(self.ledger)
        self.open_asks: set[int] = set()
        self.order: list[int] = []  # numbers as they were closed
        self.opened: set[int] = set()
        self.ended: dict[int, Any] = {}  # run -> outcome

    @rule(target=asks)
    def ask(self) -> Ask:
        made: Ask = self.ledger.ask("tuner", 0)
        assert made.seen == len(self.order)
        self.open_asks.add(made.id)
        return made

    @rule(ask=asks, which=index)
    def propose(self, ask: Ask, which: int) -> None:
        proposal = self.samples.proposals[which % len(self.samples.proposals)]
        self.expect(ask.id in self.open_asks, self.ledger.propose, ask, proposal)

    @rule(ask=asks)
    def refuse(self, ask: Ask) -> None:
        self.expect(ask.id in self.open_asks, self.ledger.refuse, ask, "no", None)
        self.open_asks.discard(ask.id)

    @rule(target=lines, ask=asks, counted=st.booleans())
    def open(self, ask: Ask, counted: bool) -> Any:
        known = {record.ask.id: record.number for record in [*self.ledger.opened(), *self.ledger.closed()]}
        if ask.id not in self.open_asks and ask.id not in known:
            self.expect(False, lambda: self.ledger.open(ask, self.samples.proposals[0], counted=counted))
            return multiple()
        number = self.ledger.open(ask, self.samples.proposals[0], counted=counted).number
        assert number == known.get(ask.id, len(known))
        if ask.id not in known:
            self.opened.add(number)
            self.ledger.attempt(number, "first")
        self.open_asks.discard(ask.id)
        return number

    @rule(number=lines, commit=st.sampled_from(["first", "repair-1", "repair-2"]))
    def attempt(self, number: int, commit: str) -> None:
        self.expect(number in self.opened, self.ledger.attempt, number, commit)

    @rule(target=runs, number=lines, sought_by=lines)
    def start(self, number: int, sought_by: int) -> int:
        run: int = self.ledger.start(number, 1, sought_by, "cpu0", "log").id
        return run

    @rule(run=runs, which=index)
    def end(self, run: int, which: int) -> None:
        outcome = self.samples.outcomes[which % len(self.samples.outcomes)]
        self.expect(run not in self.ended, self.ledger.end, run, outcome)
        self.ended.setdefault(run, outcome)

    @rule(number=lines, which=index)
    def close(self, number: int, which: int) -> None:
        decision = self.samples.decisions[which % len(self.samples.decisions)]
        self.expect(number in self.opened, self.ledger.close, number, decision)
        if number in self.opened:
            self.opened.remove(number)
            self.order.append(number)

    @rule(number=lines)
    def settle(self, number: int) -> None:
        self.expect(number not in self.opened, self.ledger.settled, number)

    @rule()
    def reopen(self) -> None:
        before = snapshot(self.ledger)
        self.ledger.dispose()
        self.ledger = self.shelf.again(self.ledger)
        assert snapshot(self.ledger) == before

    @invariant()
    def consistent(self) -> None:
        if not hasattr(self, "ledger"):
            return
        check_invariants(self.ledger)
        assert [record.number for record in self.ledger.closed()] == self.order
        assert {record.number for record in self.ledger.opened()} == self.opened
        assert {waiting.ask.id for waiting in self.ledger.waiting()} == self.open_asks
        runs = [m for r in [*self.ledger.closed(), *self.ledger.opened()] for m in r.measurements]
        assert {m.id: m.outcome for m in runs if m.outcome is not None} == self.ended
        assert snapshot(self.reader) == snapshot(self.ledger)

    def expect(self, allowed: bool, call: Any, *arguments: Any) -> None:
        """The call works where it is allowed, is refused in words elsewhere."""
        try:
            call(*arguments)
        except LedgerError:
            assert not allowed
        else:
            assert allowed

    def teardown(self) -> None:
        if hasattr(self, "shelf"):
            self.shelf.dispose()
            shutil.rmtree(self.folder)


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = AMPLE
TestLedgerMachine.__doc__ = "Numbers, order and links stay consistent, and a reader and a reopened ledger agree."
