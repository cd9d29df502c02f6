"""The manual of all commands: `python -m deep_loop.interfaces.cli.reference > docs/reference/commands.md`.

It is what `--help` prints, so that it cannot say anything else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from deep_loop.interfaces.cli.group import COMMANDS, LazyGroup, root

WIDTH = 80  # columns of the help texts, whatever the terminal of the moment


def reference() -> str:
    """The whole page, in Markdown; the same on every machine."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield "What `--help` prints, one section for each command. This page is made by"
    yield ""
    yield "```sh"
    yield "python -m deep_loop.interfaces.cli.reference > docs/reference/commands.md"
    yield "```"
    assert isinstance(root, LazyGroup)
    with _context(root, "deep-loop") as top:
        yield from _section("deep-loop", root.get_help(top))
        for name, entry in COMMANDS.items():
            command = root.get_command(top, name)
            if command is None or entry.hidden:
                continue
            with _context(command, name, top) as inner:
                yield from _section(f"deep-loop {name}", command.get_help(inner))


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """A context of its own width, in which nothing is parsed and nothing runs."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(command, info_name=name, parent=parent, **settings)


def _section(title: str, text: str) -> Iterator[str]:
    yield from ("", f"## `{title}`", "", "```text", text.rstrip(), "```")


if __name__ == "__main__":
    sys.stdout.write(reference())
