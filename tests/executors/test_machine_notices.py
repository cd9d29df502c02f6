"""What a study asks of the machine and finds on it: staying awake, memory that a run left on a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deep_loop.adapters.executors.awake import asker, kept_awake
from deep_loop.adapters.executors.gpu_memory import Held, held, left_over
from deep_loop.adapters.executors.host import this_host
from deep_loop.testing.executor_contract import alive, wait_for


def asking(mark: Path) -> list[str]:
    """A program that writes its number and ends with its standard input, as the real ones do."""
    return ["sh", "-c", f"echo $$ > {mark}.new; mv {mark}.new {mark}; exec cat"]


def test_the_asking_lasts_as_long_as_the_study(tmp_path: Path) -> None:
    """It is there meanwhile and gone afterwards."""
    mark = tmp_path / "pid"
    with kept_awake(asking(mark)):
        wait_for(mark.exists, "the asking")
        assert alive(int(mark.read_text()))
    assert not alive(int(mark.read_text()))


def test_the_asking_ends_with_a_harness_that_is_killed(tmp_path: Path) -> None:
    """Nobody has to clear up: a machine is never kept awake by a study that is dead."""
    mark = tmp_path / "pid"
    code = f"""
import time
from deep_loop.adapters.executors.awake import kept_awake
with kept_awake({asking(mark)!r}):
    time.sleep(600)
"""
    harness = subprocess.Popen([sys.executable, "-c", code])
    wait_for(mark.exists, "the asking")
    harness.kill()
    harness.wait()
    wait_for(lambda: not alive(int(mark.read_text())), "the asking to end")


def test_a_system_that_refuses_is_none_the_worse() -> None:
    """Nor is one that has nobody to ask."""
    ran = []
    for command in (["false"], None):
        with kept_awake(command):
            ran.append(command)
    assert len(ran) == 2
    assert asker() is None or Path(asker()[0]).is_absolute()  # type: ignore[index]


def test_memory_left_on_a_gpu_is_told() -> None:
    """Only what was not there before; its process by name where it can be seen."""
    old, new = Held("GPU-1", 1), Held("GPU-1", os.getpid())
    assert left_over({old: 2**20}, {old: 2**30}) is None
    assert left_over({old: 2**20}, {}) is None
    words = left_over({old: 2**20}, {old: 2**20, new: 512 * 2**20}) or ""
    assert f"process {os.getpid()} (" in words and "holds 512 MB of GPU-1" in words
    assert "holds memory of GPU-1" in (left_over({}, {new: None}) or "")


def test_a_gpu_that_is_not_there_holds_nothing() -> None:
    """Without a driver, or with a name that it does not know, nothing is told and nothing fails."""
    assert held(["GPU-00000000-0000-0000-0000-000000000000"]) == {}


def test_this_host() -> None:
    """It has a name, a processor, and every core that we may use once."""
    host = this_host()
    assert host.name and host.cpu
    if sys.platform == "linux":
        assert sorted(sum(host.cores, ())) == sorted(os.sched_getaffinity(0))
