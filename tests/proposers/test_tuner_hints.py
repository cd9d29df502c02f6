"""What the tuner makes of other studies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tuner_lab import Study

from deep_loop.adapters.proposers.tuner_search import Search
from deep_loop.adapters.proposers.tuner_trials import HINT, Memory, Reader, State, recall
from deep_loop.core.earlier import Earlier, Finding
from deep_loop.core.experiment import Change


def night(*moves: tuple[str, str, str, float | None]) -> Earlier:
    """A study that moved one constant after another."""
    found = [Finding(n, "", "other", (Change(*move[:3]),), True, False, move[3]) for n, move in enumerate(moves)]
    return Earlier("night", "results.tsv", "val_bpb", tuple(found))


def recalled(*earlier: Earlier) -> Memory:
    return recall(replace(Study().brief(), earlier=earlier), Reader())


def hints(*earlier: Earlier) -> list[tuple[str, object, float, float | None]]:
    """Constant, value, gain and doubt of each hint."""
    memory = recalled(*earlier)
    found = []
    for trial in memory.trials[: len(memory.trials) - 1]:  # the last one is the baseline
        (moved,) = trial.setting.moved_from(memory.incumbent)
        assert trial.state is State.MEASURED
        found.append((moved, trial.setting.knobs[moved].value, trial.gain, trial.error))
    return found


def test_a_move_from_where_we_stand_is_a_hint() -> None:
    """As large as its gain there, and as uncertain."""
    assert hints(night(("MATRIX_LR", "0.004", "0.006", 0.05))) == [("MATRIX_LR", 0.006, 0.05, 0.05)]
    assert hints(night(("MATRIX_LR", "4e-3", "0.006", 0.001))) == [("MATRIX_LR", 0.006, 0.001, HINT)]


def test_gains_add_up_along_the_moves_of_one_constant() -> None:
    """Wherever among its values we stand."""
    moves = (("WIDTH", "64", "2**7", 0.02), ("WIDTH", "2**7", "256", 0.01), ("WIDTH", "256", "512", -0.04))
    assert hints(night(*moves)) == [
        ("WIDTH", 64, -0.02, 0.02),
        ("WIDTH", 256, pytest.approx(0.01), HINT),
        ("WIDTH", 512, pytest.approx(-0.03), pytest.approx(0.03)),
    ]


@pytest.mark.parametrize(
    "move",
    [
        ("MATRIX_LR", "0.1", "0.2", 0.05),  # never stood where we stand
        ("NOT_HERE", "1", "2", 0.05),
        ("MATRIX_LR", "0.004", "0.006", None),  # no value there
        ("MATRIX_LR", "0.004", "fast", 0.05),  # no value at all
        ("ACTIVATION", '"relu"', "3", 0.05),  # not of its type
        ("WIDTH", "128", "128.5", 0.05),
    ],
)
def test_what_says_nothing_here(move: tuple[str, str, str, float | None]) -> None:
    """Is left out."""
    assert hints(night(move)) == []


def test_what_was_tried_there_was_not_tried_here() -> None:
    """The same setting may be proposed."""
    assert recalled(night(("MATRIX_LR", "0.004", "0.006", 0.05))).tried == recalled().tried


def test_hints_move_the_search() -> None:
    """A constant that paid there to one side is expected to pay to that side, and not to the other."""
    brief = replace(Study().brief(), earlier=(night(*[("MATRIX_LR", "0.004", "0.008", 0.03)]),))
    search = Search(recall(brief, Reader()), brief.strategy, brief.seed)
    up, down = search.to({"MATRIX_LR": "0.006"}), search.to({"MATRIX_LR": "0.003"})
    assert up is not None and down is not None and up.estimate.gain > down.estimate.gain
