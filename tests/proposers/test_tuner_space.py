"""The tuner's search space: which form each knob has, how far it reaches, how its values are written."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop import knobs
from deep_loop.adapters.proposers.tuner_space import Axis, Dimension, Form, Options, element, sources, space
from deep_loop.core.spelling import spell


def dimensions(line: str, first: str | None = None) -> tuple[Dimension, ...]:
    """The dimensions of a one-line program, hung on what the line was first."""
    now, then = ({knob.name: knob for knob in knobs.read(text + "\n")} for text in (line, first or line))
    return space(then, now)


def only(line: str, first: str | None = None) -> Axis:
    (found,) = dimensions(line, first)
    assert isinstance(found, Axis)
    return found


@pytest.mark.parametrize(
    ("line", "form", "low", "high"),
    [
        ("LEARNING_RATE = 3e-4", Form.LOG, "3.75e-5", "2.4e-3"),
        ("INIT_SCALE = 1.0", Form.LOG, "0.125", "8.0"),
        ("SHIFT = -1.5", Form.LOG, "-0.188", "-12.0"),
        ("LAYERS = 3", Form.LOG, "1", "24"),
        ("WIDTH = 192", Form.LOG, "24", "1536"),
        ("OFFSET = -12", Form.LOG, "-2", "-96"),
        ("BATCH = 2**19", Form.POWER, "2**16", "2**22"),
        ("HEAD_DIM = 64", Form.POWER, "8", "512"),
        ("DEPTH = 8", Form.POWER, "1", "64"),
        ("TINY = 2**1", Form.POWER, "2**0", "2**4"),
        ("WARMUP_RATIO = 0.0", Form.LINEAR, "0.0", "1.0"),
        ("DROPOUT = 0.1", Form.LINEAR, "0.0", "1.0"),
        ("ASPECT_RATIO = 3.5", Form.LOG, "0.438", "28.0"),
        ("MOMENTUM = 0.9", Form.BETA, "0.988", "0.2"),
        ("ADAM_BETA2 = 0.999", Form.BETA, "0.99987", "0.992"),
        ("WEIGHT_DECAY = 0.0", Form.LINEAR, "0.0", "0.2"),
        ("WARMUP_STEPS = 0", Form.LINEAR, "0", "200"),
        ("GAIN = 2.0  # range: 1..4", Form.LOG, "1.0", "4.0"),
        ("GAIN = 2.0  # range: 0..4", Form.LINEAR, "0.0", "4.0"),
        ("LAYERS = 1  # range: 1..6", Form.LINEAR, "1", "6"),
        ("WIDTH = 2**7  # range: 20..300", Form.POWER, "2**5", "2**8"),
        ("DROPOUT = 0.1  # range: 0..0.3", Form.LINEAR, "0.0", "0.3"),
        ("BETA1 = 0.9  # range: 0.5..0.99", Form.BETA, "0.99", "0.5"),
    ],
)
def test_form_and_reach(line: str, form: Form, low: str, high: str) -> None:
    """Each form by its name and value, from 1/8 to 8 times or to its natural or declared bounds."""
    axis = only(line)
    source = knobs.read(line)[0].source
    assert (axis.form, axis.spell(axis.low, source), axis.spell(axis.high, source)) == (form, low, high)


def test_switches_and_choices() -> None:
    """Booleans and declared choices are options; the present value is one of them; a plain string has no dimension."""
    (switch,) = dimensions("TIED = True")
    (choice,) = dimensions("ACT = 'silu'  # choices: relu, gelu")
    (number,) = dimensions("WIDTH = 64  # choices: 32, 64, 96")
    assert isinstance(switch, Options) and switch.sources == ("False", "True")
    assert isinstance(choice, Options) and choice.sources == ("'silu'", "'relu'", "'gelu'")
    assert isinstance(number, Options) and number.coordinate(96) == 2
    assert dimensions('PATTERN = "SSSL"') == ()


def test_tuples_move_element_by_element() -> None:
    """Each number of a tuple is a dimension, and writing one leaves the other's text alone."""
    line = "ADAM_BETAS = ( 0.9,0.950 )"
    both = dimensions(line)
    assert [dimension.name for dimension in both] == ["ADAM_BETAS[0]", "ADAM_BETAS[1]"]
    known = {knob.name: knob for knob in knobs.read(line)}
    assert sources({"ADAM_BETAS[0]": math.log(0.2)}, both, known) == {"ADAM_BETAS": "( 0.8,0.950 )"}


