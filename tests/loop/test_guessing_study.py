"""A study repeats any mode's unit: here the guessing mode's, over a real ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.ledger.sqlite import SqliteLedger, StudyInfo
from deep_loop.core.budget import Budget
from deep_loop.core.record import Ask
from deep_loop.loop.audience import Audience
from deep_loop.loop.study import Settings, Study
from deep_loop.ports import Ledger, Observer
from deep_loop.testing.doubles import Death, Fuse, InstantExecutor, ManualClock
from deep_loop.testing.guessing import (
    KINDS,
    LARGEST,
    Answer,
    Guess,
    GuessingOuter,
    GuessingUnit,
    Round,
    Table,
    Verdict,
    against,
    halve,
)
from deep_loop.testing.study_contract import Plan, Rigs, StudyContract

LEDGER_WRITES = ["ask", "propose", "refuse", "open", "attempt", "start", "end", "close", "settled", "revise", "serve"]
HIDDEN = 37


class GuessingRig:
    """One study of the guessing mode; the contract's `Rig`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._plan = folder, plan
        self._clock = ManualClock(step=0.001)
        self._ledgers: list[SqliteLedger[Guess, Answer, Verdict]] = []
        self._most = 0
        self.impossible_at = 0  # the ask at which a guess is made that is out of all bounds
        self._executor = InstantExecutor(against(HIDDEN))
        info = StudyInfo("exp1", "guessing", "none", 7, "{}", "", 1.0)
        folder.mkdir()
        SqliteLedger.create(folder / "ledger.db", info, KINDS, self._clock).dispose()

    def study(
        self,
        max_units: int | None,
        *,
        observers: Sequence[Observer] = (),
        fuse: Fuse | None = None,
        deadline: float | None = None,
        run_seconds: float = 0.0,
    ) -> Study[Any, Any, Any, Any]:
        ledger: Ledger[Guess, Answer, Verdict] = self.ledger()
        self._most = self.most_at_once()
        self._executor = executor = InstantExecutor(against(HIDDEN), slots=self._plan.slots, seconds=run_seconds)
        if fuse:
            ledger = fuse.guard(ledger, *LEDGER_WRITES)
            executor = fuse.guard(executor, "start")
            observers = [fuse.guard(observer, "hear") for observer in observers]
        audience = Audience(observers)
        table = Table(ledger, executor, self._clock, self._folder, self._guess, self._plan.meta_interval, audience)
        settings = Settings("exp1", Budget(max_units, deadline))
        unit, outer = GuessingUnit(table), GuessingOuter(table)
        return Study(settings, unit, outer, ledger, executor.slots, self._clock, audience.tell)

    def ledger(self) -> SqliteLedger[Guess, Answer, Verdict]:
        return SqliteLedger.load(self._folder / "ledger.db", "exp1", KINDS, self._clock)

    def most_at_once(self) -> int:
        return max(self._most, self._executor.most)

    def account(self) -> list[tuple[object, ...]]:
        ledger = self.ledger()
        lines = [
            (r.number, r.ask, r.proposal, [a.commit for a in r.attempts], _answers(r), r.decision, r.order)
            for r in ledger.closed()
        ]
        return [*lines, *[(r.version, r.seen, r.reason, r.summary) for r in ledger.revisions()]]

    def check(self) -> None:
        assert not self.ledger().unsettled()

    def _guess(self, ask: Ask, rounds: Sequence[Round]) -> Guess | None:
        if ask.id in self._plan.fails_at:
            raise RuntimeError("no idea")
        if not self._plan.ideas:
            return None
        return Guess(LARGEST + 150) if ask.id == self.impossible_at else halve(ask, rounds)


def _answers(record: Round) -> list[tuple[int, int, Answer]]:
    return [(m.attempt, m.seed, m.outcome) for m in record.measurements if m.outcome]


class TestGuessingMode(StudyContract):
    """The contract, with a mode that has neither a metric nor a repository."""

    units = 5  # enough to find the number and to be sure of it

    @pytest.fixture
    def rigs(self, tmp_path: Path) -> Iterator[Rigs]:
        numbers = count()
        yield lambda plan: GuessingRig(tmp_path / f"rig-{next(numbers)}", plan)

    def test_the_number_is_found(self, tmp_path: Path) -> None:
        """The example works: the right guess is tried twice, an impossible one is mended, others once."""
        rig = GuessingRig(tmp_path / "rig", Plan())
        rig.impossible_at = 3
        rig.study(12).run()
        closed = rig.ledger().closed()
        found = next(r for r in closed if r.decision and r.decision.status == "right")
        assert [m.outcome for m in found.measurements] == [Answer("equal")] * 2
        assert [a.commit for a in rig.ledger().record(2).attempts] == ["250", "100"]

    def test_a_death_over_a_repair_does_no_harm(self, tmp_path: Path) -> None:
        """Whenever the harness dies while a unit is mended, it is mended once, and as it would have been."""
        undisturbed, whole = GuessingRig(tmp_path / "undisturbed", Plan()), Fuse()
        undisturbed.impossible_at = 1
        undisturbed.study(1, fuse=whole).run()
        for step in range(1, len(whole.calls) + 1):
            rig = GuessingRig(tmp_path / f"rig-{step}", Plan())
            rig.impossible_at = 1
            with pytest.raises(Death):
                rig.study(1, fuse=Fuse(step)).run()
            rig.study(1).run()
            assert rig.account() == undisturbed.account()
