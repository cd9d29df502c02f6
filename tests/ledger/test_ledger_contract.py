"""The SQLite ledger keeps the ledger's contract, whatever the mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_shelves import SqliteShelf, guessing_shelf, ml_shelf

from deep_loop.core.experiment import Closing, Outcome, Proposal
from deep_loop.testing.guessing import Answer, Guess, Verdict
from deep_loop.testing.ledger_contract import LedgerContract


class TestMlMode(LedgerContract[Proposal, Outcome, Closing]):
    """With the values of ML mode."""

    @pytest.fixture
    def shelf(self, tmp_path: Path) -> Iterator[SqliteShelf[Proposal, Outcome, Closing]]:
        shelf = ml_shelf(tmp_path)
        yield shelf
        shelf.dispose()


class TestGuessingMode(LedgerContract[Guess, Answer, Verdict]):
    """With the values of a mode that has nothing to do with machine learning."""

    @pytest.fixture
    def shelf(self, tmp_path: Path) -> Iterator[SqliteShelf[Guess, Answer, Verdict]]:
        shelf = guessing_shelf(tmp_path)
        yield shelf
        shelf.dispose()
