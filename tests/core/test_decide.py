"""The decision rule: evidence in; keep, discard, crash or one more run out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.decide import RUNS, Evidence, decide
from deep_loop.core.experiment import (
    Crash,
    Crashed,
    Discard,
    Interrupted,
    Keep,
    Measure,
    Measured,
    Outcome,
    Pruned,
    TimedOut,
)
from deep_loop.core.metric import Direction, Metric

LOSS, SCORE = Metric("val_bpb"), Metric("accuracy", Direction.MAXIMIZE)
metrics = st.sampled_from([LOSS, SCORE])
numbers = st.floats(0.1, 10).map(lambda value: round(value, 6))
runs = st.one_of(
    numbers.map(lambda value: Measured(value, 1.0)),
    st.just(Crashed("boom", 1.0)),
    st.just(TimedOut(9.0, 9.0)),
    st.just(Pruned("hopeless", 1.0)),
    st.just(Interrupted("stopped")),
)
evidence = st.builds(
    Evidence,
    metrics,
    st.floats(0, 1),
    st.lists(runs, max_size=4).map(tuple),
    st.lists(numbers, max_size=3).map(tuple),
)


def of(
    *found: float | Outcome, incumbent: tuple[float, ...] = (), metric: Metric = LOSS, least: float = 0.0
) -> Evidence:
    """Evidence with good runs given by their values."""
    given = tuple(Measured(run, 1.0) if isinstance(run, float) else run for run in found)
    return Evidence(metric, least, given, incumbent)


@given(evidence)
def test_the_same_evidence_gets_the_same_answer(given: Evidence) -> None:
    """The rule is pure, and gives a reason for whatever it says."""
    assert decide(given) == decide(given)
    assert decide(given).reason


@given(evidence)
def test_interrupted_runs_say_nothing(given: Evidence) -> None:
    """With or without them the answer is the same."""
    finished = tuple(run for run in given.candidate if not isinstance(run, Interrupted))
    assert decide(given) == decide(Evidence(given.metric, given.min_gain, finished, given.incumbent))


@given(evidence)
def test_a_keep_won_every_time(given: Evidence) -> None:
    """Whatever is kept has enough good runs, each of them better than the incumbent by more than the least gain."""
    decision = decide(given)
    if isinstance(decision, Keep):
        found = [run.value for run in given.candidate if isinstance(run, Measured)]
        assert len(found) >= RUNS
        assert not any(isinstance(run, Crashed | TimedOut | Pruned) for run in given.candidate)
        if given.incumbent:
            reference = sum(given.incumbent) / len(given.incumbent)
            assert all(given.metric.gain(value, reference) > given.min_gain for value in found)


def rank(decision: object) -> int:
    """How good an answer is for the candidate."""
    match decision:
        case Keep():
            return 2
        case Measure():
            return 1
        case _:
            return 0


@given(metrics, st.lists(numbers, min_size=1, max_size=3), numbers, st.floats(0, 5), st.floats(0, 5))
def test_better_runs_never_make_it_worse(
    metric: Metric, found: list[float], reference: float, shift: float, least: float
) -> None:
    """The rule is monotone: better runs never get a worse answer, a larger least gain never a better one."""
    better = [value - shift if metric is LOSS else value + shift for value in found]
    plain = rank(decide(of(*found, incumbent=(reference,), metric=metric)))
    assert rank(decide(of(*better, incumbent=(reference,), metric=metric))) >= plain
    assert rank(decide(of(*found, incumbent=(reference,), metric=metric, least=least))) <= plain


def test_a_baseline_is_measured_twice_and_kept() -> None:
    """There is nothing to beat; two runs show the noise."""
    assert isinstance(decide(of()), Measure)
    assert decide(of(2.0)) == Measure("candidate", "a baseline is measured twice, to see the noise")
    assert decide(of(2.0, 3.0)) == Keep("baseline val_bpb 2.500000", 0.0)


def test_a_promising_change_is_confirmed() -> None:
    """One win asks for another, two keep it with the mean gain, in the metric's unit and in per cent."""
    assert decide(of(1.9, incumbent=(2.0, 2.0))) == Measure(
        "candidate", "better by 0.100000 (5.00 %): to be confirmed on a fresh seed"
    )
    kept = decide(of(1.5, 1.75, incumbent=(2.0,)))
    assert kept == Keep("better by 0.375000 (18.75 %), confirmed on 2 seeds", 0.375)


@pytest.mark.parametrize("found", [(2.0,), (2.5,), (1.5, 2.0)])
def test_no_gain_is_a_discard(found: tuple[float, ...]) -> None:
    """A tie is no gain; neither is a win that does not repeat."""
    assert isinstance(decide(of(*found, incumbent=(2.0,))), Discard)


def test_a_gain_must_exceed_the_least() -> None:
    """Exactly the least gain is too little."""
    assert isinstance(decide(of(1.5, incumbent=(2.0,), least=0.5)), Discard)
    assert isinstance(decide(of(1.25, incumbent=(2.0,), least=0.5)), Measure)


@pytest.mark.parametrize(
    ("run", "answer"),
    [
        (Crashed("ValueError: no", 1.0), Crash("ValueError: no")),
        (TimedOut(600.0, 601.0), Crash("timed out after 600 s")),
        (Pruned("hopeless", 3.0), Discard("hopeless")),
    ],
)
def test_a_run_that_did_not_end_closes_the_experiment(run: Outcome, answer: object) -> None:
    """Also where an earlier run won."""
    assert decide(of(run, incumbent=(2.0,))) == answer
    assert decide(of(1.0, run, incumbent=(2.0,))) == answer
