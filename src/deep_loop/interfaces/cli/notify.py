"""`deep-loop notify`: one line for notify.log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from deep_loop import config
from deep_loop.adapters.observers.notify import KINDS, Kind, append, compose


@click.command()
@click.option("--event", required=True, type=click.Choice(KINDS), help="What happened.")
@click.option("--val", default="", metavar="TEXT", help="The metric's value, or any text.")
@click.option("--experiments", type=click.IntRange(min=0), metavar="N", help="Experiments so far.")
@click.option(
    "--workspace", type=click.Path(path_type=Path), metavar="DIR", help="By default the nearest one upwards, if any."
)
@click.option("--home", type=click.Path(path_type=Path), hidden=True)
def notify(event: Kind, val: str, experiments: int | None, workspace: Path | None, home: Path | None) -> None:
    """Write one line to notify.log: in the workspace, or in the current folder where there is none."""
    from deep_loop.interfaces.cli.options import find_workspace
    from deep_loop.interfaces.cli.scripts import WORKSPACE

    beside = home / WORKSPACE if home and (home / WORKSPACE / config.FILE).is_file() else None
    root = find_workspace(workspace) if workspace else config.find(Path.cwd()) or beside
    metric = config.load(root).metric.name if root else None
    text = compose(event, val, experiments, metric)
    append((root or Path.cwd()) / "notify.log", text, datetime.now())
    click.echo(text)
