"""The table of commands. A command's module is imported when it is run, never to list it."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click

from deep_loop import __version__

OK, ERROR, USAGE, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is, and the line that `--help` shows of it; a hidden one is for the root scripts."""

    target: str  # "module:function", below this package
    summary: str
    hidden: bool = False


COMMANDS: Mapping[str, Entry] = {
    "init": Entry("init:init", "Make a workspace from a template."),
    "run": Entry("run:run", "Start a study, or go on with it."),
    "status": Entry("status:status", "Show how a study stands."),
    "history": Entry("history:history", "List a study's experiments."),
    "show": Entry("show:show", "Show one experiment: diff, hypothesis, numbers, decision, log."),
    "hypotheses": Entry("hypotheses:hypotheses", "List hypotheses, and what became of each."),
    "suggest": Entry("suggest:suggest", "Tell the agents what you want tried."),
    "brief": Entry("brief:brief", "Show what the next agent would be told."),
    "estimate": Entry("estimate:estimate", "Predict what a study will cost."),
    "meta": Entry("control:meta", "Make one meta-analysis now."),
    "import": Entry("importing:import_", "Read another system's log into a study."),
    "report": Entry("report:report", "Write progress.png and report.html."),
    "reproduce": Entry("reproduce:reproduce", "Run an experiment's commit again and compare."),
    "pause": Entry("control:pause", "Let the running study start no more runs."),
    "resume": Entry("control:resume", "Let a paused study go on."),
    "stop": Entry("control:stop", "End the running study."),
    "autostart": Entry("autostart:autostart", "Let a study go on after the machine was restarted."),
    "notify": Entry("notify:notify", "Tell a person, by notify.log and all channels."),
    "doctor": Entry("doctor:doctor", "Tell what this machine has and what will be used."),
    "orchestrate": Entry("scripts:orchestrate", "What orchestrate.py hands over to.", hidden=True),
    "meta-analyze": Entry("scripts:meta_analyze", "What meta_analyze.py hands over to.", hidden=True),
}

EPILOG = f"""\b
Exit codes: {OK} done, {ERROR} an error, {USAGE} a mistake in the command line or in
deep-loop.toml, {INTERRUPTED} interrupted. Data goes to standard output, all else to
standard error."""


class LazyGroup(click.Group):
    """A group that knows its commands by `COMMANDS` alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].target.partition(":")
        command = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown command's error names the nearest one."""
        name = args[0]
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        error = click.UsageError(f"there is no command `{name}`", ctx)
        close = difflib.get_close_matches(name, [known for known in COMMANDS if not COMMANDS[known].hidden], n=1)
        if close:
            error.hint = f"did you mean `{close[0]}`?"  # type: ignore[attr-defined]  # read at the edge
        raise error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items() if not entry.hidden])


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(__version__, message="deep-loop %(version)s")
@click.pass_context
def root(context: click.Context, /) -> None:
    """An autonomous research lab: it proposes, runs, judges, records, and adapts its strategy.

    A study improves a program (`train.py`) by one metric. `deep-loop init` makes a workspace,
    `deep-loop run --tag exp1` starts a study in it; typed again it goes on.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
