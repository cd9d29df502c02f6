"""What is seen of a study.

With `--json` the command line prints these values as they are: every field by its name, times in
seconds, values of the metric in its own unit, `null` for what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deep_loop.core.experiment import Change


@dataclass(frozen=True, slots=True)
class Best:
    """The incumbent."""

    experiment: int
    commit: str
    title: str
    value: float | None  # mean of the runs that say best what it is worth
    low: float | None  # of its interval; None where the spread cannot be told
    high: float | None
    runs: int  # behind the value
    label: str  # "provisional", "confirmed" or "final"
    held_out: float | None  # on held-out data, where the task has any
    seeded: bool  # whether fresh seeds reach its program
    suspicious: bool  # whether its gain was beyond the plausible, and confirmed with clean caches


@dataclass(frozen=True, slots=True)
class Running:
    """A run that goes on now."""

    experiment: int
    title: str
    purpose: str
    slot: str
    seed: int
    seconds: float  # so far
    expected: float  # seconds that such a run takes
    percent: float | None  # as its latest progress line says
    loss: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the history: an experiment in short."""

    experiment: int
    commit: str  # empty where it has none yet
    status: Literal["keep", "discard", "crash", "open"]
    value: float | None  # mean of its good runs
    runs: int  # good ones
    gain: float | None  # over the incumbent that it was made on; positive is better
    relative_gain: float | None  # the same as a fraction; 0.01 is one per cent
    memory_mb: float | None  # peak
    seconds: float  # wall clock of all its runs
    title: str
    kind: str  # of change, as the diff tells it where it does
    stated_kind: str  # as the proposer stated it
    proposer: str
    hypothesis: str | None
    parent: int | None  # that incumbent's number; null for a baseline
    strategy: int  # version of the strategy that it was proposed under
    order: int | None  # its place in the order of closing, from 1
    opened_at: float  # seconds since the epoch
    closed_at: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent on a study, over all its sittings; its limits are those of the settings."""

    usd: float  # on models
    max_usd: float | None
    tokens: int  # in and out
    max_tokens: int | None
    slot_hours: float
    max_slot_hours: float | None
    usd_per_hour: float | None  # lately; null where nothing was spent or no time went by
    unpriced: int  # calls of models that nobody knows the price of


@dataclass(frozen=True, slots=True)
class Agent:
    """One who proposes, and how it did."""

    name: str
    calls: int
    failures: int
    seconds: float | None  # median of its calls
    usd: float
    tokens: int
    experiments: int
    keeps: int
    gain: float  # sum of its keeps' gains, in the metric's unit
    resting: str | None  # why it is not asked now
    resting_until: float | None  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a study would take."""

    experiments: int
    proposers: tuple[str, ...]
    hours: float
    slot_hours: float
    meta_analyses: int
    runs: float  # of an experiment
    run_seconds: float
    proposal_usd: float
    usd_per_slot_hour: float
    compute_usd: float
    agents_usd: float
    analysts_usd: float
    usd: float
    limit_usd: float
    run_measured: bool  # whether it is this workspace's own figure
    agents_measured: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """A study as it stands."""

    tag: str
    branch: str
    metric: str
    direction: str
    state: Literal["running", "paused", "stopped", "imported"]
    source: str  # the logs that it was imported from; empty for a study that was run here
    learns_from: tuple[str, ...]  # studies whose experiments it knows as earlier evidence
    pid: int | None  # of the harness, where one runs
    experiments: int  # closed ones; baselines do not count, here and below
    limit: int
    keeps: int
    discards: int
    crashes: int
    baseline: float | None  # of the latest one: what a person changed since the first is no gain of the study's
    incumbent: Best | None
    baseline_held_out: float | None
    gain: float | None  # of the incumbent over the baseline; positive is better
    relative_gain: float | None
    running: tuple[Running, ...]
    latest: tuple[Row, ...]  # closed last, newest first; baselines too
    strategy: int  # version; 0 is the person's own
    next_meta: int  # experiments until the next meta-analysis
    per_hour: float | None  # experiments
    seconds_left: float | None  # until `limit`; null where nothing runs
    elapsed: float  # seconds from the study's beginning until now, or until its last decision
    spent: Spent
    agents: tuple[Agent, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an experiment."""

    attempt: int  # 0 is the first; the others are repairs
    role: str  # what it was for: "first", "fresh", "reference", "control", "final", "audit" or "holdout"
    seed: int
    slot: str
    outcome: str  # "measured", "crashed", "timed_out", "pruned", "interrupted" or "running"
    value: float | None
    seconds: float
    memory_mb: float | None
    reason: str  # why it failed; empty where it did not
    log: str  # path, relative to the workspace
    sought_by: int  # the experiment whose decision asked for it


@dataclass(frozen=True, slots=True)
class Queued:
    """A hypothesis, and what became of it."""

    id: str
    title: str
    kind: str
    author: str  # the analyst who offered it, or "human"
    strategy: int  # version that it came with
    probability: float | None  # that it is kept, as its author predicted
    ending: Literal["open", "taken", "refuted", "expired"]
    experiment: int | None  # that took it up, or made its move
    kept: bool | None  # whether that one was kept
    words: str  # what became of it, in words


@dataclass(frozen=True, slots=True)
class Prediction:
    """How good one author's predicted probabilities were, held against the keep rate known at the time.

    Losses are means over `count` predictions; lower is better.
    """

    author: str
    count: int
    log_loss: float  # in nats
    base_log_loss: float
    brier: float
    base_brier: float
    reliability: float  # Murphy's parts of the Brier score, of forecasts in five bins
    resolution: float
    uncertainty: float
    call: Literal["better", "worse", "undetermined"]  # than the base rate
    words: str


@dataclass(frozen=True, slots=True)
class Queue:
    """All hypotheses of a study."""

    entries: tuple[Queued, ...]  # the open ones first, then the ended ones, the latest first
    predictions: tuple[Prediction, ...]  # by author


@dataclass(frozen=True, slots=True)
class Detail:
    """All that is known of one experiment."""

    row: Row
    branch: str
    base: str
    rationale: str
    expected: str
    changes: tuple[Change, ...]
    runs: tuple[Run, ...]
    diff: str  # empty where the commit is not in this repository: an imported experiment's
    imported: bool
    log_tail: str  # the last lines of its latest run's log
