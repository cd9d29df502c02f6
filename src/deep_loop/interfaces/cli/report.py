"""`deep-loop report`: the figure and the page."""

from __future__ import annotations

from pathlib import Path

import click

from deep_loop.interfaces.cli import options


@click.command()
@options.workspace
@options.tag
def report(workspace: Path, tag: str | None) -> None:
    """Write progress.png and report.html, a page that needs nothing beside it, into the workspace."""
    from deep_loop import wiring
    from deep_loop.interfaces.report.write import write

    for path in write(workspace, tag, wiring.owner(workspace)):
        click.echo(path)
