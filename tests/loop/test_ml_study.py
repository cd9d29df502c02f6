"""A study of ML mode keeps the study contract."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from laboratory import Laboratory

from deep_loop.testing.study_contract import Rigs, StudyContract


class TestMlMode(StudyContract):
    """The contract, with real git, a real ledger and scripted parts around them."""

    units = 3

    @pytest.fixture
    def rigs(self, tmp_path: Path) -> Rigs:
        numbers = count()
        return lambda plan: Laboratory(tmp_path / f"lab-{next(numbers)}", plan)

    def deaths(self, calls: Sequence[str]) -> Sequence[int]:
        """Before one call of every sort: the guessing mode dies before each, but git takes its time."""
        last = {name: place for place, name in enumerate(calls, start=1)}
        return sorted(last.values())
