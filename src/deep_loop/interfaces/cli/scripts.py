"""What the scripts in the repository's root hand over to.

`orchestrate.py`, `meta_analyze.py` and `notify.py` hold no logic: they call these hidden commands with
`--home`, the folder that they lie in. A workspace is the one that is named, else the nearest upwards,
else `./workspace` beside the script, made on first use.
"""

from __future__ import annotations

from pathlib import Path

import click

from deep_loop import config
from deep_loop.errors import WorkspaceError
from deep_loop.interfaces.cli.options import analysts, find_workspace

WORKSPACE = "workspace"  # beside the scripts
TEMPLATE = "tiny-lm"
HYPOTHESES = "next-hypotheses.md"

_home = click.option("--home", type=click.Path(path_type=Path), required=True, hidden=True)
_workspace = click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The workspace; by default the nearest folder upwards with a deep-loop.toml, else ./workspace beside "
    "this script, made on first use.",
)


def settle(named: Path | None, home: Path) -> Path:
    """The workspace to work on; makes `home`/workspace where there is none other and none yet."""
    if named is not None:
        return find_workspace(named)
    found = config.find(Path.cwd())
    if found is not None:
        return found
    beside = home.resolve() / WORKSPACE
    if not (beside / config.FILE).is_file():
        from deep_loop.adapters.workspace.template import create

        create(beside, TEMPLATE)
        click.echo(f"made a workspace from the template {TEMPLATE} in {beside}", err=True)
    return beside


@click.command("orchestrate.py", context_settings={"ignore_unknown_options": True})
@_home
@_workspace
@click.option("--tag", metavar="T", help="Start the study T, or go on with it; the study of the other flags.")
@click.option("--meta-interval", type=click.IntRange(min=1), metavar="N", help="Experiments between meta-analyses.")
@click.option("--meta-only", is_flag=True, help="Make one meta-analysis and end.")
@click.option("--status", "only_status", is_flag=True, help="Show how the study stands and end.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[FLAGS OF deep-loop run]")
@click.pass_context
def orchestrate(
    context: click.Context,
    home: Path,
    workspace: Path | None,
    tag: str | None,
    meta_interval: int | None,
    meta_only: bool,
    only_status: bool,
    dry_run: bool,
    more: tuple[str, ...],
) -> None:
    """Run a study: propose, run, judge, record, meta-analyse, adapt."""
    if sum((meta_only, only_status, dry_run)) > 1:
        raise click.UsageError("choose one of --meta-only, --status and --dry-run")
    if not (tag or meta_only or only_status):
        raise click.UsageError("name the study with --tag, or ask for --status or --meta-only")
    arguments = ["--workspace", str(settle(workspace, home))]
    if tag:
        arguments += ["--tag", tag]
    if only_status or meta_only:
        _call(context, "status" if only_status else "meta", [*arguments, *more])
        return
    if meta_interval is not None:
        arguments += ["--meta-interval", str(meta_interval)]
    if dry_run:
        arguments += ["--dry-run"]
    _call(context, "run", [*arguments, *more])


@click.command("meta_analyze.py")
@_home
@_workspace
@click.option("--tag", metavar="T", help="The study; by default the one that runs, else the latest.")
@click.option(
    "--write-hypotheses",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write the hypotheses to this file too; relative to the workspace.",
)
@analysts
@click.pass_context
def meta_analyze(
    context: click.Context,
    home: Path,
    workspace: Path | None,
    tag: str | None,
    write_hypotheses: Path | None,
    analysts: tuple[str, ...],
) -> None:
    """Make one meta-analysis of a study now."""
    root = settle(workspace, home)
    named = [part for name in analysts for part in ("--analyst", name)]
    _call(context, "meta", ["--workspace", str(root), *(["--tag", tag] if tag else []), *named])
    if write_hypotheses is None:
        return
    from deep_loop.views import look

    with look(root, tag) as lens:
        text = lens.read(HYPOTHESES)
    if text is None:
        raise WorkspaceError(f"there is no {HYPOTHESES} yet", hint="the first meta-analysis writes it")
    target = root / write_hypotheses
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    click.echo(f"hypotheses: {target}")


def _call(context: click.Context, name: str, arguments: list[str]) -> None:
    """Run another command in this process, with its own parsing of the arguments."""
    group = context.find_root().command
    assert isinstance(group, click.Group)
    command = group.get_command(context, name)
    assert command is not None  # a name of our own table
    with command.make_context(name, arguments, parent=context.parent) as inner:
        command.invoke(inner)
