"""The only module that names concrete classes: settings and flags in, a study out."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_loop import machine
from deep_loop.adapters.clock import WallClock
from deep_loop.adapters.workspace.lock import Hold, Owner, busy, hold, owner
from deep_loop.errors import ConfigError, WorkspaceError

if TYPE_CHECKING:
    from deep_loop.adapters.ledger.sqlite import StudyInfo
    from deep_loop.adapters.workspace.git import GitWorkspace
    from deep_loop.config import Settings
    from deep_loop.core.event import Event
    from deep_loop.core.mixture import Mixture
    from deep_loop.core.rules import Rules
    from deep_loop.loop.lab import Lab, Task
    from deep_loop.loop.meta import Meta
    from deep_loop.loop.purse import Purse
    from deep_loop.loop.reproduction import Reproduction
    from deep_loop.loop.study import Study
    from deep_loop.ports import Analyst, Executor, Observer, Proposer
    from deep_loop.prompts import Way
    from deep_loop.views import Estimate

__all__ = [
    "Owner",
    "Plan",
    "RunOptions",
    "brief",
    "busy",
    "estimate",
    "meta",
    "owner",
    "plan",
    "reproduce",
    "request",
    "study",
    "suggest",
]

LONGEST_SUGGESTION = 2000  # characters
ANSWER_SECONDS = 600.0  # how long a request waits for the harness that serves it


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asks for; None and empty leave it to the settings."""

    tag: str
    agents: tuple[str, ...] = ()
    analysts: tuple[str, ...] = ()
    max_experiments: int | None = None
    max_hours: float | None = None
    until: float | None = None  # seconds since the epoch
    meta_interval: int | None = None
    slots: int | None = None
    seed: int | None = None
    start: str | None = None  # commit that a new study starts from
    max_cost_usd: float | None = None
    mixture: Mapping[str, float] | None = None  # starting weights by proposer
    learn_from: tuple[str, ...] = ()  # tags of studies whose experiments a new study knows as earlier evidence


@dataclass(frozen=True, slots=True)
class Plan:
    """What `run` would do."""

    workspace: Path
    study: str  # "exp1, new" or "exp1, goes on after 12 experiments"
    branch: str
    command: str
    editable: tuple[str, ...]
    protected: tuple[str, ...]
    metric: str
    proposers: tuple[str, ...]
    analysts: tuple[str, ...]
    slots: tuple[str, ...]
    max_experiments: int
    ends_by: str | None
    meta_interval: int
    seed: int
    learns_from: tuple[str, ...]  # "imported-tag, 80 experiments"


def branch_of(tag: str) -> str:
    """The branch of a study in ML mode."""
    return f"deep-loop/{tag}"


def uid_of(root: Path, tag: str) -> str:
    """What the processes of a study's runs are marked with: no other study on this machine has it."""
    return hashlib.sha256(f"{root.resolve()}\0{tag}".encode()).hexdigest()[:12]


