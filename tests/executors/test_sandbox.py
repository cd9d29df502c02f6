"""What a run can see, write and reach, tried from within."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deep_loop.adapters.executors import bubblewrap, fence, landlock
from deep_loop.adapters.executors.local import LocalExecutor
from deep_loop.adapters.executors.places import Places
from deep_loop.adapters.executors.sandbox import choose, protections
from deep_loop.errors import ConfigError
from deep_loop.ports import Exit, Job, Slot
from deep_loop.testing.executor_contract import DAEMON, alive, ended, pid_in, python, wait_for

CPU = Slot("cpu0")
MISSING = {"bubblewrap": bubblewrap.missing, "landlock": fence.missing}
Try = Callable[..., Exit]


@pytest.fixture(params=["bubblewrap", "landlock"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each sandbox that works here; the others are skipped with the reason."""
    if why := MISSING[request.param]():
        pytest.skip(why)
    return str(request.param)


class Land:
    """A person's home with a study in it, and places around."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.workspace = self.home / "study"
        self.folder = self.workspace / ".deep-loop" / "runs" / "1"
        self.other = self.workspace / ".deep-loop" / "runs" / "2" / "train.py"
        self.ledger = self.workspace / ".deep-loop" / "ledger.db"
        self.history = self.workspace / ".git" / "HEAD"
        self.key = self.home / ".ssh" / "id"
        self.data = root / "data"
        self.model = self.home / "models" / "m"
        self.held_out = self.data / "held out" / "labels"
        self.cache = self.home / ".cache" / "task"
        self.elsewhere = root / "elsewhere"
        for file in (self.other, self.ledger, self.history, self.key, self.model, self.held_out):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("found\n")
        (self.data / "train").write_text("found\n")
        (self.cache).mkdir(parents=True)
        (self.cache / "old").write_text("found\n")
        self.folder.mkdir(parents=True)
        (self.folder / "train.py").write_text("found\n")
        (self.folder / "prepare.py").write_text("found\n")
        self.elsewhere.mkdir()

    def places(self) -> Places:
        """The study's places, as its settings would say them."""
        return Places(
            home=self.home,
            workspace=self.workspace,
            read=(self.data, self.model.parent),
            caches=(self.cache,),
            hidden=(self.held_out.parent,),
        )


@pytest.fixture
def land(tmp_path: Path) -> Land:
    """A person's home with a study in it."""
    return Land(tmp_path)


@pytest.fixture
def attempt(kind: str, land: Land, tmp_path: Path) -> Iterator[Try]:
    """Runs a command in the study's sandbox; more keywords change the job."""
    executor = LocalExecutor(
        [CPU],
        sandbox=choose(kind),
        places=land.places(),
        scratch_root=land.workspace / ".deep-loop" / "tmp",  # type: ignore[arg-type]
    )

    def run(command: str, **changes: object) -> Exit:
        job = Job(f"sandbox-{tmp_path}", command, land.folder, tmp_path / "log", {}, 60.0)
        return ended(executor.start(replace(job, **changes), CPU))  # type: ignore[arg-type]

    yield run
    executor.stop()


def test_what_a_run_sees(attempt: Try, land: Land) -> None:
    """Its folder, what it may read and its caches; nothing of the ledger, the history, other runs or the home."""
    for file in (land.folder / "train.py", land.data / "train", land.model, land.cache / "old", Path("/etc/passwd")):
        assert attempt(f"cat '{file}'").code == 0, file
    for file in (land.other, land.ledger, land.history, land.key, land.held_out):
        exit = attempt(f"cat '{file}'")
        assert exit.code == 1 and "found" not in exit.text, file
    assert ".ssh" not in attempt(f"ls -a '{land.home}'").text.split()


def test_held_out_data_are_there_for_their_run_alone(attempt: Try, land: Land) -> None:
    """The run that measures a keep on them sees them."""
    assert attempt(f"cat '{land.held_out}'", holdout=True).text == "found\n"


