"""`deep-loop run`: start a study, or go on with it, and show it while it lasts."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import click

from deep_loop import config
from deep_loop.errors import ConfigError, WorkspaceError
from deep_loop.interfaces.cli import options, words
from deep_loop.interfaces.cli.group import INTERRUPTED, OK

if TYPE_CHECKING:
    from deep_loop.interfaces.cli.events import Lines
    from deep_loop.interfaces.cli.live import Panel
    from deep_loop.wiring import RunOptions

PLACEHOLDER = "YOUR_TOPIC_HERE"
ENOUGH_BYTES = 200_000_000  # free on the disk before a study starts


class Study(Protocol):
    """What `wiring.study` gives."""

    def run(self) -> str:
        """Run to the end; returns why it ended, in words."""
        ...

    def interrupt(self) -> None:
        """Ask it to end soon; safe from a signal handler."""
        ...


def clock_time(text: str, now: float) -> float:
    """The next moment (seconds since the epoch, after `now`) at which a local clock shows `text`, as in 07:00.

    Raises ConfigError where it is no time of day.
    """
    try:
        at = datetime.strptime(text, "%H:%M").time()
    except ValueError as error:
        raise ConfigError(f"--until {text}: not a time of day", hint="write hours and minutes, as in 07:00") from error
    today = datetime.fromtimestamp(now)
    then = datetime.combine(today.date(), at)
    return (then if then > today else then + timedelta(days=1)).timestamp()


def preflight(workspace: Path, free_bytes: int) -> None:
    """Refuse to start what cannot go well: a program.md that nobody filled in, a disk that is full.

    Raises WorkspaceError.
    """
    program = workspace / "program.md"
    if program.is_file() and PLACEHOLDER in program.read_text(encoding="utf-8", errors="replace"):
        raise WorkspaceError(
            f"{PLACEHOLDER} still stands in program.md", hint=f"say in {program} what is to be found out, and commit it"
        )
    if free_bytes < ENOUGH_BYTES:
        raise WorkspaceError(
            f"only {free_bytes // 1_000_000} MB are free on the disk of {workspace}",
            hint=f"free at least {ENOUGH_BYTES // 1_000_000} MB; old logs and run folders lie in .deep-loop/",
        )


def _agents(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Names from repeated options and comma lists; an unknown one is an error here, before anything is touched."""
    names = tuple(name.strip() for part in value for name in part.split(",") if name.strip())
    for name in names:
        if not config.is_proposer(name):
            raise click.BadParameter(f"{name!r} is no proposer here; known: {', '.join(config.PROPOSERS)}")
    return names