def plan(root: Path, options: RunOptions) -> Plan:
    """What `study(root, options)` would run; changes nothing."""
    from deep_loop import config, council, crews, learning
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
    from deep_loop.core.experiment import ML

    settings = config.load(root)
    info = _known(root, options.tag)
    _runs_here(info)
    seed = _seed(settings, options, info)
    sources = learning.sources(root, options.learn_from, info)
    _workspace(root, settings, options.tag)  # says what is wrong with the repository or the tag
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
    from deep_loop import config, crews
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
        _lab(root, settings, options, (*observers, _Pauses(held, me)), runner=executor, crew=proposers) as lab,
    ):
        limits = settings.study
        budget = Budget(
            max_experiments,
            _deadline(settings, options, started),
            options.max_cost_usd or limits.max_cost_usd,
            limits.max_tokens,
            limits.max_slot_hours,
        )
        purse = Purse(lab, budget, crews.allowances(settings))
        patience = settings.agents.patience_seconds
        named = crews.names(root, settings, options.agents)
        yield loop.Study(
            loop.Settings(options.tag, budget, limits.ahead, limits.final_runs, patience),
            ExperimentUnit(lab, Panel(lab, purse, _mixture(settings, options))),
            _outer(lab, root, settings, purse, interval, () if proposers else named, options.analysts, analysts),
            lab.ledger,
            lab.executor.slots,
            lab.clock,
            lab.tell,
        )


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
    from deep_loop.views import choose

    settings = config.load(root)
    info = choose(root, tag, owner(root))
    with _lab(root, settings, RunOptions(info.tag), (), enter=False) as lab:
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
    from deep_loop.core.forecast import Rates, Size, forecast, learn
    from deep_loop.views import Estimate, is_imported

    settings = config.load(root)
    study = settings.study
    rates = Rates(run_seconds=settings.task.budget_seconds)
    # The latest one that knows a rate is the last to say it. Another system's runs say nothing of this machine.
    for info in (known for known in studies(root / LEDGER) if not is_imported(known)):
        ledger = SqliteLedger.load(root / LEDGER, info.tag, ML, WallClock(), read_only=True)
        try:
            rates = learn(rates, ledger.closed(), ledger.calls(), len(ledger.revisions()))
        finally:
            ledger.dispose()
    named = crews.names(root, settings, options.agents)
    size = Size(
        experiments=options.max_experiments or study.max_experiments,
        slots=len(machine.slots(settings, options.slots)),
        meta_interval=options.meta_interval or study.meta_interval,
        fixed_runs=study.baseline_runs + study.final_runs,
        agents=any(name != "tuner" for name in named),
        analysts=council.names(root, settings, named, options.analysts) != (council.STATISTICS,),
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
    options = RunOptions(info.tag)
    me = Owner(os.getpid(), info.tag, time.time(), settings.study.max_experiments, settings.study.meta_interval)
    with hold(root, me):
        if is_imported(info):
            _workspace(root, settings, info.tag).found()
        return _advised(root, settings, options, analysts)


def _advised(root: Path, settings: Settings, options: RunOptions, analysts: Sequence[str]) -> str:
    """One meta-analysis of a study that does not run now."""
    from deep_loop import crews
    from deep_loop.core.budget import Budget
    from deep_loop.loop.purse import Purse
    from deep_loop.loop.unit import Again

    with _lab(root, settings, options, (), enter=False) as lab:
        if not lab.ledger.closed():
            raise WorkspaceError(
                f"the study {options.tag} has no experiments yet", hint=f"run it: `deep-loop run --tag {options.tag}`"
            )
        limits = settings.study
        budget = Budget(max_usd=limits.max_cost_usd, max_tokens=limits.max_tokens)
        purse, named = Purse(lab, budget, crews.allowances(settings)), crews.names(root, settings)
        outer = _outer(lab, root, settings, purse, limits.meta_interval, named, analysts)
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
    with _lab(root, settings, RunOptions(info.tag), (), enter=False) as lab:
        return reproduction.reproduce(lab, number, runs, f"{os.getpid()}-{time.time_ns()}", echo)


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


@contextmanager
def _lab(
    root: Path,
    settings: Settings,
    options: RunOptions,
    observers: Sequence[Observer],
    *,
    enter: bool = True,
    runner: Executor | None = None,
    crew: Sequence[Proposer] | None = None,
) -> Iterator[Lab]:
    """The ports of a study; a new one gets its branch and its place in the ledger where `enter` says so.

    `crew` None: nothing will be proposed; empty: those that the settings name.
    """
    from deep_loop import crews, learning
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger, StudyInfo, upgrade
    from deep_loop.adapters.ledger.tsv import ResultsTable
    from deep_loop.core.experiment import ML
    from deep_loop.loop.audience import Audience
    from deep_loop.loop.lab import Lab

    wanted = () if crew is None else crew or _crew(root, settings, options)
    proposers = {one.name: one for one in wanted}
    slots = machine.slots(settings, options.slots)
    executor: Executor = runner or machine.executor(root, settings, options.tag, slots)
    upgrade(root / LEDGER)
    info = _known(root, options.tag)
    if enter:
        _runs_here(info)
    seed = _seed(settings, options, info)
    sources = learning.sources(root, options.learn_from, info)
    planned = _planned(settings, options, info)
    branch = branch_of(options.tag)
    workspace = _workspace(root, settings, options.tag)
    if info:
        workspace.head()  # a study whose branch somebody deleted is not begun anew in silence
    if enter:
        workspace.enter(options.start)
    clock = WallClock()
    if info:
        ledger = SqliteLedger.load(root / LEDGER, options.tag, ML, clock)
    else:
        study = settings.study.model_copy(update={"max_experiments": planned})
        begun_with = settings.model_copy(update={"study": study}).model_dump_json()
        new = StudyInfo(options.tag, "ml", branch, seed, begun_with, workspace.head(), clock.time())
        ledger = SqliteLedger.create(root / LEDGER, new, ML, clock, [source.tag for source in sources])
    try:
        yield Lab(
            tag=options.tag,
            uid=uid_of(root, options.tag),
            seed=seed,
            task=_task(root, settings, planned),
            ledger=ledger,
            workspace=workspace,
            executor=executor,
            proposers=proposers,
            results=ResultsTable(root / "results.tsv", settings.metric),
            clock=clock,
            tell=Audience(observers).tell,
            price=crews.prices(settings),
            earlier=learning.earlier(root, sources),
        )
    finally:
        executor.stop()
        for proposer in proposers.values():
            proposer.stop()
        ledger.dispose()


def _workspace(root: Path, settings: Settings, tag: str) -> GitWorkspace:
    from deep_loop.adapters.workspace.git import GitWorkspace

    task = settings.task
    return GitWorkspace(
        root,
        tag=tag,
        branch=branch_of(tag),
        editable=task.editable,
        protected=task.protected,
        links=task.link,
        holdout=task.holdout.files,
    )


def _rules(settings: Settings, planned: int) -> Rules:
    from deep_loop.core.rules import Rules

    study = settings.study
    return Rules(
        min_gain=study.min_gain,
        false_keeps=study.false_keeps,
        planned=planned,
        baseline_runs=study.baseline_runs,
        reference_runs=study.reference_runs,
        control_interval=study.control_interval,
        final_runs=study.final_runs,
        margin=None if study.simpler == "off" else study.simpler,
        bound=settings.task.metric.bound,
        max_load=None if study.max_load == "off" else study.max_load,
    )


def _planned(settings: Settings, options: RunOptions, info: StudyInfo | None) -> int:
    """The experiments that a study was planned for at its beginning: what false keeps are allowed for."""
    if info is not None:
        return int(json.loads(info.settings)["study"]["max_experiments"])
    return options.max_experiments or settings.study.max_experiments


def _task(root: Path, settings: Settings, planned: int) -> Task:
    from deep_loop.core.readout import Patterns
    from deep_loop.loop.lab import Holdout, Task

    task = settings.task
    patterns = Patterns(
        task.metric.pattern, task.memory.pattern, task.memory.unit, task.progress.pattern, task.result == "channel"
    )
    held_out = replace(patterns, metric=task.holdout.pattern or patterns.metric)
    # A task that prepares its environment by uv keeps it in one place; runs only read it.
    env = {"UV_PROJECT_ENVIRONMENT": str(root.resolve() / ".deep-loop" / "env")} if task.prepare else {}
    return Task(
        command=task.run,
        editable=task.editable,
        protected=task.protected,
        metric=settings.metric,
        patterns=patterns,
        budget_seconds=task.budget_seconds,
        timeout_seconds=task.timeout_seconds,
        rules=_rules(settings, planned),
        repairs=settings.study.repairs,
        prune_margin=None if settings.study.prune_margin == "off" else settings.study.prune_margin,
        prepare=task.prepare,
        env={**env, "UV_NO_SYNC": "1", "UV_OFFLINE": "1"} if env else {},
        prepare_env=env,
        prepare_writes=machine.prepared(root, settings),
        seed_command=task.seed_cmd,
        holdout=Holdout(task.holdout.run, held_out) if task.holdout.run else None,
        pivot_after=settings.study.pivot_after,
        memory_bytes=machine.limits(root, settings).memory_bytes,
    )


def _outer(
    lab: Lab,
    root: Path,
    settings: Settings,
    purse: Purse,
    interval: int,
    proposers: Sequence[str],
    asked: Sequence[str],
    given: Sequence[Analyst] | None = None,
) -> Meta:
    """The outer tier, with the analysts that are given, else those that were asked for, else those of the settings."""
    from deep_loop import council
    from deep_loop.loop.meta import Meta

    if given is None:
        given = council.council(root, settings, lab.tag, council.names(root, settings, proposers, asked))
    return Meta(lab, given, purse, interval, settings.study.significant, settings.study.probation)


def _known(root: Path, tag: str) -> StudyInfo | None:
    """What the ledger says of a study, if it knows it."""
    from deep_loop.adapters.ledger.sqlite import LEDGER, studies

    return next((info for info in studies(root / LEDGER) if info.tag == tag), None)


def _runs_here(info: StudyInfo | None) -> None:
    """Raise WorkspaceError for a study that was imported: it is not run."""
    from deep_loop.views import refuse

    if info is not None:
        refuse(info, "it is not run here")


def _crew(root: Path, settings: Settings, options: RunOptions) -> Sequence[Proposer]:
    """Those that the settings name; raises ConfigError where one cannot be made."""
    from deep_loop import crews

    return crews.crew(root, settings, options.tag, crews.names(root, settings, options.agents))


def _mixture(settings: Settings, options: RunOptions) -> Mixture | None:
    """The starting weights, where proposers are to be mixed."""
    from deep_loop.core.mixture import Mixture

    weights = options.mixture or settings.agents.mixture
    return Mixture(weights) if weights else None


def _seed(settings: Settings, options: RunOptions, info: StudyInfo | None) -> int:
    """The study's seed; raises ConfigError where the study has another one than was asked for."""
    if info is None:
        return settings.study.seed if options.seed is None else options.seed
    if options.seed not in (None, info.seed):
        raise ConfigError(
            f"the study {info.tag} has the seed {info.seed}, not {options.seed}",
            hint="leave --seed out to go on with it, or begin a new study with another --tag",
        )
    return info.seed


def _deadline(settings: Settings, options: RunOptions, now: float) -> float | None:
    """The moment when this sitting ends, if hours or a time of day were set."""
    hours = options.max_hours or settings.study.max_hours
    limits = [limit for limit in (now + hours * 3600 if hours else None, options.until) if limit is not None]
    return min(limits, default=None)
