"""`deep-loop show N`: one experiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from deep_loop.core.readout import plain
from deep_loop.interfaces.cli import options, words
from deep_loop.views import Detail, Run, look


@click.command()
@click.argument("number", type=click.IntRange(min=0), metavar="N")
@options.workspace
@options.tag
@options.as_json("Detail")
def show(number: int, workspace: Path, tag: str | None, as_json: bool) -> None:
    """Show experiment N: its hypothesis, its runs, the decision and why, the diff, the end of its log.

    0 is the baseline.
    """
    from deep_loop import wiring

    with look(workspace, tag, wiring.owner(workspace)) as lens:
        detail = lens.experiment(number)
        metric = lens.metric.name
    if as_json:
        options.print_json(detail)
        return
    for line in lines(detail, metric):
        click.echo(line)


def lines(detail: Detail, metric: str) -> Iterator[str]:
    """An experiment as text."""
    row = detail.row
    if detail.imported:
        yield from _imported(detail, metric)
        return
    yield f"experiment {row.experiment}: {row.title}"
    stated = f" (stated: {row.stated_kind})" if row.stated_kind != row.kind else ""
    yield f"  {'proposed by':<12}{row.proposer}, as a change of kind {row.kind}{stated}, under strategy v{row.strategy}"
    if row.hypothesis:
        yield f"  {'hypothesis':<12}{row.hypothesis}"
    yield f"  {'why':<12}{detail.rationale or '–'}"
    if detail.expected:
        yield f"  {'expected':<12}{detail.expected}"
    base = f"experiment {row.parent}, " if row.parent is not None else ""
    yield f"  {'made on':<12}{base}commit {detail.base[:7]}"
    yield f"  {'commit':<12}{row.commit or '–'}"
    yield ""
    yield "runs"
    yield from (f"  {_run(run, metric)}" for run in detail.runs)
    yield ""
    decision = f"{row.status}: {row.reason}" if row.closed_at is not None else "not yet"
    yield f"decision  {decision}"
    if row.value is not None:
        against = f", {words.gain(row.gain, row.relative_gain)}" if row.gain is not None else ""
        yield f"          {metric} {words.value(row.value)} over {words.plural(row.runs, 'run')}{against}"
    yield ""
    yield "diff"
    yield plain(detail.diff).rstrip() or "  (none: the code as it stood)"
    if detail.log_tail:
        yield ""
        yield f"end of the log  {detail.runs[-1].log}"
        yield detail.log_tail


def _imported(detail: Detail, metric: str) -> Iterator[str]:
    """An experiment of another system, as its log tells it: nothing of it was run here, and its code is not here."""
    row = detail.row
    yield f"experiment {row.experiment}: {row.title}"
    yield f"  {'imported':<12}as a change of kind {row.kind}"
    if detail.rationale:
        yield f"  {'why':<12}{detail.rationale}"
    for change in detail.changes:
        yield f"  {'moves':<12}{change.name} {change.before} -> {change.after}"
    yield f"  {'after':<12}{f'experiment {row.parent}' if row.parent is not None else '–'}"
    yield f"  {'commit':<12}{f'{row.commit}, not of this repository' if row.commit else '–'}"
    yield ""
    yield f"decision  {row.status}: {row.reason}"
    if row.value is not None:
        against = f", {words.gain(row.gain, row.relative_gain)}" if row.gain is not None else ""
        memory = f", {row.memory_mb:.0f} MB" if row.memory_mb is not None else ""
        yield f"          {metric} {words.value(row.value)}, as the log says{against}{memory}"


def _run(run: Run, metric: str) -> str:
    result = f"{metric} {words.value(run.value)}" if run.value is not None else run.reason
    memory = f", {run.memory_mb:.0f} MB" if run.memory_mb is not None else ""
    repair = f", repair {run.attempt}" if run.attempt else ""
    return (
        f"{run.role:<9} seed {run.seed:<10} {run.outcome:<11} {result}  "
        f"({words.duration(run.seconds)}{memory}, {run.slot}{repair})"
    )
