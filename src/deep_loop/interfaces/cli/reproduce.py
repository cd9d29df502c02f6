"""`deep-loop reproduce N`: run an experiment's commit again and compare."""

from __future__ import annotations

from pathlib import Path

import click

from deep_loop.interfaces.cli import options, words
from deep_loop.interfaces.cli.group import ERROR, OK


@click.command()
@click.argument("number", type=click.IntRange(min=0), metavar="N")
@click.option("--runs", type=click.IntRange(min=1), default=1, show_default=True, help="How often to run it.")
@options.workspace
@options.tag
@click.pass_context
def reproduce(context: click.Context, number: int, runs: int, workspace: Path, tag: str | None) -> None:
    """Run the commit of experiment N again on fresh seeds and compare with what is recorded.

    The record stays as it is. Exit code 1 says that the numbers do not agree.
    """
    from deep_loop import wiring

    found = wiring.reproduce(workspace, tag, number, runs, lambda text: click.echo(text, err=True))
    click.echo(f"recorded  {_listed(found.recorded)}")
    click.echo(f"now       {_listed(found.fresh)}")
    click.echo(found.words)
    context.exit(ERROR if found.agrees is False else OK)


def _listed(values: tuple[float, ...]) -> str:
    return "  ".join(map(words.value, values)) or "–"
