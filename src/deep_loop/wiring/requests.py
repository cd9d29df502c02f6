"""What a person asks of a study, whether it runs or not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deep_loop import machine
from deep_loop.adapters.clock import WallClock
from deep_loop.adapters.workspace.lock import Owner, busy, hold, owner
from deep_loop.errors import ConfigError, WorkspaceError
from deep_loop.wiring.lab import open_lab, outer_tier, workspace_of
from deep_loop.wiring.options import RunOptions

if TYPE_CHECKING:
    from deep_loop.config import Settings
    from deep_loop.loop.reproduction import Reproduction
    from deep_loop.prompts import Way
    from deep_loop.views import Estimate

LONGEST_SUGGESTION = 2000  # characters
ANSWER_SECONDS = 600.0  # how long a request waits for the harness that serves it


def request(root: Path, kind: str, payload: Mapping[str, str]) -> str:
    """Ask the harness that runs here to stop, pause, resume or meta-analyse; returns its answer.

    Raises WorkspaceError where none runs, or where it ended over the request (unless that was to end).
    """
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
    from deep_loop.core.experiment import ML

    running = owner(root)
    if running is None:
        raise WorkspaceError("no study runs in this workspace", hint="start one with `deep-loop run --tag NAME`")
    ledger = SqliteLedger.load(root / LEDGER, running.tag, ML, WallClock())
    try:
        number = ledger.request(kind, payload)
        patience = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < patience:
            alive = owner(root) is not None  # looked up first: a last answer is there when its giver has gone
            if (answer := ledger.answer(number)) is not None:
                return answer
            if not alive:
                ledger.serve(number, "nobody was there any more")  # so that the next harness does not obey it
                break
            time.sleep(0.1)
        else:
            return f"asked process {running.pid} to {kind}; it has not answered yet"
    finally:
        ledger.dispose()
    if kind == "stop":
        return f"process {running.pid} has ended by itself"
    raise WorkspaceError(
        f"process {running.pid} ended before it could {kind}", hint=f"go on with `deep-loop run --tag {running.tag}`"
    )


def suggest(root: Path, tag: str | None, text: str) -> str:
    """Keep what a person wants tried, for the study that runs, else for the latest. Raises WorkspaceError."""
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger, upgrade
    from deep_loop.core.experiment import ML
    from deep_loop.views import choose, refuse

    words = " ".join(text.split())
    if not words:
        raise ConfigError("the suggestion is empty", hint='say what to try: `deep-loop suggest "try a deeper model"`')
    info = choose(root, tag, owner(root))
    refuse(info, "nobody proposes in it")
    upgrade(root / LEDGER)
    ledger = SqliteLedger.load(root / LEDGER, info.tag, ML, WallClock())
    try:
        made = ledger.suggest(words[:LONGEST_SUGGESTION])
    finally:
        ledger.dispose()
    return f"suggestion {made.id} is in the briefs of {info.tag} from now on, until somebody takes it up"


def brief(root: Path, tag: str | None, way: Way) -> str:
    """What an agent would be told if it were asked for a proposal now. Raises WorkspaceError before a baseline."""
    from deep_loop import config, prompts
    from deep_loop.core.record import Ask
    from deep_loop.loop.brief import brief as told
    from deep_loop.views import choose, refuse

    settings = config.load(root)
    info = choose(root, tag, owner(root))
    refuse(info, "nobody proposes in it")
    with open_lab(root, settings, RunOptions(info.tag), (), enter=False) as lab:
        if lab.incumbent() is None:
            raise WorkspaceError(
                f"the study {info.tag} has no baseline yet", hint=f"run it: `deep-loop run --tag {info.tag}`"
            )
        revisions = lab.ledger.revisions()
        version = revisions[-1].version if revisions else 0
        ask = Ask(lab.ledger.asked() + 1, "nobody", len(lab.ledger.closed()), version)
        return prompts.render(told(lab, ask), way)


def estimate(root: Path, options: RunOptions, usd_per_slot_hour: float) -> Estimate:
    """What a study with these flags would take, by the rates of the workspace's latest study, else by usual ones."""
    from deep_loop import config, council, crews
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger, studies
    from deep_loop.core.experiment import ML
    from deep_loop.core.forecast import ADVICE_USD, CONVERSATION_USD, Rates, Size, forecast, learn
    from deep_loop.views import Estimate, is_imported

    settings = config.load(root)
    study = settings.study
    named = crews.names(root, settings, options.agents)
    analysts = council.names(root, settings, named, options.analysts)
    rates = Rates(settings.task.budget_seconds, advice_usd=ADVICE_USD.get(analysts[0], CONVERSATION_USD))
    # The latest one that knows a rate is the last to say it. Another system's runs say nothing of this machine.
    for info in (known for known in studies(root / LEDGER) if not is_imported(known)):
        ledger = SqliteLedger.load(root / LEDGER, info.tag, ML, WallClock(), read_only=True)
        try:
            rates = learn(rates, ledger.closed(), ledger.calls(), len(ledger.revisions()))
        finally:
            ledger.dispose()
    size = Size(
        experiments=options.max_experiments or study.max_experiments,
        slots=len(machine.slots(settings, options.slots)),
        meta_interval=options.meta_interval or study.meta_interval,
        fixed_runs=study.baseline_runs + study.final_runs,
        agents=any(name != "tuner" for name in named),
        analysts=analysts != (council.STATISTICS,),
    )
    found = forecast(size, rates, usd_per_slot_hour)
    return Estimate(
        experiments=size.experiments,
        proposers=named,
        hours=found.hours,
        slot_hours=found.slot_hours,
        meta_analyses=found.meta_analyses,
        runs=rates.runs,
        run_seconds=rates.run_seconds,
        proposal_usd=rates.proposal_usd,
        usd_per_slot_hour=usd_per_slot_hour,
        compute_usd=found.compute_usd,
        agents_usd=found.agents_usd,
        analysts_usd=found.analysts_usd,
        usd=found.usd,
        limit_usd=options.max_cost_usd or study.max_cost_usd,
        run_measured="run_seconds" in rates.measured,
        agents_measured="proposal_usd" in rates.measured,
    )


