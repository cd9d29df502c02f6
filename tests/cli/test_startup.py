"""How soon the command line answers, in the time that Python itself needs to start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from planted_study import small

ROUNDS = 7  # the quickest counts: whatever else the machine does only adds to a time
CLI = ("-m", "deep_loop.interfaces.cli")


def test_help_and_status_answer_at_once(tmp_path: Path) -> None:
    """`--help` takes less than 12 and `status` less than 25 times what `python -c pass` takes."""
    small(tmp_path).ledger.dispose()
    commands = {"python": ("-c", "pass"), "help": (*CLI, "--help"), "status": (*CLI, "status")}
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(ROUNDS):
        for name, arguments in commands.items():  # in turns, so that a busy moment falls on all of them
            best[name] = min(best[name], _seconds(arguments, tmp_path))
    assert best["help"] < 12 * best["python"], best
    assert best["status"] < 25 * best["python"], best


def _seconds(arguments: Sequence[str], folder: Path) -> float:
    start = time.perf_counter()
    # As for a person: compiled modules are kept, which the first round does.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
