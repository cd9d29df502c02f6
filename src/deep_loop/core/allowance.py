"""How sure a keep must be, so that a whole study keeps few changes that are none.

A person allows a study so many false keeps (`false_keeps`, expected, at most) over the experiments that it plans.
Every change that gets as far as a test spends a part of that. The levels add up to the allowance whatever happens,
and each depends on the past only, so the expected number of false keeps is at most their sum: alpha spending
(Lan and DeMets 1983, Biometrika 70, 659-663) over the tests of a study in place of the looks of one test, with the
per-family error rate (Spjotvoll 1972, Annals of Mathematical Statistics 43, 398-411) for the error that is controlled.
"""

from __future__ import annotations

from collections.abc import Sequence

BESIDE = 5  # experiments that may run beside the last one, and be tested after it
RATE = 0.1  # of experiments that are expected to be tested; a wrong guess spends early or late, never more


def levels(tested: Sequence[int], planned: int, allowed: float) -> tuple[float, ...]:
    """The level of each test of a study; they add up to at most `allowed` over the planned experiments.

    `tested` holds the numbers (from 1) of the tested experiments in the order in which their tests began. A study
    that goes on past its plan gets half as much again for as many experiments again, then a quarter for twice as
    many, and so on: never more than twice the allowance, however long it goes on.
    """
    spent: dict[int, float] = {}
    found: list[float] = []
    for number in tested:
        period = max(0, (-(-number // planned) - 1).bit_length())
        left = max(planned * 2**period - number, 0)  # experiments of this period that are still to come
        share = (allowed / 2**period - spent.get(period, 0.0)) / (1 + RATE * (left + BESIDE))
        spent[period] = spent.get(period, 0.0) + share
        found.append(share)
    return tuple(found)
