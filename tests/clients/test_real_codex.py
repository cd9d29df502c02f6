"""The real Codex as a proposer, against a scripted model server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.proposers.client import Client
from deep_loop.adapters.proposers.codex import CodexSettings, codex
from deep_loop.clients.programs import version
from deep_loop.ports import Objection, Proposer
from deep_loop.testing.proposer_contract import FILES, ProposerContract, brief, checkout, contents
from tests.clients.model_server import Fail, Hang, ModelServer, Reset, Turn
from tests.clients.real_clients import KEY, Desk, client, desk, halving, nap, processes, script, until
from tests.clients.wires import CACHED, IN, OUT, Use

pytestmark = pytest.mark.clients
CODEX = client("codex")
MODEL = "gpt-5.5"  # one that the client knows, so that it offers all of its tools


@pytest.fixture(params=[False, True], ids=["bare", "sandboxed"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A desk without a sandbox of ours, and one with."""
    with desk(tmp_path / "lab", CODEX, sandbox=request.param, key="OPENAI_API_KEY") as opened:
        yield opened


@pytest.fixture
def boxed(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a sandbox of ours."""
    with desk(tmp_path / "lab", CODEX, sandbox=True, key="OPENAI_API_KEY") as opened:
        yield opened


def proposer(at: Desk, server: ModelServer, **settings: Any) -> Client:
    chosen = {"program": CODEX, "model": MODEL, "base_url": f"{server.url}/v1", "retries": 1, "timeout_seconds": 60.0}
    return codex(CodexSettings(**{**chosen, **settings}), at.station)


def edits(file: Path, old: str, new: str) -> Turn:
    tail = "  # range: 0.001..1"
    change = f"-{old}{tail}\n+{new}{tail}\n"
    return [Use("apply_patch", f"*** Begin Patch\n*** Update File: {file.name}\n@@\n{change}*** End Patch\n")]


def runs(command: str) -> Turn:
    return [Use("exec_command", {"cmd": command})]


class TestContract(ProposerContract):
    """The contract, in a sandbox of ours."""

    @pytest.fixture
    def proposer(self, boxed: Desk, tmp_path: Path) -> Iterator[Proposer]:
        """One that halves the learning rate."""
        with ModelServer(halving(tmp_path, edits)) as serving:
            yield proposer(boxed, serving)

    @pytest.fixture
    def slow(self, boxed: Desk) -> Iterator[Proposer]:
        """One whose server does not answer."""
        with ModelServer(lambda request: Hang()) as serving:
            yield proposer(boxed, serving)

    @pytest.fixture
    def broken(self, boxed: Desk) -> Iterator[Proposer]:
        """One whose server cuts every connection."""
        with ModelServer(lambda request: Reset()) as serving:
            yield proposer(boxed, serving, retries=0)


def test_its_version_is_known_without_running_it() -> None:
    """The one that these tests were written for."""
    assert version(CODEX) == "0.169.0"


def test_a_proposal_and_its_repair(at: Desk) -> None:
    """It edits, states, and goes on with its session where the change comes back; every token is counted once."""
    place = checkout(at.folder / "checkout")
    with ModelServer(halving(at.folder, edits)) as server:
        mine = proposer(at, server)
        first = mine.propose(brief(), place)
        assert first.failure is None and first.idea is not None
        assert (first.idea.title, first.idea.kind) == ("Halve the learning rate", "learning-rate")
        assert "LEARNING_RATE = 0.05 " in (place / "train.py").read_text()
        (usage,) = first.usages
        assert (usage.model, usage.requests) == (MODEL, 2)
        assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (2 * IN, 2 * OUT, 2 * CACHED)
        second = mine.mend(brief(), place, Objection("crash", "ZeroDivisionError", first.session))
        assert second.failure is None and second.idea is not None
        assert second.session == first.session
        assert second.usages == first.usages  # as many again, not the sum of both
        assert "LEARNING_RATE = 0.025 " in (place / "train.py").read_text()
        heard = "\n".join(server.requests[-1].said)
        assert heard.count("Find the constants") == 1 and "ZeroDivisionError" in heard
    assert {path for path, text in contents(place).items() if text != FILES.get(path)} == {"train.py"}


def test_its_commands_stay_in_the_checkout(at: Desk) -> None:
    """They write to nothing else, reach no network, and get no key."""
    place = checkout(at.folder / "checkout")
    tries = ["touch made", "touch ../outside", "touch .git/outside", "echo KEY is$OPENAI_API_KEY; env"]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        tries += [f"python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port})); print('REACHED')\""]
        with ModelServer(script(*map(runs, tries))) as server:
            answer = proposer(at, server).propose(brief(), place)
            results = server.requests[-1].results
    assert answer.idea is not None
    assert (place / "made").exists()
    assert not (at.folder / "outside").exists() and not (place / ".git" / "outside").exists()
    assert "KEY is\n" in results[3] and KEY not in "".join(results)
    assert "Error" in results[4] and "REACHED" not in results[4].partition("Output:")[2]


def test_protected_files_cannot_be_changed(boxed: Desk) -> None:
    """In our sandbox: neither by a patch nor by a shell one-liner."""
    place = checkout(boxed.folder / "checkout")
    patch = (
        "*** Begin Patch\n*** Update File: prepare.py\n@@\n-TOKENS = 1000  # of the data\n+TOKENS = 1\n*** End Patch\n"
    )
    line = runs("python3 -c \"open('prepare.py', 'w').write('TOKENS = 1')\"")
    with ModelServer(script([Use("apply_patch", patch)], line)) as server:
        answer = proposer(boxed, server).propose(brief(), place)
        assert len(server.requests[-1].results) == 2
    assert answer.failure is None
    assert contents(place) == dict(FILES)


@pytest.mark.parametrize(
    ("turn", "fault"),
    [
        (Fail(503, "overloaded", "server_is_overloaded"), "overloaded"),
        (Fail(500, "boom", "server_error"), "overloaded"),
        (Fail(429, "slow down", "rate_limit_exceeded"), "overloaded"),
        (Fail(429, "You exceeded your current quota", "insufficient_quota"), "quota"),
        (Fail(401, "invalid key", "invalid_api_key"), "setup"),
        (Fail(404, "The model `x` does not exist or you do not have access to it.", "model_not_found"), "setup"),
        (Reset(), "network"),
    ],
)
def test_failures_of_the_server(boxed: Desk, turn: Turn, fault: str) -> None:
    """Each is known for what it is."""
    with ModelServer(lambda request: turn) as server:
        answer = proposer(boxed, server).propose(brief(), checkout(boxed.folder / "checkout"))
    assert answer.failure is not None and answer.failure.fault == fault, answer.failure


def test_the_person_s_login(boxed: Desk) -> None:
    """Where it is wanted, their own folder is used: the login in it, not the settings."""
    home = boxed.station.home
    assert home is not None
    (home / ".codex").mkdir()
    (home / ".codex" / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": KEY}))
    (home / ".codex" / "config.toml").write_text('model = "of-theirs"\n[mcp_servers.x]\ncommand = "false"\n')
    with ModelServer(script()) as server:
        chosen = CodexSettings(program=CODEX, base_url=f"{server.url}/v1", login=True, model=MODEL)
        answer = codex(chosen, replace(boxed.station, keys={})).propose(brief(), checkout(boxed.folder / "checkout"))
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert server.requests[0].model == MODEL
    assert answer.failure is None and answer.idea is not None


def test_a_server_that_does_not_answer(at: Desk) -> None:
    """The call is interrupted at its time."""
    with ModelServer(lambda request: Hang()) as server:
        answer = proposer(at, server, timeout_seconds=3.0).propose(brief(), checkout(at.folder / "checkout"))
    assert answer.failure is not None and answer.failure.fault == "slow"


@pytest.mark.slow
def test_a_network_that_is_gone(boxed: Desk) -> None:
    """It would wait for ever; it is ended after a while."""
    with ModelServer(lambda request: Hang()) as server:
        mine = proposer(boxed, server, base_url="http://127.0.0.1:9/v1")
    answer = mine.propose(brief(), checkout(boxed.folder / "checkout"))
    assert answer.failure is not None and answer.failure.fault == "network"


def test_stopped_with_all_its_children(at: Desk) -> None:
    """What its commands left running ends with the call."""
    sleep = nap()
    with (
        ModelServer(script(runs(f"setsid {sleep} & nohup {sleep} & {sleep}"), Hang())) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        mine = proposer(at, server)
        thinking = pool.submit(mine.propose, brief(), checkout(at.folder / "checkout"))
        until(lambda: len(processes(sleep)) == 3)
        mine.stop()
        answer = thinking.result(30)
        assert not processes(sleep)
    assert answer.failure is not None and answer.failure.fault == "stopped"


def test_keys_are_in_no_file(at: Desk) -> None:
    """Neither in a log nor in what it prints or is told."""
    with ModelServer(lambda request: Fail(400, f"I know that your key is {KEY}", "invalid_request_error")) as server:
        answer = proposer(at, server).propose(brief(), checkout(at.folder / "checkout"))
    assert answer.failure is not None and "***" in answer.failure.reason
    assert "***" in at.said() and KEY not in at.said()
