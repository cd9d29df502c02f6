"""How a fresh seed reaches a program, so that a second run is a second opinion.

One of four ways, found by looking at the files of a commit and at the settings, never by running anything:

    command      `[task] seed_cmd` has a place for it
    environment  a file of the task, or its command, reads DEEP_LOOP_SEED
    rewritten    the numbers that it hard-codes (`seedplaces`) are replaced in the run's own copy
    none         runs may all draw the same numbers: what is kept is marked `seed-unverified`
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from deep_loop.core.patterns import matches
from deep_loop.core.seed import derive
from deep_loop.core.seedplaces import numbers
from deep_loop.core.syntax import is_python, parse

VARIABLE = "DEEP_LOOP_SEED"
HOLE = "{seed}"  # the seed's place in `[task] seed_cmd`

_LINE_END = re.compile(r"\r\n|\r|\n")  # as Python counts lines

How = Literal["command", "environment", "rewritten", "none"]


@dataclass(frozen=True, slots=True)
class Seeding:
    """How the seeds of a commit's runs reach its program."""

    how: How
    paths: tuple[str, ...] = ()  # the files in which numbers are replaced; only where `how` is "rewritten"

    @property
    def verified(self) -> bool:
        """Whether two runs can differ by their seed, as far as the text tells."""
        return self.how != "none"

    def given_from_outside(self, editable: Sequence[str]) -> bool:
        """Whether editable files have no hard-coded seeds of their own that matter."""
        if self.how == "rewritten":
            return not any(matches(path, editable) for path in self.paths)
        return self.how != "none"

    @property
    def words(self) -> str:
        """The way in words, for people."""
        match self.how:
            case "command":
                return "seeds are part of the command (seed_cmd)"
            case "environment":
                return f"seeds come by {VARIABLE}"
            case "rewritten":
                return f"seeds are written into the run's copy of {', '.join(self.paths)}"
            case "none":
                return f"no seed reaches the program: it neither reads {VARIABLE} nor writes a seed down"


def seeding(
    command: str, seed_command: str | None, code: Mapping[str, str], editable: Sequence[str], protected: Sequence[str]
) -> Seeding:
    """The way for a commit whose source files are `code` (path -> text).

    Numbers are replaced in editable files, and in protected ones only where no editable file has any: a
    protected file's own seed may well belong to the problem, such as the split of the data.
    """
    if seed_command is not None:
        return Seeding("command")
    if VARIABLE in command or any(_reads(path, text) for path, text in code.items()):
        return Seeding("environment")
    for patterns in (editable, protected):
        if paths := tuple(path for path in sorted(code) if matches(path, patterns) and _spans(path, code[path])):
            return Seeding("rewritten", paths)
    return Seeding("none")


def with_seed(command: str, seed: int) -> str:
    """A command with the seed in its place; one without a place stays as it is."""
    return command.replace(HOLE, str(seed))


def rewrite(files: Mapping[str, str], seed: int) -> dict[str, str]:
    """The texts with every hard-coded seed replaced, byte for byte the same elsewhere.

    The first number, by path and place, becomes `seed`; any other becomes one derived from it. What was equal
    stays equal, and what differed differs: two streams of random numbers do not become one.
    """
    given: dict[str, str] = {}
    written: dict[str, str] = {}
    for path, text in sorted(files.items()):
        pieces, end = [], 0
        for start, stop, value in _spans(path, text):
            new = given.setdefault(value, str(derive(seed, "literal", len(given)) if given else seed))
            pieces += [text[end:start], new]
            end = stop
        written[path] = "".join([*pieces, text[end:]])
    return written


def added(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """The paths in which a change hard-codes a seed that the texts before it do not have."""
    known = Counter(value for path, text in before.items() for _, _, value in _spans(path, text))
    found = []
    for path, text in sorted(after.items()):
        new = Counter(value for _, _, value in _spans(path, text))
        if new - known:
            found.append(path)
    return tuple(found)


def _reads(path: str, text: str) -> bool:
    """Whether a file reads the variable. In Python only a string that is no docstring says so, not a comment."""
    if VARIABLE not in text:
        return False
    tree = parse(text) if is_python(path) else None
    if not isinstance(tree, ast.Module):
        return True
    nodes = list(ast.walk(tree))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    strings = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return any(isinstance(string.value, str) and VARIABLE in string.value for string in strings)


def _spans(path: str, text: str) -> list[tuple[int, int, str]]:
    """Start, end (in characters) and source of each hard-coded seed; none where the file is no Python that parses."""
    tree = parse(text) if is_python(path) else None
    if not isinstance(tree, ast.Module):
        return []
    mark = len(text) - len(text.removeprefix("\ufeff"))
    lines = [mark, *(mark + end.end() for end in _LINE_END.finditer(text[mark:]))]

    def place(line: int, column: int) -> int:
        """A place in characters; the parser counts columns in bytes of UTF-8."""
        start = lines[line - 1]
        return start + len(text[start : start + column].encode("utf-8")[:column].decode("utf-8"))

    found = []
    for node in numbers(tree):
        assert node.end_lineno is not None and node.end_col_offset is not None  # the parser sets them
        start, end = place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)
        found.append((start, end, text[start:end]))
    return found