def test_the_space_stays_where_the_study_first_saw_the_knob() -> None:
    """A moved incumbent leaves the space as it was, until it reaches an edge and pushes that edge outwards."""
    first = only("RATE = 0.01")
    assert only("RATE = 0.03", "RATE = 0.01") == first
    pushed = only("RATE = 0.08", "RATE = 0.01")
    assert pushed.low == first.low and pushed.value(pushed.high) == pytest.approx(0.64)
    assert only("FRACTION = 1.0", "FRACTION = 0.5").high == 1.0
    assert only("RATE = 0.08  # range: 0.001..0.08", "RATE = 0.01  # range: 0.001..0.08").value(
        pushed.low
    ) == pytest.approx(0.00125)


def test_a_knob_that_leaves_its_form_is_hung_on_itself() -> None:
    """A rate that became zero, or a number that became a switch, gets a space of its own."""
    assert only("RATE = 0.0", "RATE = 0.01").form is Form.LINEAR
    assert isinstance(dimensions("TIED = True", "TIED = 3")[0], Options)
    assert len(dimensions("SIZES = (1, 2)", "SIZES = 4")) == 2
    assert [type(found) for found in dimensions("SIZES = 4", "SIZES = (1, 2)")] == [Axis]


@pytest.mark.parametrize(
    ("value", "source", "text"),
    [
        (0.00123456, "3e-4", "1.23e-3"),
        (0.004, "3e-4", "4e-3"),
        (0.0042123, "0.003", "0.00421"),
        (0.00003, "0.003", "3e-5"),
        (12345.678, "100.0", "12300.0"),
        (1.0, "0.5", "1.0"),
        (256, "2**4", "2**8"),
        (96, "2**4", "96"),
        (221, "3 * 64", "221"),
        (-0.75, "-1.5", "-0.75"),
        (0.0, "0.1", "0.0"),
    ],
)
def test_values_are_written_in_the_style_of_the_old_ones(value: float, source: str, text: str) -> None:
    """Three significant digits; exponents, powers and integers stay what they are."""
    assert spell(value, source) == text


@given(st.floats(1e-9, 1e9), st.sampled_from(["3e-4", "0.5", "1.0"]))
def test_a_spelled_number_is_close_and_a_float(value: float, source: str) -> None:
    """What is written evaluates to a float within half a per cent of what was meant."""
    found = knobs.evaluate(spell(value, source))
    assert isinstance(found, float) and found == pytest.approx(value, rel=0.0051)


@given(st.floats(0.01, 0.99999))
def test_a_spelled_beta_keeps_its_distance_from_one(beta: float) -> None:
    """1 - b keeps two significant digits, and b never becomes 1."""
    found = knobs.evaluate(spell(beta, "0.9", beta=True))
    assert isinstance(found, float) and 1 - found == pytest.approx(1 - beta, rel=0.06)


@given(
    st.sampled_from(
        ["RATE = 3e-4", "N = 3", "W = 192", "S = -1.5", "B = 2**7", "BETA = 0.9", "DROPOUT = 0.1", "Z = 0.0"]
    ),
    st.floats(0, 1),
)
def test_coordinates_and_values_belong_together(line: str, share: float) -> None:
    """Going to a coordinate and back stays within the rounding of the written value, and inside the space."""
    axis, knob = only(line), knobs.read(line)[0]
    at = axis.low + share * (axis.high - axis.low)
    back = axis.coordinate(element(knobs.evaluate(axis.spell(at, knob.source)), None))
    assert back is not None and abs(back - at) <= max(0.5 if axis.whole else 0.07, 0.01 * abs(at))


def test_a_space_does_not_lose_options_or_fractions() -> None:
    """A value outside the choices stays an option after the incumbent left it; 0 that became 0.1 is no integer."""
    (options,) = dimensions("ACT = 'relu'  # choices: relu, gelu", "ACT = 'silu'  # choices: relu, gelu")
    assert isinstance(options, Options) and options.sources == ("'silu'", "'relu'", "'gelu'")
    assert not only("WEIGHT_DECAY = 0.1", "WEIGHT_DECAY = 0").whole


def test_a_stretched_axis_reaches_beyond_the_space() -> None:
    """A range outside the space is taken as it is; a bound outside the form's domain is the space's own."""
    rate = only("RATE = 0.01")
    far, near = rate.stretched(1.0, 2.0), rate.stretched(0.0, 0.02)
    assert far is not None and (far.value(far.low), far.value(far.high)) == pytest.approx((1.0, 2.0))
    assert near is not None and (near.value(near.low), near.value(near.high)) == pytest.approx((0.00125, 0.02))
    assert rate.stretched(-2.0, -1.0) is None


def test_a_narrowed_axis_keeps_both_bounds() -> None:
    """`within` takes values in order, also where coordinates run the other way; what misses the axis is None."""
    beta = only("BETA1 = 0.9").within(0.85, 0.95)
    assert beta is not None and (beta.value(beta.high), beta.value(beta.low)) == pytest.approx((0.85, 0.95))
    assert only("RATE = 0.01").within(5.0, 6.0) is None
    assert only("BATCH = 2**7").within(90, 100) is None
