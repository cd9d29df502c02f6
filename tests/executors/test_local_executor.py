"""The local executor: the contract, and what only it promises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import deep_loop
from deep_loop.adapters.executors import bubblewrap
from deep_loop.adapters.executors.local import LocalExecutor
from deep_loop.adapters.executors.places import Places
from deep_loop.adapters.executors.sandbox import choose
from deep_loop.ports import Executor, Job, Slot
from deep_loop.testing.executor_contract import (
    DAEMON,
    LOG_LIMIT_BYTES,
    ExecutorContract,
    alive,
    ended,
    job,
    pid_in,
    python,
    wait_for,
)

SLOTS = (Slot("cpu0"), Slot("gpu1", {"CUDA_VISIBLE_DEVICES": "1"}))


def make(**options: object) -> LocalExecutor:
    """An executor with two slots and little patience."""
    settings = {"grace_seconds": 0.5, "log_limit_bytes": LOG_LIMIT_BYTES, **options}
    return LocalExecutor(SLOTS, **settings)  # type: ignore[arg-type]


def supervisor_of(pid: int) -> psutil.Process:
    """The supervisor above a process of a run."""
    return next(p for p in psutil.Process(pid).parents() if any("executors.supervisor" in part for part in p.cmdline()))


class TestLocalExecutor(ExecutorContract):
    """The contract, without a sandbox."""

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        """An executor whose runs end with the test."""
        executor = make()
        yield executor
        executor.stop()


@pytest.mark.skipif(bubblewrap.missing() is not None, reason=str(bubblewrap.missing()))
class TestInBubblewrap(ExecutorContract):
    """The contract, in a container of bubblewrap's."""

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        """An executor whose runs end with the test."""
        executor = make(sandbox=bubblewrap.Bubblewrap())
        yield executor
        executor.stop()


@pytest.fixture(params=["off", "bubblewrap"])
def executor(request: pytest.FixtureRequest) -> Iterator[LocalExecutor]:
    """An executor whose runs end with the test, without a sandbox and with one."""
    if request.param == "bubblewrap" and (why := bubblewrap.missing()):
        pytest.skip(why)
    executor = make(sandbox=choose(request.param))
    yield executor
    executor.stop()


