"""The real opencode as a proposer, against a scripted model server. Each call takes it some ten seconds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.proposers.client import Client
from deep_loop.adapters.proposers.opencode import OpenCodeSettings, opencode
from deep_loop.clients.programs import version
from deep_loop.ports import Objection
from deep_loop.testing.proposer_contract import FILES, brief, checkout, contents
from tests.clients.model_server import Fail, Hang, ModelServer, Turn
from tests.clients.real_clients import KEY, Desk, client, desk, halving, processes, script, until
from tests.clients.wires import CACHED, IN, OUT, Use

pytestmark = [pytest.mark.clients, pytest.mark.slow]
OPENCODE = client("opencode")


@pytest.fixture(params=[False, True], ids=["bare", "sandboxed"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A desk without a sandbox, and one with."""
    with desk(tmp_path / "lab", OPENCODE, sandbox=request.param, key="LAB_API_KEY") as opened:
        yield opened


@pytest.fixture
def boxed(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a sandbox."""
    with desk(tmp_path / "lab", OPENCODE, sandbox=True, key="LAB_API_KEY") as opened:
        yield opened


def proposer(at: Desk, server: ModelServer, **settings: Any) -> Client:
    chosen = {"program": OPENCODE, "model": "lab/one", "base_url": f"{server.url}/v1", "timeout_seconds": 120.0}
    return opencode(OpenCodeSettings(**{**chosen, **settings}), at.station)


def reads(file: Path) -> Turn:
    return [Use("read", {"filePath": str(file)})]


def edits(file: Path, old: str, new: str) -> Turn:
    return [Use("edit", {"filePath": str(file), "oldString": old, "newString": new})]


def test_its_version_is_known_without_running_it() -> None:
    """The one that these tests were written for."""
    assert version(OPENCODE) == "1.18.33"


def test_a_proposal_and_its_repair(at: Desk) -> None:
    """It edits, states, and goes on with its session where the change comes back."""
    place = checkout(at.folder / "checkout")
    with ModelServer(halving(at.folder, edits, reads)) as server:
        mine = proposer(at, server)
        first = mine.propose(brief(), place)
        assert first.failure is None and first.idea is not None
        assert first.idea.title == "Halve the learning rate"
        (usage,) = first.usages
        assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (3 * IN, 3 * OUT, 3 * CACHED)
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
        Use("edit", {"filePath": str(place / "prepare.py"), "oldString": "1000", "newString": "1"}),
        Use("write", {"filePath": str(place / "new.py"), "content": "x = 1"}),
        Use("bash", {"command": "touch made", "description": "touch"}),
        Use("read", {"filePath": str(boxed.folder / "outside.txt")}),
    ]
    with ModelServer(script(*([each] for each in tries))) as server:
        proposer(boxed, server).propose(brief(), place)
        results = server.requests[-1].results
    assert len(results) == len(tries)
    assert contents(place) == dict(FILES)
    assert "nobody's business" not in "".join(results)


def test_a_key_that_is_refused(boxed: Desk) -> None:
    """It is a matter of setting it up, and a session that is gone is none."""
    place = checkout(boxed.folder / "checkout")
    with ModelServer(lambda request: Fail(401, f"bad key {KEY}", "authentication_error")) as server:
        answer = proposer(boxed, server).mend(brief(), place, Objection("crash", "ValueError", "ses_gone"))
    assert answer.failure is not None and answer.failure.fault == "setup"
    assert KEY not in answer.failure.reason and KEY not in boxed.said()


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
