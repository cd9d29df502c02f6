"""Analysts that are clients of agents, with stand-ins that speak the true ones' contracts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from analysis_lab import REVISION, evidence

from deep_loop.adapters.analysts.openplanter import OpenPlanter, OpenPlanterSettings
from deep_loop.adapters.analysts.reader import Reader
from deep_loop.clients.claude_code import ClaudeCode, ClaudeCodeSettings
from deep_loop.clients.client import Dialect
from deep_loop.core.call import Usage
from deep_loop.errors import ConfigError
from tests.proposers.fake_clients import KEY, station

ANSWER = f"I looked.\n\n```json\n{json.dumps(REVISION)}\n```"
FALSE = json.dumps({**REVISION, "worked": [{"text": "v1 is a success.", "experiments": [2], "claim": "kept"}]})

COMMON = r"""
import json, os, pathlib, sys, time
home = pathlib.Path(os.environ["FAKE_HOME"])
arguments = sys.argv[1:]
(home / "arguments").open("a").write(json.dumps(arguments) + "\n")
(home / "environment").write_text(json.dumps(dict(os.environ)))
(home / "folder").write_text(json.dumps(sorted(str(path) for path in pathlib.Path().rglob("*"))))
answers = json.loads(os.environ["ANSWERS"])
def option(name):
    return arguments[arguments.index(name) + 1] if name in arguments else None
"""

CLAUDE = r"""
told = sys.stdin.read()
(home / "told").open("a").write(told + "\n=====\n")
session = option("--session-id") or option("--resume")
text = answers[1 if "--resume" in arguments else 0]
if text == "hang":
    time.sleep(600)
usage = {"input_tokens": 10, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 10, "output_tokens": 7}
print(json.dumps({"type": "system", "subtype": "init", "model": "opus", "session_id": session}))
failed = text.startswith("API Error")
print(json.dumps({"type": "result", "subtype": "success", "is_error": failed, "session_id": session, "result": text,
                  "usage": usage, "modelUsage": {"opus": {"inputTokens": 10, "outputTokens": 7,
                  "cacheReadInputTokens": 80, "cacheCreationInputTokens": 10}}, "permission_denials": []}))
sys.exit(1 if failed else 0)
"""

# As the real one: a heading, a trace, the answer; code 0 even where its model could not be reached.
OPENPLANTER = r"""
text = answers[0]
if "--task" not in arguments or "--headless" not in arguments:
    print("Headless/non-interactive mode requires --task or a non-interactive command")
    sys.exit(2)
if text == "hang":
    time.sleep(600)
if text == "crash":
    sys.exit("Traceback (most recent call last):\nZeroDivisionError: division by zero")
sessions = pathlib.Path(os.environ["OPENPLANTER_SESSION_DIR"]) / "sessions" / option("--session-id")
sessions.mkdir(parents=True)
task = (pathlib.Path(option("--workspace")) / "task.md").read_text()
(home / "told").write_text(task)
rows = [{"type": "header", "conversation_id": "root", "model": option("--model")},
        {"type": "call", "conversation_id": "root", "input_tokens": 100, "output_tokens": 5},
        {"type": "header", "conversation_id": "root/d1s1", "model": "claude-haiku-4-5"},
        {"type": "call", "conversation_id": "root/d1s1", "input_tokens": 30, "output_tokens": 2},
        {"type": "call", "conversation_id": "root", "input_tokens": 200, "output_tokens": 6,
         "response": os.environ.get("ANTHROPIC_API_KEY")}]
if not text.startswith("Model error"):
    (sessions / "replay.jsonl").write_text("\n".join(map(json.dumps, rows)))
print("  Provider  anthropic\n     Model  " + option("--model") + "\n\ntrace> [depth 0] objective: Read task.md")
print("trace> [d0/s1]   -> " + os.environ.get("QUOTED", "nothing"))
print(text)
"""


def program(folder: Path, script: str) -> str:
    """An executable file with this script; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "client"
    path.write_text(f"#!{sys.executable}\n{COMMON}\n{script}")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes readers by what their client answers; what that was asked lies in `tmp_path / "client"`."""
    opened = []

    def reader(which: str, *answers: str, settings: dict[str, Any] | None = None, **others: Any) -> Reader:
        script = CLAUDE if which == "claude-code" else OPENPLANTER
        path = program(tmp_path / "client", script)
        context = station(tmp_path / "client", ANSWERS=json.dumps(answers), **others)
        opened.append(context)
        place = context.__enter__()
        given = {"program": path, "timeout_seconds": 60.0, **(settings or {})}
        dialect: Dialect
        if which == "claude-code":
            dialect = ClaudeCode(ClaudeCodeSettings(**given), place)
        else:
            dialect = OpenPlanter(OpenPlanterSettings(model="anthropic:claude-sonnet-4-6", **given))
        return Reader(which, dialect, place, lambda text: text.replace(KEY, "***"))

    yield reader
    for context in opened:
        context.__exit__(None, None, None)


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
