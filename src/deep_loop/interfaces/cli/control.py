"""`meta`, `stop`, `pause`, `resume`: what a person asks of the outer tier, or of the harness that runs."""

from __future__ import annotations

from pathlib import Path

import click

from deep_loop.interfaces.cli import options


@click.command()
@options.workspace
@options.tag
@options.analysts
def meta(workspace: Path, tag: str | None, analysts: tuple[str, ...]) -> None:
    """Make one meta-analysis now, whether the study runs or not."""
    from deep_loop import wiring

    click.echo(wiring.meta(workspace, tag, analysts))


@click.command()
@options.workspace
@click.option("--now", is_flag=True, help="Kill the runs that go on; else they are waited for.")
def stop(workspace: Path, now: bool) -> None:
    """End the running study in good order; `run` goes on with it later."""
    from deep_loop import wiring

    click.echo(wiring.request(workspace, "stop", {"now": "yes"} if now else {}))


@click.command()
@options.workspace
def pause(workspace: Path) -> None:
    """Let the running study start no more runs until `resume`; what runs now runs to its end."""
    from deep_loop import wiring

    click.echo(wiring.request(workspace, "pause", {}))


@click.command()
@options.workspace
def resume(workspace: Path) -> None:
    """Let a paused study go on. (A stopped one goes on with `run`.)"""
    from deep_loop import wiring

    click.echo(wiring.request(workspace, "resume", {}))
