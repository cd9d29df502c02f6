"""What tests of the `model` proposer start from: a brief, a working copy, a proposer that asks a scripted server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from model_servers import ModelServer, Says, Use
from tuner_lab import PROGRAM, Study

from deep_loop.adapters.proposers.model import ModelProposer
from deep_loop.clients.model_client import ModelSettings
from deep_loop.ports import Brief

CANARY = "sk-canary-7f3a9b2c4d5e6f70"
WIDER = Use("edit_file", {"path": "train.py", "old": "WIDTH = 2**7 ", "new": "WIDTH = 2**8 "})
STATEMENT = {
    "title": "WIDTH 2**7 -> 2**8",
    "kind": "depth-width",
    "rationale": "More units fit more.",
    "expected": "+0.5 %",
    "hypothesis": None,
    "suggestion": None,
    "nothing": None,
}
SUBMIT = Use("submit", STATEMENT)
NOTHING = Use("submit", {**STATEMENT, "title": "", "nothing": "all was tried"})
GOOD = (Says([Use("read_file", {"path": "train.py"})]), Says([WIDER]), Says([SUBMIT]))


def brief(study: Study | None = None, **changes: Any) -> Brief:
    """What the proposer is told; `prepare.py` is protected."""
    told = (study or Study()).brief()
    terms = replace(told.terms, editable=["train.py", "lib/*.py"], protected=["prepare.py"])
    return replace(told, **{"terms": terms, "call": "uid-call-1", **changes})


def copy(folder: Path, texts: Mapping[str, str] | None = None) -> Path:
    """A working copy: editable and protected files, others, and git's own."""
    files = {
        "train.py": PROGRAM,
        "prepare.py": "TIME_BUDGET = 2\n",
        "docs/notes.md": "# Notes\n\nWIDTH matters.\n",
        ".git/config": "[core]\n",
        **(texts or {}),
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    return folder


def settings(server: ModelServer, **changes: Any) -> ModelSettings:
    """How to ask a scripted server, without patience for what a test does not wait for."""
    model = "anthropic:claude-sonnet-4-6" if server.protocol == "anthropic" else "openai:gpt-5"
    quick = {"timeout_seconds": 30.0, "request_seconds": 10.0, "retries": 2, "wait_seconds": 0.01}
    return ModelSettings(**{"model": model, "base_url": server.base_url, "key_env": "LAB_KEY", **quick, **changes})


def proposer(
    server: ModelServer, home: Path, key: Callable[[str], str | None] = {"LAB_KEY": CANARY}.get, **changes: Any
) -> ModelProposer:
    """A proposer with its logs and sessions below `home`."""
    return ModelProposer(
        settings(server, **changes),
        key=key,
        redact=lambda text: text.replace(CANARY, "***"),
        logs=home / "logs",
        sessions=home / "sessions",
    )
