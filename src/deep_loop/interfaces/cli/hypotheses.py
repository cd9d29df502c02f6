"""`deep-loop hypotheses`: what was on next-hypotheses.md, and what became of it."""

from __future__ import annotations

from pathlib import Path

import click

from deep_loop.interfaces.cli import options, words
from deep_loop.views import Queue, look


@click.command()
@options.workspace
@options.tag
@options.as_json("Queue")
def hypotheses(workspace: Path, tag: str | None, as_json: bool) -> None:
    """List every hypothesis of a study: the open ones first, then the ended ones, the latest first.

    One is taken when an experiment takes it up, refuted when another experiment makes its move and is not kept, expired
    when a later strategy leaves it out.
    """
    from deep_loop import wiring

    with look(workspace, tag, wiring.owner(workspace)) as lens:
        found = lens.hypotheses()
    if as_json:
        options.print_json(found)
        return
    width = words.width()
    for line in table(found):
        click.echo(words.clip(line, width) if width else line)


def table(found: Queue) -> list[str]:
    """Two lines for each: what it is, and what became of it; then a line for each who predicted."""
    if not found.entries:
        return ["none so far: the first meta-analysis writes them"]
    lines = []
    for entry in found.entries:
        odds = "" if entry.probability is None else f", kept with a probability of {entry.probability:.2g}"
        lines.append(f"{entry.id}  {entry.title}")
        lines.append(f"{'':<10}{entry.words} ({entry.kind}, by {entry.author} in v{entry.strategy}{odds})")
    return lines + [f"predictions of {one.author}: {one.words}" for one in found.predictions]
