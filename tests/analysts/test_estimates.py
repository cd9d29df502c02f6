"""The closed forms, against values worked out by hand or published."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.adapters.analysts.estimates import f_tail, keep_within, shrink, wilson

gains = st.floats(-10, 10)
groups = st.dictionaries(st.sampled_from("abcdef"), st.lists(gains, max_size=6), max_size=6)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(1, 10, 0.0179, 0.4042), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634)],
)
def test_wilson_by_hand(successes: int, trials: int, low: float, high: float) -> None:
    """For 0 of n the bounds are 0 and z^2 / (n + z^2): with z = 1.96 and n = 10, 3.8415 / 13.8415 = 0.2775."""
    found = wilson(successes, trials)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(0, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share(pair: tuple[int, int]) -> None:
    """The interval lies in [0, 1] and holds the share, whatever the counts."""
    found = wilson(*pair)
    assert 0 <= found.low <= found.mid <= found.high <= 1


def test_shrinkage_by_hand() -> None:
    """Groups (1, 3), (5, 7), (3, 5): variance within 6 / 3 = 2, between 16; spread (16 - 2 * 2) / (6 - 12 / 6) = 3.

    Each mean has the variance 2 / 2 = 1, so 3 / (3 + 1) of its distance to the common mean 4 is kept.
    """
    found = shrink({"a": [1, 3], "b": [5, 7], "c": [3, 5], "none": []})
    assert found.pooled == pytest.approx(4)
    assert (found.spread, found.within) == (pytest.approx(math.sqrt(3)), pytest.approx(math.sqrt(2)))
    assert {name: group.mid for name, group in found.groups.items()} == pytest.approx({"a": 2.5, "b": 5.5, "c": 4.0})
    # The variance of a shrunken mean is 0.75 * 1 + 0.25^2 * 4 / 3 = 5 / 6.
    assert found.groups["a"].high - found.groups["a"].mid == pytest.approx(1.959964 * math.sqrt(5 / 6), rel=1e-6)
    # F = (16 / 2) / 2 = 4 on 2 and 3 degrees of freedom: exactly (1 + 8 / 3)^-1.5 = 0.1424.
    assert found.p == pytest.approx(0.1424, abs=0.02)


def test_groups_that_differ_only_by_chance_shrink_to_one() -> None:
    """Equal means have no spread, and nothing is called different."""
    found = shrink({"a": [1, 3], "b": [2, 2], "c": [0, 4]})
    assert found.spread == 0
    assert {group.mid for group in found.groups.values()} == {2.0}
    assert [found.differs(name) for name in "abc"] == [0, 0, 0]


def test_a_group_that_stands_out_is_told() -> None:
    """Ten close values far from the others': above. The others differ from each other by nothing."""
    near = [0.0, 0.1, -0.1, 0.05, -0.05] * 2
    found = shrink({"a": [value + 5 for value in near], "b": near, "c": near})
    assert found.differs("a") == 1
    assert found.differs("nobody") == 0


@given(groups)
def test_shrinking_draws_towards_the_common_mean(values: dict[str, list[float]]) -> None:
    """Every shrunken mean lies between its own mean and the pooled one, and inside its interval."""
    found = shrink(values)
    assert found.groups.keys() == {name for name, group in values.items() if group}
    for name, group in found.groups.items():
        own = math.fsum(values[name]) / len(values[name])
        slack = 1e-9 * (1 + abs(own) + abs(found.pooled))
        assert min(own, found.pooled) - slack <= group.mid <= max(own, found.pooled) + slack
        assert group.low <= group.mid <= group.high
    assert 0 <= found.p <= 1


@pytest.mark.parametrize(
    ("ratio", "above", "below", "tail"), [(4.96, 1, 10, 0.05), (3.49, 3, 12, 0.05), (5.95, 3, 12, 0.01)]
)
def test_f_against_tables(ratio: float, above: int, below: int, tail: float) -> None:
    """The approximation reproduces critical values of the printed tables."""
    assert f_tail(ratio, above, below) == pytest.approx(tail, rel=0.1)


def test_odds_of_a_keep_by_hand() -> None:
    """With no experiment the prior is Beta(2.1, 7.9); one step: 0.21. Ten losses then move on to Beta(0.9, 9.1)."""
    assert keep_within([], 1) == pytest.approx(0.21)
    assert keep_within([False] * 10, 1) == pytest.approx(0.09)
    # Two steps from Beta(2.1, 7.9): 1 - (7.9 / 10) * (8.9 / 11).
    assert keep_within([], 2) == pytest.approx(1 - 0.79 * 8.9 / 11)
    # A keep after one loss: rates at distance 0 and 1 share a bracket, Beta(2.1 + 1, 7.9 + 1).
    assert keep_within([False, True], 1) == pytest.approx(3.1 / 12)


@given(st.lists(st.booleans(), max_size=80), st.integers(0, 30))
def test_odds_grow_with_the_horizon(kept: list[bool], horizon: int) -> None:
    """Odds are probabilities, and one more experiment never lowers them."""
    assert 0 <= keep_within(kept, horizon) <= keep_within(kept, horizon + 1) <= 1
