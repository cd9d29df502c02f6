"""`deep-loop import`: logs of other systems into a study."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deep_loop.core.metric import Direction
from deep_loop.core.readout import plain
from deep_loop.interfaces.cli import account, options
from deep_loop.interfaces.cli.group import ERROR, OK

if TYPE_CHECKING:
    from deep_loop.foreign.verdicts import Verdict

MEANINGS: Mapping[str, Verdict] = {
    "keep": "keep",
    "discard": "discard",
    "crash": "crash",
    "baseline": "baseline",
    "skip": "aside",
}
ROLES = ("metric", "status", "description", "commit", "memory", "seconds")


def _pairs(given: Sequence[str], name: str, known: Sequence[str], *, left: bool) -> dict[str, str]:
    """`a=b` from repeated options; the side that is a word of ours (`left`: the first) must be a known one."""
    found: dict[str, str] = {}
    for text in given:
        one, equals, other = text.partition("=") if left else text.rpartition("=")
        ours = one if left else other
        if not equals or ours.strip() not in known:
            form = "ROLE=NAME" if left else "WORD=MEANING"
            raise click.UsageError(f"{name} {text}: write {form}; {form.split('=')[not left]} is {', '.join(known)}")
        found[one.strip()] = other.strip()
    return found


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@options.workspace
@click.option("--tag", metavar="T", help="The study that they become; by default it is called after the first file.")
@click.option("--metric", metavar="NAME", help="The metric: a column, or how to call it.")
@click.option("--direction", type=click.Choice(["min", "max"]), help="Which way it is better.")
@click.option(
    "--column", "roles", multiple=True, metavar="ROLE=NAME", help=f"What a column is: {', '.join(ROLES)}; repeatable."
)
@click.option(
    "--status",
    "meanings",
    multiple=True,
    metavar="WORD=MEANING",
    help=f"What a status word means: {', '.join(MEANINGS)}; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be taken for what.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def import_(
    context: click.Context,
    files: tuple[Path, ...],
    workspace: Path,
    tag: str | None,
    metric: str | None,
    direction: str | None,
    roles: tuple[str, ...],
    meanings: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read logs of other systems into a study of this workspace: results.tsv, CSV, JSON lines.

    What is metric, status and the like is found and shown, with the reason; each option overrules it. Nothing is
    dropped in silence: what cannot be entered is listed by its line. A log that was imported before brings only what
    is new in it. The study is never run: `run --learn-from T` begins one that knows its experiments. Exit code 1 says
    that nothing could be entered.
    """
    from deep_loop.foreign.layout import Wishes
    from deep_loop.intake import take_in

    words = _pairs(meanings, "--status", tuple(MEANINGS), left=False)
    wishes = Wishes(
        metric=metric,
        direction={None: None, "min": Direction.MINIMIZE, "max": Direction.MAXIMIZE}[direction],
        columns=_pairs(roles, "--column", ROLES, left=True),
        words={" ".join(word.casefold().split()): MEANINGS[meaning] for word, meaning in words.items()},
    )
    intake = take_in(workspace, files, tag, wishes, dry=dry_run)
    if as_json:
        click.echo(json.dumps(account.plain(intake, dry=dry_run), indent=2, ensure_ascii=False))
    else:
        for place, file in enumerate(intake.files):
            for line in ([""] if place else []) + list(account.told(file)):
                click.echo(plain(line))
        click.echo("")
        for line in account.concluded(intake, dry=dry_run):
            click.echo(line)
    context.exit(OK if any(file.new or file.known for file in intake.files) else ERROR)
