"""Stand-ins for clients that read a folder of evidence: small programs with their arguments, output and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.analysts.openplanter import OpenPlanter, OpenPlanterSettings
from deep_loop.adapters.analysts.reader import Reader
from deep_loop.clients.claude_code import ClaudeCode, ClaudeCodeSettings
from deep_loop.clients.client import Dialect
from tests.proposers.fake_clients import KEY, station

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
