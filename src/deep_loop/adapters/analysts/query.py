"""SQL that can only read, and only so much: what an analyst may ask of its evidence."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ROWS = 200  # of one answer
CELL = 2_000  # characters of one cell
SECONDS = 5.0
LENGTH = 10_000_000  # bytes of one value that SQL may make
STEP = 10_000  # instructions of SQLite between two looks at the clock
STATEMENT = 20_000  # characters

_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_FORBIDDEN = frozenset({"load_extension", "writefile", "readfile", "edit", "fts3_tokenizer"})


class QueryError(Exception):
    """The question cannot be asked, or took too long; its text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The first rows of a result, cells as text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    more: bool  # whether rows were left out


def ask(database: Path, sql: str, *, rows: int = ROWS, seconds: float = SECONDS) -> Answer:
    """One SELECT. Raises QueryError.

    The file is opened to be read alone, nothing but reading is authorised, and a question that takes too long is ended.
    """
    if len(sql) > STATEMENT:
        raise QueryError(f"the statement has more than {STATEMENT} characters")
    address = f"file:{quote(str(database.resolve()))}?mode=ro&immutable=1"
    end = time.monotonic() + seconds
    try:
        with closing(sqlite3.connect(address, uri=True)) as db:
            db.execute("PRAGMA query_only = ON")
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LENGTH)
            db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            db.set_authorizer(_allowed)
            db.set_progress_handler(lambda: int(time.monotonic() > end), STEP)
            cursor = db.execute(sql)
            found = cursor.fetchmany(rows + 1)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        if "interrupted" in str(error):
            raise QueryError(f"it took longer than {seconds:g} s: ask for less") from None
        raise QueryError(str(error)) from None
    columns = [name for name, *_ in cursor.description or ()]
    if not columns:
        raise QueryError("only a SELECT has an answer")
    return Answer(columns, [[_cell(value) for value in row] for row in found[:rows]], len(found) > rows)


def _allowed(action: int, first: str | None, second: str | None, *_: object) -> int:
    named = (second or "").lower()
    if action not in _READING or (action == sqlite3.SQLITE_FUNCTION and named in _FORBIDDEN):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.6g}"
        case bytes():
            return f"({len(value)} bytes)"
    text = " ".join(str(value).split())
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"
