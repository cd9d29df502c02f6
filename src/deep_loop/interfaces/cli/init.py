"""`deep-loop init`: a workspace from a template."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path(), metavar="[PATH]")
@click.option("--template", default="tiny-lm", metavar="NAME", show_default=True, help="What to start from.")
def init(path: Path, template: str) -> None:
    """Make a workspace at PATH (by default here): a git repository with a task that is ready to run."""
    from deep_loop.adapters.workspace.template import create
    from deep_loop.interfaces.cli import words

    create(path, template)
    click.echo(f"made a workspace from the template {template} in {path.resolve()}")
    click.echo("\nnext:")
    if path.resolve() != Path.cwd():
        click.echo(f"  cd {shlex.quote(str(path))}")
    click.echo(f"  {words.command()} run --tag exp1")
