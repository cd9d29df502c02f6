"""What every analyst promises, of all that come with deep-loop; clients by stand-ins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from analysis_lab import REVISION, investigator, one_request
from reader_lab import make as make

from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.ports import Analyst
from deep_loop.testing.analyst_contract import AnalystContract
from tests.proposers.model_servers import Fails, Hangs, ModelServer, Protocol, Says, Use

ANYTIME: dict[str, Any] = {  # of any study
    **REVISION,
    "worked": [],
    "failed": [],
    "changed": [],
    "hypotheses": [{**REVISION["hypotheses"][0], "rationale": "Why not.", "evidence": []}],
}
TEXT = f"```json\n{json.dumps(ANYTIME)}\n```"


class TestStatistics(AnalystContract):
    @pytest.fixture
    def analyst(self) -> Analyst:
        return StatisticsAnalyst()


@pytest.mark.parametrize("protocol", ["anthropic", "openai"])
class TestInvestigator(AnalystContract):
    @pytest.fixture
    def analyst(self, tmp_path: Path, protocol: Protocol) -> Iterator[Analyst]:
        turn = Says([Use("submit", ANYTIME)], cached=200)
        with ModelServer(protocol, [turn]) as server:
            yield investigator(server, tmp_path)

    @pytest.fixture
    def slow(self, tmp_path: Path, protocol: Protocol) -> Iterator[Analyst]:
        with ModelServer(protocol, [Says([Use("git_log", {})]), Hangs()]) as server:
            yield investigator(server, tmp_path)

    @pytest.fixture
    def broken(self, tmp_path: Path, protocol: Protocol) -> Iterator[Analyst]:
        with ModelServer(protocol, [Fails(500, words="down " * 1000)]) as server:
            yield investigator(server, tmp_path)


class TestModel(AnalystContract):
    @pytest.fixture
    def analyst(self, tmp_path: Path) -> Iterator[Analyst]:
        with ModelServer("anthropic", [Says(text=TEXT)]) as server:
            yield one_request(server, tmp_path)

    @pytest.fixture
    def slow(self, tmp_path: Path) -> Iterator[Analyst]:
        with ModelServer("anthropic", [Hangs()]) as server:
            yield one_request(server, tmp_path)

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Iterator[Analyst]:
        with ModelServer("anthropic", [Fails(500, words="down " * 1000)]) as server:
            yield one_request(server, tmp_path)


@pytest.mark.parametrize("which", ["claude-code", "openplanter"])
class TestReader(AnalystContract):
    @pytest.fixture
    def analyst(self, make: Any, which: str) -> Analyst:
        return make(which, TEXT)

    @pytest.fixture
    def slow(self, make: Any, which: str) -> Analyst:
        return make(which, "hang")

    @pytest.fixture
    def broken(self, make: Any, which: str) -> Analyst:
        return make(which, TEXT, settings={"program": "/nowhere/agent"})
