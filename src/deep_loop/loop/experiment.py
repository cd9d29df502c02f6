"""One experiment, from proposal to recorded decision.

Read this file first. `study.py` repeats it, many at a time where there are slots for it.

    think, take      a proposer edits a checkout of its own; the guard reviews what changed
    begin            the line is opened, the commit gets its ref
    start, finish    a run; its log becomes an outcome; the evidence becomes a decision
    close            the line first, then git and results.tsv

A kill between any two lines does no harm: `recover` goes on from what the ledger holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from deep_loop.core.decide import Evidence, decide
from deep_loop.core.event import Closed, RunStarted, Warned
from deep_loop.core.experiment import Closing, Crash, Crashed, Experiment, Idea, Keep, Measure, Proposal, outcomes
from deep_loop.core.guard import Accepted, Rejected, review
from deep_loop.core.readout import Exit, readout
from deep_loop.core.record import Ask, Waiting
from deep_loop.loop import baseline, person, proposals, recovery, runs
from deep_loop.loop.brief import brief
from deep_loop.loop.lab import Lab
from deep_loop.loop.unit import Mend, Run
from deep_loop.ports import Slot

Step = Run | Mend["Thought"] | Closed


@dataclass(frozen=True, slots=True)
class Thought:
    """What a proposer left behind: its idea, or None where it has none, and the folder that it edited."""

    idea: Idea | None
    checkout: Path
    base: str
    parent: int | None