def meta(root: Path, tag: str | None, analysts: Sequence[str] = ()) -> str:
    """One meta-analysis now: by the harness that runs, else by this process. Returns what came of it.

    `analysts` go over the settings; the harness that runs has its own.
    """
    from deep_loop import config
    from deep_loop.views import choose, is_imported, measured_by

    running = owner(root)
    if running is not None:
        if tag not in (None, running.tag):
            raise busy(running)
        if analysts:
            raise WorkspaceError(
                f"process {running.pid} has its own analysts", hint="leave --analyst out, or stop the study first"
            )
        return request(root, "meta", {})
    info = choose(root, tag)
    settings = measured_by(config.load(root), info)
    options = RunOptions(info.tag, analysts=tuple(analysts))
    me = Owner(os.getpid(), info.tag, time.time(), settings.study.max_experiments, settings.study.meta_interval)
    with hold(root, me):
        if is_imported(info):
            workspace_of(root, settings, info.tag).found()
        return _advised(root, settings, options)


def _advised(root: Path, settings: Settings, options: RunOptions) -> str:
    """One meta-analysis of a study that does not run now."""
    from deep_loop import council, crews
    from deep_loop.core.budget import Budget
    from deep_loop.loop.purse import Purse
    from deep_loop.loop.unit import Again

    with open_lab(root, settings, options, (), enter=False) as lab:
        if not lab.ledger.closed():
            raise WorkspaceError(
                f"the study {options.tag} has no experiments yet", hint=f"run it: `deep-loop run --tag {options.tag}`"
            )
        limits = settings.study
        budget = Budget(max_usd=limits.max_cost_usd, max_tokens=limits.max_tokens)
        purse = Purse(lab, budget, crews.allowances(settings), council.advances(settings))
        named = council.names(root, settings, crews.names(root, settings), options.analysts)
        analysts = council.council(root, settings, options.tag, named)
        outer = outer_tier(lab, settings, purse, analysts, limits.meta_interval)
        try:
            think = outer.think("asked for")
            while isinstance(found := outer.adopt(think()), Again):
                think = found.think
            return found.words
        finally:
            outer.hush()


def reproduce(root: Path, tag: str | None, number: int, runs: int, echo: Callable[[str], None]) -> Reproduction:
    """Run an experiment's commit again on fresh seeds and compare: `loop.reproduction`."""
    from deep_loop import config
    from deep_loop.loop import reproduction
    from deep_loop.views import choose, refuse

    settings = config.load(root)
    info = choose(root, tag)
    refuse(info, "its commits are not in this repository")
    with open_lab(root, settings, RunOptions(info.tag), (), enter=False) as lab:
        return reproduction.reproduce(lab, number, runs, f"{os.getpid()}-{time.time_ns()}", echo)
