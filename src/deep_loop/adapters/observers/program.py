"""A program that takes one message and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import IO

from deep_loop.adapters.observers.channel import ChannelError
from deep_loop.adapters.observers.message import one_line

TICK = 0.1  # seconds between two looks whether it should stop
HEARD = 2000  # bytes of its last words


def call(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    stop: Event,
    *,
    seconds: float,
    given: bytes = b"",
    folder: Path | None = None,
) -> None:
    """Run a program without a shell, with `given` as its standard input, and wait for it to end.

    Raises ChannelError where it cannot be started, ends with another code than 0, or takes longer than `seconds`.
    With `stop` it is killed, with all that it started in its own session.
    """
    try:
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            stdin.write(given)
            stdin.seek(0)
            process = subprocess.Popen(
                arguments,
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=dict(environ),
                cwd=folder,
                start_new_session=True,
            )
            code = _wait(process, stop, time.monotonic() + seconds)
            said = _last_words(stderr)
    except OSError as error:  # a full disk and too many processes pass, a missing program hardly does
        gone = isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError)
        raise ChannelError(f"cannot be started: {error.strerror}", lasting=gone) from error
    if code is None:
        raise ChannelError("was stopped" if stop.is_set() else f"took longer than {seconds:g} s and was killed")
    if code:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        raise ChannelError(f"{how}: {said}" if said else how)


def _wait(process: subprocess.Popen[bytes], stop: Event, until: float) -> int | None:
    """The exit code; None where it had to be killed."""
    while True:
        try:
            return process.wait(TICK)
        except subprocess.TimeoutExpired:
            if not stop.is_set() and time.monotonic() < until:
                continue
        try:
            os.killpg(process.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
        except ProcessLookupError:
            process.kill()
        process.wait()
        return None


def _last_words(stderr: IO[bytes]) -> str:
    """The last line that it wrote to standard error."""
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, stderr.tell() - HEARD))
    lines = stderr.read().decode("utf-8", "replace").split("\n")
    return one_line(next((line for line in reversed(lines) if line.strip()), ""))
