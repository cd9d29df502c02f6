"""What calls of agents cost, and whether another fits what is left of the budget, going by the latest ones."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deep_loop.core.budget import NOTHING, Budget, Spending
from deep_loop.core.call import Call, Failure, Usage
from deep_loop.core.event import Warned
from deep_loop.loop.lab import Lab

RECENT = 20  # calls that the price of the next is taken from


@dataclass(frozen=True, slots=True)
class Purse:
    """The money of a study. `allowances` are dollars that single agents may spend of the whole.

    `advances` are dollars that an analyst may cost of which nothing is known yet; one that is not named costs nothing.
    """

    lab: Lab
    budget: Budget
    allowances: Mapping[str, float] = field(default_factory=dict)
    advances: Mapping[str, float] = field(default_factory=dict)

    def affords(self, name: str, advising: bool = False) -> bool:
        """Whether one more call, as a proposer or as an analyst, fits with all that goes on now."""
        calls = self.lab.ledger.calls()
        price = _expected(calls, name, advising)
        if price == NOTHING and advising:
            price = Spending(self.advances.get(name, 0.0))
        if price == NOTHING:
            return True
        whole = sum(self._taken(calls), start=price)
        if any(share > 1 for _, share in self.budget.shares(whole)):
            return False
        return _spent(calls, name) + price.usd <= self.allowances.get(name, float("inf"))

    def left(self, name: str) -> float | None:
        """Dollars that one more call of an agent may take, beside all that goes on now; None: no limit."""
        calls = self.lab.ledger.calls()
        limits = [] if name not in self.allowances else [self.allowances[name] - _spent(calls, name)]
        if self.budget.max_usd is not None:
            limits.append(self.budget.max_usd - sum(self._taken(calls), start=NOTHING).usd)
        return max(min(limits), 0.0) if limits else None

    def _taken(self, calls: Sequence[Call]) -> Sequence[Spending]:
        """What was spent, and what the calls that go on will probably cost."""
        going_on = (call for call in calls if call.ended_at is None)
        return [
            self.lab.ledger.spending(),
            *(_expected(calls, call.agent, call.purpose == "advise") for call in going_on),
        ]


def book(lab: Lab, call: int, usages: Sequence[Usage], failure: Failure | None, session: str = "") -> None:
    """Note that a call has ended, and what it cost. A model of no known price is told of once."""
    prices = [lab.price(usage) for usage in usages]
    told = {usage.model for call in lab.ledger.calls() if call.usd is None for usage in call.usages}
    for usage, price in zip(usages, prices, strict=True):
        if price is None and usage.model not in told:
            told.add(usage.model)
            lab.tell(Warned(f"nobody knows the price of {usage.model}: it counts as nothing ([agents.prices])"))
    usd = None if None in prices else sum(price for price in prices if price is not None)
    lab.ledger.called(call, usages, usd, failure, session)


def _spent(calls: Sequence[Call], name: str) -> float:
    return sum(call.usd or 0.0 for call in calls if call.agent == name)


def _expected(calls: Sequence[Call], name: str, advising: bool) -> Spending:
    """What the next call may cost, by the median of the latest; nothing for who never cost anything."""
    alike = (call for call in calls if call.agent == name and (call.purpose == "advise") is advising)
    latest = [call for call in alike if call.ended_at is not None and call.usages][-RECENT:]
    if not latest:
        return Spending()
    return Spending(
        statistics.median(call.usd or 0.0 for call in latest), round(statistics.median(call.tokens for call in latest))
    )
