"""What every proposer promises, of `model` over each protocol."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_lab import STATEMENT, proposer
from model_servers import Fails, Hangs, ModelServer, Protocol, Says, Turn, Use

from deep_loop.ports import Proposer
from deep_loop.testing.proposer_contract import TRAIN, ProposerContract


@pytest.mark.parametrize("protocol", ["anthropic", "openai"])
class TestModel(ProposerContract):
    """Each fixture has a server of its own."""

    @pytest.fixture
    def proposer(self, tmp_path: Path, protocol: Protocol) -> Iterator[Proposer]:
        """Each answer is a change that no other made, and its statement."""
        depths = itertools.count(5)

        def script(number: int) -> Turn:
            text = TRAIN.replace("DEPTH = 4", f"DEPTH = {next(depths)}")
            change = Use("write_file", {"path": "train.py", "text": text})
            return Says([change, Use("submit", {**STATEMENT, "title": "deeper"})], cached=200)

        with ModelServer(protocol, script) as server:
            yield proposer(server, tmp_path / "home")

    @pytest.fixture
    def slow(self, tmp_path: Path, protocol: Protocol) -> Iterator[Proposer]:
        with ModelServer(protocol, [Hangs()]) as server:
            yield proposer(server, tmp_path / "home")

    @pytest.fixture
    def broken(self, tmp_path: Path, protocol: Protocol) -> Iterator[Proposer]:
        with ModelServer(protocol, [Fails(500, words="down " * 1000)]) as server:
            yield proposer(server, tmp_path / "home")
