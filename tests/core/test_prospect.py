"""How likely a change is kept, told before it runs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.experiment import Change
from deep_loop.core.likeness import words
from deep_loop.core.prospect import FIELD, Field, Prospect, Tried, chances, log_odds, moves, rate, signs

PLAIN = Field(rate=0.1, strength=20.0, half_life=30.0, coefficients=(0.0, 0.0, 0.0, 0.0))


def tried(text: str, kept: bool, gain: float | None = None, **more: int) -> Tried:
    return Tried(Prospect(words(text), more), kept, gain=gain)


def test_without_experiments_the_field_decides() -> None:
    """An empty study has the field's rate, whatever the change."""
    assert rate([], FIELD) == pytest.approx(FIELD.rate)
    assert chances([], [Prospect(words("anything")), Prospect(frozenset())]) == pytest.approx([FIELD.rate] * 2)


def test_the_rate_is_a_beta_posterior_whose_data_fade() -> None:
    """By hand: two keeps, one discard between, at ages 2, 1 and 0 with a half-life of one experiment."""
    field = replace(PLAIN, half_life=1.0)
    assert rate([True, False, True], field) == pytest.approx((0.25 + 1 + 20 * 0.1) / (0.25 + 0.5 + 1 + 20))
    assert rate([True] * 10 + [False] * 50) < rate([False] * 50 + [True] * 10)


def test_a_study_that_keeps_half_is_told_from_its_own_record() -> None:
    """With enough experiments the field's rate hardly counts."""
    assert rate([True, False] * 500, replace(PLAIN, half_life=1e6)) == pytest.approx(0.5, abs=0.01)


def test_what_was_kept_before_speaks_for_what_is_like_it() -> None:
    """Changes that share words with keeps come before those that share words with discards; crashes are worst."""
    past = [tried("raise warmup", True, 0.02), tried("lower weight decay", False, -0.01)] * 5
    past += [Tried(Prospect(words("double batch")), False, crashed=True)] * 5
    good, bad, broken = chances(past, [Prospect(words(t)) for t in ("more warmup", "less weight decay", "batch")])
    assert good > bad > broken


def test_a_near_miss_says_more_than_a_loss() -> None:
    """Among discards the better gain counts."""
    past = [tried("alpha", False, -0.0001), tried("beta", False, -0.5), tried("gamma", False, -0.1)]
    near, far = signs(past, [Prospect(words("alpha")), Prospect(words("beta"))])
    assert near.gains > far.gains and near.keeps == far.keeps == 0


def test_going_on_and_turning_are_told_apart() -> None:
    """After an upward move that was kept, up again is a good sign and down a bad one; after a discard the reverse."""
    kept = [tried("x", False, -0.1), tried("LR", True, 0.1, lr=1)]
    up, down = signs(kept, [Prospect(frozenset(), {"lr": 1}), Prospect(frozenset(), {"lr": -1})])
    assert up.last == 1 and down.last == -1 and up.heading > 0 > down.heading
    lost = [tried("x", True, 0.1), tried("LR", False, -0.1, lr=1)]
    up, down = signs(lost, [Prospect(frozenset(), {"lr": 1}), Prospect(frozenset(), {"lr": -1})])
    assert up.last == -1 and down.last == 1 and up.heading < 0 < down.heading


def test_ways_come_from_numbers() -> None:
    """Up, down, and 0 where a value is no number."""
    changes = (Change("LR", "1e-3", "2e-3"), Change("Act", '"gelu"', '"relu"'), Change("DEPTH", "8", "6"))
    assert moves(changes, {"1e-3": 1e-3, "2e-3": 2e-3, "8": 8.0, "6": 6.0}) == {"lr": 1, "act": 0, "depth": -1}


histories = st.lists(
    st.builds(
        lambda word, kept, crashed, gain, way: Tried(
            Prospect(frozenset({word}), {"c": way}), kept and not crashed, crashed, gain
        ),
        st.sampled_from("abcd"),
        st.booleans(),
        st.booleans(),
        st.none() | st.floats(-1, 1) | st.just(math.inf) | st.just(math.nan),
        st.sampled_from((-1, 0, 1)),
    ),
    max_size=30,
)


@given(histories, st.sampled_from("abcde"), st.sampled_from((-1, 0, 1)))
def test_every_chance_is_a_probability(past: list[Tried], word: str, way: int) -> None:
    """Between 0 and 1 whatever the record; signs within -1 and 1; the same record gives the same."""
    prospect = Prospect(frozenset({word}), {"c": way})
    (chance,) = chances(past, [prospect])
    assert 0 < chance < 1
    assert all(-1 <= sign <= 1 for sign in signs(past, [prospect])[0].values())
    assert chances(past, [prospect]) == (chance,)


def test_the_odds_add_up() -> None:
    """The log-odds are those of the rate and, for each sign, its coefficient."""
    past = [tried("a b", True, 0.1, lr=1), tried("c", False, -0.1, lr=-1)]
    prospect = Prospect(words("a"), {"lr": 1})
    (found,) = signs(past, [prospect])
    shift = sum(sign * weight for sign, weight in zip(found.values(), FIELD.coefficients, strict=True))
    (chance,) = chances(past, [prospect])
    assert log_odds(chance) == pytest.approx(log_odds(rate([True, False])) + shift)
