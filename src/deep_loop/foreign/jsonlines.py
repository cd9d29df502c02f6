"""A log of JSON objects: one a line, or all in one document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deep_loop.core.metric import Direction
from deep_loop.foreign.declared import configured
from deep_loop.foreign.sheet import Part, Row, Sheet, Unread

DEEPEST = 4  # levels of nested objects that become columns
LONGEST = 4000  # characters of one cell
SETTINGS = ("config", "configuration", "settings", "init", "header", "meta", "metadata", "session")
RESULTS = ("status", "decision", "result", "outcome", "verdict", "kept", "commit")


@dataclass(slots=True)
class _Campaign:
    """A part while it is read."""

    metric: str | None = None
    direction: Direction | None = None
    rows: list[Row] = field(default_factory=list)


def is_json(text: str) -> bool:
    """Whether most lines of a text, or all of it together, look like JSON objects."""
    start = text.lstrip()
    if not start.startswith(("{", "[")):
        return False
    lines = [line for line in start.split("\n")[:50] if line.strip()]
    objects = sum(line.lstrip().startswith("{") for line in lines)
    return objects * 2 > len(lines) or _document(text) is not None


def parse(text: str) -> Sheet:
    """Every object is a row, but for those that configure the metric: they begin a campaign."""
    document = _document(text)
    entries = _inside(document) if document is not None else _lines(text)
    form = "JSON lines" if document is None else "JSON"
    parts: list[_Campaign] = [_Campaign()]
    unread: list[Unread] = []
    comments: list[int] = []
    for line, entry, raw in entries:
        if entry is None and raw.lstrip().startswith(("#", "//")):
            comments.append(line)
        elif entry is None:
            unread.append(Unread(line, raw, "no JSON object"))
        elif _configures(entry):
            parts.append(_Campaign(*configured(entry)))
        else:
            parts[-1].rows.append(Row(line, dict(_cells(entry))))
    place = "line" if document is None else "entry"
    return Sheet(form, [_part(part) for part in parts if part.rows], unread, comments, place=place)


def _part(part: _Campaign) -> Part:
    columns = dict.fromkeys(name for row in part.rows for name in row.cells)
    return Part(tuple(columns), tuple(part.rows), part.metric, part.direction)


Entry = tuple[int, Mapping[str, object] | None, str]  # line, object, and the text where it is none


def _lines(text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            found = _loaded(line.strip().rstrip(","))
            yield number, found if isinstance(found, dict) else None, line


def _loaded(text: str) -> object:
    """The value, None where it is no JSON. NaN and infinities, which some programs write, count as nothing."""
    try:
        return json.loads(text, parse_constant=lambda _: None, parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float(digits)


def _document(text: str) -> object:
    """The whole text as one JSON value, None where it is several or none."""
    start = text.lstrip()
    if start.startswith("{") and re.search(r"\}\s*\n\s*\{", start[:200_000]):
        return None
    found = _loaded(text)
    return found if isinstance(found, dict | list) and _listed(found) else None


def _listed(document: object) -> Sequence[object]:
    """The longest list of objects that a document is, or has among its values."""
    lists = [document, *document.values()] if isinstance(document, dict) else [document]
    found = [one for one in lists if isinstance(one, list) and any(isinstance(entry, dict) for entry in one)]
    return max(found, key=len, default=[])


def _inside(document: object) -> Iterator[Entry]:
    """The objects of a document's list, by their place in it; what stands beside the list configures it."""
    listed = _listed(document)
    if isinstance(document, dict):
        beside = {key: value for key, value in document.items() if value is not listed}
        if any(configured(beside)):
            yield 1, {"type": "config", **beside}, ""
    for place, entry in enumerate(listed, start=1):
        yield place, entry if isinstance(entry, dict) else None, json.dumps(entry)[:200]


def _configures(entry: Mapping[str, object]) -> bool:
    """Whether an object says what is measured rather than what was."""
    kind = str(entry.get("type", entry.get("event", ""))).casefold()
    if kind in SETTINGS:
        return True
    has_result = any(name in entry for name in RESULTS)
    name, direction = configured(entry)
    return not has_result and (direction is not None or (name is not None and "metricName" in entry))


def _cells(entry: Mapping[str, object], before: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    """Names and texts of an object's values; those of an object inside it are named `outer.inner`."""
    for key, value in entry.items():
        name = f"{before}{key}".encode("utf-8", "replace").decode()
        if isinstance(value, dict) and value and depth < DEEPEST:
            yield from _cells(value, f"{name}.", depth + 1)
        elif (text := _text(value)).strip():
            yield name, text[:LONGEST]


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value.encode("utf-8", "replace").decode()  # half of a surrogate pair, which JSON can name
        case int() | float():
            return repr(value)
        case list() if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
