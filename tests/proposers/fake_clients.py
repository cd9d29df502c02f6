"""Stand-ins for the clients: small programs with their arguments and their output, that do what SCENARIO says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.executors.local import LocalExecutor
from deep_loop.adapters.proposers.client import Client
from deep_loop.clients.client import Station
from deep_loop.ports import Proposer, Slot
from deep_loop.testing.proposer_contract import ProposerContract

KEY = "sk-dummy-key-000111222"

COMMON = r"""
import json, os, pathlib, re, subprocess, sys, time
scenario = os.environ.get("SCENARIO", "edit")
told = sys.stdin.read()
home = pathlib.Path(os.environ["FAKE_HOME"])
(home / "told").open("a").write(told + "\n=====\n")
(home / "arguments").open("a").write(json.dumps(sys.argv[1:]) + "\n")
(home / "environment").write_text(json.dumps(dict(os.environ)))
STATEMENT = json.dumps({"title": "a smaller step", "kind": "learning-rate", "rationale": "because", "expected": "+1 %"})


def edit(path="train.py"):
    file = pathlib.Path(path)
    found = file.read_text()
    rate = float(re.search(r"LEARNING_RATE = ([\d.e-]+)", found)[1])
    file.write_text(re.sub(r"LEARNING_RATE = [\d.e-]+", f"LEARNING_RATE = {rate / 2:g}", found))


def emit(**event):
    print(json.dumps(event), flush=True)


def nap():
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    time.sleep(600)
"""

CLAUDE = r"""
arguments = sys.argv[1:]
def option(name):
    return arguments[arguments.index(name) + 1] if name in arguments else None
sessions = pathlib.Path(os.environ["CLAUDE_CONFIG_DIR"]) / "sessions"
sessions.mkdir(parents=True, exist_ok=True)
session = option("--session-id") or option("--resume")
if option("--session-id") and (sessions / session).exists():
    sys.exit(f"Error: Session ID {session} is already in use.")
if option("--resume") and not (sessions / session).exists():
    emit(type="result", subtype="error_during_execution", is_error=True, session_id=session,
         errors=[f"No conversation found with session ID: {session}"], modelUsage={}, usage={})
    sys.exit(1)
(sessions / session).touch()
servers = json.loads(os.environ.get("SERVERS", "[]"))
emit(type="system", subtype="init", model="opus", session_id=session, mcp_servers=servers)
text = STATEMENT
def words(text):
    usage = {"input_tokens": 10, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 10, "output_tokens": 1}
    content = [{"type": "text", "text": text}]
    message = {"id": "m1", "model": "opus", "content": content, "usage": usage}
    emit(type="assistant", session_id=session, message=message)
def result(**more):
    used = {"inputTokens": 10, "outputTokens": 7, "cacheReadInputTokens": 80, "cacheCreationInputTokens": 10}
    plain = {"input_tokens": 10, "output_tokens": 7, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 10}
    emit(**{"type": "result", "subtype": "success", "is_error": False, "session_id": session, "result": text,
            "modelUsage": {"opus": used}, "usage": plain, "permission_denials": [], **more})
if scenario == "hang":
    words("I think")
    nap()
if scenario == "error":
    more = json.loads(os.environ["RESULT"])
    if "rate_limit_info" in more:
        emit(type="rate_limit_event", rate_limit_info=more.pop("rate_limit_info"))
    result(is_error=True, **more)
    sys.exit(1)
if scenario == "plain":
    sys.exit(os.environ["WORDS"])
if scenario == "denied":
    text = "I could not."
    result(permission_denials=[{"tool_name": "Edit", "tool_input": {"file_path": "prepare.py"}}] * 3)
    sys.exit(0)
if scenario == "nothing":
    text = json.dumps({"title": "", "nothing": "all has been tried"})
elif scenario == "prose":
    text = "## Halve the learning rate\n\nIt was too large."
if scenario != "nothing":
    edit()
if scenario == "litter":
    pathlib.Path(".claude").mkdir()
    pathlib.Path(".claude/settings.local.json").write_text("{}")
words(text)
result()
"""

CODEX = r"""
arguments = sys.argv[1:]
sessions = pathlib.Path(os.environ["CODEX_HOME"]) / "sessions"
sessions.mkdir(parents=True, exist_ok=True)
if "sandbox" in arguments:
    sys.exit(int(os.environ.get("NESTED", "0")))
resumed = arguments[-2] if "resume" in arguments else None
if resumed and not (sessions / resumed).exists():
    sys.exit(f"Error: thread/resume: thread/resume failed: no rollout found for thread id {resumed} (code -32600)")
session = resumed or f"thread-{time.time_ns()}"
turns = int((sessions / session).read_text()) if resumed else 0
emit(type="thread.started", thread_id=session)
emit(type="turn.started")
text = STATEMENT
if scenario == "hang":
    nap()
if scenario == "offline":
    for _ in range(600):
        emit(type="error", message="Reconnecting... waiting for network (Connection failed)")
        time.sleep(0.1)
if scenario == "busy":
    for turn in range(600):
        emit(type="item.completed", item={"id": f"item_{turn}", "type": "command_execution", "command": "ls"})
        time.sleep(0.1)
if scenario == "error":
    words = os.environ["WORDS"]
    emit(type="error", message=f"Reconnecting... 1/1 ({words})")
    emit(type="error", message=words)
    emit(type="turn.failed", error={"message": words})
    sys.exit(1)
if scenario == "plain":
    sys.exit(os.environ["WORDS"])
if scenario == "prose":
    text = "Halve the learning rate.\n\nIt was too large."
if scenario == "nothing":
    text = json.dumps({"title": "", "nothing": "all has been tried"})
else:
    edit()
