"""Limits of one analysis: money and tokens, looked at before each request of whoever takes part in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deep_loop.clients.model_patience import Meter
from deep_loop.core.call import Usage

Price = Callable[[Usage], float | None]
ENOUGH = 0.8  # of a limit, from which on an analyst is told to come to an end


def within(limit: float, left: float | None, price: Price, booked: Sequence[Usage] = ()) -> float:
    """An analysis's own limit in dollars, or what is left of the study's money with what it was booked for before."""
    return limit if left is None else min(limit, left + sum(price(usage) or 0.0 for usage in booked))


@dataclass
class Allowance:
    """What one analysis may use. Shared by all its conversations; safe in one event loop."""

    price: Price
    max_usd: float
    max_tokens: int
    seconds: float
    earlier: tuple[Usage, ...] = ()  # of the same analysis, before its harness died
    meters: list[Meter] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def meter(self, model: str) -> Meter:
        """A new one, which counts here."""
        made = Meter(model)
        self.meters.append(made)
        return made

    @property
    def usages(self) -> tuple[Usage, ...]:
        """All that was used now, without `earlier`."""
        return tuple(usage for meter in self.meters for usage in meter.usages)

    @property
    def usd(self) -> float:
        """Dollars so far; a model that nobody knows the price of counts as nothing."""
        return sum(self.price(usage) or 0.0 for usage in (*self.earlier, *self.usages))

    @property
    def tokens(self) -> int:
        """In and out, so far."""
        return sum(usage.tokens for usage in (*self.earlier, *self.usages))

    def objection(self, following: Usage) -> str | None:
        """Why a request that reads this much is not made."""
        usd = self.usd + (self.price(following) or 0.0)
        if usd > self.max_usd:
            return (
                f"with the next request it would cost more than ${self.max_usd:.4g} (max_usd_per_analysis, or all left)"
            )
        if self.tokens + following.tokens > self.max_tokens:
            return f"with the next request it would take more than {self.max_tokens} tokens (max_tokens_per_analysis)"
        return None

    def left(self, answers: int) -> str:
        """What is left, in a line for the model."""
        spent = time.monotonic() - self.begun
        shares = (self.usd / self.max_usd if self.max_usd else 1.0, self.tokens / self.max_tokens, spent / self.seconds)
        line = f"[{answers} answers left; ${self.usd:.2f} of ${self.max_usd:g}; {spent:.0f} s of {self.seconds:.0f} s]"
        ending = answers <= 2 or max(shares) > ENOUGH
        return f"{line} It is time to come to an end: hand in what you have." if ending else line
