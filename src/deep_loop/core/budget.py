"""What a study may spend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent, or is about to be."""

    usd: float = 0.0
    tokens: int = 0
    slot_seconds: float = 0.0  # one GPU or one share of the CPU for one second

    def __add__(self, other: Spending) -> Spending:
        return Spending(self.usd + other.usd, self.tokens + other.tokens, self.slot_seconds + other.slot_seconds)


NOTHING = Spending()


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a study; None is no limit."""

    max_units: int | None = None  # counted units, over all of the study's sittings
    deadline: float | None = None  # seconds since the epoch; of this sitting
    max_usd: float | None = None  # like those below, over all sittings
    max_tokens: int | None = None
    max_slot_hours: float | None = None

    def full(self, counted: int) -> str | None:
        """Why no further unit may begin, where that is so; those begun are carried to their decision."""
        if self.max_units is not None and counted >= self.max_units:
            return f"{counted} of {self.max_units} experiments are done"
        return None

    def late(self, now: float, estimate: float) -> str | None:
        """Why no further run may start, where that is so: it would end after the deadline."""
        if self.deadline is not None and now + estimate > self.deadline:
            return "the time is up"
        return None

    def spent(self, spending: Spending) -> str | None:
        """Why nothing more may be bought, where `spending`, with all that is in flight, reaches a limit."""
        return next((f"the budget of {what} is spent" for what, share in self.shares(spending) if share >= 1), None)

    @property
    def buys(self) -> bool:
        """Whether there are limits on what is bought."""
        return any(limit is not None for limit in (self.max_usd, self.max_tokens, self.max_slot_hours))

    def shares(self, spending: Spending) -> Iterator[tuple[str, float]]:
        """What part of each limit on what is bought is spent: its name in words, and 0 to 1 or more."""
        if self.max_usd is not None:
            yield f"${self.max_usd:g}", spending.usd / self.max_usd
        if self.max_tokens is not None:
            yield f"{self.max_tokens:,} tokens", spending.tokens / self.max_tokens
        if self.max_slot_hours is not None:
            yield f"{self.max_slot_hours:g} slot hours", spending.slot_seconds / 3600 / self.max_slot_hours
