"""What was spent, and by whom."""

from __future__ import annotations

from collections.abc import Sequence

from deep_loop.config.settings import Study as StudySettings
from deep_loop.core.budget import Spending
from deep_loop.core.call import Call, rest
from deep_loop.core.experiment import Experiment, Keep
from deep_loop.views.values import Agent, Spent

LATELY_SECONDS = 6 * 3600.0


def spent(calls: Sequence[Call], spending: Spending, study: StudySettings, now: float) -> Spent:
    """What the study took so far, and how fast."""
    recent = [call for call in calls if call.ended_at is not None and now - call.ended_at < LATELY_SECONDS]
    hours = (now - min(call.started_at for call in recent)) / 3600 if recent else 0.0
    usd = sum(call.usd or 0.0 for call in recent)
    return Spent(
        usd=spending.usd,
        max_usd=study.max_cost_usd,
        tokens=spending.tokens,
        max_tokens=study.max_tokens,
        slot_hours=spending.slot_seconds / 3600,
        max_slot_hours=study.max_slot_hours,
        usd_per_hour=usd / hours if usd and hours > 0 else None,
        unpriced=sum(call.usd is None and bool(call.usages) for call in calls),
    )


def agents(calls: Sequence[Call], closed: Sequence[Experiment], now: float) -> tuple[Agent, ...]:
    """Everybody who was asked, in the order of their first calls."""
    return tuple(_agent(name, calls, closed, now) for name in dict.fromkeys(call.agent for call in calls))


def _agent(name: str, calls: Sequence[Call], closed: Sequence[Experiment], now: float) -> Agent:
    own = [call for call in calls if call.agent == name]
    ended = [call for call in own if call.ended_at is not None]
    made = [e for e in closed if e.proposal.proposer == name]
    kept = [e.decision for e in made if isinstance(e.decision, Keep)]
    resting = rest(own, now)
    return Agent(
        name=name,
        calls=len(own),
        failures=sum(call.failure is not None and call.failure.fault != "stopped" for call in own),
        seconds=sorted(call.seconds for call in ended)[len(ended) // 2] if ended else None,
        usd=sum(call.usd or 0.0 for call in own),
        tokens=sum(call.tokens for call in own),
        experiments=len(made),
        keeps=len(kept),
        gain=sum(keep.gain for keep in kept),
        resting=resting.reason if resting else None,
        resting_until=resting.until if resting else None,
    )
