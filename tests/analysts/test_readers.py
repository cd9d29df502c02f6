"""Analysts that are clients of agents, with stand-ins that speak the true ones' contracts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from analysis_lab import REVISION, evidence
from reader_lab import make as make

from deep_loop.adapters.analysts.openplanter import OpenPlanterSettings
from deep_loop.core.call import Usage
from deep_loop.errors import ConfigError
from tests.proposers.fake_clients import KEY

ANSWER = f"I looked.\n\n```json\n{json.dumps(REVISION)}\n```"
FALSE = json.dumps({**REVISION, "worked": [{"text": "v1 is a success.", "experiments": [2], "claim": "kept"}]})


@pytest.mark.parametrize("which", ["claude-code", "openplanter"])
def test_it_reads_a_folder_and_revises(tmp_path: Path, make: Any, which: str) -> None:
    """The evidence lies where it works, and is gone afterwards."""
    counsel = make(which, ANSWER).advise(evidence())
    assert counsel.failure is None and counsel.advice is not None
    assert (counsel.advice.analyst, counsel.advice.summary) == (which, "favour smaller steps")
    assert counsel.advice.hypotheses[0].probability == 0.4
    client = tmp_path / "client"
    there = json.loads((client / "folder").read_text())
    assert {"README.md", "evidence.db", "logs/0003.log", "code/train.py", "task.md"} <= set(there)
    assert "Revise the strategy" in (client / "told").read_text()
    assert not list((client / "config" / "cases").iterdir())


def test_claude_code_may_only_read(tmp_path: Path, make: Any) -> None:
    """No tool that changes anything, and no command."""
    make("claude-code", ANSWER).advise(evidence())
    arguments = json.loads((tmp_path / "client" / "arguments").read_text())
    assert arguments[arguments.index("--tools") + 1] == "Read,Glob,Grep"
    settings = json.loads(arguments[arguments.index("--settings") + 1])
    assert settings == {"permissions": {"allow": [], "deny": ["Edit(./**)"]}}


def test_what_does_not_hold_comes_back_once(tmp_path: Path, make: Any) -> None:
    """In the same conversation; both calls are paid for."""
    counsel = make("claude-code", FALSE, ANSWER).advise(evidence())
    assert counsel.advice is not None
    assert sum(usage.tokens for usage in counsel.usages) == 214
    assert "which it was not" in (tmp_path / "client" / "told").read_text().split("=====")[1]
    again = make("claude-code", FALSE, FALSE).advise(evidence())
    assert again.failure is not None and again.failure.fault == "nonsense"


@pytest.mark.parametrize(
    ("which", "answer", "fault"),
    [
        ("claude-code", "API Error: 529 overloaded_error", "overloaded"),
        ("claude-code", "API Error: 401 invalid x-api-key", "setup"),
        ("claude-code", "hang", "slow"),
        ("openplanter", "Model error at depth 0, step 1: HTTP 529: Overloaded", "overloaded"),
        ("openplanter", "Model error at depth 0, step 1: HTTP 401 authentication_error", "setup"),
        ("openplanter", "Model error at depth 0, step 1: Connection error: [Errno 111] Connection refused", "network"),
        ("openplanter", "Step budget exhausted at depth 0", "limit"),
        ("openplanter", "I have no opinion.", "nonsense"),
        ("openplanter", FALSE, "nonsense"),
        ("openplanter", "crash", "nonsense"),
        ("openplanter", "hang", "slow"),
    ],
)
def test_what_goes_wrong_is_a_failure(make: Any, which: str, answer: str, fault: str) -> None:
    """OpenPlanter's too, which ends with code 0 whatever happens."""
    settings = {"timeout_seconds": 4.0} if answer == "hang" else {}
    counsel = make(which, answer, settings=settings).advise(evidence())
    assert counsel.advice is None
    assert counsel.failure is not None and counsel.failure.fault == fault, counsel.failure


def test_what_openplanter_used(tmp_path: Path, make: Any) -> None:
    """By its replay logs, by model; keys are in none of the files that it leaves."""
    counsel = make("openplanter", ANSWER).advise(evidence())
    assert counsel.usages == (
        Usage("anthropic:claude-sonnet-4-6", 300, 11, requests=2),
        Usage("anthropic:claude-haiku-4-5", 30, 2, requests=1),
    )
    kept = [path for path in (tmp_path / "client" / "logs").rglob("*") if path.is_file()]
    assert any(path.name == "replay.jsonl" for path in kept)
    assert not any(KEY in path.read_text(errors="replace") for path in kept)


def test_a_revision_that_a_trace_quotes_is_none(make: Any) -> None:
    """A log may print whatever it likes: only what stands after the trace is the answer."""
    counsel = make("openplanter", "I have no opinion.", QUOTED=ANSWER.replace("\n", " ")).advise(evidence())
    assert counsel.failure is not None and counsel.failure.fault == "nonsense"


def test_one_that_is_not_installed(make: Any) -> None:
    """It says so."""
    for which in ("claude-code", "openplanter"):
        counsel = make(which, ANSWER, settings={"program": "/nowhere/agent"}).advise(evidence())
        assert counsel.failure is not None and counsel.failure.fault == "setup"


def test_a_model_that_openplanter_cannot_ask() -> None:
    """It says which it can."""
    with pytest.raises(ConfigError, match="names no model"):
        _ = OpenPlanterSettings(model="google:gemini").provider