def test_what_a_run_writes(attempt: Try, land: Land) -> None:
    """Its folder, its home, its temporary files, its caches and what the job names; nowhere else."""
    for place in (str(land.folder), str(land.cache), str(land.elsewhere), "$HOME", "$TMPDIR", "/dev/shm"):
        exit = attempt(f'echo x > "{place}/new" && rm "{place}/new"', writes=(land.elsewhere,))
        assert exit.code == 0, (place, exit.text)
    for place in (land.elsewhere, land.data, land.workspace, land.home, land.model.parent, Path("/usr"), Path("/run")):
        assert attempt(f"echo x > '{place}/new'").code != 0, place
        assert not (place / "new").exists()


def test_caches_are_found_again_from_the_run_s_own_home(attempt: Try, land: Land) -> None:
    """`~/.cache/task` of a run is the person's, and stays; what else it writes at home is gone."""
    assert attempt("cat ~/.cache/task/old; echo new > ~/.cache/task/new; echo x > ~/mine").text == "found\n"
    assert (land.cache / "new").read_text() == "new\n"
    assert attempt("ls ~/mine").code != 0
    assert not (land.home / "mine").exists()


def test_a_clean_run_has_empty_caches(attempt: Try, land: Land) -> None:
    """It can write them, and neither sees nor changes what is there."""
    exit = attempt("ls ~/.cache/task; echo x > ~/.cache/task/new; cat ~/.cache/task/new", clean=True)
    assert (exit.code, exit.text) == (0, "x\n")
    assert [entry.name for entry in land.cache.iterdir()] == ["old"]
    assert "found" not in attempt(f"cat '{land.cache}/old'", clean=True).text


def test_protected_files_cannot_be_written(land: Land, tmp_path: Path) -> None:
    """Neither edited, nor replaced, nor removed, nor uncovered; bubblewrap alone can do that."""
    if why := bubblewrap.missing():
        pytest.skip(why)
    executor = LocalExecutor([CPU], sandbox=bubblewrap.Bubblewrap(), places=land.places())
    protected = land.folder / "prepare.py"
    for deed in ("echo x > prepare.py", "rm -f prepare.py", "mv train.py prepare.py", "umount prepare.py",
                 "chmod +x prepare.py", "unshare -Urm sh -c 'umount prepare.py; echo x > prepare.py'"):  # fmt: skip
        job = Job(f"protected-{tmp_path}", deed, land.folder, tmp_path / "log", {}, 60.0, protected=(protected,))
        assert ended(executor.start(job, CPU)).code != 0, deed
        assert protected.read_text() == "found\n" and protected.stat().st_mode & 0o111 == 0


