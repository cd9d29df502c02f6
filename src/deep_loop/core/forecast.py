"""What a study will cost, before it is begun.

Where a workspace has a history, its own rates count; else those of the mission: a night of about 12 hours and 100
experiments takes $24 of compute at $2 an hour and about $20 of an agent. What a meta-analysis costs is the analyst's:
one request with all the evidence, or a conversation of 10 to 25 answers that reads on.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from deep_loop.core.call import Call
from deep_loop.core.experiment import Experiment, Measured

RUNS = 1.34  # of an experiment, its repeats and those of incumbents included (make bench NAME=null_study)
PROPOSAL_USD = 0.20
ADVICE_USD = {"statistics": 0.0, "model": 0.1}  # by analyst
CONVERSATION_USD = 0.5  # of all others: they look around
ENOUGH = 5  # experiments, or calls, that make a rate of one's own


@dataclass(frozen=True, slots=True)
class Rates:
    """What things take. `measured` says which of them are this workspace's own, by the names of the fields."""

    run_seconds: float
    runs: float = RUNS  # of an experiment
    proposal_usd: float = PROPOSAL_USD  # of models, for each experiment: repairs and refused proposals included
    advice_usd: float = CONVERSATION_USD  # of models, for each meta-analysis
    measured: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Size:
    """How large the study is."""

    experiments: int
    slots: int
    meta_interval: int
    fixed_runs: int  # of the baseline and of the last incumbent
    agents: bool  # whether anybody is paid for proposals
    analysts: bool  # whether anybody is paid for meta-analyses


@dataclass(frozen=True, slots=True)
class Forecast:
    """What it comes to."""

    hours: float  # by the wall clock
    slot_hours: float
    meta_analyses: int
    compute_usd: float
    agents_usd: float
    analysts_usd: float

    @property
    def usd(self) -> float:
        """All of it."""
        return self.compute_usd + self.agents_usd + self.analysts_usd


def forecast(size: Size, rates: Rates, usd_per_slot_hour: float) -> Forecast:
    """What a study of this size takes at these rates."""
    runs = size.experiments * rates.runs + size.fixed_runs
    slot_hours = runs * rates.run_seconds / 3600
    advice = size.experiments // size.meta_interval
    return Forecast(
        hours=slot_hours / size.slots,
        slot_hours=slot_hours,
        meta_analyses=advice,
        compute_usd=slot_hours * usd_per_slot_hour,
        agents_usd=size.experiments * rates.proposal_usd if size.agents else 0.0,
        analysts_usd=advice * rates.advice_usd if size.analysts else 0.0,
    )


def learn(rates: Rates, closed: Sequence[Experiment], calls: Sequence[Call], revisions: int) -> Rates:
    """These rates, replaced by a study's own as far as that has enough experiments and calls for them."""
    counted = [e for e in closed if e.counted]
    good = [m.outcome.seconds for e in closed for m in e.measurements if isinstance(m.outcome, Measured)]
    found: dict[str, float] = {}
    if len(counted) >= ENOUGH and good:
        found["run_seconds"] = statistics.median(good)
        # Runs of a baseline, and those at a study's end, are counted apart.
        runs = [m for e in closed for m in e.measurements if m.role != "final" and e.counted]
        found["runs"] = len(runs) / len(counted)
    paid = [call for call in calls if call.usages]
    proposing = [call for call in paid if call.purpose != "advise"]
    if len(proposing) >= ENOUGH and counted:
        found["proposal_usd"] = sum(call.usd or 0.0 for call in proposing) / len(counted)
    advising = [call for call in paid if call.purpose == "advise"]
    if advising and revisions:
        found["advice_usd"] = sum(call.usd or 0.0 for call in advising) / revisions
    values = {
        name: found.get(name, getattr(rates, name)) for name in ("run_seconds", "runs", "proposal_usd", "advice_usd")
    }
    return Rates(**values, measured=rates.measured | frozenset(found))
