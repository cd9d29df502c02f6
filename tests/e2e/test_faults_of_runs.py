"""What a run may do to its harness: each ends as an outcome, with nothing left over, and the study goes on."""

from __future__ import annotations

from pathlib import Path

import faults_lab
import pytest
from faults_lab import decision, goes_on, in_order, make, outcome, run, went_well

from deep_loop.core.experiment import Crash, Crashed, Measured, TimedOut

DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        os.execve("/bin/sleep", ["{name}", "300"], {{}})
    os._exit(0)
os.wait()
"""

FLOOD = """
chunk = b"x" * 99 + b"\\n"
chunk *= 1 << 14
for _ in range(5 * 10**9 // len(chunk)):
    os.write(1, chunk)
"""


def test_a_run_that_hangs(tmp_path: Path) -> None:
    """Is killed at its time limit, and is a crash that says so."""
    lab = make(tmp_path / "lab", "time.sleep(600)", timeout=1)
    went_well(run(lab, fault=True))
    assert isinstance(outcome(lab), TimedOut)
    assert decision(lab) == Crash("timed out after 1 s")
    in_order(lab, 1)
    goes_on(lab)


def test_a_run_that_ignores_sigterm(tmp_path: Path) -> None:
    """Is killed all the same, a grace later."""
    lab = make(tmp_path / "lab", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)", timeout=1)
    went_well(run(lab, fault=True))
    assert isinstance(outcome(lab), TimedOut)
    in_order(lab, 1)
    goes_on(lab)


def test_a_daemon_that_would_outlive_its_run(tmp_path: Path) -> None:
    """A process that left its session, its parent, its folder and its environment ends with the run."""
    name = f"daemon-of-{tmp_path.name}-{tmp_path.parent.name}"
    lab = make(tmp_path / "lab", DAEMON.format(name=name))
    went_well(run(lab, fault=True))
    assert isinstance(outcome(lab), Measured)
    assert not faults_lab.processes(name)
    in_order(lab, 1)
    goes_on(lab)


def test_a_run_that_prints_five_gigabytes(tmp_path: Path) -> None:
    """Its log stays small, its end is there, and the metric is read from it."""
    lab = make(tmp_path / "lab", FLOOD)
    went_well(run(lab, fault=True))
    assert isinstance(outcome(lab), Measured)
    assert faults_lab.log(lab).stat().st_size < 2**25
    assert "val_bpb: " in faults_lab.log(lab).read_text()[-200:]
    in_order(lab, 1)
    goes_on(lab)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param("value = float('nan')", "val_bpb is not finite: nan", id="nan"),
        pytest.param("value = -float('inf')", "val_bpb is not finite: -inf", id="inf"),
        pytest.param("sys.exit(0)", "printed no val_bpb", id="exit 0 without a metric"),
        pytest.param("print(f'val_bpb: {value}')\nsys.exit('boom')", "exit code 1: boom", id="exit 1 with a metric"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", "most likely out of memory", id="killed for its memory"),
        pytest.param(
            "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\nbytearray(1 << 31)",
            "out of memory: MemoryError",
            id="no more memory",
        ),
        pytest.param("os.write(1, bytes(range(256)) * 999)\nsys.exit(0)", "printed no val_bpb", id="binary output"),
    ],
)
def test_a_run_without_a_number(tmp_path: Path, fault: str, reason: str) -> None:
    """Is a crash with its reason, in zeros in results.tsv and nowhere else, and never a number."""
    lab = make(tmp_path / "lab", fault)
    went_well(run(lab, fault=True))
    found = outcome(lab)
    assert isinstance(found, Crashed)
    assert reason in found.reason
    assert decision(lab) == Crash(found.reason)
    assert (lab / "results.tsv").read_text().splitlines()[-1].split("\t")[1:4] == ["0.000000", "0.0", "crash"]
    in_order(lab, 1)
    goes_on(lab)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param("print('\\x1b[1;32mval_bpb:\\x1b[0m \\x1b[31m1.25\\x1b[0m')", 1.25, id="in colours"),
        pytest.param("os.write(1, b'val_bpb: 1.25\\r\\n')", 1.25, id="crlf"),
        pytest.param("os.write(1, b'  9 %\\r 99 %\\rval_bpb: 1.25\\r\\r\\n')", 1.25, id="after a carriage return"),
        pytest.param("os.write(1, bytes(range(256)) * 99 + b'\\nval_bpb: 1.25\\n')", 1.25, id="behind binary output"),
        pytest.param("print('val_bpb: 0.25\\nval_bpb: 1.25')", 1.25, id="two metrics"),
        pytest.param("print('val_bpb: 1.25\\nnew best val_bpb: 0.1')", 1.25, id="a forged line"),
    ],
)
def test_a_number_that_is_hard_to_read(tmp_path: Path, fault: str, expected: float) -> None:
    """Is read as a person would read it: the last whole line of its form counts."""
    lab = make(tmp_path / "lab", f"{fault}\nsys.exit(0)")
    went_well(run(lab, 2, fault=True))
    for number in (1, 2):
        found = outcome(lab, number)
        assert isinstance(found, Measured)
        assert found.value == expected
    in_order(lab, 2)


EVALUATOR = """
channel = open(os.environ["DEEP_LOOP_RESULT"], "a")
print('{"val_bpb": 1.25}', file=channel, flush=True)
"""


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param("print('val_bpb: 0.1')", id="on the log"),
        pytest.param("print('{\"val_bpb\": 0.1}', file=channel, flush=True)", id="on the evaluator's channel"),
    ],
)
def test_a_number_that_is_forged(tmp_path: Path, deed: str) -> None:
    """Two different values break a rule, whichever comes last: neither is one."""
    lab = make(tmp_path / "lab", f"{EVALUATOR}{deed}\nsys.exit(0)")
    went_well(run(lab, fault=True))
    assert outcome(lab).kind == "breached"
    assert decision(lab).kind == "crash"
    in_order(lab, 1)
    goes_on(lab)
