"""The readout: from a log and an exit to an outcome."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.experiment import Crashed, Interrupted, Measured, Outcome, TimedOut
from deep_loop.core.metric import Metric
from deep_loop.core.readout import (
    REASON_CHARS,
    TAIL_CHARS,
    TAIL_LINES,
    Exit,
    Patterns,
    Progress,
    Unit,
    number,
    plain,
    progress,
    readout,
    tail,
)

PATTERNS = Patterns(metric=r"^val_bpb:\s+(\S+)", memory=r"^peak_vram_mb:\s+(\S+)")
SUMMARY = """\
step 00000 (0.0%) | loss: 9.011251\rstep 00001 (50.0%) | loss: 4.2\r
---
val_bpb:          0.997900
training_seconds: 300.1
total_seconds:    325.9
peak_vram_mb:     45060.2
num_steps:        953
num_params_M:     50.3
"""


def read(text: str, code: int | None = 0, patterns: Patterns = PATTERNS, **fields: Any) -> Outcome:
    """The outcome of a run that printed `text`."""
    return readout(Exit(code, 12.5, text, **fields), Metric("val_bpb"), patterns, timeout_seconds=600)


def reason(text: str, code: int | None = 0, **fields: Any) -> str:
    """Why a run that must have crashed did."""
    outcome = read(text, code, **fields)
    assert isinstance(outcome, Crashed)
    return outcome.reason


def test_a_good_run_is_measured() -> None:
    """Metric, memory, wall clock and the rest of the summary block are read."""
    assert read(SUMMARY) == Measured(
        value=0.9979,
        seconds=12.5,
        memory_mb=45060.2,
        numbers={"training_seconds": 300.1, "total_seconds": 325.9, "num_steps": 953.0, "num_params_M": 50.3},
        curve=((0.0, 9.011251), (50.0, 4.2)),
    )


def test_the_last_match_counts() -> None:
    """A metric printed twice is read where it was printed last, and shows nowhere else."""
    outcome = read("---\nval_bpb: 3.0\nnum_steps: 7\nval_bpb: 2.0\n")
    assert outcome == Measured(2.0, 12.5, None, {"num_steps": 7.0})


def test_only_the_last_summary_block_is_read() -> None:
    """Numbers above the last rule are progress, not summary."""
    outcome = read("early: 1\n---\nmiddle: 2\n---\nval_bpb: 2.0\nlate: 3\nword: many\nbad: nan\n")
    assert isinstance(outcome, Measured)
    assert outcome.numbers == {"late": 3.0}


def test_a_flood_of_numbers_is_bounded() -> None:
    """A program cannot fill the ledger through its summary block."""
    flood = "".join(f"n{i}: {i}\n" for i in range(10_000))
    outcome = read(f"---\nval_bpb: 2.0\n{flood}")
    assert isinstance(outcome, Measured)
    assert len(outcome.numbers) == 64


@pytest.mark.parametrize(("unit", "expected"), [("B", 2.0**-20), ("KB", 2.0**-10), ("MB", 1.0), ("GB", 1024.0)])
def test_memory_is_converted(unit: Unit, expected: float) -> None:
    """Memory is told in MB whatever the program's unit."""
    patterns = Patterns(metric=r"^val_bpb: (\S+)", memory=r"^peak: (\S+)", memory_unit=unit)
    outcome = read("val_bpb: 1\npeak: 1\n", patterns=patterns)
    assert isinstance(outcome, Measured)
    assert outcome.memory_mb == expected