@click.command()
@options.workspace
@click.option("--tag", required=True, metavar="T", help="The study's name; a known one goes on where it stopped.")
@click.option("--agent", "agents", multiple=True, metavar="NAME", callback=_agents, help="Who proposes; repeatable.")
@options.analysts
@click.option("--max-experiments", type=click.IntRange(min=1), metavar="N", help="End after N experiments in all.")
@click.option("--max-hours", type=click.FloatRange(min=0, min_open=True), metavar="H", help="End after H hours.")
@click.option("--until", metavar="HH:MM", help="End at that time of day, as in 07:00.")
@click.option("--meta-interval", type=click.IntRange(min=1), metavar="N", help="Experiments between meta-analyses.")
@click.option("--slots", type=click.IntRange(min=1), metavar="N", help="Runs at the same time.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of a new study.")
@click.option("--from", "start", metavar="REF", help="Commit that a new study starts from; by default the current one.")
@click.option(
    "--learn-from",
    multiple=True,
    metavar="T2",
    help="A study, imported or run here, that a new one knows as earlier evidence; repeatable.",
)
@click.option(
    "--max-cost", type=click.FloatRange(min=0, min_open=True), metavar="USD", help="End after USD for models."
)
@click.option("--tmux", is_flag=True, help="Start it detached, in a tmux session, and say how to watch it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
def run(
    context: click.Context,
    workspace: Path,
    tag: str,
    agents: tuple[str, ...],
    analysts: tuple[str, ...],
    max_experiments: int | None,
    max_hours: float | None,
    until: str | None,
    meta_interval: int | None,
    slots: int | None,
    seed: int | None,
    start: str | None,
    learn_from: tuple[str, ...],
    max_cost: float | None,
    tmux: bool,
    dry_run: bool,
) -> None:
    """Start the study T, or go on with it where it stopped or was killed.

    Flags win over deep-loop.toml. Ctrl-C ends it in good order; what runs then runs again next time.
    """
    from deep_loop import wiring
    from deep_loop.interfaces.cli.notify import telling

    settings = config.load(workspace)
    preflight(workspace, shutil.disk_usage(workspace).free)
    asked = wiring.RunOptions(
        tag=tag,
        agents=agents,
        analysts=analysts,
        max_experiments=max_experiments,
        max_hours=max_hours,
        until=clock_time(until, time.time()) if until else None,
        meta_interval=meta_interval,
        slots=slots,
        seed=seed,
        start=start,
        learn_from=learn_from,
        max_cost_usd=max_cost,
    )
    if tmux and not dry_run:
        _detach(context, workspace, asked)
        return
    if dry_run:
        plan = wiring.plan(workspace, asked)
        for line in planned(plan):
            click.echo(line)
        return
    watcher = follower(workspace, tag)
    with telling(workspace, settings, tag) as notifier:
        with notifier.guarding():
            reason, interrupted = conduct(wiring.study(workspace, asked, (watcher, notifier)), watcher)
        _conclude(workspace, tag, reason)
    context.exit(INTERRUPTED if interrupted else OK)


def _detach(context: click.Context, workspace: Path, asked: RunOptions) -> None:
    """Start it in tmux with the same flags; what is wrong with them is said here."""
    from deep_loop import wiring
    from deep_loop.interfaces.cli.tmux import detach

    if (running := wiring.owner(workspace)) is not None:
        raise wiring.busy(running)
    wiring.plan(workspace, asked)
    flags = ["--workspace", str(workspace)]
    for parameter in context.command.params:
        given = context.params.get(parameter.name or "")
        if parameter.name in ("workspace", "tmux", "dry_run") or given in (None, (), False):
            continue
        for each in given if isinstance(given, tuple) else (given,):
            flags += [parameter.opts[0], str(each)]

    def runs() -> bool:
        found = wiring.owner(workspace)
        return found is not None and found.tag == asked.tag

    for line in detach(workspace, asked.tag, ["run", *flags], runs, words.command()):
        click.echo(line)


def planned(plan: object) -> Iterator[str]:
    """A plan's fields, one a line."""
    assert dataclasses.is_dataclass(plan)
    for field in dataclasses.fields(plan):
        found = getattr(plan, field.name)
        text = ", ".join(map(str, found)) if isinstance(found, tuple) else "–" if found is None else str(found)
        yield f"{field.name.replace('_', ' '):<16} {text}"


def follower(workspace: Path, tag: str) -> Lines | Panel:
    """What shows the study on standard error: a panel on a terminal, a line per event elsewhere."""
    if not sys.stderr.isatty() or os.environ.get("TERM") in (None, "dumb"):
        from deep_loop.interfaces.cli.events import Lines

        return Lines()
    from rich.console import Console

    from deep_loop import wiring
    from deep_loop.interfaces.cli.live import Panel

    return Panel(workspace, tag, lambda: wiring.owner(workspace), Console(stderr=True))


def conduct(lab: AbstractContextManager[Study], watcher: AbstractContextManager[object]) -> tuple[str, bool]:
    """Run a study under the eyes of `watcher`; returns why it ended, and whether a signal asked for it.

    SIGINT and SIGTERM end it in good order. A second one raises KeyboardInterrupt at once: the
    supervisors kill what runs, and the next start goes on from the ledger.
    """
    with lab as study, _signals(study.interrupt) as received, watcher:
        reason = study.run()
    return reason, bool(received)


@contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[list[int]]:
    """Turn the first SIGINT or SIGTERM into a call; the list holds those that came."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt
        print("ending in good order; once more to end at once", file=sys.stderr, flush=True)
        interrupt()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _conclude(workspace: Path, tag: str, reason: str) -> None:
    """Print the summary."""
    from deep_loop.interfaces.cli import summary
    from deep_loop.views import look

    with look(workspace, tag) as lens:
        seen, analyses = lens.overview(None), len(lens.strategies())
    width = words.width()
    for line in summary.lines(seen, reason, workspace, analyses):
        click.echo(words.clip(line, width) if width and not line.startswith("  workspace") else line)
