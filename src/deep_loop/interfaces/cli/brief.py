"""`deep-loop brief`: what the next agent would be told."""

from __future__ import annotations

from pathlib import Path

import click

from deep_loop.interfaces.cli import options


@click.command()
@click.option("--tools", is_flag=True, help="As `model` is told, which has tools in the place of a folder.")
@options.workspace
@options.tag
def brief(tools: bool, workspace: Path, tag: str | None) -> None:
    """Show what an agent would be told if it were asked for a proposal now. Nobody is asked."""
    from deep_loop import wiring

    click.echo(wiring.brief(workspace, tag, "tools" if tools else "folder"))
