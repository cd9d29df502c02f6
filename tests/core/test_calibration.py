"""Predicted probabilities are scored as the literature does."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.calibration import Forecast, score, scores

pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


def made(pairs: list[tuple[float, bool]], base: float = 0.2) -> list[Forecast]:
    return [Forecast("model", probability, base, came) for probability, came in pairs]


@given(pairs)
def test_the_parts_of_brier_s_score_add_up(pairs: list[tuple[float, bool]]) -> None:
    """Reliability - resolution + uncertainty is Brier's score of forecasts that are their bins' means (Murphy 1973)."""
    found = score("model", made(pairs))
    bins = {min(int(p * 5), 4): [q for q, _ in pairs if min(int(q * 5), 4) == min(int(p * 5), 4)] for p, _ in pairs}
    level = [(fmean(bins[min(int(p * 5), 4)]), came) for p, came in pairs]
    brier = fmean((p - came) ** 2 for p, came in level)
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(brier)
    assert sum(each.count for each in found.bins) == found.count == len(pairs)


def test_the_scores_are_those_of_scikit_learn() -> None:
    """Log-loss and Brier's score of a hundred forecasts."""
    from sklearn.metrics import brier_score_loss, log_loss

    rng = random.Random(3)
    pairs = [(p, rng.random() < p) for p in (rng.uniform(0.02, 0.98) for _ in range(100))]
    found = score("model", made(pairs))
    truth, said = [came for _, came in pairs], [p for p, _ in pairs]
    assert found.log_loss == pytest.approx(log_loss(truth, said))
    assert found.brier == pytest.approx(brier_score_loss(truth, said))
    assert found.base_log_loss == pytest.approx(log_loss(truth, [0.2] * 100))


def test_the_lead_s_interval_is_student_s() -> None:
    """As scipy's test of one sample says it."""
    from scipy.stats import ttest_1samp

    pairs = [(0.7, True), (0.2, False), (0.4, True), (0.1, False), (0.6, False)]
    leads = [-math.log(0.2 if came else 0.8) + math.log(p if came else 1 - p) for p, came in pairs]
    wanted = ttest_1samp(leads, 0).confidence_interval(0.95)
    found = score("model", made(pairs))
    assert (found.lead, found.low, found.high) == pytest.approx((fmean(leads), wanted.low, wanted.high))


def test_who_is_worse_than_the_base_rate_is_told_so() -> None:
    """Sure and wrong is worse, good is better, few are undetermined; nobody is infinitely bad."""
    rng = random.Random(5)
    came = [rng.random() < 0.2 for _ in range(60)]
    wrong = score("model", made([(0.8 if n % 7 else 0.9, one) for n, one in enumerate(came)]))
    assert wrong.call == "worse" and wrong.skill.startswith("worse than the base rate by")
    good = score("model", made([((0.8 if one else 0.1) + n % 3 / 50, one) for n, one in enumerate(came)]))
    assert good.call == "better"
    few = score("model", made([(1.0, False)]))
    assert few.call == "undetermined" and math.isfinite(few.log_loss) and "as far as can be told" in few.skill


def test_each_author_has_a_score() -> None:
    """By name."""
    given = [Forecast("b", 0.5, 0.2, True), Forecast("a", 0.1, 0.2, False), Forecast("b", 0.1, 0.2, True)]
    assert [(one.author, one.count) for one in scores(given)] == [("a", 1), ("b", 2)]
