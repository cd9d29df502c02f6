"""A log of lines and cells: TSV, CSV and their like, with all that people's files do to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from deep_loop.core.metric import Direction
from deep_loop.errors import DeepLoopError
from deep_loop.foreign import ragged
from deep_loop.foreign.cells import number
from deep_loop.foreign.declared import direction_in, metric_in
from deep_loop.foreign.headings import is_heading, names_all
from deep_loop.foreign.sheet import Part, Row, Sheet, Unread, distinct
from deep_loop.foreign.split import COLUMNAR, PIPE, REMARK, SEMICOLON, TAB, Form, choose, spanning, unfinished
from deep_loop.foreign.verdicts import verdict

_RULE = re.compile(r"[\s\-=_*~+|:.#]+")  # a line that only divides
_SEPARATOR = re.compile(r"sep=.")  # by which a spreadsheet names its divider
_LITERAL = re.compile(r"\\t")  # a tab as a careless program writes it
LONGEST = 200  # characters of a line that is shown


class NoTable(DeepLoopError):
    """A file is no log that can be read."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One row before it is fitted to its heading."""

    number: int
    cells: list[str]
    mended: str = ""


@dataclass(slots=True)
class _Campaign:
    """A part while it is read."""

    columns: tuple[str, ...]
    metric: str | None = None
    direction: Direction | None = None
    lines: list[_Line] = field(default_factory=list)


def parse(text: str) -> Sheet:
    """Every line is a heading, a row, a comment, a divider, or told as unread. Raises NoTable where none is a row."""
    lines = text.split("\n")
    form = choose(lines, is_heading)
    if form is None:
        raise NoTable("no line of it looks like a table, or like JSON", hint="it takes TSV, CSV and JSON lines")
    reader = _Reader(form, lines)
    reader.read()
    parts = [part for part in map(reader.finished, reader.campaigns) if part.rows]
    unread = sorted(reader.unread, key=lambda one: one.line)
    return Sheet(form.name, parts, unread, reader.comments, comma=form is SEMICOLON)


