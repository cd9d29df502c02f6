"""`deep-loop status`: how a study stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from deep_loop.interfaces.cli import options, words
from deep_loop.views import Overview, Running, look


@click.command()
@options.workspace
@options.tag
@options.as_json("Overview")
def status(workspace: Path, tag: str | None, as_json: bool) -> None:
    """Show how a study stands: state, incumbent, what runs now, time left."""
    from deep_loop import wiring

    owner = wiring.owner(workspace)
    with look(workspace, tag, owner) as lens:
        seen = lens.overview(owner)
    if as_json:
        options.print_json(seen)
        return
    width = words.width()
    for label, text in lines(seen):
        line = f"{label:<11} {text}"
        click.echo(words.clip(line, width) if width else line)


def lines(seen: Overview) -> Iterator[tuple[str, str]]:
    """An overview as labelled lines; a label is empty where a line goes on under the one above."""
    yield "study", f"{seen.tag}, on branch {seen.branch}"
    yield "state", _state(seen)
    pace = f"; {seen.per_hour:.0f} an hour" if seen.per_hour else ""
    yield "progress", f"{seen.experiments} of {words.plural(seen.limit, 'experiment')}: {words.counts(seen)}{pace}"
    yield "baseline", f"{seen.metric} {words.value(seen.baseline)} ({seen.direction})"
    if seen.incumbent:
        best = seen.incumbent
        yield "incumbent", f"{seen.metric} {words.value(best.value)}, {words.gain(seen.gain, seen.relative_gain)}"
        yield "", words.claim(best)
        if best.held_out is not None:
            yield "held out", f"{seen.metric} {words.value(seen.baseline_held_out)} -> {words.value(best.held_out)}"
        yield "", f"#{best.experiment} {best.commit[:7]} {best.title}"
    yield "strategy", f"v{seen.strategy}; next meta-analysis in {words.plural(seen.next_meta, 'experiment')}"
    for place, run in enumerate(seen.running):
        yield "" if place else "running", going(run)
    for place, row in enumerate(seen.latest):
        yield "" if place else "latest", words.decided(row)


def _state(seen: Overview) -> str:
    process = f" (process {seen.pid})" if seen.pid else ""
    left = f", about {words.duration(seen.seconds_left)} left" if seen.seconds_left is not None else ""
    return f"{seen.state}{process}, {words.duration(seen.elapsed)} so far{left}"


def going(run: Running) -> str:
    """What runs now, on one line."""
    parts = [f"#{run.experiment} {run.title} ({run.purpose})"]
    if run.percent is not None:
        parts.append(f"{run.percent:.0f} %")
    if run.loss is not None:
        parts.append(f"loss {run.loss:.4f}")
    parts.append(f"{words.duration(run.seconds)} of about {words.duration(run.expected)}")
    return ", ".join(parts)