@pytest.fixture
def served() -> Iterator[int]:
    """The port of a server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_there_is_no_network(attempt: Try, served: int) -> None:
    """A run reaches nobody, unless its job says that it needs to."""
    call = python(f"import socket; socket.create_connection(('127.0.0.1', {served}), 5); print('reached')")
    assert "reached" not in attempt(call).text
    assert attempt(call, network=True).text == "reached\n"


def test_other_processes_are_out_of_reach(attempt: Try) -> None:
    """The harness can neither be signalled nor its environment read."""
    mine = os.getpid()
    assert attempt(f"cat /proc/{mine}/environ >/dev/null && echo read").text.count("read\n") == 0
    if (landlock.version() or 0) >= landlock.SCOPE_VERSION:
        assert attempt(f"kill -0 {mine} && echo reached").text.count("reached") == 0


def test_exit_codes_come_through(attempt: Try) -> None:
    """Plain codes, death by a signal, and the 137 of a process that ran out of memory."""
    assert attempt("exit 7").code == 7
    assert attempt("kill -KILL $$").code in (-9, 137)
    assert attempt("sh -c 'kill -KILL $$'; exit $?").code == 137
    assert attempt("true").confined


def test_a_daemon_dies_with_its_run(attempt: Try, land: Land, tmp_path: Path) -> None:
    """In a session of its own, deaf, and without its mark too."""
    mark = land.elsewhere / "daemon"
    attempt(f"env -i {python(DAEMON, mark)}", writes=(land.elsewhere,))
    assert mark.exists()
    ps = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(mark) not in ps


def test_a_killed_supervisor_takes_a_daemon_without_a_mark_along(land: Land, tmp_path: Path) -> None:
    """The process namespace ends with its first process, whoever was to look after it."""
    if why := bubblewrap.missing():
        pytest.skip(why)
    executor = LocalExecutor([CPU], sandbox=bubblewrap.Bubblewrap(), places=land.places())
    mark, main = land.elsewhere / "daemon", land.elsewhere / "main"
    command = f"env -i {python(DAEMON, mark)}; echo $$ > {main}.new; mv {main}.new {main}; sleep 600"
    job = Job(f"killed-{tmp_path}", command, land.folder, tmp_path / "log", {}, 60.0, writes=(land.elsewhere,))
    future = executor.start(job, CPU)
    pid = pid_in(main, job)
    above = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    while "executors.supervisor" not in Path(f"/proc/{above}/cmdline").read_text():
        above = int(Path(f"/proc/{above}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(above, 9)
    assert "without a report" in (ended(future).problem or "")
    wait_for(lambda: str(mark) not in subprocess.check_output(["ps", "-eo", "args"], text=True), "the daemon to die")
    assert not alive(pid)


def test_python_with_threads_processes_and_shared_memory(attempt: Try) -> None:
    """What data loaders need: a pool of processes, pipes, sockets in the temporary folder, shared memory."""
    code = """
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.connection import Listener
import tempfile, os
memory = SharedMemory(create=True, size=1 << 20); memory.buf[0] = 7; memory.close(); memory.unlink()
Listener(os.path.join(tempfile.mkdtemp(), "socket")).close()
with get_context("fork").Pool(2) as pool:
    print(sum(pool.map(abs, range(-10, 0))))
"""
    assert attempt(python(code)).text == "55\n"


def test_a_sandbox_that_fails_is_a_problem_in_words(land: Land, tmp_path: Path) -> None:
    """The program did not run, and is not blamed."""
    if why := bubblewrap.missing():
        pytest.skip(why)

    class Broken(bubblewrap.Bubblewrap):
        def wrap(self, *arguments: object) -> list[str]:
            return [a for a in super().wrap(*arguments) if a != "--proc"]  # type: ignore[arg-type]

    executor = LocalExecutor([CPU], sandbox=Broken(), places=land.places())
    job = Job(f"broken-{tmp_path}", "echo ran", land.folder, tmp_path / "log", {}, 60.0)
    exit = ended(executor.start(job, CPU))
    assert exit.problem is not None and "sandbox" in exit.problem
    assert "ran\n" not in exit.text


def test_the_machine_s_own_interpreter_works_inside(attempt: Try) -> None:
    """`python` is the harness's, with its packages."""
    exit = attempt('python -c "import sys, numpy; print(sys.prefix)"')
    assert exit.text == f"{sys.prefix}\n"


def test_a_sandbox_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without bubblewrap on the path "auto" takes the next best, and asking for it is an error with a hint."""
    monkeypatch.setenv("PATH", str(tmp_path))
    bubblewrap.missing.cache_clear()
    try:
        with pytest.raises(ConfigError, match="not installed") as caught:
            choose("bubblewrap")
        assert caught.value.hint
        assert getattr(choose("auto"), "name", None) == (None if fence.missing() else "landlock")
        told = {each.name: each for each in protections("auto", network=False)}
        assert not told["protected files cannot be written"].holds
    finally:
        bubblewrap.missing.cache_clear()


def test_what_holds_is_told_plainly() -> None:
    """Without a sandbox nothing of it is claimed; the network is none where the task asks for it."""
    told = {each.name: each.holds for each in protections("off", network=False)}
    assert not any(told[name] for name in told if "writes only" in name or "no view" in name or "network" in name)
    assert told["own home and temporary files"]
    asked = {each.name: each for each in protections("auto", network=True)}
    assert (asked["no network"].holds, asked["no network"].why) == (False, "[task] network = true")
