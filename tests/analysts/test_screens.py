"""Screenings: when the statistician orders one, and what it makes of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest
from analyst_studies import FILE, dossier, experiment

from deep_loop.adapters.analysts import screens
from deep_loop.adapters.analysts.bench import Bench, Idea, lay_out
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.adapters.analysts.screens import HALF, Screened
from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.core import screening
from deep_loop.core.cohort import Dossier
from deep_loop.core.experiment import Change, Experiment
from deep_loop.core.strategy import Strategy
from deep_loop.knobs import read, rewrite

BASE = 2.5
START = [experiment(0, [BASE, BASE], parent=None, kept=True)]
FEW = [*START, *(experiment(n, [2.52], changes=[Change("DEPTH", "4", f"{n + 4}")]) for n in range(1, 4))]


def bench(told: Dossier) -> Bench:
    return lay_out(gather(told), told.files)


def ordered(experiments: Sequence[Experiment] = FEW, left: int = 60) -> Mapping[str, tuple[float, float]]:
    """The levels of the screening that a study with these experiments gets."""
    told = dossier(experiments, left=left)
    return screens.order(bench(told), told)


def screened(effects: Mapping[str, float], noise: float = 0.0, lost: Sequence[int] = ()) -> Dossier:
    """A study whose screening is over: half a step up of a constant does `effects`, relative; some runs crashed."""
    levels, rng = ordered(), random.Random(3)
    names = sorted(levels)
    runs = []
    for run, signs in enumerate(screening.design(len(names)), start=1):
        gain = sum(effects.get(name, 0.0) * sign for name, sign in zip(names, signs, strict=True))
        measured = BASE * (1 - gain + rng.gauss(0, noise))
        values = screening.settings(levels, run)
        changes = [Change(name, "before", repr(value)) for name, value in values.items()]
        runs.append(
            experiment(
                len(FEW) + run - 1,
                [] if run in lost else [measured],
                changes=changes,
                kind=screening.KIND,
                title=screening.title(levels, run),
            )
        )
    return dossier([*FEW, *runs], strategy=Strategy(1, screen=levels), left=40)


def found(told: Dossier, noise: float = 0.001) -> Screened:
    result = screens.result(told, noise)
    assert result is not None
    return result


# --- when one is ordered ---------------------------------------------------------------------------


def test_numbers_are_screened_half_a_step_to_either_side() -> None:
    """Within their declared ranges, and not below zero; words, switches and tuples are left alone."""
    levels = ordered()
    assert set(levels) == {
        *("BATCH_SIZE", "DEPTH", "GRAD_CLIP", "LEARNING_RATE", "MOMENTUM", "WARMUP_FRAC", "WEIGHT_DECAY")
    }
    assert levels["LEARNING_RATE"] == pytest.approx((0.001 * 2**-HALF, 0.001 * 2**HALF), rel=0.01)
    assert levels["GRAD_CLIP"] == pytest.approx((0.707, 1.41), rel=0.01)
    assert levels["WARMUP_FRAC"] == (0.0, 0.05)
    assert levels["BATCH_SIZE"] in {(64.0, 128.0), (64.0, 256.0), (128.0, 256.0)}
    assert levels["DEPTH"] == (3.0, 6.0)


def test_an_integer_keeps_what_others_may_divide_it_by() -> None:
    """A width of 96 stays a multiple of its sixteens, so that heads still fit into it; 7 has no such divisor."""
    told = dossier(FEW, files={"train.py": FILE + "WIDTH = 96\nLAYERS = 7\n"}, left=60)
    levels = screens.order(bench(told), told)
    assert (levels["WIDTH"], levels["LAYERS"]) == ((64.0, 128.0), (5.0, 10.0))


@pytest.mark.parametrize(("left", "any_"), [(24, True), (23, False)])
def test_it_takes_a_third_of_what_is_left_at_most(left: int, any_: bool) -> None:
    """Eight runs for seven constants, and another sixteen experiments to make use of them."""
    assert bool(ordered(left=left)) is any_


def test_there_is_none_without_the_tuner() -> None:
    """Nobody else carries one out."""
    told = dossier(START[:0], left=60)
    assert screens.order(bench(told), told) == {}


def test_it_stays_in_the_strategy_when_it_is_over() -> None:
    """For what it told; a new one follows only after a dozen experiments without a keep."""
    told = screened({"DEPTH": 0.01})
    assert screens.order(bench(told), told) == told.strategy.screen
    last = len(told.experiments)
    more = [
        *told.experiments,
        *(experiment(last + n, [2.6], changes=[Change("DEPTH", "4", str(9 + n))]) for n in range(12)),
    ]
    files = {"train.py": rewrite(FILE, {"LEARNING_RATE": "2e-3"})}
    later = dossier(more, strategy=told.strategy, files=files, left=40)
    again = screens.order(bench(later), later)
    assert again != told.strategy.screen and again["LEARNING_RATE"] == pytest.approx((0.00141, 0.00283), rel=0.01)


# --- what it finds ---------------------------------------------------------------------------------


def test_effects_are_those_of_the_program() -> None:
    """With hardly any noise, to the third digit; higher is better."""
    truth = {"LEARNING_RATE": 0.012, "DEPTH": -0.006}
    effects = {effect.name: effect for effect in found(screened(truth), 1e-5).effects}
    assert effects["LEARNING_RATE"].mean == pytest.approx(0.012, rel=0.01)
    assert effects["DEPTH"].mean == pytest.approx(-0.006, rel=0.01)
    assert abs(effects["MOMENTUM"].mean) < 1e-5


def test_the_posterior_is_the_closed_form_of_an_orthogonal_design() -> None:
    """N runs, noise s, prior of width t: least squares, shrunken by N t^2 / (N t^2 + s^2) (Bishop 2006, 3.3)."""
    told, noise = screened({"LEARNING_RATE": 0.004}, noise=0.002), 0.002
    got = found(told, noise)
    levels = told.strategy.screen
    names = sorted(levels)
    design = screening.design(len(names))
    runs = [e for e in told.experiments if screening.is_screening(e.proposal.idea)]
    values = [run.measurements[0].outcome.value for run in runs]  # type: ignore[union-attr]
    size = sum(values) / len(values)
    shrink = len(design) * got.spread**2 / (len(design) * got.spread**2 + noise**2)
    for effect in got.effects:
        signs = [row[names.index(effect.name)] for row in design]
        least_squares = -sum(s * v for s, v in zip(signs, values, strict=True)) / size / len(design)
        assert effect.mean == pytest.approx(shrink * least_squares, rel=1e-6)
        assert effect.error == pytest.approx(noise * (shrink / len(design)) ** 0.5, rel=1e-6)


def test_runs_that_crashed_are_done_without() -> None:
    """As long as enough of the others are there."""
    assert found(screened({"LEARNING_RATE": 0.01}, lost=[2])).effects[0].name == "LEARNING_RATE"
    assert screens.result(screened({"LEARNING_RATE": 0.01}, lost=[1, 2, 3, 4]), 0.001) is None


def test_runs_of_a_screening_are_no_trials() -> None:
    """Nobody expected them to gain, so they count for no kind of change and no constant."""
    evidence = gather(screened({"LEARNING_RATE": 0.01}))
    assert [trial.number for trial in evidence.trials] == [1, 2, 3]


# --- where it points -------------------------------------------------------------------------------


def test_the_first_hypothesis_is_a_step_in_all_that_pay() -> None:
    """Each in its own direction, and further for a larger effect; what does nothing stays where it is."""
    advice = StatisticsAnalyst().draft(screened({"LEARNING_RATE": 0.012, "WEIGHT_DECAY": -0.006}, noise=0.0005))
    first, second = advice.hypotheses[:2]
    targets = {target.name: float(target.value or 0) for target in first.targets}
    assert targets["LEARNING_RATE"] > 1.5e-3 and targets["WEIGHT_DECAY"] < 0.09
    assert {"LEARNING_RATE", "WEIGHT_DECAY"} <= targets.keys() and len(targets) <= 4
    shorter = {target.name: float(target.value or 0) for target in second.targets}
    assert 1e-3 < shorter["LEARNING_RATE"] < targets["LEARNING_RATE"]
    assert advice.worked[0].text.startswith("A screening of 7 constants, half a step of each: LEARNING_RATE up +1.2")
    assert set(advice.worked[0].experiments) == set(range(4, 12))


def test_once_the_step_was_taken_a_longer_one_follows() -> None:
    """And none back."""
    told = screened({"LEARNING_RATE": 0.005, "WEIGHT_DECAY": -0.006, "DEPTH": 0.006, "GRAD_CLIP": 0.005})
    first = next(screens.steps(bench(told), found(told)))
    moved = {target.name: str(target.value) for target in first.hypothesis.targets}
    files = {"train.py": rewrite(told.files["train.py"], moved)}
    there = dossier(told.experiments, strategy=told.strategy, files=files)
    (longer,) = screens.steps(bench(there), found(told))
    assert 1e-3 < rate(first) < rate(longer)


def rate(idea: Idea) -> float:
    """Where an idea puts the learning rate."""
    return next(float(target.value or 0) for target in idea.hypothesis.targets if target.name == "LEARNING_RATE")


def test_what_something_else_moved_is_left_where_it_is() -> None:
    """The screening says nothing about there."""
    told = screened({"LEARNING_RATE": 0.012, "WEIGHT_DECAY": -0.006})
    files = {"train.py": rewrite(told.files["train.py"], {"LEARNING_RATE": "1e-2"})}
    elsewhere = dossier(told.experiments, strategy=told.strategy, files=files)
    for idea in screens.steps(bench(elsewhere), found(told)):
        assert "LEARNING_RATE" not in {target.name for target in idea.hypothesis.targets}


def test_a_screening_that_found_nothing_proposes_nothing() -> None:
    """Where no effect can be told from noise."""
    told = screened({}, noise=0.0005)
    assert not list(screens.steps(bench(told), screens.result(told, 0.05)))
    assert {knob.name for knob in read(FILE)} >= set(told.strategy.screen)
