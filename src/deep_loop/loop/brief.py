"""What a proposer is told, as of its ask and never newer.

An ask repeated after a crash must be answered from the same knowledge, so everything here is derived
from `ask.seen` and `ask.revision`, not from the present.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from deep_loop.core import hypothesis, strategy
from deep_loop.core.experiment import Experiment, Proposal, as_of, is_keep
from deep_loop.core.history import History
from deep_loop.core.noise import estimate
from deep_loop.core.record import Ask
from deep_loop.core.seed import derive
from deep_loop.core.start import start
from deep_loop.core.strategy import Strategy
from deep_loop.loop import control
from deep_loop.loop.control import HYPOTHESES, PROGRAM
from deep_loop.loop.lab import Lab
from deep_loop.ports import Brief

REFUSALS = 20  # the latest ones shown to a proposer
CONSTITUTION = "CLAUDE.md"
LOG_BYTES = 16 * 1024  # of a log's end, that a proposer may read


def brief(lab: Lab, ask: Ask) -> Brief:
    """The brief for an ask; raises IndexError before the first baseline is kept."""
    history = as_of(lab.ledger.closed(), ask.seen)
    parent = [experiment for experiment in history if is_keep(experiment)][-1]
    incumbent = lab.incumbent()
    # Where the incumbent has moved on since the ask, its own commit still has the files as they were.
    base = lab.base() if incumbent and incumbent.number == parent.number else parent.commit
    head, in_force = _head(lab, ask)
    drought = _drought(history)
    bold = drought >= lab.task.pivot_after
    if ask.revision == in_force:
        program = lab.workspace.read(head, PROGRAM) or ""
        hypotheses = hypothesis.parse(lab.workspace.read(head, HYPOTHESES) or "")
    else:
        program = control.program(lab, head, ask.revision)
        hypotheses = control.hypotheses(lab, head, ask.revision)
    begun = start(history, parent, lab.task.metric, derive(lab.seed, "start", ask.id)) if bold else None
    return Brief(
        ask=ask,
        seed=derive(lab.seed, "ask", ask.id),
        metric=lab.task.metric,
        base=base,
        parent=parent.number,
        files=lab.workspace.files(base),
        program=program,
        strategy=strategy_of(program),
        hypotheses=hypotheses,
        history=history,
        pending=_pending(lab, ask),
        refusals=[refusal for refusal in lab.ledger.refusals(REFUSALS) if refusal.ask.id < ask.id],
        files_at=lab.workspace.files,
        terms=lab.terms,
        constitution=lab.workspace.read(head, CONSTITUTION) or "",
        suggestions=lab.ledger.suggestions(),
        noise=_noise(history),
        drought=drought if bold else None,
        start=begun.number if begun else None,
        start_files=lab.workspace.files(begun.commit) if begun else {},
        earlier=lab.earlier,
        lessons=lab.lessons,
        log=logs(lab, history),
    )


def logs(lab: Lab, history: Sequence[Experiment]) -> Callable[[int], str]:
    """The ends of the experiments' latest logs, as far as those who think may see them."""
    return partial(_end, {e.number: lab.workspace.root / e.measurements[-1].log for e in history if e.measurements})


def _noise(history: Sequence[Experiment]) -> float | None:
    """How much one run differs from another of the same commit; None where nothing was repeated."""
    found = estimate(History(history).groups())
    return found.sigma if found else None


def _end(logs: Mapping[int, Path], number: int) -> str:
    """The end of an experiment's latest log that a proposer may see; empty where there is none."""
    try:
        return logs[number].read_bytes()[-LOG_BYTES:].decode(errors="replace")
    except (KeyError, OSError):
        return ""


def _drought(history: Sequence[Experiment]) -> int:
    """Experiments since the last keep."""
    since = itertools.takewhile(lambda experiment: not is_keep(experiment), reversed(history))
    return sum(experiment.counted for experiment in since)


def strategy_of(program: str) -> Strategy:
    """The strategy as written; a section that a person broke counts as an empty one."""
    try:
        return strategy.parse(program)
    except strategy.StrategyError:
        return Strategy()


def _head(lab: Lab, ask: Ask) -> tuple[str, int]:
    """The commit with what a person wrote, as of the ask, and the version of the strategy in it."""
    revisions = lab.ledger.revisions()
    known = [revision for revision in revisions if revision.asked < ask.id]
    version = known[-1].version if known else 0
    return lab.workspace.head() if len(known) == len(revisions) else control.commit_of(lab, version), version


def _pending(lab: Lab, ask: Ask) -> Sequence[Proposal]:
    """Proposals asked for earlier whose fate was not known at the ask."""
    begun = sorted([*lab.ledger.closed()[ask.seen :], *lab.ledger.opened()], key=lambda e: e.ask.id)
    waiting = [w for w in lab.ledger.waiting() if w.proposal is not None]
    return [e.proposal for e in begun if e.ask.id < ask.id] + [
        w.proposal for w in waiting if w.ask.id < ask.id and w.proposal is not None
    ]
