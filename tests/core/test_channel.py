"""The evaluator's own channel goes over what is printed, and two different values are a breach."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core import channel
from deep_loop.core.channel import ChannelError, contradicts, read
from deep_loop.core.experiment import Breached, Crashed, Measured, Outcome
from deep_loop.core.metric import Metric
from deep_loop.core.readout import Exit, Patterns, readout

PRINTED = r"^val_bpb:\s+(\S+)"


def judge(log: str, reported: str | None, *, code: int | None = 0, only: bool = False, **fields: Any) -> Outcome:
    """What a run came to that printed `log` and wrote `reported` to its channel."""
    patterns = Patterns(PRINTED, channel_only=only)
    return readout(Exit(code, 2.0, log, channel=reported, **fields), Metric("val_bpb"), patterns, timeout_seconds=9)


def breach(log: str, reported: str) -> str:
    """Why a run that must have broken a rule did."""
    outcome = judge(log, reported)
    assert isinstance(outcome, Breached)
    return outcome.reason


def test_the_channel_gives_the_metric_to_the_last_digit() -> None:
    """The value is the channel's, not the rounded one of the log; other names become numbers of the run."""
    outcome = judge("---\nval_bpb: 1.234568\nsteps: 7\n", '{"val_bpb": 1.23456789, "tokens": 3e9}\n')
    assert outcome == Measured(1.23456789, 2.0, numbers={"steps": 7.0, "tokens": 3e9})


def test_the_printed_line_is_the_fallback() -> None:
    """Without a channel, or with one that names other things only, the log is read as ever."""
    assert judge("val_bpb: 1.5\n", None) == Measured(1.5, 2.0)
    assert judge("val_bpb: 1.5\n", "\n") == Measured(1.5, 2.0)
    assert judge("val_bpb: 1.5\n", '{"tokens": 4}') == Measured(1.5, 2.0, numbers={"tokens": 4.0})


def test_a_forged_line_counts_for_nothing_where_the_task_says_so() -> None:
    """`result = "channel"` makes a crash of a run whose evaluator reported nothing."""
    outcome = judge("val_bpb: 0.1\n", None, only=True)
    assert isinstance(outcome, Crashed)
    assert outcome.reason == "val_bpb did not come by the evaluator's result channel (DEEP_LOOP_RESULT)"
    assert judge("val_bpb: 1.5\n", '{"val_bpb": 1.5}', only=True) == Measured(1.5, 2.0)


def test_a_forged_line_beside_the_channel_is_a_breach() -> None:
    """The last printed value must be the channel's, to the digits that are printed."""
    said = breach("val_bpb: 1.500000\nval_bpb: 0.9\n", '{"val_bpb": 1.5}')
    assert said == "two different values of val_bpb: '0.9' is printed, 1.5 reported"
    assert "two different values" in breach("val_bpb: nan\n", '{"val_bpb": 1.5}')
    assert "two different values" in breach("val_bpb: many\n", '{"val_bpb": 1.5}')


def test_two_values_in_the_channel_are_a_breach() -> None:
    """Whoever wrote the second one: none of them is believed. The same one twice is no contradiction."""
    said = breach("", '{"val_bpb": 1.5}\n{"val_bpb": 0.9}\n')
    assert said == "two different values of val_bpb in the result channel: 1.5 and 0.9"
    assert judge("", '{"val_bpb": 1.5}\n{"val_bpb": 1.5}\n') == Measured(1.5, 2.0)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "1.5",
            "val_bpb: 1.5",
            '{"val_bpb": "1.5"}',
            '{"val_bpb": true}',
            '{"val_bpb": null}',
            '[{"val_bpb": 1}]',
            "{",
        ),
        '{"val_bpb": 1' + "0" * 400 + "}",
        '{"x": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
    ids=lambda written: written[:20],
)
def test_an_unreadable_channel_is_a_breach(written: str) -> None:
    """Nothing is guessed at, and the printed line does not step in."""
    assert "unreadable" in breach("val_bpb: 1.5\n", written)


def test_a_flood_is_a_breach() -> None:
    """A channel is as long as a result."""
    assert "more than 64 KiB" in breach("val_bpb: 1.5\n", '{"val_bpb": 1.5}\n' * channel.MAX_BYTES)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_metric_that_is_not_finite_is_a_crash(number: str) -> None:
    """An evaluator that honestly reports a run that blew up reports a crash."""
    outcome = judge("", f'{{"val_bpb": {number}}}')
    assert isinstance(outcome, Crashed)
    assert outcome.reason == f"val_bpb is not finite: {float(number)}"


def test_a_run_that_failed_has_crashed_whatever_its_channel_says() -> None:
    """A process that dies while it writes leaves half a line: that is no breach."""
    outcome = judge("Killed\n", '{"val_bpb": 1', code=137)
    assert isinstance(outcome, Crashed)
    assert "SIGKILL" in outcome.reason


def test_the_load_is_passed_on() -> None:
    """How busy others kept the machine is part of what was measured."""
    outcome = judge("val_bpb: 1.5\n", None, load=0.75)
    assert isinstance(outcome, Measured)
    assert outcome.load == 0.75


@given(st.floats(-1e300, 1e300), st.integers(0, 17))
def test_rounding_is_never_a_contradiction(value: float, digits: int) -> None:
    """However many digits a program prints, and in whichever form."""
    for printed in (f"{value:.{digits}f}", f"{value:.{digits}e}", repr(value)):
        assert not contradicts(printed, value)


@given(st.floats(1e-3, 1e3), st.integers(3, 9))
def test_a_difference_that_shows_is_a_contradiction(value: float, digits: int) -> None:
    """Two in the last printed digit is no rounding."""
    assert contradicts(f"{value + 2.1 * 10.0**-digits:.{digits}f}", value)


@pytest.mark.parametrize("printed", ["", "snan", "nan", "inf", "1e999999999999", "1e-999999999999999", "0x1", "one"])
def test_odd_prints_contradict_and_never_raise(printed: str) -> None:
    """Whatever is printed gets an answer."""
    assert contradicts(printed, 1.5)


@given(st.one_of(st.text(), st.dictionaries(st.text(), st.floats() | st.integers()).map(json.dumps)))
def test_every_channel_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in another way; its numbers are finite."""
    try:
        reported = read(text, "val_bpb")
    except ChannelError as error:
        assert "\n" not in str(error)
    else:
        assert all(map(math.isfinite, reported.numbers.values()))