emit(type="item.completed", item={"id": "item_1", "type": "agent_message", "text": "Let me see."})
emit(type="item.completed", item={"id": "item_2", "type": "agent_message", "text": text})
turns += 1
(sessions / session).write_text(str(turns))
emit(type="turn.completed", usage={"input_tokens": 100 * turns, "cached_input_tokens": 20 * turns,
                                   "cache_write_input_tokens": 0, "output_tokens": 5 * turns})
"""

COMMAND = r"""
text = STATEMENT
if scenario == "hang":
    nap()
if scenario == "error":
    sys.exit(os.environ["WORDS"])
if scenario == "silent":
    text = ""
if os.environ["DEEP_LOOP_BRIEF"] and pathlib.Path(os.environ["DEEP_LOOP_BRIEF"]).read_text() != told:
    sys.exit("the two briefs differ")
edit()
print("I had a look.")
print(text)
"""

OPENCODE = r"""
arguments = sys.argv[1:]
sessions = pathlib.Path(os.environ["XDG_DATA_HOME"]) / "sessions"
sessions.mkdir(parents=True, exist_ok=True)
session = arguments[arguments.index("--session") + 1] if "--session" in arguments else f"ses_{time.time_ns()}"
if "--session" in arguments and not (sessions / session).exists():
    sys.exit("Error: Session not found")
(sessions / session).touch()
def part(kind, **more):
    emit(type=kind, sessionID=session, part={"messageID": "msg_1", **more})
if scenario == "hang":
    nap()
if scenario == "error":
    emit(type="error", sessionID=session, error=json.loads(os.environ["RESULT"]))
    sys.exit(1)
if scenario == "busy":
    for _ in range(600):
        part("step_start")
        time.sleep(0.1)
part("step_start")
tokens = {"input": 70, "output": 6, "reasoning": 4, "cache": {"read": 20, "write": 10}}
if scenario == "denied":
    state = {"status": "error", "input": {"filePath": "prepare.py"},
             "error": "The user has specified a rule which prevents you from using this specific tool call."}
    part("tool_use", tool="edit", state=state)
    part("text", text="I could not.")
else:
    edit()
    part("text", text="Let me see.")
    part("text", text=STATEMENT)
part("step_finish", reason="stop", tokens=tokens, cost=1.0)
"""

GEMINI = r"""
arguments = sys.argv[1:]
sessions = pathlib.Path(os.environ["GEMINI_CLI_HOME"]) / "sessions"
sessions.mkdir(parents=True, exist_ok=True)
name = "--resume" if "--resume" in arguments else "--session-id"
session = arguments[arguments.index(name) + 1]
if name == "--resume" and not (sessions / session).exists():
    print(f'Error resuming session: Invalid session identifier "{session}".\n  Use --list-sessions', file=sys.stderr)
    sys.exit(42)
(sessions / session).touch()
if scenario == "hang":
    nap()
if scenario == "plain":
    print("Warning: 256-color support not detected.\n" + os.environ["WORDS"], file=sys.stderr)
    sys.exit(int(os.environ["CODE"]))
emit(type="init", session_id=session, model="gemini-2.5-pro")
def result(**more):
    used = {"total_tokens": 118, "input_tokens": 100, "output_tokens": 8, "cached": 20}
    emit(**{"type": "result", "status": "success", "stats": {"models": {"gemini-2.5-pro": used}}, **more})
if scenario == "error":
    more = json.loads(os.environ["RESULT"])
    print(more.pop("log", ""), file=sys.stderr)
    result(status="error", error=more)
    sys.exit(1)
def say(text):
    half = len(text) // 2
    emit(type="message", role="assistant", content=text[:half], delta=True)
    emit(type="message", role="assistant", content=text[half:], delta=True)
say("I begin.")
emit(type="tool_use", tool_id="t1", tool_name="replace", parameters={"file_path": "prepare.py"})
if scenario == "denied":
    emit(type="tool_result", tool_id="t1", status="error", error={"type": "policy_violation", "message": "denied"})
    say("I could not.")
else:
    emit(type="tool_result", tool_id="t1", status="success")
    edit()
    say(STATEMENT)
result()
"""


def program(folder: Path, script: str) -> str:
    """An executable file with this script; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "client"
    path.write_text(f"#!{sys.executable}\n{COMMON}\n{script}")
    path.chmod(0o755)
    return str(path)


@contextmanager
def station(folder: Path, scenario: str = "edit", **others: Any) -> Iterator[Station]:
    """A station whose client does what the scenario says; `others` in capitals are more variables of it."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = {name: others.pop(name) for name in list(others) if name.isupper()}
    keys = others.pop("keys", {"ANTHROPIC_API_KEY": KEY})
    executor = LocalExecutor([Slot("thinking")], grace_seconds=1.0, scratch_root=None)
    passed = {"SCENARIO": scenario, "FAKE_HOME": str(folder), **variables}  # not as keys: those are hidden everywhere
    try:
        yield Station(executor, folder / "config", folder / "logs", keys, passed, **others)
    finally:
        executor.stop()


@contextmanager
def making(folder: Path, script: str, made: Callable[[dict[str, Any], Station], Client]) -> Iterator[Any]:
    """Makes proposers by scenario; what they were asked lies in `folder`. `made` gets the settings and a station."""
    with ExitStack() as opened:

        def proposer(scenario: str = "edit", settings: dict[str, Any] | None = None, **others: Any) -> Client:
            chosen = {"program": program(folder, script), **(settings or {})}
            return made(chosen, opened.enter_context(station(folder, scenario, **others)))

        yield proposer


class ClientContract(ProposerContract):
    """The contract, for proposers that the fixture `make` makes."""

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
        return make(settings={"program": "/nowhere/client"})
