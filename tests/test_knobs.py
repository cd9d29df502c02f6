"""Knobs: what counts as one, what is read from it, and that rewriting touches nothing else."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop import knobs
from deep_loop.knobs import KnobError

PROGRAM = '''"""A program."""
import os

# Model
WIDTH = 64              # hidden size, in units
BLOCK = 2**9 # bytes in a window
ACTIVATION = 'gelu'     # choices: gelu, relu, tanh
# range: 1..12
LAYERS = 4
BETAS = (0.9, 0.95)     # first and second moment
RATE: float = 3e-3      # step size; range: 1e-4..1e-1
TIED = True
SLOPE = -1.5

SEED = 7
CACHE_DIR = "data"
TIME_BUDGET = 60
VAL_FRACTION = 0.1
DEVICE_PEAK_FLOPS = 9.9e14
MISSING = None
HOME = os.getcwd()
TWICE = 1
if TIED:
    TWICE = 2
COUNT = 0


def step():
    global COUNT
    LAYERS = 3
    return WIDTH, LAYERS, COUNT
'''


def by_name(text: str) -> dict[str, knobs.Knob]:
    return {knob.name: knob for knob in knobs.read(text)}


def test_knobs_are_the_upper_case_literals_that_are_bound_once() -> None:
    """Reserved names, None, calls and names bound twice are left out; a function's own name does not count."""
    assert list(by_name(PROGRAM)) == ["WIDTH", "BLOCK", "ACTIVATION", "LAYERS", "BETAS", "RATE", "TIED", "SLOPE"]


def test_values_and_sources() -> None:
    """A knob has its value and the text that it is written as."""
    found = by_name(PROGRAM)
    assert (found["BLOCK"].value, found["BLOCK"].source) == (512, "2**9")
    assert found["BETAS"].value == (0.9, 0.95)
    assert found["SLOPE"].value == -1.5
    assert found["TIED"].value is True
    assert found["WIDTH"].comment == "hidden size, in units"


def test_declared_choices_and_ranges() -> None:
    """Declarations are read from the line itself or the line above; bare words take the value's quotes."""
    found = by_name(PROGRAM)
    assert found["ACTIVATION"].choices == ("'gelu'", "'relu'", "'tanh'")
    assert found["LAYERS"].range == (1.0, 12.0)
    assert found["RATE"].range == (1e-4, 1e-1)
    assert found["WIDTH"].choices == () and found["WIDTH"].range is None


@pytest.mark.parametrize(
    ("line", "choices", "bounds"),
    [
        ("A = 64  # choices: 32, 2**6, 128; in units", ("32", "2**6", "128"), None),
        ("A = (1, 2)  # choices: (1, 2), (3, 4)", ("(1, 2)", "(3, 4)"), None),
        ('A = "x"  # choices: "x y", z-1 (slow).', ('"x y"', '"z-1"'), None),
        ("A = 1  # choices: red, 2", ("2",), None),
        ("A = 4  # range: 2**1 .. 2**5.", (), (2.0, 32.0)),
        ("A = 0.5  # range: 0.25..2.0", (), (0.25, 2.0)),
        ("A = 4  # range: 5..1", (), None),
        ("A = 4  # range: a..b", (), None),
        ("# range: 1..2\n\nA = 4  # range: 3..5", (), (3.0, 5.0)),
    ],
)
def test_forms_of_declarations(line: str, choices: tuple[str, ...], bounds: tuple[float, float] | None) -> None:
    """Units, brackets, quotes and nonsense in a declaration: what can be used is, the rest is left."""
    (knob,) = knobs.read(line + "\n")
    assert (knob.choices, knob.range) == (choices, bounds)


def test_rewriting_changes_the_values_alone() -> None:
    """Everything but the value survives, byte for byte: comments, spacing, line ends, a byte order mark."""
    text = "\ufeff" + PROGRAM.replace("\n", "\r\n")
    after = knobs.rewrite(text, {"BLOCK": "2**11", "BETAS": "(0.8, 0.95)"})
    assert after == text.replace("2**9", "2**11").replace("(0.9, 0.95)", "(0.8, 0.95)")
    assert knobs.rewrite(text, {}) == text


def test_rewriting_refuses_unknown_names_and_code() -> None:
    """Nobody gets anything but literals into a program this way."""
    with pytest.raises(KnobError, match="no such knob: SEED"):
        knobs.rewrite(PROGRAM, {"SEED": "8"})
    with pytest.raises(KnobError, match="no value for a knob"):
        knobs.rewrite(PROGRAM, {"WIDTH": "os.system('true')"})


