"""The real Gemini CLI as a proposer, against a scripted model server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.proposers.client import Client
from deep_loop.adapters.proposers.gemini import GeminiSettings, gemini
from deep_loop.clients.programs import version
from deep_loop.ports import Objection
from deep_loop.testing.proposer_contract import FILES, brief, checkout, contents
from tests.clients.model_server import Fail, Hang, ModelServer, Reset, Turn
from tests.clients.real_clients import KEY, Desk, client, desk, halving, processes, script, until
from tests.clients.wires import CACHED, IN, OUT, Use

pytestmark = [pytest.mark.clients, pytest.mark.slow]
GEMINI = client("gemini")


@pytest.fixture(params=[False, True], ids=["bare", "sandboxed"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A desk without a sandbox, and one with."""
    with desk(tmp_path / "lab", GEMINI, sandbox=request.param, key="GEMINI_API_KEY") as opened:
        yield opened


@pytest.fixture
def boxed(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a sandbox."""
    with desk(tmp_path / "lab", GEMINI, sandbox=True, key="GEMINI_API_KEY") as opened:
        yield opened


def proposer(at: Desk, server: ModelServer, **settings: Any) -> Client:
    chosen = {"program": GEMINI, "model": "gemini-2.5-pro", "base_url": server.url, "retries": 0}
    return gemini(GeminiSettings(**{**chosen, "timeout_seconds": 90.0, **settings}), at.station)


def reads(file: Path) -> Turn:
    return [Use("read_file", {"file_path": str(file)})]


def edits(file: Path, old: str, new: str) -> Turn:
    return [Use("replace", {"file_path": str(file), "old_string": old, "new_string": new, "instruction": "halve it"})]


def test_its_version_is_known_without_running_it() -> None:
    """The one that these tests were written for."""
    assert version(GEMINI) == "0.61.0"


def test_a_proposal_and_its_repair(at: Desk) -> None:
    """It edits, states, and goes on with its session where the change comes back."""
    place = checkout(at.folder / "checkout")
    with ModelServer(halving(at.folder, edits, reads)) as server:
        mine = proposer(at, server)
        first = mine.propose(brief(), place)
        assert first.failure is None and first.idea is not None
        assert first.idea.title == "Halve the learning rate"
        (usage,) = first.usages
        assert (usage.model, usage.input_tokens, usage.output_tokens) == ("gemini-2.5-pro", 3 * IN, 3 * OUT)
        assert usage.cached_tokens == 3 * CACHED
        second = mine.mend(brief(), place, Objection("crash", "ZeroDivisionError", first.session))
        assert second.failure is None and second.idea is not None
        assert (second.session, second.usages) == (first.session, first.usages)
    assert "LEARNING_RATE = 0.025 " in (place / "train.py").read_text()
    assert {path for path, text in contents(place).items() if text != FILES.get(path)} == {"train.py"}
    assert KEY not in at.said()


def test_other_files_are_not_for_it(boxed: Desk) -> None:
    """Neither edited nor made; it has no shell, and nothing outside of its folder is read."""
    place = checkout(boxed.folder / "checkout")
    (boxed.folder / "outside.txt").write_text("nobody's business")
    tries = [
        Use("replace", {"file_path": "prepare.py", "old_string": "1000", "new_string": "1", "instruction": "x"}),
        Use("write_file", {"file_path": str(place / "new.py"), "content": "x = 1"}),
        Use("run_shell_command", {"command": "touch made"}),
        Use("read_file", {"file_path": str(boxed.folder / "outside.txt")}),
    ]
    with ModelServer(script(*([each] for each in tries))) as server:
        proposer(boxed, server).propose(brief(), place)
        results = server.requests[-1].results
    assert len(results) == len(tries)
    assert contents(place) == dict(FILES)
    assert "nobody's business" not in "".join(results)


@pytest.mark.parametrize(
    ("turn", "fault"),
    [
        (Fail(503, "The model is overloaded.", "UNAVAILABLE"), "overloaded"),
        (Fail(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"), "setup"),
        (Fail(403, "no", "PERMISSION_DENIED"), "setup"),
        (Fail(404, "models/x is not found", "NOT_FOUND"), "setup"),
        (Reset(), "network"),
    ],
)
def test_failures_of_the_server(boxed: Desk, turn: Turn, fault: str) -> None:
    """Each is known for what it is."""
    with ModelServer(lambda request: turn) as server:
        answer = proposer(boxed, server).propose(brief(), checkout(boxed.folder / "checkout"))
    assert answer.failure is not None and answer.failure.fault == fault, answer.failure


def test_turns_are_limited(boxed: Desk) -> None:
    """And what it used by then is known."""
    with ModelServer(lambda request: [Use("glob", {"pattern": "*.py"})]) as server:
        answer = proposer(boxed, server, max_turns=3).propose(brief(), checkout(boxed.folder / "checkout"))
    assert answer.failure is not None and answer.failure.fault == "limit"
    assert answer.usages


def test_stopped(boxed: Desk) -> None:
    """All of it ends with the call."""
    with ModelServer(lambda request: Hang()) as server, ThreadPoolExecutor(1) as pool:
        mine = proposer(boxed, server)
        told = brief()
        thinking = pool.submit(mine.propose, told, checkout(boxed.folder / "checkout"))
        until(lambda: server.requests)
        mine.stop()
        answer = thinking.result(30)
        assert not processes(told.call)
    assert answer.failure is not None and answer.failure.fault == "stopped"