def test_secrets_stay_out(executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the harness's environment reaches a run, whatever it is called."""
    canaries = [
        "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "UV_PUBLISH_TOKEN",
        "UV_INDEX_PRIVATE_PASSWORD", "HF_TOKEN", "HTTPS_PROXY", "SSH_AUTH_SOCK", "CUDA_LICENSE_KEY",
    ]  # fmt: skip
    for name in canaries:
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("UV_INDEX_URL", "https://me:canary@packages.example/simple")
    text = ended(executor.start(job(tmp_path, "env; cat /proc/$PPID/environ"), SLOTS[0])).text
    assert "HOME=" in text
    assert "canary" not in text


def test_variables_of_places_that_it_does_not_see_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache in the person's home is named to a run only where the run is shown it; search paths are kept."""
    home, data = tmp_path / "home", tmp_path / "home" / "data"
    (home / "bin").mkdir(parents=True)
    for name, value in {"XDG_CACHE_HOME": home / ".cache", "HF_HOME": data / "hf", "UV_CACHE_DIR": "/var/uv"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PATH", f"{home}/bin:/usr/bin:/bin")
    executor = make(places=Places(home=home, read=(data,)))
    text = ended(executor.start(job(tmp_path, "env"), SLOTS[0])).text
    assert "XDG_CACHE_HOME" not in text
    assert f"HF_HOME={data}/hf\n" in text and "UV_CACHE_DIR=/var/uv\n" in text
    assert f":{home}/bin:/usr/bin:/bin\n" in text


def test_python_is_the_harness_s_own(executor: LocalExecutor, tmp_path: Path) -> None:
    """`python` in a run command means the environment that runs deep-loop."""
    code = 'python -c "import sys; print(sys.prefix)"'
    assert ended(executor.start(job(tmp_path, code), SLOTS[0])).text == f"{sys.prefix}\n"


def test_a_variable_asked_for_by_name_is_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person may hand a task what it needs, a key as well."""
    monkeypatch.setenv("WANDB_API_KEY", "wanted")
    executor = make(passed=["WANDB_API_KEY", "NOT_SET"])
    assert ended(executor.start(job(tmp_path, "echo $WANDB_API_KEY"), SLOTS[0])).text == "wanted\n"


def test_nothing_outlives_a_harness_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the harness ends the run, its daemon and its supervisor."""
    mark, main = tmp_path / "daemon", tmp_path / "main"
    command = f"{python(DAEMON, mark)}; echo $$ > {main}.new; mv {main}.new {main}; sleep 600"
    harness = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from deep_loop.adapters.executors.local import LocalExecutor
        from deep_loop.ports import Job, Slot
        folder, command = Path(sys.argv[1]), sys.argv[2]
        future = LocalExecutor([Slot("cpu0")]).start(
            Job(f"killed-{folder}", command, folder, folder / "log", {}, 600.0), Slot("cpu0")
        )
        time.sleep(600)
        """
    )
    source = str(Path(deep_loop.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", harness, str(tmp_path), command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])},
    )
    job = Job(f"killed-{tmp_path}", command, tmp_path, tmp_path / "log", {}, 600.0)
    pids = [pid_in(mark, job), pid_in(main, job)]
    pids.append(supervisor_of(pids[1]).pid)
    process.kill()
    process.wait()
    wait_for(lambda: not any(alive(pid) for pid in pids), "the run to end")


def test_a_supervisor_that_is_killed_is_noticed(executor: LocalExecutor, tmp_path: Path) -> None:
    """The run of a lost supervisor ends with a problem in words, and nothing of it is left."""
    mark = tmp_path / "daemon"
    task = job(tmp_path, python(DAEMON, mark) + "; sleep 600")
    future = executor.start(task, SLOTS[0])
    daemon = pid_in(mark, task)
    supervisor_of(daemon).kill()
    exit = ended(future)
    assert exit.problem == "its supervisor ended without a report (exit code -9)"
    assert (exit.code, exit.interrupted) == (None, False)
    assert not alive(daemon)


def test_a_supervisor_told_to_end_interrupts_its_run(executor: LocalExecutor, tmp_path: Path) -> None:
    """SIGTERM to everything, as when the machine shuts down, is no fault of the change."""
    mark = tmp_path / "daemon"
    task = job(tmp_path, python(DAEMON, mark) + "; sleep 600")
    future = executor.start(task, SLOTS[0])
    daemon = pid_in(mark, task)
    supervisor_of(daemon).send_signal(signal.SIGTERM)
    exit = ended(future)
    assert (exit.code, exit.interrupted, exit.problem) == (None, True, None)
    assert not alive(daemon)


def test_a_process_that_drops_its_mark_dies_too(executor: LocalExecutor, tmp_path: Path) -> None:
    """The supervisor finds its descendants by kinship, not by their environment."""
    mark = tmp_path / "daemon"
    command = f"env -i setsid -f {python(DAEMON, mark)}; while [ ! -e {mark} ]; do sleep 0.05; done"
    assert ended(executor.start(job(tmp_path, command), SLOTS[0])).code == 0
    assert mark.exists()
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(mark) in (p.info["cmdline"] or [])]


def test_processes_that_flee_are_caught(executor: LocalExecutor, tmp_path: Path) -> None:
    """A chain of processes that each fork a successor and exit ends with its run."""
    count = tmp_path / "count"
    flee = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    with open(sys.argv[1], "ab", buffering=0) as count:
        for _ in range(100_000):
            if os.fork():
                os._exit(0)
            count.write(b".")
            time.sleep(0.001)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""
    exit = ended(executor.start(job(tmp_path, python(flee, count)), SLOTS[0]))
    assert (exit.code, exit.problem) == (0, None)
    reached = count.stat().st_size
    assert ended(executor.start(job(tmp_path, "sleep 0.3"), SLOTS[0])).code == 0
    assert count.stat().st_size == reached


def test_a_full_disk_is_a_problem_in_words(executor: LocalExecutor, tmp_path: Path) -> None:
    """A log that cannot be written ends the run at once and says why."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    task = Job(f"full-{tmp_path}", "echo lost; sleep 600", tmp_path, full, {}, 300.0)
    exit = ended(executor.start(task, SLOTS[0]))
    assert (exit.code, exit.problem) == (None, "cannot write the log: No space left on device")


def test_a_log_that_cannot_be_opened_is_a_problem(executor: LocalExecutor, tmp_path: Path) -> None:
    """A log path that is a folder is told, and nothing is run."""
    ran = tmp_path / "ran"
    exit = ended(executor.start(Job(f"log-{tmp_path}", f"touch {ran}", tmp_path, tmp_path, {}, 9.0), SLOTS[0]))
    assert exit.problem is not None
    assert exit.problem.startswith("cannot write the log")
    assert not ran.exists()


def test_an_impossible_command_is_a_problem(executor: LocalExecutor, tmp_path: Path) -> None:
    """A job that no process can be started for resolves all the same."""
    exit = ended(executor.start(job(tmp_path, "true", env={"BAD": "a\0b"}), SLOTS[0]))
    assert exit.problem is not None
    assert exit.problem.startswith("cannot start the run")


def test_a_large_flood_costs_bounded_disk_and_memory(executor: LocalExecutor, tmp_path: Path) -> None:
    """200 MB of output through a cap of 1 MiB: the last line is there, and the supervisor stays small."""
    go = tmp_path / "go"
    flood = f"head -c 200000000 /dev/zero; echo; echo val_bpb: 1.5; touch {go}.done"
    task = job(tmp_path, f"echo $$ > pid.new; mv pid.new pid; {flood}; while [ ! -e {go} ]; do sleep 0.05; done")
    future = executor.start(task, SLOTS[0])
    supervisor = supervisor_of(pid_in(task.folder / "pid", task))
    wait_for(Path(f"{go}.done").exists, "the flood to end")
    resident = supervisor.memory_info().rss
    go.touch()
    exit = ended(future)
    assert exit.text.endswith("\nval_bpb: 1.5\n")
    assert task.log.stat().st_size <= LOG_LIMIT_BYTES
    assert resident < 64 * 2**20


def test_git_in_a_run_does_not_find_the_person_s_repository(executor: LocalExecutor, tmp_path: Path) -> None:
    """A run folder inside a repository is outside it, for git."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    exit = ended(executor.start(job(tmp_path, "git rev-parse --show-toplevel"), SLOTS[0]))
    assert exit.code == 128
    assert "not a git repository" in exit.text


def test_many_short_runs_leak_nothing(executor: LocalExecutor, tmp_path: Path) -> None:
    """Runs leave no open file behind in the harness."""
    ended(executor.start(job(tmp_path, "true"), SLOTS[0]))
    before = psutil.Process().num_fds()
    for _ in range(10):
        ended(executor.start(job(tmp_path, "true"), SLOTS[0]))
    wait_for(lambda: psutil.Process().num_fds() <= before, "files to be closed")
