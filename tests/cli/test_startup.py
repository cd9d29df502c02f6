"""How soon the command line answers, in the time that Python itself needs to start.

Both are CPU seconds: what else the machine does stretches the wall clock, and that of a longer command more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from planted_study import small

ROUNDS = 7  # the quickest counts: caches that others fill only add to a time
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
    # As for a person: compiled modules are kept, which the first round does.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime
