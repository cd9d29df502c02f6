"""The decision rule: evidence in; keep, discard, crash or one more run out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from deep_loop.core.decide import AUDITS, SUSPICIOUS, Evidence, decide, likelihood_ratio
from deep_loop.core.experiment import (
    Breached,
    Crash,
    Crashed,
    Discard,
    Disturbed,
    Interrupted,
    Keep,
    Measure,
    Measured,
    Outcome,
    Pruned,
    TimedOut,
)
from deep_loop.core.metric import Direction, Metric
from deep_loop.core.noise import Group, Series
from deep_loop.core.rules import Rules

LOSS, SCORE = Metric("val_bpb"), Metric("accuracy", Direction.MAXIMIZE)
metrics = st.sampled_from([LOSS, SCORE])
numbers = st.floats(0.1, 10).map(lambda value: round(value, 6))
failures = st.sampled_from(
    [Crashed("boom", 1.0), TimedOut(9.0, 9.0), Pruned("hopeless", 1.0), Breached("edited prepare.py", 1.0)]
)
NOISY = (1.002, 0.999, 1.001, 0.998)  # of an incumbent, with a sigma of about 0.002
SEEDS = itertools.count(1_000)


def series(values: tuple[float, ...], first: int = 1) -> Series:
    """Runs one right after the other, on seeds that no other commit has had."""
    return at(values, range(first, first + len(values)))


def at(values: tuple[float, ...], places: Iterable[int]) -> Series:
    """Runs at these places, on seeds that no other commit has had."""
    return Series(values, tuple(places), tuple(next(SEEDS) for _ in values))


def of(
    *found: float,
    incumbent: tuple[float, ...] | None = NOISY,
    metric: Metric = LOSS,
    rules: Rules | None = None,
    **more: object,
) -> Evidence:
    """Evidence of a candidate's first run and its fresh ones, right after the incumbent's."""
    reference = None if incumbent is None else series(incumbent)
    after = len(incumbent or ())
    return replace(
        Evidence(
            metric,
            rules or Rules(),
            tuple(Measured(value, 1.0) for value in found),
            series(found[:1], after + 1),
            fresh=series(found[1:], after + 2),
            reference=reference,
            level=0.04,
        ),
        **more,
    )


def mixed(found: Evidence) -> Evidence:
    """The same with the runs of candidate and incumbent in turns, as a long test makes them."""
    assert found.reference is not None
    return replace(
        found,
        fresh=at(found.fresh.values, range(2, 2 * len(found.fresh) + 2, 2)),
        reference=at(found.reference.values, range(1, 2 * len(found.reference) + 1, 2)),
    )


many = st.lists(numbers, max_size=5).map(tuple)
evidence = st.builds(
    lambda found, incumbent, metric, level: of(*found, incumbent=incumbent, metric=metric, level=level),
    st.lists(numbers, max_size=5),
    st.one_of(st.none(), many),
    metrics,
    st.floats(0.001, 1),
)


@given(evidence)
def test_the_same_evidence_gets_the_same_answer(given: Evidence) -> None:
    """The rule is pure, always answers, and gives a reason for whatever it says."""
    assert decide(given) == decide(given)
    assert decide(given).reason


@given(evidence, failures)
def test_a_failure_closes_whatever_else_is_known(given: Evidence, failure: Outcome) -> None:
    """A crash, a timeout and a breach are crashes; a pruned run is a loss. None asks for another run."""
    decision = decide(replace(given, outcomes=(*given.outcomes, failure)))
    assert isinstance(decision, Discard if isinstance(failure, Pruned) else Crash)


@given(evidence)
def test_runs_that_say_nothing_change_nothing(given: Evidence) -> None:
    """Interrupted and disturbed runs leave the answer as it is."""
    silent = (Interrupted("stopped"), Disturbed("busy", 1.0, 1.0, 3.0))
    assert decide(given) == decide(replace(given, outcomes=(*silent, *given.outcomes)))


def test_a_breach_is_named() -> None:
    """The proposer is told that it broke a rule, and which."""
    assert decide(replace(of(), outcomes=(Breached("edited prepare.py", 1.0),))) == Crash("breach: edited prepare.py")


# --- the baseline --------------------------------------------------------------------------------


def test_a_baseline_is_repeated_until_the_noise_can_be_told() -> None:
    """Three runs by default, or two that are equal to the last digit."""
    asked = [decide(of(*found, incumbent=None)) for found in ((), (1.0,), (1.0, 1.1))]
    assert [d.target for d in asked if isinstance(d, Measure)] == ["candidate"] * 3
    assert decide(of(1.0, 1.1, 0.9, incumbent=None)) == Keep("baseline val_bpb 1.000000", 0.0)
    assert decide(of(1.0, 1.0, incumbent=None)) == Keep("baseline val_bpb 1.000000, repeats exactly", 0.0)


# --- with noise ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "loss", "win"), [(LOSS, 1.05, 0.95), (SCORE, 0.95, 1.05)])
def test_a_clear_loss_costs_one_run(metric: Metric, loss: float, win: float) -> None:
    """It is discarded at once; a clear win is measured again before anything is kept."""
    assert isinstance(decide(of(loss, metric=metric)), Discard)
    asked = decide(of(win, metric=metric))
    assert isinstance(asked, Measure)
    assert asked.target == "candidate"


def test_a_gain_within_the_noise_is_no_gain() -> None:
    """A first run that is better by less than the screen asks for ends there, and is told why."""
    decision = decide(of(0.9995))
    assert isinstance(decision, Discard)
    assert decision.reason.endswith("against the incumbent, within the noise")


def test_a_first_run_is_seen_beside_its_like() -> None:
    """Where all seem as good the incumbent was unlucky, and where all seem worse it was lucky."""
    incumbent = (0.99, 1.0, 1.01, 1.0)

    def beside(level: float) -> Group:
        return tuple(at((level + 0.01 * math.sin(n),), (10 + n,)) for n in range(16))

    alike, first = (decide(of(0.982, incumbent=incumbent, beside=b)) for b in (beside(0.984), ()))
    assert isinstance(alike, Discard)
    assert isinstance(first, Measure)
    middling, best = (decide(of(1.0001, incumbent=incumbent, beside=b)) for b in ((), beside(1.015)))
    assert isinstance(middling, Discard)
    assert isinstance(best, Measure)
    assert best.reason.startswith("worse by 0.000")
    assert best.reason.endswith(", yet better than its like: to be confirmed on a fresh seed")


def test_a_clear_win_is_kept_on_fresh_runs_alone() -> None:
    """The run that it was chosen by counts neither for the decision nor for the gain."""
    decision = decide(of(0.5, 0.97, 0.971, 0.969))
    assert isinstance(decision, Keep)
    assert decision.gain == pytest.approx(0.03, abs=0.002)


def test_a_lucky_run_is_not_kept() -> None:
    """However good the first run was, fresh ones that are no better end it."""
    assert isinstance(decide(of(0.9, 1.0)), Discard)


@given(st.floats(0.9, 1.1), st.lists(st.floats(0.9, 1.1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_a_stricter_level_never_keeps_more(first: float, fresh: list[float], level: float) -> None:
    """What is kept at a level is kept at every larger one."""
    strict, loose = (decide(of(first, *fresh, level=some)) for some in (level / 10, level))
    assert isinstance(loose, Keep) or not isinstance(strict, Keep)


def test_a_test_ends_in_time() -> None:
    """A change that stays on the verge is discarded after the most runs that are allowed."""
    fresh = tuple(0.9985 + 0.001 * (-1) ** n for n in range(16))
    waiting = of(0.995, *fresh[:-1], incumbent=NOISY * 5, level=1e-6)
    assert isinstance(decide(waiting), Measure)
    assert isinstance(decide(of(0.995, *fresh, incumbent=NOISY * 5, level=1e-6)), Discard)


def test_the_less_certain_of_the_two_is_measured() -> None:
    """A promising change waits for an incumbent with too few runs; a long test measures the incumbent too."""
    early = decide(of(0.95, incumbent=NOISY[:3]))
    late = decide(of(0.995, *(0.9975, 0.999) * 3, incumbent=NOISY, level=1e-9))
    assert [d.target for d in (early, late) if isinstance(d, Measure)] == ["incumbent", "incumbent"]


def test_an_incumbent_that_often_fails_is_not_asked_for_again_and_again() -> None:
    """What it has measured has to do."""
    late = of(0.995, *(0.9975, 0.999) * 3, incumbent=NOISY, level=1e-9, failed=4)
    asked = decide(late)
    assert isinstance(asked, Measure)
    assert asked.target == "candidate"


def test_what_seeds_bring_to_both_is_no_gain_and_hides_none() -> None:
    """A gain of half the noise, seen on seven seeds that the incumbent had too; on other seeds it proves nothing."""
    incumbent = (1.0, 1.5, 0.7, 1.2, 0.4, 1.8, 0.9, 1.3)
    gains = (0.2, 0.22, 0.19, 0.21, 0.2, 0.18, 0.21, 0.2)
    lower = tuple(value - gain for value, gain in zip(incumbent, gains, strict=True))
    apart = of(*lower, incumbent=incumbent)
    assert apart.reference is not None
    seeds = apart.reference.seeds
    first = replace(apart.first, seeds=seeds[:1])
    common = replace(apart, first=first, fresh=replace(apart.fresh, seeds=seeds[1:]))
    assert isinstance(decide(common), Keep)
    assert not isinstance(decide(apart), Keep)


def test_an_incumbent_that_does_not_run_any_more() -> None:
    """It is tried a few times, and then nothing is kept in its place."""
    asked = decide(of(0.95, incumbent=()))
    assert isinstance(asked, Measure)
    assert asked.target == "incumbent"
    assert isinstance(decide(of(0.95, incumbent=(), failed=4)), Discard)


def test_a_least_gain_is_asked_for() -> None:
    """A gain that is certain and smaller than the least one is none."""
    sure = (0.95, 0.99, 0.991, 0.989, 0.99)
    assert isinstance(decide(of(*sure)), Keep)
    assert not isinstance(decide(of(*sure, rules=Rules(min_gain=0.02))), Keep)


def test_drift_is_allowed_for() -> None:
    """Where the machine gets better all by itself, a change that only rides on it is not kept."""
    places = (1, 20, 40, 60)
    steady = of(0.98, 0.981, 0.98, 0.979, incumbent=(1.0, 1.001, 0.999, 1.0))
    drifting = replace(steady, reference=at((1.0, 0.99, 0.981, 0.979), places))
    assert isinstance(decide(steady), Keep)
    assert not isinstance(decide(drifting), Keep)


# --- simpler code --------------------------------------------------------------------------------


def test_simpler_code_may_be_kept_for_that() -> None:
    """An equal metric is enough for clearly simpler code, not for any other, and it can be turned off."""
    equal = (1.0, *NOISY * 4)
    kept = decide(mixed(of(*equal, incumbent=NOISY * 4, simpler=True)))
    assert isinstance(kept, Keep)
    assert kept.simplification
    assert isinstance(decide(mixed(of(*equal, incumbent=NOISY * 4))), Discard)
    off = of(*equal, incumbent=NOISY * 4, simpler=True, rules=Rules(margin=None))
    assert isinstance(decide(mixed(off)), Discard)


def test_simplifications_do_not_creep() -> None:
    """What counts is the best incumbent that is none: one small loss after the other is not let through."""
    worse = tuple(value + 0.004 for value in NOISY * 4)
    small = (1.004, *worse)
    step = mixed(of(*small, incumbent=worse, simpler=True))
    assert isinstance(decide(step), Keep)
    assert not isinstance(decide(replace(step, anchor=mixed(of(incumbent=NOISY * 4)).reference)), Keep)


# --- hard to believe -----------------------------------------------------------------------------


def test_a_gain_beyond_the_plausible_is_held() -> None:
    """Many times the usual gain needs runs with clean caches that show at least half of it."""
    found = of(0.2, 0.2, 0.201, 0.199, usual=0.01)
    held = decide(found)
    assert isinstance(held, Measure)
    assert held.target == "audit"
    kept = decide(replace(found, audits=(0.2,) * AUDITS))
    assert isinstance(kept, Keep)
    assert kept.suspicious
    assert isinstance(decide(replace(found, audits=(0.2, 0.9))), Discard)
    ordinary = decide(replace(found, usual=0.8 / SUSPICIOUS + 0.01))
    assert isinstance(ordinary, Keep)
    assert not ordinary.suspicious


@pytest.mark.parametrize("incumbent", [NOISY, (1.0, 1.0)])
def test_a_value_past_the_tasks_bound_is_held(incumbent: tuple[float, ...]) -> None:
    """Whatever the usual gain is, and whether there is noise or none."""
    rules = Rules(bound=0.9)
    fresh = (0.89, 0.89, 0.89) if incumbent == (1.0, 1.0) else (0.89, 0.891, 0.889)
    found = of(0.89, *fresh, incumbent=incumbent, rules=rules, usual=0.1)
    held = decide(found)
    assert isinstance(held, Measure)
    assert held.target == "audit"


# --- without noise -------------------------------------------------------------------------------


def test_an_exact_metric_needs_one_confirmation() -> None:
    """Where nothing varies, one fresh run that is better too is enough, and equal is not better."""
    exact = (1.0, 1.0)
    asked = decide(of(0.9, incumbent=exact))
    assert isinstance(asked, Measure)
    assert asked.target == "candidate"
    kept = decide(of(0.9, 0.9, incumbent=exact))
    assert kept == Keep("better by 0.100000 (10.00 %), the metric repeats exactly", pytest.approx(0.1))
    assert isinstance(decide(of(1.0, incumbent=exact)), Discard)
    assert decide(of(1.0, 1.0, incumbent=exact, simpler=True)) == Keep("simpler code, the same metric", 0.0, True)


# --- the statistic -------------------------------------------------------------------------------


@pytest.mark.parametrize("freedom", [2, 5, 30])
@pytest.mark.parametrize("effect", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("t", [-2.0, 0.0, 1.0, 4.0, 9.0])
def test_the_likelihood_ratio_is_that_of_the_two_t_densities(freedom: int, effect: float, t: float) -> None:
    """Against scipy's own noncentral and central t."""
    expected = stats.nct.pdf(t, freedom, effect) / stats.t.pdf(t, freedom)
    assert likelihood_ratio(t, freedom, effect) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.floats(-1e3, 1e3), st.integers(1, 500), st.floats(0.01, 8))
def test_the_likelihood_ratio_is_never_negative(t: float, freedom: int, effect: float) -> None:
    """Nor is it not a number, wherever the statistic lies."""
    found = likelihood_ratio(t, freedom, effect)
    assert found >= 0
    assert not math.isnan(found)


def test_a_test_of_nothing_keeps_its_level() -> None:
    """With no gain and normal noise, at most the level of all tests end in a keep: 4,000 of them at 10 %."""
    random = np.random.default_rng(5)
    kept = 0
    tests = 4000
    for _ in range(tests):
        incumbent = tuple(random.normal(0, 1, 6))
        fresh: list[float] = []
        while True:
            fresh.append(float(random.normal(0, 1)))
            decision = decide(of(-9.0, *fresh, incumbent=incumbent, level=0.1))
            if not isinstance(decision, Measure):
                break
            if decision.target == "incumbent":
                incumbent = (*incumbent, float(random.normal(0, 1)))
        kept += isinstance(decision, Keep)
    assert kept / tests <= 0.1