class _Reader:
    """One walk down a file's lines."""

    def __init__(self, form: Form, lines: Sequence[str]) -> None:
        self.form = form
        self.lines = lines
        self.campaigns: list[_Campaign] = []
        self.unread: list[Unread] = []
        self.comments: list[int] = []
        self._declared: tuple[str | None, Direction | None] = (None, None)
        self._commented: list[str] | None = None  # a heading that stands in a comment

    def read(self) -> None:
        """Sort every line."""
        place = 0
        while place < len(self.lines):
            place += self._take(place)

    def _take(self, place: int) -> int:
        """Sort the line at `place`; returns how many lines it went on over."""
        line, number = self.lines[place], place + 1
        if not line.strip():
            return 1
        if REMARK.match(line) and not self._heads_all(line):
            self._remark(number, line)
            return 1
        if _SEPARATOR.fullmatch(line) or (_RULE.fullmatch(line) and (self.form is PIPE or len(set(line.split())) <= 1)):
            self.comments.append(number)
            return 1
        cells, taken = self._cut(place)
        if not any(cell.strip() for cell in cells):
            self.comments.append(number)
        elif self._again(cells) if self.campaigns else is_heading(cells) or self._stands_over(cells, place):
            self._begin(cells)
        elif not self.campaigns and (len(cells) < 2 or self._prose(line)):
            self._remark(number, line)
        else:
            self._row(number, line, cells)
        return taken

    def _heads_all(self, line: str) -> bool:
        """Whether a line that begins with # is the table's heading, its first column named `#` or `# commit`."""
        cells = self.form.cut(line)
        return not self.campaigns and len(cells) > 2 and is_heading(cells) and not self._follows_heading()

    def _follows_heading(self) -> bool:
        """Whether another line among the first ones is a heading without a sign before it."""
        first = [line for line in self.lines[:40] if line.strip() and not REMARK.match(line)]
        return bool(first) and is_heading(self.form.cut(first[0]))

    def _prose(self, line: str) -> bool:
        return self.form is PIPE and "|" not in line

    def _remark(self, number: int, line: str) -> None:
        """Keep what a comment, or a line before the table, declares."""
        self.comments.append(number)
        metric, direction = metric_in(line), direction_in(line)
        before = self._declared
        self._declared = metric or before[0], direction or before[1]
        if self.campaigns and not self.campaigns[-1].lines:
            self.campaigns[-1].metric, self.campaigns[-1].direction = self._declared

    def _cut(self, place: int) -> tuple[list[str], int]:
        line = self.lines[place]
        width = len(self.campaigns[-1].columns) if self.campaigns else None
        cells = self.form.cut(line, width)
        if width and self.form.sign and self.form is not PIPE and unfinished(line, self.form.sign):
            found = spanning(self.lines, place, self.form.sign, width)
            if found is not None:
                return found
        return cells, 1

    def _stands_over(self, cells: Sequence[str], place: int) -> bool:
        """Whether the first row names columns that nobody has heard of: words over numbers, none said of a result."""
        if not names_all(cells) or any(verdict(cell) for cell in cells):
            return False
        below = [self.form.cut(line) for line in self.lines[place + 1 : place + 20] if line.strip()]
        return any(len(row) == len(cells) and any(number(cell) is not None for cell in row) for row in below)

    def _again(self, cells: Sequence[str]) -> bool:
        """Whether a heading further down is one: the first one again, or one as wide as a table."""
        if not is_heading(cells):
            return False
        names = [name.casefold() for name in distinct(cells)]
        known = [name.casefold() for name in self.campaigns[-1].columns]
        return names == known or (len(names) > 2 and len(set(names) & set(known)) * 2 >= len(names))

    def _begin(self, cells: Sequence[str]) -> None:
        names = [cell.lstrip("# ") if place == 0 else cell for place, cell in enumerate(cells)]
        columns = distinct(names)
        if self.campaigns and self.campaigns[-1].columns == columns:
            return  # the same heading once more: rows were appended by a program that writes one each time
        self.campaigns.append(_Campaign(columns, *self._declared))

    def _row(self, number: int, line: str, cells: list[str]) -> None:
        if not self.campaigns:
            width = Counter(len(self.form.cut(one)) for one in self.lines if one.strip()).most_common(1)[0][0]
            columns = tuple(f"column {place}" for place in range(1, max(width, len(cells)) + 1))
            self.campaigns.append(_Campaign(columns[:width] if width > 1 else columns, *self._declared))
        width = len(self.campaigns[-1].columns)
        mended = ""
        while len(cells) > width and not cells[-1].strip():
            cells = cells[:-1]
        if len(cells) == 1 and width > 2:
            cells, mended = _other_form(line, width)
        if len(cells) == 1 and width > 2:
            self.unread.append(Unread(number, line[:LONGEST], f"one cell where there are {width} columns"))
        else:
            self.campaigns[-1].lines.append(_Line(number, cells, mended))

    def finished(self, campaign: _Campaign) -> Part:
        """The part, its ragged rows brought into line with the others."""
        width = len(campaign.columns)
        whole = [line.cells for line in campaign.lines if len(line.cells) == width]
        kinds = ragged.kinds(whole, campaign.columns)
        joint = self.form.sign if self.form is not PIPE and self.form.sign != "\t" else " "
        rows = []
        for line in campaign.lines:
            cells, mended = ragged.fit(line.cells, kinds, joint) if len(line.cells) != width else (line.cells, "")
            named = zip(campaign.columns, cells, strict=True)
            found = {name: cell.strip() for name, cell in named if cell.strip()}
            rows.append(Row(line.number, found, line.mended or mended))
        return Part(campaign.columns, tuple(rows), campaign.metric, campaign.direction)


def _other_form(line: str, width: int) -> tuple[list[str], str]:
    """A line without its file's divider: tabs written as `\\t`, or turned into spaces by an editor."""
    if len(cells := _LITERAL.split(line)) >= max(3, width - 3):
        return cells, "its tabs are written as \\t"
    if len(cells := COLUMNAR.cut(line)) == width:
        return cells, "its columns are divided by spaces"
    if len(cells := TAB.cut(line)) == width:
        return cells, "its columns are divided by tabs"
    return [line], ""
