"""How soon the command line answers, in the time that Python itself needs to start.

Both are CPU seconds: what else the machine does stretches the wall clock, and that of a longer command more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

from planted_study import small

ROUNDS = 11  # the median counts
STARTS = 10  # of Python itself in a round: together they take about as long as one command
CLI = ("-m", "deep_loop.interfaces.cli")


def test_help_and_status_answer_at_once(tmp_path: Path) -> None:
    """`--help` takes less than 12 and `status` less than 25 times what `python -c pass` takes."""
    small(tmp_path).ledger.dispose()
    times: dict[str, list[float]] = {"--help": [], "status": []}
    for _ in range(ROUNDS):  # what stretches a command at some moment stretches Python's own start then, too
        start = fmean(_seconds(("-c", "pass"), tmp_path) for _ in range(STARTS))
        for command, taken in times.items():
            taken.append(_seconds((*CLI, command), tmp_path) / start)
    assert median(times["--help"]) < 12, times
    assert median(times["status"]) < 25, times


def _seconds(arguments: Sequence[str], folder: Path) -> float:
    # As for a person: compiled modules are kept, which the first round does.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime
