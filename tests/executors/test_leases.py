"""Devices leased among studies: exclusive, in turn, and let go by death."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deep_loop.adapters.executors.lease import Holder, Leases, holder, shared_folder
from deep_loop.adapters.executors.local import LocalExecutor
from deep_loop.ports import Slot
from deep_loop.testing.executor_contract import ended, job, wait_for

SLOT = Slot("gpu0", devices=("GPU-1", "GPU-0"))


@pytest.fixture
def studies(tmp_path: Path) -> Iterator[list[LocalExecutor]]:
    """Two studies on one machine, with one device."""
    made = [LocalExecutor([SLOT], leases=Leases(tmp_path / "leases", f"study {name}")) for name in "ab"]
    yield made
    for each in made:
        each.stop()


def held(tmp_path: Path) -> Holder | None:
    """Who has the device now."""
    return holder(tmp_path / "leases", "GPU-0")


def test_runs_of_two_studies_take_turns(studies: list[LocalExecutor], tmp_path: Path) -> None:
    """Never at one time; whoever waits comes before the one that has just run; waiting is said and costs no seconds."""
    log = tmp_path / "order"
    command = f"echo + >> {log}; sleep 0.3; echo - >> {log}"

    def three(study: LocalExecutor, name: str) -> None:
        named = f"{command}; echo {name} >> {log}.names"
        exits.extend(ended(study.start(job(tmp_path, named), SLOT)) for _ in range(3))

    exits: list[object] = []
    threads = [threading.Thread(target=three, args=(study, name)) for study, name in zip(studies, "ab", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.read_text() == "+\n-\n" * 6
    names = Path(f"{log}.names").read_text().replace("\n", "")
    assert "aaa" not in names and "bbb" not in names
    assert all(getattr(exit, "seconds", 99) < 1.5 for exit in exits)
    assert any("waits for gpu0, held by study" in notice for study in studies for notice in study.notices)


def test_a_waiting_run_can_be_stopped(studies: list[LocalExecutor], tmp_path: Path) -> None:
    """It resolves as interrupted without having run; the other one goes on, and the device is free after it."""
    first, second = studies
    go, ran = tmp_path / "go", tmp_path / "ran"
    running = first.start(job(tmp_path, f"while [ ! -e {go} ]; do sleep 0.05; done"), SLOT)
    wait_for(lambda: held(tmp_path) is not None, "the lease")
    assert (found := held(tmp_path)) is not None and (found.pid, found.who) == (os.getpid(), "study a")
    waiting = second.start(job(tmp_path, f"touch {ran}"), SLOT)
    wait_for(lambda: bool(second.notices), "the notice")
    second.stop()
    exit = ended(waiting)
    assert (exit.interrupted, exit.problem, ran.exists()) == (True, None, False)
    assert not running.done()
    go.touch()
    assert ended(running).code == 0
    assert held(tmp_path) is None
    assert ended(second.start(job(tmp_path, "true"), SLOT)).code == 0


def test_slots_of_different_devices_do_not_wait(tmp_path: Path) -> None:
    """Nor do runs without devices."""
    leases = Leases(tmp_path / "leases", "a")
    slots = [Slot("cpu0", devices=("core0",)), Slot("cpu1", devices=("core1",)), Slot("prepare")]
    executor = LocalExecutor(slots, leases=leases)
    wait = "while [ $(ls {0} | wc -l) -lt 3 ]; do sleep 0.05; done"
    (tmp_path / "here").mkdir()
    futures = [
        executor.start(job(tmp_path, f"touch {tmp_path}/here/{n}; " + wait.format(tmp_path / "here")), slot)
        for n, slot in enumerate(slots)
    ]
    assert [ended(future).code for future in futures] == [0, 0, 0]


def test_death_lets_go(tmp_path: Path) -> None:
    """A harness that is killed while its run is on frees the device, and not before that run is dead."""
    alive = tmp_path / "alive"
    code = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from deep_loop.adapters.executors.lease import Leases
        from deep_loop.adapters.executors.local import LocalExecutor
        from deep_loop.ports import Slot
        from deep_loop.testing.executor_contract import job
        folder, command = Path(sys.argv[1]), sys.argv[2]
        slot = Slot("gpu0", devices=("GPU-1", "GPU-0"))
        executor = LocalExecutor([slot], leases=Leases(folder / "leases", "killed"))
        future = executor.start(job(folder, command), slot)
        time.sleep(600)
        """
    )
    command = f"touch {alive}; while :; do sleep 0.05; date +%s.%N > {alive}; done"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), command])
    wait_for(alive.exists, "the run")
    process.kill()
    process.wait()
    leases = Leases(tmp_path / "leases", "next")
    lease = leases.take(SLOT.devices, lambda: False, lambda *_: None)
    assert lease is not None
    before = alive.read_text()
    time.sleep(0.3)
    assert alive.read_text() == before  # nobody writes there any more
    lease.release()


def test_a_folder_that_cannot_be_made_is_a_problem_in_words(tmp_path: Path) -> None:
    """The run resolves; nothing is run without its lease."""
    (tmp_path / "file").write_text("")
    executor = LocalExecutor([SLOT], leases=Leases(tmp_path / "file" / "leases", "a"))
    exit = ended(executor.start(job(tmp_path, "true"), SLOT))
    assert exit.problem is not None and exit.problem.startswith("cannot start the run")


def test_every_user_shares_the_leases(tmp_path: Path) -> None:
    """The folder and its files are open to all; a person can name another place."""
    folder = tmp_path / "leases"
    lease = Leases(folder, "a").take(("core0",), lambda: False, lambda *_: None)
    assert lease is not None
    lease.release()
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o666}
    assert shared_folder({}) == shared_folder({"DEEP_LOOP_LEASES": ""}) != shared_folder({"DEEP_LOOP_LEASES": "/x"})
