"""The contract of proposers, for those that start no process. Others have it in a module of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from deep_loop.adapters.proposers.tuner import Tuner
from deep_loop.ports import Brief, Proposer
from deep_loop.testing.doubles import Edit, ScriptedProposer
from deep_loop.testing.proposer_contract import TRAIN, ProposerContract


class TestTuner(ProposerContract):
    """The embedded tuner."""

    @pytest.fixture
    def proposer(self) -> Proposer:
        """As it is."""
        return Tuner()


class TestDouble(ProposerContract):
    """The double that other tests use in the place of a proposer."""

    @pytest.fixture
    def proposer(self, tmp_path: Path) -> Proposer:
        """One that halves the learning rate."""

        def halved(brief: Brief) -> Edit:
            return Edit("half the step", {"train.py": TRAIN.replace("= 0.1", "= 0.05")}, "learning-rate")

        return ScriptedProposer(halved)
