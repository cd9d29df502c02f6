"""How soon the command line answers, in the time that Python itself needs to start."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from planted_study import small

ROUNDS = 7  # the quickest counts: whatever else the machine does only adds to a time
CLI = ("-m", "deep_loop.interfaces.cli")


def test_help_and_status_answer_at_once(tmp_path: Path) -> None:
    """`--help` takes less than 10 and `status` less than 20 times what `python -c pass` takes."""
    small(tmp_path).ledger.dispose()
    commands = {"python": ("-c", "pass"), "help": (*CLI, "--help"), "status": (*CLI, "status")}
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(ROUNDS):
        for name, arguments in commands.items():  # in turns, so that a busy moment falls on all of them
            best[name] = min(best[name], _seconds(arguments, tmp_path))
    assert best["help"] < 10 * best["python"], best
    assert best["status"] < 20 * best["python"], best


def _seconds(arguments: Sequence[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
