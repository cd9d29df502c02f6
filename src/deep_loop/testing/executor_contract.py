"""What every executor promises, as tests.

Subclass it in your tests and give two fixtures; pytest does the rest:

    class TestMine(ExecutorContract):
        @pytest.fixture
        def executor(self) -> Iterator[Executor]:
            executor = MyExecutor(slots=2, grace_seconds=0.5, log_limit_bytes=LOG_LIMIT_BYTES)
            yield executor
            executor.stop()

The executor under test has at least two slots, gives a run half a second between SIGTERM and SIGKILL,
caps logs at `LOG_LIMIT_BYTES`, runs jobs on this machine and shares its file system. Its runs may live in
namespaces of their own: jobs here name each place that they write to.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import psutil

from deep_loop.ports import Executor, Exit, Job

LOG_LIMIT_BYTES = 2**20
PATIENCE_SECONDS = 60.0  # for what must happen soon, on a machine that may be very busy

# A daemon in the full sense: forked twice, in a session of its own, deaf to SIGTERM, with the run's output open.
DAEMON = """
import os, pathlib, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        new = pathlib.Path(sys.argv[1] + ".new")
        new.write_text(str(os.getpid()))
        new.rename(sys.argv[1])
        time.sleep(600)
    os._exit(0)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""


def python(code: str, *arguments: object) -> str:
    """The shell command that runs this Python code with these arguments."""
    return shlex.join([sys.executable, "-c", code, *map(str, arguments)])


def job(folder: Path, command: str, *, timeout: float = 300.0, env: Mapping[str, str] | None = None) -> Job:
    """A job in a new run folder below `folder`, with an id that no other has; it may write to all of `folder`."""
    name = f"contract-{uuid.uuid4().hex}"
    run = folder / name
    run.mkdir()
    return Job(name, command, run, folder / f"{name}.log", env or {}, timeout, writes=(folder,))


def ended(future: Future[Exit]) -> Exit:
    """The future's exit; fails where it does not come."""
    return future.result(PATIENCE_SECONDS)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds; fails where it does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def pid_in(path: Path, task: Job) -> int:
    """The number, for us, of the process of a job that writes its own number into a file, once it is there."""
    wait_for(path.exists, f"{path.name} to be written")
    own = path.read_text().strip()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("DEEP_LOOP_RUN") == task.id and _numbers(process.pid)[-1] == own:
                return int(process.pid)
    return 0  # it has gone meanwhile; nobody alive has this number


