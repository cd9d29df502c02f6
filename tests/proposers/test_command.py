"""Any program as a proposer."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.proposers.client import Client
from deep_loop.adapters.proposers.command import CommandSettings, command
from deep_loop.core.call import Failure
from deep_loop.core.experiment import Change
from deep_loop.ports import Proposer
from deep_loop.testing.proposer_contract import FILES, ProposerContract, brief, checkout, contents
from tests.proposers.fake_clients import COMMAND, program, station


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes proposers by scenario, or of a command."""
    opened = []

    def proposer(scenario: str = "edit", run: str = "", **others: Any) -> Client:
        settings = {name: others.pop(name) for name in ("timeout_seconds", "litter") if name in others}
        context = station(tmp_path / "client", scenario, **others)
        opened.append(context)
        started = run or shlex.quote(program(tmp_path / "client", COMMAND))
        return command(CommandSettings(run=started, **settings), context.__enter__())

    yield proposer
    for context in opened:
        context.__exit__(None, None, None)


class TestContract(ProposerContract):
    """The contract."""

    @pytest.fixture
    def proposer(self, make: Any) -> Proposer:
        """One that halves the learning rate."""
        return make()

    @pytest.fixture
    def slow(self, make: Any) -> Proposer:
        """One that sleeps, as does a process that it leaves behind."""
        return make("hang")

    @pytest.fixture
    def broken(self, make: Any) -> Proposer:
        """One that is not installed."""
        return make(run="deep-loop-no-such-program --yes")


def test_one_line_of_shell_is_enough(make: Any, tmp_path: Path) -> None:
    """What changed describes itself."""
    place = checkout(tmp_path / "checkout")
    idea = make(run="sed -i 's/^DEPTH = 4/DEPTH = 8/' train.py").propose(brief(), place).idea
    assert idea is not None
    assert (idea.title, idea.kind, idea.changes) == ("DEPTH 4 -> 8", "depth-width", (Change("DEPTH", "4", "8"),))


def test_a_change_of_more_than_constants_claims_none(make: Any, tmp_path: Path) -> None:
    """Its title says where it is."""
    idea = make(run="echo 'print(1)' >> train.py").propose(brief(), checkout(tmp_path / "checkout")).idea
    assert idea is not None
    assert (idea.title, idea.kind, idea.changes) == ("changes train.py", "other", ())


def test_a_program_that_does_nothing(make: Any, tmp_path: Path) -> None:
    """It has nothing to propose, whatever it says."""
    answer = make(run="echo I have no idea").propose(brief(), checkout(tmp_path / "checkout"))
    assert (answer.idea, answer.failure) == (None, None)


def test_a_failing_program(make: Any, tmp_path: Path) -> None:
    """Its last words are the reason."""
    place = checkout(tmp_path / "checkout")
    answer = make("error", WORDS="I gave up\nbecause of the weather").propose(brief(), place)
    assert answer.failure == Failure("nonsense", "because of the weather")
    answer = make(run="exit 3").propose(brief(), place)
    assert answer.failure == Failure("nonsense", "it ended with code 3 and said nothing")


def test_what_a_program_leaves_behind_can_be_named(make: Any, tmp_path: Path) -> None:
    """Then it is no change; what was there before stays."""
    place = checkout(tmp_path / "checkout", {**FILES, "old.log": "kept\n"})
    run = "mkdir .aider.tags; echo x > .aider.tags/db; echo x > .aider.chat; echo x > new.log; echo >> train.py"
    answer = make(run=run, litter=("*.log", ".aider*", ".aider*/**")).propose(brief(), place)
    assert answer.idea is not None
    assert sorted(contents(place)) == sorted([*FILES, "old.log"])


def test_it_sees_what_it_needs_and_no_gpu(make: Any, tmp_path: Path) -> None:
    """Proxies and authorities reach it, and the keys that it was given; nothing else of the harness's environment."""
    network = {"HTTPS_PROXY": "http://ada:secretword@proxy.example:3128", "NODE_EXTRA_CA_CERTS": "/etc/company.pem"}
    make(**network).propose(brief(), checkout(tmp_path / "checkout"))
    variables = json.loads((tmp_path / "client" / "environment").read_text())
    assert network.items() <= variables.items()
    assert variables["CUDA_VISIBLE_DEVICES"] == ""
    assert variables["HOME"] != str(Path.home())
    answer = make("error", WORDS="proxy said no to ada:secretword", **network).propose(brief(), tmp_path / "checkout")
    assert answer.failure is not None and answer.failure.reason == "proxy said no to ada:***"
