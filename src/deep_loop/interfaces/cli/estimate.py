"""`deep-loop estimate`: what a study will cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from deep_loop.interfaces.cli import options, words
from deep_loop.views import Estimate

SOURCES = {True: "measured here", False: "a usual figure"}


@click.command()
@options.workspace
@click.option("--agent", "agents", multiple=True, metavar="NAME", help="Who would propose; repeatable.")
@click.option("--max-experiments", type=click.IntRange(min=1), metavar="N", help="Experiments of the study.")
@click.option("--slots", type=click.IntRange(min=1), metavar="N", help="Runs at the same time.")
@click.option(
    "--usd-per-hour",
    type=click.FloatRange(min=0),
    metavar="USD",
    default=2.0,
    show_default=True,
    help="What one slot costs an hour; 0 for a machine of your own.",
)
@options.as_json("Estimate")
def estimate(
    workspace: Path,
    agents: tuple[str, ...],
    max_experiments: int | None,
    slots: int | None,
    usd_per_hour: float,
    as_json: bool,
) -> None:
    """Predict hours and dollars of a study, from what this workspace has seen, else from usual figures."""
    from deep_loop import wiring

    options_of_run = wiring.RunOptions("", agents=agents, max_experiments=max_experiments, slots=slots)
    found = wiring.estimate(workspace, options_of_run, usd_per_hour)
    if as_json:
        options.print_json(found)
        return
    for label, amount, why in lines(found):
        click.echo(f"{label:<15} {amount:>10}   {why}")


def lines(found: Estimate) -> Iterator[tuple[str, str, str]]:
    """Label, amount, and what it rests on."""
    experiments = words.plural(found.experiments, "experiment")
    run = f"{words.duration(found.run_seconds)} a run ({SOURCES[found.run_measured]})"
    yield "time", words.duration(found.hours * 3600), f"{experiments}, {found.runs:.2f} runs each, {run}"
    yield "compute", f"${found.compute_usd:.2f}", f"{found.slot_hours:.1f} slot hours at ${found.usd_per_slot_hour:g}"
    who = ", ".join(found.proposers)
    if found.agents_usd:
        yield (
            "agents",
            f"${found.agents_usd:.2f}",
            f"{who}: ${found.proposal_usd:.2f} an experiment ({SOURCES[found.agents_measured]})",
        )
    else:
        yield "agents", "$0.00", f"{who}: costs nothing"
    yield (
        "meta-analyses",
        f"${found.analysts_usd:.2f}",
        words.plural(found.meta_analyses, "meta-analysis", "meta-analyses"),
    )
    yield "in all", f"${found.usd:.2f}", f"the study ends at ${found.limit_usd:g} for models ([study] max_cost_usd)"