def _numbers(pid: int) -> list[str]:
    """A process's numbers, from our namespace to its own."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [str(pid)])


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state.strip() != "" and not state.strip().startswith("Z")


class ExecutorContract:
    """The promises of `ports.Executor`. Needs a fixture `executor`."""

    def test_a_run_that_ends_well(self, executor: Executor, tmp_path: Path) -> None:
        """Code, time and both streams in the order of printing come back; the log has the same text."""
        task = job(tmp_path, "echo one; echo two >&2; pwd")
        exit = ended(executor.start(task, executor.slots[0]))
        assert (exit.code, exit.timed_out, exit.interrupted, exit.problem) == (0, False, False, None)
        assert exit.text == f"one\ntwo\n{task.folder.resolve()}\n"
        assert task.log.read_text() == exit.text
        assert exit.seconds > 0

    def test_an_exit_code_comes_back(self, executor: Executor, tmp_path: Path) -> None:
        """A failing program's code is reported, and is no problem of the executor's."""
        exit = ended(executor.start(job(tmp_path, "exit 7"), executor.slots[0]))
        assert (exit.code, exit.problem) == (7, None)

    def test_death_by_a_signal_shows(self, executor: Executor, tmp_path: Path) -> None:
        """A program killed by somebody else has that signal's code, plain or as a shell reports it."""
        exit = ended(executor.start(job(tmp_path, "kill -SEGV $$"), executor.slots[0]))
        assert exit.code in (-signal.SIGSEGV, 128 + signal.SIGSEGV)

    def test_a_missing_folder_is_a_problem_in_words(self, executor: Executor, tmp_path: Path) -> None:
        """What the executor cannot do is told in the exit: the future does not raise."""
        task = job(tmp_path, "true")
        task.folder.rmdir()
        exit = ended(executor.start(task, executor.slots[0]))
        assert exit.code is None
        assert exit.problem is not None
        assert str(task.folder) in exit.problem

    def test_standard_input_is_empty(self, executor: Executor, tmp_path: Path) -> None:
        """A program that reads its standard input finds its end at once."""
        assert ended(executor.start(job(tmp_path, "cat; echo end"), executor.slots[0])).text == "end\n"

    def test_two_runs_at_a_time(self, executor: Executor, tmp_path: Path) -> None:
        """Runs in two slots overlap: each waits for the other's sign."""
        wait = "while [ ! -e {other} ]; do sleep 0.05; done"
        first, second = tmp_path / "first", tmp_path / "second"
        futures = [
            executor.start(job(tmp_path, f"touch {mine}; {wait.format(other=other)}"), slot)
            for mine, other, slot in zip((first, second), (second, first), executor.slots, strict=False)
        ]
        assert [ended(future).code for future in futures] == [0, 0]

    def test_the_environment_is_the_job_s_and_the_slot_s(self, executor: Executor, tmp_path: Path) -> None:
        """The job's and the slot's variables arrive; git does not look above the run's folder."""
        slot = executor.slots[0]
        task = job(tmp_path, "env", env={"DEEP_LOOP_SEED": "42"})
        lines = ended(executor.start(task, slot)).text.splitlines()
        expected = {"DEEP_LOOP_SEED": "42", "GIT_CEILING_DIRECTORIES": str(tmp_path), **slot.env}
        assert {f"{name}={value}" for name, value in expected.items()} <= set(lines)

    def test_the_log_grows_while_it_runs(self, executor: Executor, tmp_path: Path) -> None:
        """What is printed can be read at once, not only at the end."""
        go = tmp_path / "go"
        task = job(tmp_path, f"echo started; while [ ! -e {go} ]; do sleep 0.05; done; echo ended")
        future = executor.start(task, executor.slots[0])
        wait_for(lambda: task.log.exists() and task.log.read_text() == "started\n", "the first line")
        go.touch()
        assert ended(future).text == "started\nended\n"

    def test_a_flood_of_output_keeps_head_and_tail(self, executor: Executor, tmp_path: Path) -> None:
        """Far more output than the cap costs no more disk than the cap, and the last line is there."""
        flood = "print('head'); [print('x' * 99_999) for _ in range(300)]; print('val_bpb: 1.5')"
        task = job(tmp_path, python(flood))
        exit = ended(executor.start(task, executor.slots[0]))
        assert exit.code == 0
        assert exit.text.startswith("head\nxxx")
        assert exit.text.endswith("x\nval_bpb: 1.5\n")
        assert "bytes cut here]\n" in exit.text
        assert task.log.stat().st_size <= LOG_LIMIT_BYTES

    def test_binary_output_is_text_with_marks(self, executor: Executor, tmp_path: Path) -> None:
        """Bytes that are no text are replaced; what stands around them is untouched."""
        task = job(tmp_path, r"printf 'a\377\000\200b\n'")
        assert ended(executor.start(task, executor.slots[0])).text == "a\ufffd\0\ufffdb\n"

    def test_a_time_out_ends_a_program_that_ignores_sigterm(self, executor: Executor, tmp_path: Path) -> None:
        """SIGTERM, a grace, SIGKILL; what was printed before is there."""
        deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
        exit = ended(executor.start(job(tmp_path, python(deaf), timeout=3.0), executor.slots[0]))
        assert (exit.code, exit.timed_out, exit.interrupted) == (None, True, False)
        assert exit.text == "deaf\n"
        assert exit.seconds >= 3.0

    def test_a_time_out_lets_a_program_close_up(self, executor: Executor, tmp_path: Path) -> None:
        """A program that answers SIGTERM gets to do so; it has timed out all the same."""
        polite = "trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
        exit = ended(executor.start(job(tmp_path, polite, timeout=2.0), executor.slots[0]))
        assert (exit.code, exit.timed_out) == (None, True)
        assert exit.text.startswith("ready\n")
        assert exit.text.endswith("saved\n")  # a shell may note in between that its `sleep` was terminated

    def test_a_time_out_reaches_daemons(self, executor: Executor, tmp_path: Path) -> None:
        """A daemon dies with a run that timed out."""
        mark = tmp_path / "daemon"
        task = job(tmp_path, python(DAEMON, mark) + "; sleep 600", timeout=4.0)
        future = executor.start(task, executor.slots[0])
        daemon = pid_in(mark, task)
        assert ended(future).timed_out
        assert not alive(daemon)

    def test_a_daemon_does_not_outlive_its_run(self, executor: Executor, tmp_path: Path) -> None:
        """What a program leaves behind neither holds the run open nor lives on."""
        mark = tmp_path / "daemon"
        go = tmp_path / "go"
        task = job(tmp_path, f"{python(DAEMON, mark)}; while [ ! -e {go} ]; do sleep 0.05; done")
        future = executor.start(task, executor.slots[0])
        daemon = pid_in(mark, task)
        go.touch()
        assert ended(future).code == 0
        assert daemon and not alive(daemon)

    def test_stop_kills_the_whole_tree(self, executor: Executor, tmp_path: Path) -> None:
        """After `stop` every run is interrupted, and nothing of it lives; the executor can be used again."""
        marks = [tmp_path / "one", tmp_path / "two"]
        tasks = [job(tmp_path, python(DAEMON, mark) + "; sleep 600") for mark in marks]
        futures = [executor.start(task, slot) for task, slot in zip(tasks, executor.slots, strict=False)]
        daemons = [pid_in(mark, task) for mark, task in zip(marks, tasks, strict=True)]
        executor.stop()
        assert all(ended(future).interrupted for future in futures)
        assert not any(alive(daemon) for daemon in daemons)
        assert ended(executor.start(job(tmp_path, "true"), executor.slots[0])).code == 0

    def test_a_hopeless_run_is_stopped_early(self, executor: Executor, tmp_path: Path) -> None:
        """What the log says decides; the run counts as pruned, not as interrupted, and none of it goes on."""
        code = "import time; print('well', flush=True); time.sleep(0.3); print('diverged', flush=True); time.sleep(600)"
        doomed = replace(job(tmp_path, python(code)), hopeless=lambda log: "why" if "diverged" in log else None)
        done = ended(executor.start(doomed, executor.slots[0]))
        assert (done.pruned, done.interrupted, done.timed_out, done.problem) == (True, False, False, None)
        assert "diverged" in done.text

    def test_a_hopeful_run_is_left_alone(self, executor: Executor, tmp_path: Path) -> None:
        """Being asked changes nothing."""
        code = "import time; print('all is well', flush=True); time.sleep(2.5)"
        hopeful = replace(job(tmp_path, python(code)), hopeless=lambda log: None)
        done = ended(executor.start(hopeful, executor.slots[0]))
        assert (done.code, done.pruned, done.interrupted) == (0, False, False)

    def test_stop_after_the_end_changes_nothing(self, executor: Executor, tmp_path: Path) -> None:
        """A run that ended by itself stays so."""
        future = executor.start(job(tmp_path, "true"), executor.slots[0])
        assert ended(future).code == 0
        executor.stop()
        assert not ended(future).interrupted

    def test_sweep_kills_what_a_dead_harness_left(self, executor: Executor, tmp_path: Path) -> None:
        """Marked processes of the named jobs die, others stay, and a second sweep finds nothing."""
        task, other = job(tmp_path, "sleep 600"), job(tmp_path, "sleep 600")
        left, spared = (
            subprocess.Popen(["sleep", "600"], env={**os.environ, "DEEP_LOOP_RUN": each.id}) for each in (task, other)
        )
        try:
            assert executor.sweep([task.id, "never-existed"]) == 1
            assert left.wait(PATIENCE_SECONDS) == -signal.SIGKILL
            assert executor.sweep([task.id]) == 0
            assert spared.poll() is None
        finally:
            for process in (left, spared):
                process.kill()
                process.wait()

    def test_every_process_carries_the_mark(self, executor: Executor, tmp_path: Path) -> None:
        """A run's processes can be found by its job's id."""
        task = job(tmp_path, 'echo "$DEEP_LOOP_RUN"')
        assert ended(executor.start(task, executor.slots[0])).text == f"{task.id}\n"

    def test_each_run_has_a_home_and_temporary_files_of_its_own(self, executor: Executor, tmp_path: Path) -> None:
        """Neither is the person's, both can be written, and nothing of them is left."""
        command = 'echo x > "$HOME/mine"; echo x > "$TMPDIR/mine"; mkdir -m 0 "$HOME/closed"; ls "$HOME" "$TMPDIR"; pwd'
        texts = [ended(executor.start(job(tmp_path, command), executor.slots[0])).text for _ in range(2)]
        assert all(text.count("mine\n") == 2 for text in texts), texts
        code = "import os, tempfile; print(os.path.expanduser('~')); print(tempfile.gettempdir())"
        exit = ended(executor.start(job(tmp_path, python(code)), executor.slots[0]))
        home = Path(exit.text.splitlines()[0])
        assert home != Path.home()
        assert not home.exists()

    def test_the_evaluator_s_channel_comes_back(self, executor: Executor, tmp_path: Path) -> None:
        """Its text, or that nothing was written; a pipe in its place neither hangs nor counts as a result."""
        channel = tmp_path / "result"
        task = replace(job(tmp_path, "true"), channel=channel)
        assert ended(executor.start(task, executor.slots[0])).channel is None
        task = replace(job(tmp_path, f"echo '{{\"a\": 1}}' >> {channel}"), channel=channel)
        assert ended(executor.start(task, executor.slots[0])).channel == '{"a": 1}\n'
        task = replace(job(tmp_path, f"rm {channel}; mkfifo {channel}"), channel=channel)
        assert ended(executor.start(task, executor.slots[0])).channel == "is no file"
