"""`deep-loop history`: a study's experiments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from deep_loop.interfaces.cli import options, words
from deep_loop.views import Row, look


@click.command()
@options.workspace
@options.tag
@options.as_json("Row")
def history(workspace: Path, tag: str | None, as_json: bool) -> None:
    """List a study's experiments in the order of their decisions, open ones last.

    The gain is against the incumbent that an experiment was made on; + is better.
    """
    from deep_loop import wiring

    owner = wiring.owner(workspace)
    with look(workspace, tag, owner) as lens:
        rows = lens.history()
        name = lens.metric.name
    if as_json:
        options.print_json(rows)
        return
    width = words.width()
    for line in table(rows, name):
        click.echo(words.clip(line, width) if width else line)


def table(rows: Sequence[Row], metric: str) -> list[str]:
    """The rows as lines of columns, under a heading."""
    lines = [f"{'#':>4}  {'status':<7}  {metric:>11}  {'gain':>9}  {'commit':<7}  change"]
    for row in rows:
        numbers = f"{words.value(row.value):>11}  {words.percent(row.relative_gain):>9}"
        lines.append(f"{row.experiment:>4}  {row.status:<7}  {numbers}  {row.commit[:7]:<7}  {row.title}")
    return lines
