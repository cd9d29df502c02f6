"""What an analyst is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deep_loop.core.experiment import Experiment, Proposal
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.metric import Metric
from deep_loop.core.record import Refusal
from deep_loop.core.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Dossier:
    """The evidence of one meta-analysis, frozen when it was asked for."""

    reason: str  # why now: "12 experiments", "a significant improvement", "asked for"
    metric: Metric
    min_gain: float
    experiments: tuple[Experiment, ...]  # all closed ones, in the order of closing
    cohort: tuple[int, ...]  # numbers of those recorded since the last revision
    refusals: tuple[Refusal[Proposal], ...]
    strategy: Strategy
    hypotheses: tuple[Hypothesis, ...]  # what next-hypotheses.md holds now
    files: Mapping[str, str]  # the incumbent's editable files
    commits: tuple[str, ...]  # subjects of the study branch's log, newest first, bounded
    program: str  # program.md as it was


@dataclass(frozen=True, slots=True)
class Advice:
    """An analyst's answer: a draft of the next strategy, and the account of how it was reached."""

    analyst: str
    summary: str  # one line: what and why; becomes the `meta:` commit's subject
    strategy: Strategy
    hypotheses: tuple[Hypothesis, ...]  # ranked, best first
    worked: tuple[str, ...]  # findings for process_log.md, each naming its experiments
    failed: tuple[str, ...]
    changed: tuple[str, ...]  # what the new strategy changes, and why
    table: tuple[tuple[str, str, str], ...]  # metric, its value, its change since the last revision


@dataclass(frozen=True, slots=True)
class Revision:
    """One rewrite of the strategy, as the ledger remembers it."""

    version: int
    commit: str
    seen: int  # experiments closed when its evidence was taken
    reason: str
    analyst: str
    summary: str
    made_at: float  # seconds since the epoch