@pytest.mark.parametrize("printed", ["nan", "-5", "lots", "inf"])
def test_senseless_memory_is_missing(printed: str) -> None:
    """Memory is optional: one that makes no sense is left out, and the run counts."""
    outcome = read(f"val_bpb: 1.5\npeak_vram_mb: {printed}\n")
    assert outcome == Measured(1.5, 12.5)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\x1b[32mval_bpb:\x1b[0m 1.5\x1b[0m", 1.5),
        ("step 1 (3%)\rval_bpb: 1.5", 1.5),
        ("val_bpb: 1.5\r\nmore\r\n", 1.5),
        ("val\x00_bpb: 1\x00.5", 1.5),
        ("\x1b]0;title\x07val_bpb: 1.5", 1.5),
        ("val_bpb: 1.234e-2", 0.01234),
        ("val_bpb: -.5E+1", -5.0),
        ("val_bpb: 0", 0.0),
    ],
)
def test_terminal_dressing_does_not_hide_the_metric(line: str, expected: float) -> None:
    """Colours, carriage returns, NULs and exponents are read as a person would."""
    outcome = read(f"noise\n{line}\n")
    assert isinstance(outcome, Measured)
    assert outcome.value == expected


@pytest.mark.parametrize("printed", ["nan", "NaN", "inf", "-inf", "1e999"])
def test_a_metric_that_is_not_finite_is_a_crash(printed: str) -> None:
    """NaN and infinity are crashes that say so."""
    assert reason(f"val_bpb: 1.0\nval_bpb: {printed}\n") == f"val_bpb is not finite: {printed}"


@pytest.mark.parametrize("printed", ["1,234.5", "1_000", "0x10", "1.2.3", "good", "٣", "1.5%"])
def test_an_unreadable_metric_is_a_crash(printed: str) -> None:
    """What is not a plain decimal number is never guessed at, even where an earlier line was."""
    assert reason(f"val_bpb: 1.0\nval_bpb: {printed}\n") == f"val_bpb is not a number: {printed!r}"


def test_an_optional_group_without_a_match_is_a_crash() -> None:
    """A pattern whose group took no part has read nothing."""
    outcome = read("done", patterns=Patterns(metric=r"done( \d+)?"))
    assert isinstance(outcome, Crashed)
    assert outcome.reason == "val_bpb is not a number: ''"


def test_no_metric_is_a_crash_with_the_log_s_end() -> None:
    """A run that printed no metric says so and shows what it printed instead."""
    outcome = read("loading\nall done\n")
    assert outcome == Crashed("printed no val_bpb (no line of the log matches its pattern)", 12.5, "loading\nall done")


def test_a_failed_exit_is_a_crash_even_with_a_metric() -> None:
    """A metric counts only where the program exited with 0."""
    assert reason(SUMMARY, code=3) == "exit code 3: num_params_M: 50.3"


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ('Traceback (most recent call last):\n  File "t.py"\n    f()\n    ^\nValueError: odd\n', 1, "ValueError: odd"),
        (
            "Traceback (most recent call last):\n  File\nKeyError: 1\n\nDuring handling of the above exception, another"
            " exception occurred:\n\nTraceback (most recent call last):\n  File\nRuntimeError: two\nsecond line\n",
            1,
            "RuntimeError: two",
        ),
        (
            "[rank0]: Traceback (most recent call last):\n[rank0]:   File\n[rank0]: ValueError: odd\nW123 closing\n",
            1,
            "ValueError: odd",
        ),
        (
            "  + Exception Group Traceback (most recent call last):\n  |   File\n  | ExceptionGroup: many (1)\n"
            "  +-+---------------- 1 ----------------\n    | ValueError: odd\n    +--------------------------\n",
            1,
            "exit code 1: ValueError: odd",
        ),
        ('  File "t.py", line 1\n    x = = 1\n        ^\nSyntaxError: odd\n', 1, "exit code 1: SyntaxError: odd"),
        ("FAIL\n", 1, "exit code 1: FAIL"),
        ("\n \n", 2, "exit code 2: nothing was printed"),
        ("sh: 1: trian: not found\n", 127, "exit code 127: sh: 1: trian: not found"),
        ("step 1\n", -11, "killed by SIGSEGV"),
        ("step 1\nAborted\n", 134, "killed by SIGABRT"),
        ("step 1\n", -9, "killed by SIGKILL: most likely out of memory"),
        ("step 1\nKilled\n", 137, "killed by SIGKILL: most likely out of memory"),
        ("odd\n", 255, "exit code 255: odd"),
        ("Traceback (most recent call last):\n  File\nMemoryError\n", 1, "out of memory: MemoryError"),
        (
            "Traceback (most recent call last):\n  File\ntorch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB\n",
            1,
            "out of memory: torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB",
        ),
        ("terminate called\n  what():  std::bad_alloc\nAborted\n", -6, "out of memory: what(): std::bad_alloc"),
    ],
)  # fmt: skip
def test_the_reason_of_a_crash_is_one_line(text: str, code: int, expected: str) -> None:
    """The exception, lack of memory, the signal's name or the last line, whichever says most."""
    assert reason(text, code) == expected


