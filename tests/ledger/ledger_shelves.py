"""What the ledger's tests share: a clock, both modes' sample values, and the shelf that the contract asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Generic

from deep_loop.adapters.ledger.sqlite import SqliteLedger, StudyInfo
from deep_loop.core.experiment import (
    ML,
    Change,
    Closing,
    Crash,
    Crashed,
    Discard,
    Idea,
    Interrupted,
    Keep,
    Measured,
    Outcome,
    Proposal,
    Pruned,
    TimedOut,
)
from deep_loop.core.record import D, Kinds, O, P
from deep_loop.ports import Ledger
from deep_loop.testing import guessing
from deep_loop.testing.guessing import Answer, Guess, Verdict
from deep_loop.testing.ledger_contract import Samples

ML_SAMPLES: Samples[Proposal, Outcome, Closing] = Samples(
    proposals=(
        Proposal(Idea("baseline", "baseline", "as it stands"), "harness", "0" * 40, None, "1" * 40, "f0"),
        Proposal(
            Idea(
                'Größere "Tiefe"\n\tand more \x00',
                "architecture",
                "deeper is better",
                expected="+0.4 %",
                hypothesis="h-1",
                changes=(Change("DEPTH", "8", "10"), Change("ACT", '"relu"', '"gelu"')),
            ),
            "tuner",
            "1" * 40,
            0,
            "2" * 40,
            "f1",
        ),
    ),
    outcomes=(
        Measured(0.9979, 301.25, 45060.2, {"mfu_percent": 39.8, "num_steps": 953.0}),
        Measured(-1.5e-300, 0.0),
        Crashed("exit code 1", 2.5, tail="Traceback …\n  ✗ boom"),
        TimedOut(600.0, 603.5),
        Pruned("hopeless", 40.0),
        Interrupted("the harness stopped"),
    ),
    decisions=(Keep("better by 0.01", 0.01), Discard("worse"), Crash("exit code 1")),
)

GUESSING_SAMPLES: Samples[Guess, Answer, Verdict] = Samples(
    proposals=(Guess(50), Guess(25, ("halve", "round down"))),
    outcomes=(Answer("below"), Answer("above"), Answer("equal")),
    decisions=(Verdict("wrong", "too low"), Verdict("right", "found")),
)


class TickingClock:
    """A clock that moves by a second whenever it is read."""

    def __init__(self) -> None:
        self._now = 1_700_000_000.0

    def time(self) -> float:
        self._now += 1.0
        return self._now


def study(tag: str = "exp1", created_at: float = 1.0) -> StudyInfo:
    """A study's description."""
    return StudyInfo(tag, "ml", f"deep-loop/{tag}", 7, '{"min_gain": 0.001}', "0" * 40, created_at)


class SqliteShelf(Generic[P, O, D]):
    """Ledgers in one file; the contract's `Shelf`."""

    def __init__(self, path: Path, kinds: Kinds[P, O, D], samples: Samples[P, O, D]) -> None:
        self.samples = samples
        self._path, self._kinds = path, kinds
        self._made: list[SqliteLedger[P, O, D]] = []

    def fresh(self) -> SqliteLedger[P, O, D]:
        return self._keep(
            SqliteLedger.create(self._path, study(f"study-{len(self._made)}"), self._kinds, TickingClock())
        )

    def again(self, ledger: Ledger[P, O, D]) -> SqliteLedger[P, O, D]:
        return self._open(ledger, read_only=False)

    def reader(self, ledger: Ledger[P, O, D]) -> SqliteLedger[P, O, D]:
        return self._open(ledger, read_only=True)

    def dispose(self) -> None:
        for ledger in self._made:
            ledger.dispose()

    def _open(self, ledger: Ledger[P, O, D], *, read_only: bool) -> SqliteLedger[P, O, D]:
        assert isinstance(ledger, SqliteLedger)
        tag = ledger.info.tag
        return self._keep(SqliteLedger.load(self._path, tag, self._kinds, TickingClock(), read_only=read_only))

    def _keep(self, ledger: SqliteLedger[P, O, D]) -> SqliteLedger[P, O, D]:
        self._made.append(ledger)
        return ledger


def ml_shelf(folder: Path) -> SqliteShelf[Proposal, Outcome, Closing]:
    return SqliteShelf(folder / "ledger.db", ML, ML_SAMPLES)


def guessing_shelf(folder: Path) -> SqliteShelf[Guess, Answer, Verdict]:
    return SqliteShelf(folder / "ledger.db", guessing.KINDS, GUESSING_SAMPLES)
