"""The strategy: the one section of `program.md` that the outer tier may rewrite.

It stands between two markers, each alone on its line. Everything outside them is the person's:

    <!-- strategy:begin -->
    **Strategy v3**

    Prose for an agent.

    ```toml
    combinations = [[7, 12]]

    [weights]
    learning-rate = 1.8

    [ranges]
    LEARNING_RATE = [0.002, 0.006]

    [screen]
    BATCH_SIZE = [8, 32]
    ```
    <!-- strategy:end -->
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeGuard

from deep_loop.core import screening
from deep_loop.errors import DeepLoopError

BEGIN = "<!-- strategy:begin -->"
END = "<!-- strategy:end -->"
LIMIT = 12_000  # characters of the section; agents read all of it before every proposal

_MARKER = re.compile(r"^[ \t]*<!--[ \t]*strategy:(begin|end)[ \t]*-->[ \t]*\r?$", re.MULTILINE)
_HEADER = re.compile(r"\A\s*\*\*[ \t]*Strategy[ \t]+v(\d+)[ \t]*\*\*[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
_OPENING = re.compile(r"^[ \t]*```[ \t]*toml[ \t]*$", re.MULTILINE)
_CLOSING = re.compile(r"^[ \t]*```[ \t]*$", re.MULTILINE)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_FIELDS = ("weights", "ranges", "combinations", "screen")


class StrategyError(DeepLoopError):
    """The strategy section of program.md cannot be read, or cannot be written as it is asked to be."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """Typed fields that a program can follow, beside prose that an agent reads."""

    version: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)  # kind of change -> relative weight, 1 is neutral
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # constant -> promising range
    combinations: tuple[tuple[int, ...], ...] = ()  # experiments whose changes are worth trying together
    prose: str = ""
    screen: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # constant -> its levels (`core.screening`)


@dataclass(frozen=True, slots=True)
class Parts:
    """program.md cut at its markers: `head + section + tail` is the whole text."""

    head: str  # up to and with the begin marker's line
    section: str
    tail: str  # from the end marker on


def split(program: str) -> Parts | None:
    """Cut at the markers; None where there are none. Raises StrategyError unless they are one pair, in order."""
    found = list(_MARKER.finditer(program))
    if not found:
        return None
    if [marker[1] for marker in found] != ["begin", "end"]:
        line = program.count("\n", 0, found[0].start()) + 1
        _fail("the strategy's markers are not one pair", line, f"keep one `{BEGIN}` line, then one `{END}` line")
    begin, end = found
    cut = min(begin.end() + 1, end.start())  # after the begin marker's newline
    return Parts(program[:cut], program[cut : end.start()], program[end.start() :])


def graft(program: str, other: str) -> str:
    """program.md with the section of another version of it; an empty one where that has none that can be found.

    Raises StrategyError where the program's own markers are broken.
    """
    parts = split(program)
    if parts is None:
        return program
    try:
        source = split(other)
    except StrategyError:
        source = None
    return parts.head + (source.section if source else "") + parts.tail


def parse(program: str) -> Strategy:
    """The strategy that program.md holds; an empty one, v0, where it has no section or a blank one.

    White space is free. Raises StrategyError, naming the line, where the section cannot be read.
    """
    parts = split(program)
    if parts is None or not parts.section.strip():
        return Strategy()
    header = _HEADER.match(parts.section)
    first = parts.head.count("\n") + 1
    if header is None:
        _fail("the strategy section has no version", first, "its first line should read `**Strategy v1**`")
    body = parts.section.replace("\r\n", "\n")[len(header[0].replace("\r\n", "\n")) :]
    start = first + header[0].count("\n")
    prose, block, skipped = _separate(body, start)
    fields = _Fields(block, start + skipped)
    return Strategy(
        version=int(header[1]),
        weights=fields.weights(),
        ranges=fields.ranges(),
        combinations=fields.combinations(),
        prose=prose,
        screen=fields.screen(),
    )


def render(program: str, strategy: Strategy) -> str:
    """program.md with this strategy in its section, and every byte outside the markers as it was.

    A text without markers gets them at its end. Prose loses its outer white space, and takes the line
    endings of the program. Raises StrategyError where the program's markers are broken, where the prose
    holds a marker, or where a number is not finite.
    """
    if _MARKER.search(strategy.prose):
        raise StrategyError("the strategy's prose holds a strategy marker", hint="leave the markers out of the prose")
    prose = strategy.prose.replace("\r\n", "\n").strip()
    lines = [f"**Strategy v{strategy.version}**", *(["", prose] if prose else []), "", "```toml"]
    section = "\n".join([*lines, *_toml(strategy), "```", ""])
    newline = "\r\n" if "\r\n" in program else "\n"
    section = section.replace("\n", newline)
    parts = split(program)
    if parts is not None:
        return parts.head + section + parts.tail
    gap = "" if not program else newline if program.endswith("\n") else newline * 2
    return program + gap + BEGIN + newline + section + END + newline


def review(before: str, now: str, after: str, *, version: int) -> str | None:
    """Why the draft `after` of program.md must be dropped, or None where it may be committed.

    `before` is program.md as the evidence saw it, `now` as it stands. Only the section may differ from
    `now`, it must be readable and bounded, and `version` must be its version: the next one. (The headers alone
    do not tell which that is: a person's edits are versions too.)
    """
    if before != now:
        return "program.md changed after the evidence was taken"
    try:
        parse(now)
        new = parse(after)
        was, will = split(now), split(after)
    except StrategyError as error:
        return str(error)
    if will is None:
        return "the draft has no strategy section"
    if was is not None:
        same = (was.head, was.tail) == (will.head, will.tail)
    else:  # the markers are new: they may only be added at the end
        added = will.head[len(now) :].strip()
        same = will.head.startswith(now) and added == BEGIN and will.tail.strip() == END
    if not same:
        return "the draft changes text outside the strategy section"
    if len(will.section) > LIMIT:
        return f"the draft's strategy has {len(will.section)} characters, more than {LIMIT}"
    if new.version != version:
        return f"the draft is v{new.version}, but v{version} comes next"
    return None


def _fail(problem: str, line: int, hint: str) -> NoReturn:
    raise StrategyError(f"program.md, line {line}: {problem}", hint=hint)


def _separate(body: str, first: int) -> tuple[str, str, int]:
    """Prose, toml text, and how many lines of the body stand before the toml text.

    The section's fields are its last toml block; prose may hold earlier ones as examples.
    """
    openings = list(_OPENING.finditer(body))
    if not openings:
        return body.strip(), "", 0
    opening = openings[-1]
    closing = _CLOSING.search(body, opening.end() + 1)
    line = body.count("\n", 0, opening.start())
    if closing is None:
        _fail("the toml block is not closed", first + line, "end it with a line of three backticks")
    around = (body[: opening.start()].strip(), body[closing.end() :].strip())
    prose = "\n\n".join(text for text in around if text)
    return prose, body[opening.end() + 1 : closing.start()], line + 1


class _Fields:
    """The typed fields of one toml block; every error names the line of program.md."""

    def __init__(self, block: str, first: int) -> None:
        self._block = block
        self._first = first
        try:
            self._table = tomllib.loads(block)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = first + int(place[1]) - 1 if place else first + block.count("\n")
            _fail("the strategy's toml cannot be read", line, re.sub(r" \(at .*\)$", "", str(error)))
        for key in self._table:
            if key not in _FIELDS:
                self._refuse(key, f"`{key}` is no field of a strategy", f"the fields are {', '.join(_FIELDS)}")

    def weights(self) -> dict[str, float]:
        """Positive, finite weights by kind."""
        found = {}
        for kind, weight in self._named("weights").items():
            if not _is_number(weight) or weight <= 0:
                self._refuse(kind, f"the weight of {kind} is no positive number", "write `learning-rate = 1.5`")
            found[kind] = float(weight)
        return found

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Ordered pairs of finite numbers by constant."""
        return self._pairs("ranges", "range")

    def screen(self) -> dict[str, tuple[float, float]]:
        """The same, for at most as many constants as one screening can have."""
        found = self._pairs("screen", "screen")
        if len(found) > screening.MOST:
            self._refuse(
                "screen", f"{len(found)} constants are screened", f"at most {screening.MOST} can be, in one screening"
            )
        return found

    def combinations(self) -> tuple[tuple[int, ...], ...]:
        """Groups of experiment numbers."""
        groups = self._table.get("combinations", [])
        if not isinstance(groups, list) or not all(isinstance(g, list) and all(map(_is_count, g)) for g in groups):
            self._refuse("combinations", "combinations are no lists of experiment numbers", "write `[[7, 12], [3, 9]]`")
        return tuple(tuple(group) for group in groups)

    def _pairs(self, table: str, what: str) -> dict[str, tuple[float, float]]:
        found = {}
        for name, pair in self._named(table).items():
            if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_number, pair)) or pair[0] > pair[1]:
                self._refuse(
                    name, f"the {what} of {name} is no pair low, high", "write `LEARNING_RATE = [0.002, 0.006]`"
                )
            found[name] = (float(pair[0]), float(pair[1]))
        return found

    def _named(self, name: str) -> Mapping[str, object]:
        table = self._table.get(name, {})
        if not isinstance(table, dict):
            self._refuse(name, f"`{name}` is no table", f"write `[{name}]` on a line of its own, then one entry a line")
        return table

    def _refuse(self, key: str, problem: str, hint: str) -> NoReturn:
        lines = self._block.split("\n")
        place = next((i for i, line in enumerate(lines) if line.lstrip("\"'[ \t").startswith(key)), 0)
        _fail(problem, self._first + place, hint)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _toml(strategy: Strategy) -> list[str]:
    """The fields as lines of TOML, names sorted so that a revision's diff is small."""
    groups = ", ".join(f"[{', '.join(str(number) for number in group)}]" for group in strategy.combinations)
    lines = ["# experiments whose changes are worth trying together", f"combinations = [{groups}]"]
    lines += ["", "[weights]  # kind of change -> how much to try it; 1 is neutral"]
    lines += [f"{_key(kind)} = {_number(weight)}" for kind, weight in sorted(strategy.weights.items())]
    lines += ["", "[ranges]  # constant -> promising values, both ends included"]
    lines += _pairs(strategy.ranges)
    if strategy.screen:
        lines += ["", "[screen]  # constant -> low and high level in a designed screening", *_pairs(strategy.screen)]
    return lines


def _pairs(table: Mapping[str, tuple[float, float]]) -> list[str]:
    return [f"{_key(name)} = [{_number(low)}, {_number(high)}]" for name, (low, high) in sorted(table.items())]


def _key(name: str) -> str:
    """A bare key where TOML allows it, else a basic string; TOML also escapes DEL, which JSON does not."""
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise StrategyError(f"the strategy holds {value}, which is no number", hint="leave the field out")
    return repr(float(value))
