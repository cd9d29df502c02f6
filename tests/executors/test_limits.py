"""What a run may use: memory, processes, disk, open files; and how much others used meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deep_loop.adapters.executors import bubblewrap
from deep_loop.adapters.executors.local import LocalExecutor
from deep_loop.adapters.executors.meter import STRIDE, Limits, occupied
from deep_loop.adapters.executors.sandbox import Wanted, choose
from deep_loop.ports import Exit, Slot
from deep_loop.testing.executor_contract import ended, job, python

LIMITS = Limits(memory_bytes=200 * 2**20, processes=30, disk_bytes=20 * 2**20, open_files=100)
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture(params=["off", "bubblewrap"])
def executor(request: pytest.FixtureRequest) -> Iterator[LocalExecutor]:
    """An executor with small limits, without a sandbox and with one."""
    wanted: Wanted = request.param
    if wanted == "bubblewrap" and (why := bubblewrap.missing()):
        pytest.skip(why)
    executor = LocalExecutor([Slot("cpu0")], sandbox=choose(wanted), limits=LIMITS)
    yield executor
    executor.stop()


def run(executor: LocalExecutor, folder: Path, command: str, slot: Slot | None = None) -> Exit:
    """Run a command to its end."""
    return ended(executor.start(job(folder, command), slot or executor.slots[0]))


@needs_proc
def test_too_much_memory_ends_a_run(executor: LocalExecutor, tmp_path: Path) -> None:
    """What all its processes take together counts, and the reason says so."""
    greedy = "import os, time; os.fork(); held = bytearray(os.urandom(2**20)) * 140; time.sleep(600)"
    exit = run(executor, tmp_path, python(greedy))
    assert exit.code is None and not exit.interrupted
    assert exit.problem is not None
    assert exit.problem.startswith("out of memory: it used 0.2")
    assert "may use 0.20 GB ([task] memory_gb)" in exit.problem


@needs_proc
def test_shared_memory_counts_once(executor: LocalExecutor, tmp_path: Path) -> None:
    """Workers that share what their parent holds are no reason to end a run."""
    code = """
import os, time
held = bytearray(os.urandom(2**20)) * 100
for _ in range(4):
    if os.fork() == 0:
        time.sleep(2)
        os._exit(0)
for _ in range(4):
    os.wait()
print("well")
"""
    assert run(executor, tmp_path, python(code)).text == "well\n"


@needs_proc
def test_too_many_processes_end_a_run(executor: LocalExecutor, tmp_path: Path) -> None:
    """A bomb is told from a program with many workers by its number, and none of it is left."""
    exit = run(executor, tmp_path, "for i in $(seq 60); do sleep 654.25 & done; wait")
    assert exit.problem is not None
    assert "may have 30 ([task] processes)" in exit.problem
    assert "654.25" not in subprocess.check_output(["ps", "-eo", "args"], text=True)


def test_too_much_on_the_disk_ends_a_run(executor: LocalExecutor, tmp_path: Path) -> None:
    """In its folder or among its temporary files."""
    for place in (".", "$HOME", "$TMPDIR"):
        exit = run(executor, tmp_path, f'head -c 40000000 /dev/zero > "{place}/big"; sleep 600')
        assert exit.problem == "out of disk: it wrote 0.04 GB, and may write 0.02 GB ([task] disk_gb)", place


def test_open_files_are_limited_and_core_files_not_written(executor: LocalExecutor, tmp_path: Path) -> None:
    """By the kernel, for every process of the run."""
    assert run(executor, tmp_path, "ulimit -n; ulimit -c").text == "100\n0\n"


@needs_proc
def test_a_run_goes_first_where_the_machine_s_memory_ends(executor: LocalExecutor, tmp_path: Path) -> None:
    """The kernel kills it before the harness, the supervisor or anything of the person's."""
    assert run(executor, tmp_path, "cat /proc/self/oom_score_adj").text == "1000\n"


@needs_proc
def test_a_run_keeps_to_its_slot_s_cores(executor: LocalExecutor, tmp_path: Path) -> None:
    """All of its processes; without cores in the slot it may use any."""
    core = max(os.sched_getaffinity(0))
    command = python("import os; print(sorted(os.sched_getaffinity(0)))")
    assert run(executor, tmp_path, command, Slot("cpu0", cpus=(core,))).text == f"[{core}]\n"
    assert run(executor, tmp_path, command).text == f"{sorted(os.sched_getaffinity(0))}\n"


@needs_proc
def test_the_load_is_what_others_do(executor: LocalExecutor, tmp_path: Path) -> None:
    """On the run's cores; its own work is none, whichever of its processes did it."""
    core = max(os.sched_getaffinity(0))
    slot = Slot("cpu0", cpus=(core,))
    burn = "import time; end = time.process_time() + {0}\nwhile time.process_time() < end: pass"
    own = run(executor, tmp_path, f"({python(burn.format(1.5))}); sleep 1", slot)
    other = subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"])
    try:
        beside = run(executor, tmp_path, "sleep 2", slot)
    finally:
        other.kill()
        other.wait()
    assert own.load is not None and beside.load is not None
    assert own.load <= 1.0 - 1.0 / own.seconds  # at least one of its 1.5 seconds of work were not taken for others'
    assert 0.8 <= beside.load <= 1.1


def test_a_short_run_has_no_load(executor: LocalExecutor, tmp_path: Path) -> None:
    """The kernel counts in hundredths of a second: what that says about an instant is chance."""
    assert run(executor, tmp_path, "true").load is None


def test_a_walk_counts_every_file_once_and_follows_no_link(tmp_path: Path) -> None:
    """Bit by bit, so that a log is not kept waiting; the last sum is the whole."""
    (tmp_path / "a").mkdir()
    for n in range(STRIDE + 10):
        (tmp_path / "a" / str(n)).write_bytes(b"x")
    (tmp_path / "big").write_bytes(b"x" * 10**6)
    (tmp_path / "link").symlink_to(tmp_path / "big")
    sums = list(occupied([str(tmp_path), str(tmp_path / "not there")]))
    assert len(sums) >= 2 and sums == sorted(sums)
    expected = sum(os.lstat(p).st_blocks * 512 for p in tmp_path.rglob("*"))
    assert sums[-1] == expected
