"""A whole study tells of itself: real processes, failing servers, kills; and nothing secret is written anywhere."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from receiver import Answer, Receiver, eventually

pytestmark = pytest.mark.slow

CANARY = "canary-0123456789"
KEY = "whsec_" + base64.b64encode(CANARY.encode()).decode()
SETTINGS = """\
[task]
run = "python train.py"
editable = ["train.py"]
protected = ["data.txt"]
budget_seconds = 1
[study]
max_experiments = 3
final_runs = 1
max_load = "off"
sandbox = "off"
keep_awake = false
[notify]
thresholds = [1.95]
plateau = 1
openclaw = true
webhook = "env:HOOK"
webhook_secret = "env:KEY"
apprise = ["env:CHAT", "env:NOBODY"]
rate = 100
"""
TRAIN = 'import time\n\nWIDTH = 64.0\n\ntime.sleep(0.3)\nprint("val_bpb:", 1 + WIDTH / 64)\n'


def workspace(root: Path) -> Path:
    """A repository with a task that takes no time and no noise."""
    root.mkdir()
    (root / "deep-loop.toml").write_text(SETTINGS)
    (root / "program.md").write_text("# Aim\n\nLess.\n")
    (root / "train.py").write_text(TRAIN)
    (root / "data.txt").write_text("")
    (root / ".gitignore").write_text(".deep-loop/\nresults.tsv\nnotify.log\n__pycache__/\n")
    for line in ("init -q -b main", "add -A", "-c user.name=A -c user.email=a@example.com commit -q -m Begin"):
        subprocess.run(["git", *line.split()], cwd=root, check=True)
    return root


def environment(tmp_path: Path, hook: str, chat: str) -> dict[str, str]:
    """With a stand-in for OpenClaw, and secrets wherever there can be some."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    claw = tmp_path / "bin" / "openclaw"
    claw.write_text(f'#!/bin/sh\nprintf "%s\\n" "$4" >> "{tmp_path}/said"\nenv >> "{tmp_path}/environment"\n')
    claw.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "HOOK": hook.replace("://", f"://me:{CANARY}@") + f"/{CANARY}?token={CANARY}",
        "CHAT": chat.replace("://", f"://me:{CANARY}@") + f"/{CANARY}",
        "KEY": KEY,
    }


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "deep_loop.interfaces.cli", "run", "--tag", "exp1", *flags]


def test_a_study_tells_everything_in_the_end(tmp_path: Path) -> None:
    """Killed while its servers fail, gone on with while they fail, gone on with when they work: each event once."""
    root, printed = workspace(tmp_path / "w"), ""
    with Receiver(lambda n: Answer(503)) as hook, Receiver(lambda n: Answer(500)) as chat:
        env = environment(tmp_path, hook.url(), chat.url("/a", "json"))
        with subprocess.Popen(command(), cwd=root, env=env, stderr=subprocess.PIPE, text=True) as killed:
            eventually(lambda: '"text"' in outbox(root) or killed.poll() is not None)
            killed.kill()
            assert killed.stderr
            printed += killed.stderr.read()
        done = subprocess.run(command(), cwd=root, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "nothing is sent to NOBODY: the variable NOBODY is not set" in done.stderr
        assert "webhook: " in done.stderr and "kept for the next run (HTTP 503)" in done.stderr
        assert hook.got and chat.got
        printed += done.stdout + done.stderr
    assert not secrets(tmp_path, printed)
    with Receiver() as hook, Receiver() as chat:
        env = environment(tmp_path, hook.url(), chat.url("/a", "json"))
        done = subprocess.run(command("--max-experiments", "4"), cwd=root, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "kept for the next run" not in done.stderr
        assert all(got.headers["webhook-signature"].startswith("v1,") for got in hook.got)
        printed += done.stdout + done.stderr
    happened = Counter(events(root))
    assert sum(text.startswith("done") for text in happened.elements()) == 2 and len(happened) > 2
    assert Counter(text.partition(" (of ")[0] for text in hook.told) == happened
    assert Counter(got.json["message"].partition(" (of ")[0] for got in chat.got) == happened
    said = (tmp_path / "said").read_text()
    assert said.count("deep-loop exp1: done") == 2 and "experiments are done" not in said
    assert not secrets(tmp_path, printed)
    assert CANARY not in (tmp_path / "environment").read_text()


def events(root: Path) -> list[str]:
    """What notify.log has of the study: without dates, and without what it has of channels."""
    lines = [line.partition("] ")[2] for line in (root / "notify.log").read_text().splitlines()]
    return [line for line in lines if not line.startswith(("nothing is sent", "webhook", "json"))]


def outbox(root: Path) -> str:
    """What waits to be delivered."""
    path = root / ".deep-loop" / "outbox.json"
    return path.read_text() if path.exists() else ""


def secrets(folder: Path, printed: str) -> list[str]:
    """The places where a secret was written: files of all kinds, or the terminal."""
    needles = (CANARY.encode(), KEY.removeprefix("whsec_").encode())
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    found = [str(path) for path in files if any(needle in path.read_bytes() for needle in needles)]
    return found + (["printed"] if any(needle.decode() in printed for needle in needles) else [])
