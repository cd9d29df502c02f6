"""The frame of the benchmarks: targets, the stored line, the document; and the values that `constants` sweeps."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.knobs import Knob, evaluate, read

ROOT = Path(__file__).resolve().parents[2]


def room(name: str) -> ModuleType:
    """A module of `benchmarks`, which stands beside the package and is not installed with it."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    return import_module(f"benchmarks.{name}")


def knob(text: str) -> Knob:
    """The one knob of a program."""
    (only,) = read(text)
    return only


def test_targets_are_comparisons() -> None:
    """A target holds or not; NaN meets none; what is no comparison is refused."""
    holds = room("result").holds
    assert holds(3, "<= 3") and holds(8, ">= 8") and holds(1, "== 1") and holds(0.5, "< 1")
    assert not holds(3.01, "<= 3") and not holds(float("nan"), "<= 3") and not holds(3, "> 3")
    with pytest.raises(ValueError, match="not one of"):
        holds(1, "about 1")


def test_line_survives_storing_and_is_written_up(tmp_path: Path) -> None:
    """A stored line reads back as it was, and the document shows figure, target, verdict, machine and date."""
    result = room("result")
    measured = result.Result({"largest_gain_percent": 3.5, "noise_percent": 0.4}, {"largest_gain_percent": "<= 3"}, [])
    line = result.line("constants", measured, "2026-11-22T10:00:00+00:00")
    assert not line.met and "\n" not in line.dumps()
    assert result.Line.loads(line.dumps()) == line
    (tmp_path / "constants.json").write_text(line.dumps(), encoding="utf-8")
    page = room("docs").page(tmp_path)
    assert "| largest_gain_percent | 3.5 | <= 3 (not met) |" in page
    assert "| noise_percent | 0.4 |  |" in page
    assert "`make bench NAME=constants`: targets not met" in page
    assert "Measured 2026-11-22 on " in page and f"python {line.versions['python']}" in page


def test_wrong_usage_is_told() -> None:
    """Without a name, and for a name that is no benchmark, the exit status is 2 and the known ones are named."""
    for arguments in ([], ["no-such"]):
        command = [sys.executable, "-m", "benchmarks", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2 and "constants" in done.stderr and "demo" in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HIDDEN_SIZE = 256", ("128", "179", "358", "512")),
        ("LAYERS = 1  # range: 1..6", ("2",)),
        ("BATCH_SIZE = 2**7", ("2**6", "2**8")),
        ("LEARNING_RATE = 4e-3", ("0.002", "0.0028", "0.0056", "0.008")),
        ("WARMDOWN_FRAC = 0.7", ("0.35", "0.49", "0.98")),
        ("FINAL_LR_FRAC = 0.0", ("0.05", "0.1", "0.2")),
        ('ACTIVATION = "relu"  # choices: relu, tanh', ('"tanh"',)),
        ("CAUSAL = True", ()),
    ],
    ids=str,
)
def test_sweep_goes_from_half_to_double(text: str, expected: tuple[str, ...]) -> None:
    """Each sort of constant has its own half and double, within what its comment declares."""
    assert room("constants.candidates").candidates(knob(text)) == expected


def test_betas_are_swept_by_what_they_forget() -> None:
    """The elements of a tuple move one at a time, and a beta by halving and doubling 1 - beta."""
    found = room("constants.candidates").candidates(knob("ADAM_BETAS = (0.9, 0.99)"))
    assert len(found) == 8
    assert found[0] == "(0.95, 0.99)" and found[3] == "(0.8, 0.99)" and found[-1] == "(0.9, 0.98)"


@given(st.floats(1e-6, 1e6) | st.integers(2, 10_000))
def test_candidates_lie_between_half_and_double(number: float) -> None:
    """Whatever the number, every candidate is another number within a rounding of that span."""
    for source in room("constants.candidates").candidates(knob(f"SIZE = {number!r}")):
        value = evaluate(source)
        assert isinstance(value, int | float) and value != number
        assert 0.49 * number - 0.5 <= value <= 2.01 * number + 0.5


def test_a_change_that_crashed_gains_nothing() -> None:
    """Gains are paired by seed; a change without a value on every seed ranks below all others."""
    constants = room("constants")
    better, broken = constants.Change(knob("A = 2"), "4"), constants.Change(knob("A = 2"), "1")
    sweep = constants.Sweep({1: [2.0, 2.2], 2: [4.0]}, {better: {1: 2.0, 2: 4.0}, broken: {1: 1.0}})
    assert sweep.gain(better) == pytest.approx((100 * 0.1 / 2.1) / 2)
    assert sweep.gain(broken) == -float("inf")
