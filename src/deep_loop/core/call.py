"""Calls of those who think: what one costs, how it fails, and how long somebody who fails is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["propose", "mend", "advise"]
Fault = Literal[
    "quota",  # its plan or its money is used up for now
    "overloaded",  # its server cannot take more (429 without a quota, 529, 5xx)
    "network",  # its server cannot be reached
    "setup",  # it is not there, not logged in, or not set up: trying again alone does not help
    "limit",  # it reached its own limit of turns, tokens or money
    "slow",  # it reached its limit of time
    "nonsense",  # it answered, and the answer cannot be used
    "stopped",  # the harness stopped it: says nothing about it
]
PATIENT = frozenset({"limit", "slow", "nonsense"})  # faults of one answer: only several in a row tell of the agent
IN_A_ROW = 3  # of those
REST_SECONDS = 30.0  # after the first fault; doubled with each more
LONGEST_REST = 1800.0
SETUP_REST = 600.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What one or more requests to one model used."""

    model: str
    input_tokens: int = 0  # all of them, with those that came from a cache or went into one
    output_tokens: int = 0
    cached_tokens: int = 0  # of the input, read from the provider's cache
    written_tokens: int = 0  # of the input, written to the provider's cache
    requests: int = 1

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call brought nothing; `reason` is one line, without secrets."""

    fault: Fault
    reason: str
    retry_seconds: float | None = None  # when its server says that it can be asked again


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the ledger remembers it. Without `ended_at` it goes on, or its harness died."""

    id: int
    ask: int | None  # None: not for a proposal
    agent: str
    purpose: Purpose
    started_at: float  # seconds since the epoch
    ended_at: float | None = None
    usages: tuple[Usage, ...] = ()
    usd: float | None = None  # None: it used a model that nobody knows the price of
    failure: Failure | None = None
    session: str = ""  # what the agent calls the conversation, to go on with it

    @property
    def seconds(self) -> float:
        """How long it took; 0 where that is not known."""
        return max((self.ended_at or self.started_at) - self.started_at, 0.0)

    @property
    def tokens(self) -> int:
        """In and out, of all its requests."""
        return sum(usage.tokens for usage in self.usages)


@dataclass(frozen=True, slots=True)
class Rest:
    """Why somebody is not asked for now, and until when (seconds since the epoch)."""

    reason: str
    until: float
    fault: Fault


def rest(calls: Sequence[Call], now: float) -> Rest | None:
    """Whether an agent with these calls, oldest first, is left alone now.

    Each failure in a row doubles the rest, from `REST_SECONDS` to `LONGEST_REST`, unless its server says when to come
    back. Answers that cannot be used count only from the `IN_A_ROW`th on. A good answer clears it all.
    """
    row: list[Call] = []
    for call in reversed(calls):
        if call.ended_at is None or (call.failure is not None and call.failure.fault == "stopped"):
            continue
        if call.failure is None:
            break
        row.append(call)
    if not row or (failure := row[0].failure) is None or (since := row[0].ended_at) is None:
        return None
    strikes = len(row) - (IN_A_ROW - 1 if failure.fault in PATIENT else 0)
    if strikes < 1:
        return None
    seconds = min(REST_SECONDS * 2.0 ** min(strikes - 1, 20), LONGEST_REST)
    if failure.fault == "setup":
        seconds = SETUP_REST
    if failure.retry_seconds is not None:
        seconds = max(failure.retry_seconds, 1.0)
    if not 0 <= now - since < seconds:  # over; or the clock was put back, and nobody knows
        return None
    return Rest(failure.reason, since + seconds, failure.fault)
