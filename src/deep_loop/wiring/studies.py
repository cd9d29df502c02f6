"""Studies: what one would be, and one that is ready to run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_loop import machine
from deep_loop.adapters.clock import WallClock
from deep_loop.adapters.workspace.lock import Hold, Owner, hold
from deep_loop.wiring.lab import branch_of, known, open_lab, outer_tier, runs_here, seed_of, workspace_of
from deep_loop.wiring.options import Plan, RunOptions

if TYPE_CHECKING:
    from deep_loop.config import Settings
    from deep_loop.core.event import Event
    from deep_loop.core.mixture import Mixture
    from deep_loop.loop.study import Study
    from deep_loop.ports import Analyst, Executor, Observer, Proposer


def plan(root: Path, options: RunOptions) -> Plan:
    """What `study(root, options)` would run; changes nothing."""
    from deep_loop import config, council, crews, learning
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
    from deep_loop.core.experiment import ML

    settings = config.load(root)
    info = known(root, options.tag)
    runs_here(info)
    seed = seed_of(settings, options, info)
    sources = learning.sources(root, options.learn_from, info)
    workspace_of(root, settings, options.tag)  # says what is wrong with the repository or the tag
    words = f"{options.tag}, new"
    if info:
        ledger = SqliteLedger.load(root / LEDGER, options.tag, ML, WallClock(), read_only=True)
        words = f"{options.tag}, goes on after {ledger.counted()} experiments"
        ledger.dispose()
    deadline = _deadline(settings, options, time.time())
    proposers = crews.names(root, settings, options.agents)
    return Plan(
        workspace=root,
        study=words,
        branch=branch_of(options.tag),
        command=settings.task.run,
        editable=tuple(settings.task.editable),
        protected=tuple(settings.task.protected),
        metric=f"{settings.metric.name} ({settings.metric.direction})",
        proposers=proposers,
        analysts=council.names(root, settings, proposers, options.analysts),
        slots=tuple(slot.name for slot in machine.slots(settings, options.slots)),
        max_experiments=options.max_experiments or settings.study.max_experiments,
        ends_by=time.strftime("%Y-%m-%d %H:%M", time.localtime(deadline)) if deadline else None,
        meta_interval=options.meta_interval or settings.study.meta_interval,
        seed=seed,
        learns_from=tuple(f"{source.tag}, {source.seen} experiments" for source in sources),
    )


@contextmanager
def study(
    root: Path,
    options: RunOptions,
    observers: Sequence[Observer],
    executor: Executor | None = None,
    proposers: Sequence[Proposer] = (),
    analysts: Sequence[Analyst] | None = None,
) -> Iterator[Study[Any, Any, Any, Any]]:
    """A study ready to `run`, with the workspace held until the context ends.

    Raises BusyError where another harness holds it, ConfigError and WorkspaceError where the settings
    or the repository are not in order. A tag that is known goes on; another begins a new study.
    `executor` takes the place of this machine's own, `proposers` of those that the settings name: then nobody is paid
    to advise either, unless they name who does. `analysts` go over both; without one there is no outer tier.
    """
    from deep_loop import config, council, crews
    from deep_loop.adapters.executors.awake import asker, kept_awake
    from deep_loop.core.budget import Budget
    from deep_loop.loop import study as loop
    from deep_loop.loop.experiment import ExperimentUnit
    from deep_loop.loop.panel import Panel
    from deep_loop.loop.purse import Purse

    settings = config.load(root)
    started = time.time()
    max_experiments = options.max_experiments or settings.study.max_experiments
    interval = options.meta_interval or settings.study.meta_interval
    me = Owner(os.getpid(), options.tag, started, max_experiments, interval)
    with (
        kept_awake(asker() if settings.study.keep_awake else None),
        hold(root, me) as held,
        open_lab(root, settings, options, (*observers, _Pauses(held, me)), runner=executor, crew=proposers) as lab,
    ):
        limits = settings.study
        budget = Budget(
            max_experiments,
            _deadline(settings, options, started),
            options.max_cost_usd or limits.max_cost_usd,
            limits.max_tokens,
            limits.max_slot_hours,
        )
        purse = Purse(lab, budget, crews.allowances(settings), council.advances(settings))
        if analysts is None:
            named = () if proposers else crews.names(root, settings, options.agents)
            analysts = council.council(
                root, settings, options.tag, council.names(root, settings, named, options.analysts)
            )
        patience = settings.agents.patience_seconds
        yield loop.Study(
            loop.Settings(options.tag, budget, limits.ahead, limits.final_runs, patience),
            ExperimentUnit(lab, Panel(lab, purse, _mixture(settings, options))),
            outer_tier(lab, settings, purse, analysts, interval),
            lab.ledger,
            lab.executor.slots,
            lab.clock,
            lab.tell,
        )


class _Pauses:
    """Tells other processes, through the lock, whether the study is paused."""

    def __init__(self, held: Hold, me: Owner) -> None:
        self._held = held
        self._me = me

    def hear(self, event: Event) -> None:
        """Only pauses matter here."""
        from deep_loop.core.event import Paused

        if isinstance(event, Paused):
            self._held.tell(replace(self._me, paused=event.paused))


def _mixture(settings: Settings, options: RunOptions) -> Mixture | None:
    """The starting weights, where proposers are to be mixed."""
    from deep_loop.core.mixture import Mixture

    weights = options.mixture or settings.agents.mixture
    return Mixture(weights) if weights else None


def _deadline(settings: Settings, options: RunOptions, now: float) -> float | None:
    """The moment when this sitting ends, if hours or a time of day were set."""
    hours = options.max_hours or settings.study.max_hours
    limits = [limit for limit in (now + hours * 3600 if hours else None, options.until) if limit is not None]
    return min(limits, default=None)
