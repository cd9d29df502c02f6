"""Analysts of known quality, beside our statistician."""

from __future__ import annotations

import random

from deep_loop.core.cohort import Advice
from deep_loop.core.hypothesis import Hypothesis, Target, identity
from deep_loop.core.strategy import Strategy
from deep_loop.core.taxonomy import kind_of
from deep_loop.knobs import parse
from deep_loop.ports import Case, Counsel

ORDERS = 6  # hypotheses of one strategy
FAR = (3.0, 5.0)  # doublings
WIDE = 0.5  # of a range, in doublings, to either side


class HarmfulAnalyst:
    """Whatever the evidence says, it sends the search three to five doublings away from the incumbent."""

    name = "harmful"

    def advise(self, case: Case) -> Counsel:
        """Ranges far out for every constant, and orders to go there."""
        chance = random.Random(case.seed)
        values = {
            knob.name: float(knob.value)
            for knob in parse(case.dossier.files["train.py"]).knobs
            if isinstance(knob.value, int | float) and not isinstance(knob.value, bool) and knob.value > 0
        }
        away = {name: value * 2 ** (chance.choice((-1, 1)) * chance.uniform(*FAR)) for name, value in values.items()}
        ranges = {name: (value / 2**WIDE, value * 2**WIDE) for name, value in away.items()}
        orders = []
        for name in chance.sample(list(away), min(ORDERS, len(away))):
            targets = (Target(name, value=f"{away[name]:.3g}"),)
            title, kind = f"{name} to {away[name]:.3g}", kind_of(name)
            orders.append(Hypothesis(identity(kind, targets, title), title, kind, targets, "far out", "a gain"))
        strategy = Strategy(case.dossier.strategy.version + 1, {}, ranges, (), "Go far.")
        return Counsel(Advice(self.name, "go far", strategy, tuple(orders), (), (), (), ()))

    def stop(self) -> None:
        """It is never at it for long."""
