"""`deep-loop status`: how a study stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from deep_loop.interfaces.cli import options, words
from deep_loop.views import Agent, Overview, Running, look


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
    yield "study", f"{seen.tag}, imported from {seen.source}" if seen.source else f"{seen.tag}, on branch {seen.branch}"
    yield "state", _state(seen)
    if seen.learns_from:
        yield "earlier", f"it knows the experiments of {', '.join(seen.learns_from)}"
    pace = f"; {seen.per_hour:.0f} an hour" if seen.per_hour else ""
    limit = "" if seen.source else f"{seen.experiments} of "
    yield "progress", f"{limit}{words.plural(seen.limit, 'experiment')}: {words.counts(seen)}{pace}"
    yield "baseline", f"{seen.metric} {words.value(seen.baseline)} ({seen.direction})"
    if seen.incumbent:
        best = seen.incumbent
        yield "incumbent", f"{seen.metric} {words.value(best.value)}, {words.gain(seen.gain, seen.relative_gain)}"
        yield "", words.claim(best)
        if best.held_out is not None:
            yield "held out", f"{seen.metric} {words.value(seen.baseline_held_out)} -> {words.value(best.held_out)}"
        yield "", f"#{best.experiment} {best.commit[:7]} {best.title}"
    if seen.spent.tokens:
        yield "spent", money(seen)
    for place, agent in enumerate(() if seen.source else seen.agents):
        yield "" if place else "agents", worker(agent)
    ahead = "" if seen.source else f"; next meta-analysis in {words.plural(seen.next_meta, 'experiment')}"
    yield "strategy", f"v{seen.strategy}{ahead}"
    for place, run in enumerate(seen.running):
        yield "" if place else "running", going(run)
    for place, row in enumerate(seen.latest):
        yield "" if place else "latest", words.decided(row)


def _state(seen: Overview) -> str:
    if seen.source:
        return "imported: it is not run here"
    process = f" (process {seen.pid})" if seen.pid else ""
    left = f", about {words.duration(seen.seconds_left)} left" if seen.seconds_left is not None else ""
    return f"{seen.state}{process}, {words.duration(seen.elapsed)} so far{left}"


def money(seen: Overview) -> str:
    """`$3.20 of $45 ($1.10 an hour), 1,204,000 tokens, 4.1 slot hours`."""
    spent = seen.spent
    limit = f" of ${spent.max_usd:g}" if spent.max_usd is not None else ""
    rate = f" (${spent.usd_per_hour:.2f} an hour)" if spent.usd_per_hour else ""
    unknown = f"; {words.plural(spent.unpriced, 'call')} without a known price" if spent.unpriced else ""
    return f"${spent.usd:.2f}{limit}{rate}, {spent.tokens:,} tokens, {spent.slot_hours:.1f} slot hours{unknown}"


def worker(agent: Agent) -> str:
    """`claude-code: 12 experiments, 3 kept; 14 calls of 48 s, $2.80; down until 14:05: the plan is used up`."""
    calls = words.plural(agent.calls, "call") + (f" of {words.duration(agent.seconds)}" if agent.seconds else "")
    failed = f", {agent.failures} failed" if agent.failures else ""
    paid = f", ${agent.usd:.2f}" if agent.tokens else ""
    down = ""
    if agent.resting is not None and agent.resting_until is not None:
        down = f"; down until {datetime.fromtimestamp(agent.resting_until):%H:%M}: {agent.resting}"
    made = words.plural(agent.experiments, "experiment")
    return f"{agent.name}: {made}, {agent.keeps} kept; {calls}{failed}{paid}{down}"


def going(run: Running) -> str:
    """What runs now, on one line."""
    parts = [f"#{run.experiment} {run.title} ({run.purpose})"]
    if run.percent is not None:
        parts.append(f"{run.percent:.0f} %")
    if run.loss is not None:
        parts.append(f"loss {run.loss:.4f}")
    parts.append(f"{words.duration(run.seconds)} of about {words.duration(run.expected)}")
    return ", ".join(parts)