@pytest.mark.parametrize("text", ["A = (", "A = 1\0", "A = " + "[" * 5000 + "]" * 5000, "def f(:\n", "A = '\ud800'\n"])
def test_nonsense_is_a_clear_error(text: str) -> None:
    """A text that is no Python raises KnobError with a hint; deep nesting does not take the process down."""
    with pytest.raises(KnobError) as caught:
        knobs.read(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("2**19", 524288),
        ("3 * 64", 192),
        ("1 << 10", 1024),
        ("-1.5", -1.5),
        ("7 // 2 + 1 / 2 - 5 % 3", 1.5),
        ("+1e-3", 1e-3),
        ("(1, -2.0, 'x', False)", (1, -2.0, "x", False)),
        ("0.9, 0.95", (0.9, 0.95)),
        ("(4)", 4),
    ],
)
def test_evaluate(source: str, value: object) -> None:
    """Literals and arithmetic on them have their Python value and type."""
    found = knobs.evaluate(source)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "source",
    [
        *["None", "x", "f(1)", "[1]", "1 if 1 else 2", "'a' * 9", "not 1", "1j", "b'x'", "((1, 2), 3)", "True + 1", ""],
        *["9**9**9", "2**-9999", "1 << 9999", "1 << -1", "1 / 0", "1e999", "(-8)**0.5", "10.0**400", "9" * 5000],
    ],
)
def test_evaluate_refuses(source: str) -> None:
    """What is not made of literals, not finite or too large raises KnobError, quickly."""
    with pytest.raises(KnobError):
        knobs.evaluate(source)


NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.one_of(
    NUMBERS, st.booleans(), st.text(st.characters(codec="utf-8"), max_size=20), st.tuples(NUMBERS, NUMBERS)
)


@given(st.lists(VALUES, min_size=1, max_size=4), st.lists(VALUES, min_size=4, max_size=4))
def test_read_gives_what_rewrite_wrote(before: list[object], after: list[object]) -> None:
    """read(rewrite(text, values)) holds the values, for any mix of types; `fit` agrees with `parse` or abstains."""
    text = "".join(f"K{place} = {value!r}  # note\n" for place, value in enumerate(before)) + "print(K0)\n"
    layout = knobs.parse(text)
    new = layout.fill({f"K{place}": repr(value) for place, value in enumerate(after[: len(before)])})
    assert [knob.value for knob in knobs.read(new)] == after[: len(before)]
    assert layout.fit(new) in (None, knobs.parse(new))


@given(st.text(max_size=200))
def test_any_text_reads_or_raises_knob_error(text: str) -> None:
    """Whatever stands in a file: knobs or KnobError, and a file that reads is reproduced exactly."""
    try:
        layout = knobs.parse(text)
    except KnobError:
        return
    assert layout.fill({}) == text


@given(st.text("0123456789+-*/%<>().,eE 'x", max_size=12))
def test_evaluate_agrees_with_python(source: str) -> None:
    """Where the evaluator answers, Python's own literal reader, if it answers, says the same."""
    try:
        found = knobs.evaluate(source)
    except KnobError:
        return
    try:
        expected = ast.literal_eval(source.strip())
    except ValueError:  # arithmetic, which literal_eval leaves alone
        return
    assert found == expected


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("A = 1\nB = 2 # b\n", "A = 10\nB = 2**4 # b\n", True),
        ("A = 1\nB = 2 # b\n", "A = 10\nB = 2 # c\n", False),
        ("A = 1; B = 2\n", "A = 3; B = 4\n", True),
        ("A = 1\n", "A = x\n", False),
        ("A = 1\n", "A = 1 # 2\n", False),
        ("A = 1\nB = 1\n", "A = 1\nC = 3\nB = 1\n", False),
        ("A = 1", "A = 1; B = 2", False),
        ("x = 1\n", "x = 1\n", True),
        ("x = 1\n", "x = 1\nx = 1\n", False),
    ],
)
def test_fit_knows_its_own_layout(old: str, new: str, fits: bool) -> None:
    """A text fits where it differs in values alone, and then reads as `parse` reads it."""
    found = knobs.parse(old).fit(new)
    assert (found == knobs.parse(new)) if fits else (found is None)


@pytest.mark.parametrize(
    ("name", "reserved"),
    [
        *[
            (name, True)
            for name in [
                "SEED",
                "SEED_2",
                "RNGSEED",
                "RANDOM_STATE",
                "EVAL_TOKENS",
                "VAL_SPLIT",
                "CACHE_DIR",
                "MAX_STEPS",
                "NUM_EPOCHS",
                "PEAK_MEMORY_GB",
            ]
        ],
        *[(name, False) for name in ["PEAK_LR", "WARMUP_STEPS", "INTERVAL", "TESTED", "CAPITAL", "DEVICE_BATCH_SIZE"]],
    ],
)
def test_reserved_names(name: str, reserved: bool) -> None:
    """The words of a name decide, not its letters."""
    assert knobs.is_reserved(name) is reserved
