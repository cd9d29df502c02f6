"""Options that several commands share."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from deep_loop import config
from deep_loop.errors import WorkspaceError

F = TypeVar("F", bound=Callable[..., Any])


def find_workspace(named: Path | None) -> Path:
    """The workspace: the folder that was named, else the nearest one upwards with a deep-loop.toml.

    Raises WorkspaceError where there is none.
    """
    if named is not None:
        if not (named / config.FILE).is_file():
            raise WorkspaceError(f"no {config.FILE} in {named}", hint=f"make one: `deep-loop init {named}`")
        return named.resolve()
    found = config.find(Path.cwd())
    if found is None:
        raise WorkspaceError(
            f"no {config.FILE} here or in any folder above",
            hint="`cd` into a workspace, name one with --workspace, or make one: `deep-loop init PATH`",
        )
    return found


def _workspace(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
    return find_workspace(value)


def workspace(command: F) -> F:
    """`--workspace DIR`, given to the command as `workspace`: a Path that is one."""
    return click.option(
        "--workspace",
        metavar="DIR",
        type=click.Path(path_type=Path),
        callback=_workspace,
        help="The workspace; by default the nearest folder upwards with a deep-loop.toml.",
    )(command)


def tag(command: F) -> F:
    """`--tag T`, given to the command as `tag`: text or None."""
    return click.option("--tag", metavar="T", help="The study; by default the one that runs, else the latest.")(command)


def _analysts(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Names from repeated options and comma lists; an unknown one is an error here, before anything is touched."""
    names = tuple(name.strip() for part in value for name in part.split(",") if name.strip())
    for name in names:
        if name not in config.ANALYSTS:
            raise click.BadParameter(f"{name!r} is no analyst here; known: {', '.join(config.ANALYSTS)}")
    return names


def analysts(command: F) -> F:
    """`--analyst NAME`, given to the command as `analysts`: names, in order of preference."""
    return click.option(
        "--analyst", "analysts", multiple=True, metavar="NAME", callback=_analysts, help="Who analyses; repeatable."
    )(command)


def as_json(what: str) -> Callable[[F], F]:
    """`--json`, given to the command as `as_json`; `what` names the value that is printed."""
    return click.option(
        "--json", "as_json", is_flag=True, help=f"Print JSON, with the fields of deep_loop.views.{what}."
    )


def print_json(value: Any) -> None:
    """Print a frozen value, or several, as JSON on standard output."""
    plain = [dataclasses.asdict(item) for item in value] if isinstance(value, tuple) else dataclasses.asdict(value)
    click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
