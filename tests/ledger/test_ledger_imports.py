"""Imported studies in the ledger: whole or not at all, and never mixed with those that were run here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ledger_shelves import study

from deep_loop.adapters.clock import WallClock
from deep_loop.adapters.ledger.imports import Batch, Log, enter, logs
from deep_loop.adapters.ledger.sqlite import SqliteLedger, StudyInfo, studies
from deep_loop.adapters.ledger.studies import IMPORTED, Source, learned
from deep_loop.core.experiment import ML, Closing, Discard, Idea, Keep, Measured, Outcome, Proposal
from deep_loop.core.record import Imported
from deep_loop.errors import LedgerError

Unit = Imported[Proposal, Outcome, Closing]
DIGEST = "d" * 64


def unit(number: int, value: float | None = 1.0) -> Unit:
    """One experiment of a log; the first was kept."""
    parent = 0 if number else None
    decision: Closing = Discard("'discard' in a.tsv") if number else Keep("'keep' in a.tsv", 0.0, seeded=False)
    proposal = Proposal(Idea(f"change {number}", "other", ""), "imported", "", parent, "abc", "")
    outcome = None if value is None else Measured(value, 0.0)
    return Imported(proposal, "abc", outcome, decision, True, "another system's: a.tsv", number + 2)


def batch(units: int, *, first: int = 0, digest: str = DIGEST) -> Batch[Proposal, Outcome, Closing]:
    log = Log("a.tsv", digest, 100, first, units, first + units + 1)
    return Batch(log, [unit(first + place) for place in range(units)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def night() -> StudyInfo:
    return replace(study("night"), mode=IMPORTED)


def test_an_import_is_closed_and_settled(path: Path, night: StudyInfo) -> None:
    """Its lines have their places, runs and reasons, cost no slot hours, and nothing is left to do for git."""
    enter(path, night, ML, [batch(3)], WallClock())
    ledger = SqliteLedger.load(path, "night", ML, WallClock())
    closed = ledger.closed()
    assert [(line.number, line.order, line.closed_before) for line in closed] == [(0, 1, 0), (1, 2, 1), (2, 3, 2)]
    assert [line.measurements[0].outcome for line in closed] == [Measured(1.0, 0.0)] * 3
    assert len({line.measurements[0].seed for line in closed}) == 3
    assert closed[2].commit == "abc" and closed[2].decision == Discard("'discard' in a.tsv")
    assert not ledger.unsettled() and not ledger.opened() and ledger.spending().slot_seconds == 0
    assert ledger.counted() == 3
    assert logs(path, "night") == (batch(3).log,)
    ledger.dispose()


def test_what_has_no_value_has_no_run(path: Path, night: StudyInfo) -> None:
    """A crash, and a row without a number, measured nothing."""
    enter(path, night, ML, [replace(batch(1), units=[unit(0, None)])], WallClock())
    ledger = SqliteLedger.load(path, "night", ML, WallClock(), read_only=True)
    assert ledger.closed()[0].measurements == ()
    ledger.dispose()


def test_an_import_that_fails_leaves_nothing(path: Path, night: StudyInfo) -> None:
    """Neither a study nor a part of it: here the last row cannot be recorded."""
    broken = replace(batch(3), units=[unit(0), unit(1), unit(2, float("nan"))])
    with pytest.raises(LedgerError):
        enter(path, night, ML, [broken], WallClock())
    assert studies(path) == () and logs(path, "night") == ()


def test_an_import_into_a_study_that_grew_meanwhile_is_refused(path: Path, night: StudyInfo) -> None:
    """Two processes import at the same time: the second one is told to run again."""
    enter(path, night, ML, [batch(3)], WallClock())
    with pytest.raises(LedgerError, match="meanwhile") as raised:
        enter(path, night, ML, [batch(2, digest="e" * 64)], WallClock())
    assert "again" in raised.value.hint
    enter(path, night, ML, [batch(2, first=3, digest="e" * 64)], WallClock())
    assert [log.first for log in logs(path, "night")] == [0, 3]


def test_a_log_that_has_grown_takes_the_place_of_its_shorter_self(path: Path, night: StudyInfo) -> None:
    """One log stays one log."""
    short = batch(2)
    enter(path, night, ML, [short], WallClock())
    grown = Batch(Log("a.tsv", "e" * 64, 150, 0, 3, 4), [unit(2)], before=short.log)
    enter(path, night, ML, [grown], WallClock())
    assert logs(path, "night") == (grown.log,)


def test_nothing_is_imported_into_a_study_that_was_run_here(path: Path, night: StudyInfo) -> None:
    """Its record stays its own."""
    SqliteLedger.create(path, study("night"), ML, WallClock()).dispose()
    with pytest.raises(LedgerError, match="run here"):
        enter(path, night, ML, [batch(1)], WallClock())


def test_what_a_study_learns_from_is_fixed_when_it_begins(path: Path, night: StudyInfo) -> None:
    """Later imports are not known to it; an unknown source begins nothing."""
    enter(path, night, ML, [batch(2)], WallClock())
    SqliteLedger.create(path, study("new"), ML, WallClock(), ["night"]).dispose()
    enter(path, night, ML, [batch(2, first=2, digest="e" * 64)], WallClock())
    assert learned(path, "new") == (Source("night", 2),)
    assert learned(path, "night") == () == learned(path, "nobody")
    with pytest.raises(LedgerError, match="'nobody' to learn from"):
        SqliteLedger.create(path, study("other"), ML, WallClock(), ["nobody"])
    assert [one.tag for one in studies(path)] == ["night", "new"]
