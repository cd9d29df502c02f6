"""Lines cut into cells: which character divides them, and where quotes hold one cell together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

LOOKED_AT = 400  # lines that a form is chosen by
SPANNED = 60  # lines that one quoted cell may span
COLUMNS = 2  # that make a table


@dataclass(frozen=True, slots=True)
class Form:
    """How cells are divided. `white`: by single spaces too, so that the last column alone may hold several words."""

    name: str  # in words
    sign: str  # a character, or "" where white space divides
    white: bool = False

    def cut(self, line: str, width: int | None = None) -> list[str]:
        """The cells of one line; `width` is how many there should be, where white space alone divides."""
        if self.sign == "|":
            bare = line.strip()
            inner = bare.removeprefix("|")
            inner = inner.removesuffix("|") if bare.startswith("|") else inner
            return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]
        if self.sign:
            return _quoted(line, self.sign)
        if self.white:
            return line.split(None, width - 1 if width else -1)
        return re.split(r" {2,}|\t", line.strip())


REMARK = re.compile(r"\s*(?:#(?!\d)|//|%\s|<!--|;;)")  # `#1` is a number, not a remark
TAB, COMMA, SEMICOLON = Form("tab-separated", "\t"), Form("comma-separated", ","), Form("semicolon-separated", ";")
PIPE, COLUMNAR, WHITE = Form("a table of bars", "|"), Form("columns of spaces", ""), Form("words", "", white=True)
# Where two fit equally well the first one is taken: a tab stands in a text less often than a comma does.
FORMS = (TAB, PIPE, SEMICOLON, COMMA, COLUMNAR)


def choose(lines: Sequence[str], is_heading: Callable[[Sequence[str]], bool]) -> Form | None:
    """The form by which most of the lines have equally many cells; None where they are no table.

    A heading among the first lines speaks for the form that cuts it into names.
    """
    sample = [line for line in lines if line.strip() and not REMARK.match(line)][:LOOKED_AT]
    best: tuple[float, Form] | None = None
    for form in FORMS:
        widths = [len(form.cut(line)) for line in sample]
        heading = next(
            (width for width, line in zip(widths, sample[:20], strict=False) if _heads(form, line, is_heading)), 0
        )
        usual = Counter(width for width in widths if width >= COLUMNS).most_common(1)
        if not usual and not heading:
            continue
        width = heading or usual[0][0]
        fits = sum(each == width for each in widths) / len(widths)
        near = sum(each >= COLUMNS for each in widths) / len(widths)
        found = (fits + near / 2 + (1.0 if heading > COLUMNS else 0.3 if heading else 0.0), form)
        if best is None or found[0] > best[0] + 1e-9:
            best = found
    if best is not None and best[0] >= 0.75:
        return best[1]
    return WHITE if any(_heads(WHITE, line, is_heading) for line in sample[:20]) else None


def _heads(form: Form, line: str, is_heading: Callable[[Sequence[str]], bool]) -> bool:
    cells = form.cut(line)
    return len(cells) >= COLUMNS and is_heading(cells)


def spanning(lines: Sequence[str], start: int, sign: str, width: int) -> tuple[list[str], int] | None:
    """The cells of a row whose quoted cells hold line feeds, and how many lines it takes.

    None unless it has exactly `width` cells: a lone quote at a cell's beginning must not swallow the rows below.
    """
    text = lines[start]
    alone = len(_quoted(text, sign)) == width
    if alone and start + 1 < len(lines) and len(_quoted(lines[start + 1], sign)) == width:
        return None
    for taken in range(2, min(SPANNED, len(lines) - start) + 1):
        text = f"{text}\n{lines[start + taken - 1]}"
        if _open(text, sign):
            continue
        cells = _quoted(text, sign)
        return (cells, taken) if len(cells) == width else None
    return None


def unfinished(line: str, sign: str) -> bool:
    """Whether a cell of the line begins with a quote that nothing in the line closes."""
    return '"' in line and _open(line, sign)


def _open(text: str, sign: str) -> bool:
    return any(cell.startswith('"') and not _closed(cell) for cell in _quoted(text, sign))


def _closed(cell: str) -> bool:
    return len(cell) > 1 and cell.endswith('"')


def _quoted(line: str, sign: str) -> list[str]:
    """Cells, a quoted one without its quotes; where a quote is not closed at a cell's end it is an ordinary sign."""
    return list(_cells(line, sign)) if '"' in line else line.split(sign)


def _cells(line: str, sign: str) -> Iterator[str]:
    place = 0
    while True:
        found = re.compile(r'[ ]*"((?:[^"]|"")*)"[ ]*(?=' + re.escape(sign) + r"|\Z)").match(line, place)
        if found:
            yield found[1].replace('""', '"')
            place = found.end()
        else:
            end = line.find(sign, place)
            yield line[place : end if end >= 0 else len(line)]
            place = end if end >= 0 else len(line)
        if place >= len(line):
            return
        place += 1
        if place == len(line):
            yield ""
            return
