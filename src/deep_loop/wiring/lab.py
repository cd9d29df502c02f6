"""The ports of one study, with concrete classes in their places."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deep_loop import machine
from deep_loop.adapters.clock import WallClock
from deep_loop.errors import ConfigError
from deep_loop.wiring.options import RunOptions
from deep_loop.wiring.task import task_of

if TYPE_CHECKING:
    from deep_loop.adapters.ledger.sqlite import SqliteLedger, StudyInfo
    from deep_loop.adapters.ledger.studies import Source
    from deep_loop.adapters.workspace.git import GitWorkspace
    from deep_loop.config import Settings
    from deep_loop.core.experiment import Closing, Outcome, Proposal
    from deep_loop.loop.lab import Lab
    from deep_loop.loop.meta import Meta
    from deep_loop.loop.purse import Purse
    from deep_loop.ports import Analyst, Executor, Observer, Proposer


@contextmanager
def open_lab(
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
    from deep_loop.adapters.ledger.sqlite import LEDGER, upgrade
    from deep_loop.adapters.ledger.tsv import ResultsTable
    from deep_loop.loop.audience import Audience
    from deep_loop.loop.lab import Lab

    # Whatever the settings and the machine lack is found out before anything is begun.
    wanted = () if crew is None else crew or _crew(root, settings, options)
    executor = runner or machine.executor(root, settings, options.tag, machine.slots(settings, options.slots))
    upgrade(root / LEDGER)
    info = known(root, options.tag)
    if enter:
        runs_here(info)
    seed, planned = seed_of(settings, options, info), _planned(settings, options, info)
    sources = learning.sources(root, options.learn_from, info)
    workspace = workspace_of(root, settings, options.tag)
    if info:
        workspace.head()  # a study whose branch somebody deleted is not begun anew in silence
    if enter:
        workspace.enter(options.start)
    if info:
        ledger = _known_ledger(root, info)
    else:
        ledger = _new_ledger(root, settings, options.tag, seed, planned, workspace.head(), sources)
    try:
        began = ledger.info.created_at
        taught = learning.lessons(root, options.tag, sources, began) if settings.study.lessons else ()
        yield Lab(
            tag=options.tag,
            uid=uid_of(root, options.tag),
            seed=seed,
            task=task_of(root, settings, planned),
            ledger=ledger,
            workspace=workspace,
            executor=executor,
            proposers={one.name: one for one in wanted},
            results=ResultsTable(root / "results.tsv", settings.metric),
            clock=WallClock(),
            tell=Audience(observers).tell,
            price=crews.prices(settings),
            earlier=learning.earlier(root, sources),
            lessons=taught,
        )
    finally:
        executor.stop()
        for proposer in wanted:
            proposer.stop()
        ledger.dispose()


def _known_ledger(root: Path, info: StudyInfo) -> SqliteLedger[Proposal, Outcome, Closing]:
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
    from deep_loop.core.experiment import ML

    return SqliteLedger.load(root / LEDGER, info.tag, ML, WallClock())


def _new_ledger(
    root: Path, settings: Settings, tag: str, seed: int, planned: int, start: str, sources: Sequence[Source]
) -> SqliteLedger[Proposal, Outcome, Closing]:
    """The ledger, with a study that begins now and keeps the settings that it begins with."""
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger, StudyInfo
    from deep_loop.core.experiment import ML

    study = settings.study.model_copy(update={"max_experiments": planned})
    begun_with = settings.model_copy(update={"study": study}).model_dump_json()
    clock = WallClock()
    info = StudyInfo(tag, "ml", branch_of(tag), seed, begun_with, start, clock.time())
    return SqliteLedger.create(root / LEDGER, info, ML, clock, [source.tag for source in sources])


def branch_of(tag: str) -> str:
    """The branch of a study in ML mode."""
    return f"deep-loop/{tag}"


def uid_of(root: Path, tag: str) -> str:
    """What the processes of a study's runs are marked with: no other study on this machine has it."""
    return hashlib.sha256(f"{root.resolve()}\0{tag}".encode()).hexdigest()[:12]


def workspace_of(root: Path, settings: Settings, tag: str) -> GitWorkspace:
    """The repository, as a study of this tag sees it."""
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


def outer_tier(lab: Lab, settings: Settings, purse: Purse, analysts: Sequence[Analyst], interval: int) -> Meta:
    """The outer tier of a study; without an analyst there is none."""
    from deep_loop.loop.meta import Meta

    return Meta(lab, analysts, purse, interval, settings.study.significant, settings.study.probation)


def known(root: Path, tag: str) -> StudyInfo | None:
    """What the ledger says of a study, if it knows it."""
    from deep_loop.adapters.ledger.sqlite import LEDGER, studies

    return next((info for info in studies(root / LEDGER) if info.tag == tag), None)


def runs_here(info: StudyInfo | None) -> None:
    """Raise WorkspaceError for a study that was imported: it is not run."""
    from deep_loop.views import refuse

    if info is not None:
        refuse(info, "it is not run here")


def seed_of(settings: Settings, options: RunOptions, info: StudyInfo | None) -> int:
    """The study's seed; raises ConfigError where the study has another one than was asked for."""
    if info is None:
        return settings.study.seed if options.seed is None else options.seed
    if options.seed not in (None, info.seed):
        raise ConfigError(
            f"the study {info.tag} has the seed {info.seed}, not {options.seed}",
            hint="leave --seed out to go on with it, or begin a new study with another --tag",
        )
    return info.seed


def _planned(settings: Settings, options: RunOptions, info: StudyInfo | None) -> int:
    """The experiments that a study was planned for at its beginning: what false keeps are allowed for."""
    if info is not None:
        return int(json.loads(info.settings)["study"]["max_experiments"])
    return options.max_experiments or settings.study.max_experiments


def _crew(root: Path, settings: Settings, options: RunOptions) -> Sequence[Proposer]:
    """Those that the settings name; raises ConfigError where one cannot be made."""
    from deep_loop import crews

    return crews.crew(root, settings, options.tag, crews.names(root, settings, options.agents))
