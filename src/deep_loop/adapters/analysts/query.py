"""SQL that can only read, and only so much: what an analyst may ask of its evidence. `query_program` asks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep_loop.adapters.analysts import query_program

ROWS = 200  # of one answer
SECONDS = 5.0
GRACE = 5.0  # seconds, for the program's start and end
STATEMENT = 20_000  # characters


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

    The file is opened to be read alone, nothing but reading is authorised, and a question that takes too long or too
    much memory is ended, whatever SQLite is at.
    """
    if len(sql) > STATEMENT:
        raise QueryError(f"the statement has more than {STATEMENT} characters")
    asked = {"database": str(database.resolve()), "sql": sql, "rows": rows, "seconds": seconds}
    late = f"it took longer than {seconds:g} s: ask for less"
    try:
        done = subprocess.run(
            (sys.executable, "-I", "-S", query_program.__file__),
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=seconds + GRACE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise QueryError(late) from None
    if done.returncode < 0:
        raise QueryError(late)  # killed for the time of the processor that it took
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {"error": "it takes too much"}
    if "error" in found:
        raise QueryError(found["error"])
    if not found["columns"]:
        raise QueryError("only a SELECT has an answer")
    return Answer(found["columns"], found["rows"], found["more"])
