"""Asking the system not to sleep while a study runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SYSTEMD = Path("/run/systemd/system")  # there where systemd runs the machine, says sd_booted(3)


def asker() -> list[str] | None:
    """The command that asks for as long as it runs, and ends with its standard input; None where there is none."""
    if sys.platform == "darwin" and (program := shutil.which("caffeinate")):
        return [program, "-i", "cat"]
    if SYSTEMD.is_dir() and (program := shutil.which("systemd-inhibit")):
        return [program, "--what=idle:sleep", "--who=deep-loop", "--why=a study runs", "--mode=block", "cat"]
    return None


@contextmanager
def kept_awake(command: list[str] | None) -> Iterator[None]:
    """Ask while the context lasts. However we end, the asking ends with us: it reads a pipe that only we hold.

    A system that refuses is none the worse: the study goes on.
    """
    if command is None:
        yield
        return
    read_end, write_end = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is ours to answer
        )
    finally:
        os.close(read_end)
    try:
        yield
    finally:
        os.close(write_end)
        process.wait()
