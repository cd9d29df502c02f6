"""`deep-loop suggest`: what a person wants tried."""

from __future__ import annotations

from pathlib import Path

import click

from deep_loop.interfaces.cli import options


@click.command()
@click.argument("text")
@options.workspace
@options.tag
def suggest(text: str, workspace: Path, tag: str | None) -> None:
    """Tell the study's agents what you want tried, as in `suggest "try grouped-query attention"`.

    Every agent that is asked reads it until one takes it up. `NAME = value` and `NAME in low..high` are
    understood by the tuner too. It waits where no study runs.
    """
    from deep_loop import wiring

    click.echo(wiring.suggest(workspace, tag, text))
