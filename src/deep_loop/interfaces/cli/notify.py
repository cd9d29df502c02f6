"""`deep-loop notify`: tell a person something, by notify.log and by all channels. And who tells for a study."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from deep_loop import config, crews
from deep_loop.adapters.keys import Keys
from deep_loop.adapters.observers import delivery
from deep_loop.adapters.observers.channels import Channels, Wanted, find
from deep_loop.adapters.observers.delivery import Delivery
from deep_loop.adapters.observers.log import Log, append
from deep_loop.adapters.observers.message import KINDS, Kind, Message, noted
from deep_loop.adapters.observers.notify import Notifier, When
from deep_loop.adapters.observers.outbox import open_outbox
from deep_loop.adapters.observers.pace import Pace
from deep_loop.interfaces.cli.group import ERROR, OK

LOG = "notify.log"
OUTBOX = ".deep-loop"  # the folder, in the workspace
LAST_WORDS = 10.0  # seconds that channels get when a study has ended
PATIENCE = 15.0  # seconds that they get for what a person tells, if that says nothing else


@contextmanager
def telling(root: Path, settings: config.Settings, tag: str) -> Iterator[Notifier]:
    """What tells of the study `tag`, for as long as the context lasts; at its end channels get a moment for the rest.

    What is not delivered then is kept for the next run of a study here.
    """
    asked = settings.notify
    found = channels(root, settings)
    log = Log(root / LOG)
    for each in found.broken:
        _say(log, f"nothing is sent to {each.name}: {each.why}")
    outbox = open_outbox(root / OUTBOX) if found.usable else None
    way = Delivery(found.usable, Pace(most=asked.rate), found.redaction.strict, log.write, outbox)
    sent = KINDS if asked.events == "all" else asked.events
    when = When(asked.thresholds, asked.significant_gain, asked.plateau, frozenset(sent))
    patience = LAST_WORDS
    try:
        yield Notifier(log, settings.metric, when, study=tag, post=way.post, redact=found.redaction)
    except KeyboardInterrupt:  # somebody wants it to end at once
        patience = 0.0
        raise
    finally:
        for tally in way.close(patience):
            if not tally.good:
                _say(log, delivery.words(tally, kept=outbox is not None))


def channels(root: Path | None, settings: config.Settings | None) -> Channels:
    """The channels of a workspace, usable or not; outside of one OpenClaw, where it is there.

    `env:NAME` may stand in `.env` or the keyring too. The keys of agents are not for a channel.
    """
    folder, environ = root or Path.cwd(), dict(os.environ)
    if settings is None:
        return find(Wanted(), folder, environ)
    asked = settings.notify
    wanted = Wanted(asked.openclaw, asked.apprise, asked.webhook, asked.webhook_secret, asked.command)
    if wanted.variables:
        keys = Keys(folder, os.environ)
        environ |= {name: value for name in wanted.variables if (value := keys.get(name)) is not None}
    return find(wanted, folder, environ, crews.KEYS)


@click.command()
@click.option("--event", type=click.Choice(KINDS), help="What happened.")
@click.option("--val", default="", metavar="TEXT", help="The metric's value, or any text.")
@click.option("--experiments", type=click.IntRange(min=0), metavar="N", help="Experiments so far.")
@click.option("--test", is_flag=True, help="Only try every channel.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=PATIENCE,
    show_default=True,
    metavar="S",
    help="Seconds to wait for channels, at most.",
)
@click.option(
    "--workspace", type=click.Path(path_type=Path), metavar="DIR", help="By default the nearest one upwards, if any."
)
@click.option("--home", type=click.Path(path_type=Path), hidden=True)
@click.pass_context
def notify(
    context: click.Context,
    event: Kind | None,
    val: str,
    experiments: int | None,
    test: bool,
    wait: float,
    workspace: Path | None,
    home: Path | None,
) -> None:
    """Tell a person: a line of notify.log, and a message by every channel of [notify].

    In a workspace, or in the current folder where there is none: then OpenClaw alone is the channel, if it is there.
    What was sent, and what was not, is told on standard error. A channel that fails does not make this command fail,
    so that no script ends for it; with --test the exit code is 1 where one did.
    """
    if (event is None) is not test:
        raise click.UsageError("say what happened with --event, or try the channels with --test")
    root = _root(workspace, home)
    settings = config.load(root) if root else None
    found = channels(root, settings)
    metric = settings.metric.name if settings else None
    if event is None:
        text = "test: this is how you will hear of a study"
        message = Message("test", text, text, time.time())
    else:
        message = noted(event, found.redaction(val), experiments, metric, time.time())
    log = (root or Path.cwd()) / LOG
    unwritten = _written(log, message.text)
    click.echo(message.text)
    good = _sent(found, message, Log(log), wait)
    if unwritten and not any(good):
        raise unwritten
    if test and not found.found:
        click.echo("there is no channel; [notify] in deep-loop.toml names them", err=True)
    context.exit(ERROR if test and not (good and all(good)) else OK)


def _root(workspace: Path | None, home: Path | None) -> Path | None:
    """The workspace that is named, the nearest upwards, or that beside the script; None where there is none."""
    from deep_loop.interfaces.cli.options import find_workspace
    from deep_loop.interfaces.cli.scripts import WORKSPACE

    beside = home / WORKSPACE if home and (home / WORKSPACE / config.FILE).is_file() else None
    return find_workspace(workspace) if workspace else config.find(Path.cwd()) or beside


def _written(log: Path, text: str) -> OSError | None:
    """Write the line; returns why that did not work, after saying it."""
    try:
        append(log, text, datetime.now())
    except OSError as error:
        click.echo(f"{log} cannot be written: {error.strerror}", err=True)
        return error
    return None


def _sent(found: Channels, message: Message, log: Log, wait: float) -> list[bool]:
    """Send it by every channel, say how that went, and return for each whether it did."""
    way = Delivery(found.usable, Pace(first_wait=0.5), found.redaction.strict, lambda text: None)
    way.post(message)
    tallies = way.close(wait)
    for tally in tallies:
        if tally.good:
            click.echo(f"sent to {tally.channel}", err=True)
        else:
            _say(log, f"not sent to {tally.channel}: {tally.problem or f'no answer within {wait:g} s'}")
    for each in found.broken:
        _say(log, f"not sent to {each.name}: {each.why}")
    return [tally.good for tally in tallies] + [False for _ in found.broken]


def _say(log: Log, text: str) -> None:
    log.write(text)
    click.echo(text, err=True)
