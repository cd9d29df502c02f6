"""Screenings: designs, and what tells their runs apart."""

from __future__ import annotations

import itertools

import pytest

from deep_loop.core import screening
from deep_loop.core.experiment import Idea

LEVELS = {"LEARNING_RATE": (0.001, 0.004), "DEPTH": (4.0, 8.0), "DROPOUT": (0.05, 0.15)}


@pytest.mark.parametrize("constants", range(1, screening.MOST + 1))
def test_columns_are_balanced_and_orthogonal(constants: int) -> None:
    """So the effect of each constant is told apart from every other's."""
    rows = screening.design(constants)
    assert len(rows) == screening.runs(constants) > constants
    columns = list(zip(*rows, strict=True))
    assert all(sum(column) == 0 for column in columns)
    for one, other in itertools.combinations(columns, 2):
        assert sum(a * b for a, b in zip(one, other, strict=True)) == 0


def test_the_design_of_twelve_runs_is_the_published_one() -> None:
    """Plackett and Burman (1946), p. 323: + + - + + + - - - + -, and a last row of minuses."""
    rows = screening.design(11)
    assert rows[0] == (1, 1, -1, 1, 1, 1, -1, -1, -1, 1, -1)
    assert rows[-1] == (-1,) * 11


def test_more_constants_than_the_largest_design_are_refused() -> None:
    """There is no design for them."""
    with pytest.raises(ValueError, match="at most 23"):
        screening.runs(24)


def test_a_run_sets_each_constant_to_one_of_its_levels() -> None:
    """The last run sets all to the low one."""
    runs = [screening.settings(LEVELS, run) for run in range(1, screening.runs(3) + 1)]
    assert all(run[name] in LEVELS[name] for run in runs for name in LEVELS)
    assert runs[-1] == {name: low for name, (low, _) in LEVELS.items()}


def test_runs_are_known_again_by_title_and_kind() -> None:
    """Those of another screening are not taken for them, nor what an agent called by such a name."""
    run = idea(screening.title(LEVELS, 3), screening.KIND)
    other = idea(screening.title({**LEVELS, "DEPTH": (2.0, 8.0)}, 3), screening.KIND)
    assert screening.done(LEVELS, [run, other, idea("deeper", "depth-width")]) == [3]
    assert screening.is_screening(run)
    assert not screening.is_screening(idea("a screening of sorts", screening.KIND))
    assert not screening.is_screening(idea(run.title, "optimizer"))


def idea(title: str, kind: str) -> Idea:
    """An idea of which nothing else matters."""
    return Idea(title, kind, "because", "none")
