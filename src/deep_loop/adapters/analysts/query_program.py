"""Asks a database one question: a program of its own, which `query` starts and can kill.

SQLite looks at its clock between two of its own steps, and one step may take long or much memory; Python waits for it.
It reads `{"database", "sql", "rows", "seconds"}` from standard input, and prints `{"columns", "rows", "more"}` or
`{"error"}`. The standard library alone: it is started without packages, keys or environment.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sqlite3
import sys
import time
from typing import Any
from urllib.parse import quote

CELL = 2_000  # characters of one cell
LENGTH = 100_000  # bytes of one value that SQL may make
COLUMNS = 100
MEMORY = 512 * 2**20  # bytes, of the program with its interpreter
STEP = 10_000  # instructions of SQLite between two looks at the clock

_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_FORBIDDEN = frozenset({"load_extension", "writefile", "readfile", "edit", "fts3_tokenizer"})


def main() -> None:
    """One SELECT. The file is opened to be read alone, and nothing but reading is authorised."""
    asked = json.load(sys.stdin)
    cpu = math.ceil(asked["seconds"]) + 1
    for what, limit in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, cpu), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):  # not every system knows all of them
            resource.setrlimit(what, (limit, limit))
    try:
        answer: dict[str, Any] = _answer(asked["database"], asked["sql"], asked["rows"], asked["seconds"])
    except MemoryError:
        answer = {"error": "it takes too much memory: ask for less"}
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        late = f"it took longer than {asked['seconds']:g} s: ask for less"
        answer = {"error": late if "interrupted" in str(error) else str(error)}
    print(json.dumps(answer))


def _answer(database: str, sql: str, rows: int, seconds: float) -> dict[str, Any]:
    end = time.monotonic() + seconds
    with contextlib.closing(sqlite3.connect(f"file:{quote(database)}?mode=ro&immutable=1", uri=True)) as db:
        db.execute("PRAGMA query_only = ON")
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LENGTH)
        db.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, COLUMNS)
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        db.set_authorizer(_allowed)
        db.set_progress_handler(lambda: int(time.monotonic() > end), STEP)
        cursor = db.execute(sql)
        columns = [name for name, *_ in cursor.description or ()]
        found = [[_cell(value) for value in row] for row, _ in zip(cursor, range(rows + 1), strict=False)]
    return {"columns": columns, "rows": found[:rows], "more": len(found) > rows}


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


if __name__ == "__main__":
    main()