def test_a_traceback_that_was_survived_is_not_the_reason() -> None:
    """A failure far up in the log that the program went on from does not explain its end."""
    survived = "Traceback (most recent call last):\n  File\nMemoryError\n"
    assert reason(survived + "step\n" * 3_000 + "bad checkpoint\n", 1) == "exit code 1: bad checkpoint"


def test_a_reason_is_bounded() -> None:
    """A message of a megabyte does not reach the table."""
    found = reason(f"Traceback (most recent call last):\nValueError: {'x' * 5_000}\n", 1)
    assert len(found) == REASON_CHARS


def test_what_the_harness_did_comes_first() -> None:
    """Interrupted says nothing about the change; a time-out is none of its crashes; a problem is one."""
    assert read(SUMMARY, None, interrupted=True, timed_out=True) == Interrupted("the harness stopped it", 12.5)
    assert read(SUMMARY, None, timed_out=True, problem="odd") == TimedOut(600, 12.5)
    assert reason(SUMMARY, None, problem="no space left on device") == "no space left on device"
    assert reason(SUMMARY, 0, problem="") == "the executor failed"


def test_the_tail_is_bounded() -> None:
    """The tail of a crash has at most 40 lines and a bounded number of characters."""
    outcome = read("".join(f"line {i}\n" for i in range(500)), 1)
    assert isinstance(outcome, Crashed)
    assert outcome.tail.split("\n") == [f"line {i}" for i in range(500 - TAIL_LINES, 500)]
    assert len(tail("x" * 10 * TAIL_CHARS)) == TAIL_CHARS


def test_progress_is_the_last_line_that_says_something() -> None:
    """autoresearch's progress lines are understood as they come, each overwriting the last."""
    text = "step 00001 (1.3%) | loss: 9.01 | lrm: 1\rstep 00123 (12.3%) | loss: 1.234 | lrm: 1.00    \rstep 001"
    assert progress(text) == Progress(12.3, 1.234)
    assert progress("step 1 (100.2%) | loss: nan") == Progress(100.0, None)
    assert progress("starting up") is None
    assert progress("step 1 (5%) | loss: 2", None) is None


def test_progress_takes_what_a_pattern_offers() -> None:
    """A pattern may name only one of the two, or neither."""
    assert progress("epoch 40 %", r"epoch (?P<percent>\d+) %") == Progress(40.0, None)
    assert progress("loss=0.5", r"loss=(?P<loss>\S+)") == Progress(None, 0.5)
    assert progress("loss=0.5", r"loss=(\S+)") is None
    assert progress("loss=bad", r"loss=(?P<loss>\S+)") is None


@given(st.text())
def test_plain_text_is_idempotent_and_printable(text: str) -> None:
    """Cleaning twice is cleaning once, and leaves no control character but newline and tab."""
    once = plain(text)
    assert plain(once) == once
    assert all(c in "\n\t" or not (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0) for c in once)


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(), st.text())
def test_a_printed_float_is_read_back(value: float, before: str, after: str) -> None:
    """Whatever else is printed, the last well-formed metric line is the metric."""
    noise = after.replace("val_bpb", "")
    outcome = read(f"{before}\x1b[0m\nval_bpb: {value!r}\n{noise}")
    assert isinstance(outcome, Measured)
    assert outcome.value == value


@given(st.text(), st.one_of(st.none(), st.integers(-70, 300)))
def test_every_log_has_an_outcome(text: str, code: int | None) -> None:
    """No log makes the readout fail; what is measured is finite; a reason is one bounded line."""
    outcome = read(text, code)
    match outcome:
        case Measured(value=value):
            assert code == 0
            assert math.isfinite(value)
        case Crashed(reason=why):
            assert why == why.strip()
            assert "\n" not in why
            assert 0 < len(why) <= REASON_CHARS
        case _:
            pytest.fail(f"unexpected {outcome}")


@given(st.text(alphabet="0123456789.,+-eEnaif_ ٣"))
def test_number_never_raises_and_is_finite(text: str) -> None:
    """What is taken for a number is one to Python as well, and finite."""
    value = number(text)
    assert value is None or (value == float(text) and math.isfinite(value))
