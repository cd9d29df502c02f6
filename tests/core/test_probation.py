"""Strategies on probation: who is on it, and what can be told of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest

from deep_loop.core.cohort import HARNESS, HUMAN, Revision
from deep_loop.core.probation import FLOOR, Difference, Lineage, Turn, difference, judge, lineage, lineages

ON = Lineage(control=1, heirs=(2,), analyst="statistics", asked=10)
USUAL = 0.01


def revision(version: int, control: int | None, asked: int, analyst: str = "statistics") -> Revision:
    return Revision(version, f"c{version}", 12 * version, "why", analyst, "what", 1e9, control, asked)


def turns(new: Sequence[float | None], held: Sequence[float | None]) -> list[Turn]:
    """Experiments of both arms, since the probation began."""
    return [Turn(11, 2, gain) for gain in new] + [Turn(12, 1, gain) for gain in held]


def test_an_heir_goes_on_against_the_same_control() -> None:
    """While nothing is told; a strategy that is held against another one begins anew."""
    assert lineage([]) is None
    first = revision(1, 0, 5)
    assert lineage([first]) == Lineage(0, (1,), "statistics", 5)
    heir = revision(2, 0, 20, "investigator")
    assert lineage([first, heir]) == Lineage(0, (1, 2), "investigator", 5)
    better = revision(3, 2, 40)
    ended = Lineage(0, (1, 2), "investigator", 5, 40)
    assert lineages([first, heir, better]) == [ended, Lineage(2, (3,), "statistics", 40)]


@pytest.mark.parametrize("analyst", [HUMAN, HARNESS])
def test_what_is_in_force_ends_a_probation(analyst: str) -> None:
    """A person's edit and a revert are held against nothing; what comes next is held against them."""
    ended = [revision(1, 0, 5), revision(2, None, 20, analyst)]
    assert lineage(ended) is None
    assert lineage([*ended, revision(3, 2, 30)]) == Lineage(2, (3,), "statistics", 30)
    assert lineages(ended)[0].until == 20


def test_the_posterior_by_hand() -> None:
    """Means 0.004 and -0.002, a variance of the pooled squares and the guess, a prior as wide as a usual keep."""
    given = turns([0.009, 0.004, -0.001], [0.003, -0.002, -0.007])
    found = difference(ON, given, USUAL)
    assert found is not None
    variance = (4 * 0.005**2 + 4 * USUAL**2) / (6 - 2 + 4)
    assert (found.mean, found.error) == (pytest.approx(0.006), pytest.approx((variance * 2 / 3) ** 0.5))
    verdict = judge(ON, given, USUAL)
    precision = 1 / USUAL**2 + 1 / found.error**2
    assert verdict.effect == pytest.approx(0.006 / found.error**2 / precision)
    assert verdict.error == pytest.approx(precision**-0.5)
    assert (verdict.new, verdict.held, verdict.call) == (3, 3, "undetermined")


def test_a_loss_counts_no_more_than_a_keep() -> None:
    """However large it is; a crash counts as one."""
    bounded = difference(ON, turns([-USUAL] * 2, [0.0] * 2), USUAL)
    assert difference(ON, turns([-5.0, None], [0.0, 0.0]), USUAL) == bounded


def test_only_experiments_of_the_time_count() -> None:
    """Those from before, from after and of other strategies do not."""
    own = turns([0.01], [0.0])
    others = [Turn(10, 1, -1.0), Turn(13, 0, -1.0), Turn(21, 2, -1.0)]
    ended = Lineage(1, (2,), "statistics", 10, until=20)
    assert difference(ended, own + others, USUAL) == difference(ended, own, USUAL)


def test_nothing_known_is_even() -> None:
    """Half of the proposals follow each."""
    verdict = judge(ON, [], USUAL)
    assert (verdict.better, verdict.share, verdict.call) == (0.5, 0.5, "undetermined")


def test_what_is_sure_is_called_so_and_both_arms_live_on() -> None:
    """In both directions; each keeps its floor."""
    good = judge(ON, turns([0.02] * 8, [-0.01] * 8), USUAL)
    bad = judge(ON, turns([None] * 8, [0.01] * 8), USUAL)
    assert (good.call, bad.call) == ("better", "worse")
    assert (good.share, bad.share) == (pytest.approx(1 - FLOOR), pytest.approx(FLOOR))
    assert "v2" in bad.words and "8 experiments" in bad.words and bad.words.startswith("worse")


def test_an_analyst_is_known_by_its_record() -> None:
    """One whose strategies were worse so far is trusted less from the start, and a good one more."""
    bad = judge(ON, [], USUAL, [Difference(-0.01, 0.004)] * 3)
    good = judge(ON, [], USUAL, [Difference(0.01, 0.004)] * 3)
    assert bad.share < 0.35 and good.share > 0.65
    assert bad.share == pytest.approx(1 - good.share)


def test_what_is_known_of_an_analyst_narrows_what_to_expect() -> None:
    """The prior of a stranger is as wide as a usual keep; a record can only tell more."""
    stranger = judge(ON, [], USUAL)
    assert (stranger.effect, stranger.error) == (0.0, pytest.approx(USUAL))
    errors = [judge(ON, [], USUAL, [Difference(0.0, 0.004)] * count).error for count in range(5)]
    assert errors == sorted(errors, reverse=True) and errors[4] < 0.8 * errors[0]
    vague = judge(ON, [], USUAL, [Difference(0.05, 10.0)])
    assert vague.error == pytest.approx(stranger.error, rel=1e-3) and abs(vague.effect) < 1e-6


def test_what_was_looked_at_often_has_to_be_surer() -> None:
    """The same evidence calls a first strategy better, and leaves a fourth heir undetermined."""
    given = turns([0.008, -0.004] * 4, [0.002, -0.01] * 4)
    many = replace(ON, heirs=(2, 3, 4, 5))
    first = judge(ON, given, USUAL)
    assert 0.9 < first.better < 0.975 and first.call == "better"
    assert judge(many, given, USUAL).better == first.better
    assert judge(many, given, USUAL).call == "undetermined"


def followed(chance: random.Random, effect: float) -> str:
    """What a lineage is called at the last of up to eight looks, one after every twelve proposals, each assigned."""
    on, given = ON, list[Turn]()
    for look in range(8):
        on = replace(on, heirs=tuple(range(2, 3 + look)))
        for _ in range(12):
            new = chance.random() < judge(on, given, USUAL).share
            gain = USUAL * chance.uniform(0.5, 2) if chance.random() < 0.15 else -USUAL * chance.random()
            given.append(Turn(11 + len(given), on.heirs[-1] if new else on.control, gain + effect * new))
        if (call := judge(on, given, USUAL).call) != "undetermined":
            return call
    return "undetermined"


def test_strategies_that_change_nothing_are_seldom_judged() -> None:
    """Of those that go on to eight looks a tenth is called better, and a tenth worse, at most; what helps is found."""
    chance = random.Random(1)
    calls = [followed(chance, 0.0) for _ in range(200)]
    assert fmean(call == "worse" for call in calls) <= 0.1
    assert fmean(call == "better" for call in calls) <= 0.1
    good = [followed(chance, USUAL / 2) for _ in range(50)]
    assert fmean(call == "better" for call in good) > 0.7
