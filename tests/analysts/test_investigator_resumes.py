"""The investigator goes on with an analysis that was cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from analysis_lab import DONE, evidence, investigator

from deep_loop.adapters.analysts.assistants import SUBTASKS
from tests.proposers.model_servers import Fails, Hangs, ModelServer, Protocol, Says, Use

CHILD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from analysis_lab import evidence, investigator
server = SimpleNamespace(protocol=sys.argv[1], base_url=sys.argv[2])
investigator(server, Path(sys.argv[3])).advise(evidence())
"""
NOTE = Says([Use("note", {"text": "Smaller steps pay.", "experiments": [1], "links": []})])
LOOK = Says([Use("git_log", {})])


def until(condition: object, seconds: float = 120.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@pytest.mark.parametrize("protocol", ["anthropic", "openai"])
def test_an_analysis_whose_harness_was_killed(tmp_path: Path, protocol: Protocol) -> None:
    """It goes on where it was, is told nothing twice, and what the dead one used is paid for once."""
    with ModelServer(protocol, [NOTE, LOOK, Hangs(), LOOK, DONE]) as server:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        command = [sys.executable, "-c", CHILD, protocol, server.base_url, str(tmp_path)]
        child = subprocess.Popen(command, env=environ, cwd=Path(__file__).parents[2])
        try:
            until(lambda: len(server.got) == 3 or child.poll() is not None)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert len(server.got) == 3
        counsel = investigator(server, tmp_path).advise(evidence())
        before, after = server.got[2].json["messages"], server.got[3].json["messages"]
    assert counsel.advice is not None
    assert json.dumps(after).count("Revise the strategy") == 1
    assert len(after) == len(before) and "noted as n1" in json.dumps(after)
    assert sum(usage.requests for usage in counsel.usages) == 4  # two of the dead one, two of this
    assert not list((tmp_path / "own" / "sessions").glob("*.json"))


def test_an_analysis_that_was_stopped(tmp_path: Path) -> None:
    """Its call is accounted for when it ends, so the next one tells only what it used itself."""
    with ModelServer("anthropic", [LOOK, Hangs(), LOOK, DONE]) as server, ThreadPoolExecutor(1) as pool:
        first = investigator(server, tmp_path)
        thinking = pool.submit(first.advise, evidence())
        until(lambda: len(server.got) == 2)
        first.stop()
        stopped = thinking.result(60)
        assert first.advise(evidence()).failure == stopped.failure
        counsel = investigator(server, tmp_path).advise(evidence())
    assert stopped.failure is not None and stopped.failure.fault == "stopped"
    assert sum(usage.requests for usage in stopped.usages) == 1
    assert counsel.advice is not None and sum(usage.requests for usage in counsel.usages) == 2
    assert "meta: v1: old" in server.said()


def test_limits_hold_over_a_break(tmp_path: Path) -> None:
    """Answers and money of the first part count in the second."""
    with ModelServer("anthropic", [LOOK, LOOK, Fails(529, "overloaded_error")]) as server:
        counsel = investigator(server, tmp_path, max_steps=4).advise(evidence())
    assert counsel.failure is not None and counsel.failure.fault == "overloaded"
    with ModelServer("anthropic", [LOOK]) as server:
        counsel = investigator(server, tmp_path, max_steps=4).advise(evidence())
        assert len(server.got) == 2
    assert counsel.failure is not None and counsel.failure.fault == "limit"


def test_questions_handed_on_before_a_break_count(tmp_path: Path) -> None:
    """Eight of one analysis, whatever comes between."""
    ask = Use("delegate", {"question": "Why did 3 crash?", "criteria": "It names the cause."})
    answers = [Says(text="no")] * 2 * SUBTASKS  # a report and a judge's word for each
    with ModelServer("anthropic", [Says([ask] * SUBTASKS), *answers, Fails(529, "overloaded_error")]) as server:
        assert investigator(server, tmp_path).advise(evidence()).failure is not None
        assert "handed on already" not in server.said()
    with ModelServer("anthropic", [Says([ask]), DONE]) as server:
        assert investigator(server, tmp_path).advise(evidence()).advice is not None
        assert len(server.got) == 2 and f"{SUBTASKS} questions were handed on already" in server.said()


def test_other_evidence_is_another_analysis(tmp_path: Path) -> None:
    """A session belongs to the evidence that it began with."""
    with ModelServer("anthropic", [LOOK, Fails(529, "overloaded_error")]) as server:
        investigator(server, tmp_path).advise(evidence())
    with ModelServer("anthropic", [DONE]) as server:
        assert investigator(server, tmp_path).advise(evidence(reason="asked for")).advice is not None
        assert len(server.got[0].json["messages"]) == 1


def test_the_replay_log_has_all_that_was_said(tmp_path: Path) -> None:
    """Each request and each answer, in order, a JSON object a line."""
    with ModelServer("anthropic", [NOTE, LOOK, DONE]) as server:
        investigator(server, tmp_path).advise(evidence())
    (log,) = (tmp_path / "logs").glob("*.jsonl")
    rows = [json.loads(row) for row in log.read_text().splitlines()]
    assert [row["event"] for row in rows] == ["request", "response"] * 3
    assert {row["conversation"] for row in rows} == {"analysis"}
    parts = [part for row in rows for message in row["content"] for part in message["parts"]]
    assert [part["tool_name"] for part in parts if part["part_kind"] == "tool-call"] == ["note", "git_log", "submit"]
    assert "Revise the strategy" in parts[0]["content"]


def test_a_broken_session_is_no_obstacle(tmp_path: Path) -> None:
    """It begins anew."""
    with ModelServer("anthropic", [LOOK, Fails(529, "overloaded_error")]) as server:
        investigator(server, tmp_path).advise(evidence())
    (kept,) = (tmp_path / "own" / "sessions").glob("*.json")
    kept.write_text(kept.read_text()[:-40])
    with ModelServer("anthropic", [DONE]) as server:
        assert investigator(server, tmp_path).advise(evidence()).advice is not None


def test_stop_reaches_a_thread_that_is_at_it(tmp_path: Path) -> None:
    """Soon, in the middle of a request."""
    with ModelServer("anthropic", [Hangs()]) as server:
        made = investigator(server, tmp_path)
        timer = threading.Timer(1.0, made.stop)
        timer.start()
        began = time.monotonic()
        counsel = made.advise(evidence())
    assert counsel.failure is not None and counsel.failure.fault == "stopped"
    assert time.monotonic() - began < 30.0
