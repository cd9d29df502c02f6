"""The studies that a ledger file holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from deep_loop.adapters.ledger.database import Database
from deep_loop.errors import LedgerError

IMPORTED = "imported"  # the mode of a study that is never run
LEDGER = Path(".deep-loop") / "ledger.db"  # in a workspace


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """What a study is, fixed when it begins."""

    tag: str  # unique in the workspace
    mode: str  # "ml", "research"; "imported": read from logs of other systems, never run
    branch: str
    seed: int  # all of the study's randomness derives from it
    settings: str  # JSON text of the settings that it began with
    start: str  # commit that it began from
    created_at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Source:
    """A study that another one learns from."""

    tag: str
    seen: int  # how many of its units count, by their places in the order of closing


def studies(path: Path) -> tuple[StudyInfo, ...]:
    """The studies of a workspace's ledger, oldest first; none where there is no file."""
    if not path.exists():
        return ()
    database = Database.open(path, read_only=True)
    try:
        return tuple(info for _, info in _all(database))
    finally:
        database.close()


def upgrade(path: Path) -> None:
    """Bring a ledger of an older schema up to date; nothing where there is no file. Errors as in `Database.open`.

    A file is older too where whoever made it died between two steps of its schema.
    """
    if path.exists():
        Database.open(path).close()


def add(database: Database, info: StudyInfo, sources: Sequence[str] = ()) -> int:
    """Write a new study; returns its id in this file. Raises LedgerError where the tag is taken.

    `sources` are studies whose experiments, as far as they are closed now, it knows as earlier evidence; an unknown
    one raises LedgerError.
    """
    with database.writing() as connection:
        id = insert(connection, info)
        for tag in sources:
            source = connection.execute("SELECT id FROM studies WHERE tag = ?", (tag,)).fetchone()
            if source is None:
                raise LedgerError(f"there is no study {tag!r} to learn from", hint="`deep-loop import FILE` makes one")
            connection.execute(
                "INSERT INTO earlier (study, source, seen) "
                "SELECT ?, ?, count(*) FROM units WHERE study = ? AND ordinal IS NOT NULL",
                (id, source["id"], source["id"]),
            )
    return id


def insert(connection: sqlite3.Connection, info: StudyInfo) -> int:
    """The same inside a caller's transaction, without sources."""
    if connection.execute("SELECT 1 FROM studies WHERE tag = ?", (info.tag,)).fetchone():
        raise LedgerError(
            f"there is a study {info.tag!r} already",
            hint="choose another `--tag`, or run with this one to continue that study",
        )
    id = connection.execute(
        "INSERT INTO studies (tag, mode, branch, seed, settings, start, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        astuple(info),
    ).lastrowid
    assert id is not None  # of an INSERT, always set
    return id


def learned(path: Path, tag: str) -> tuple[Source, ...]:
    """The earlier evidence of a study, in the order in which it was named; none where there is no such study."""
    if not path.exists():
        return ()
    database = Database.open(path, read_only=True)
    try:
        if database.empty():
            return ()
        with database.reading() as connection:
            found = connection.execute(
                "SELECT sources.tag, earlier.seen FROM earlier "
                "JOIN studies ON studies.id = earlier.study JOIN studies AS sources ON sources.id = earlier.source "
                "WHERE studies.tag = ? ORDER BY earlier.rowid",
                (tag,),
            ).fetchall()
        return tuple(Source(*row) for row in found)
    finally:
        database.close()


def find(database: Database, tag: str) -> tuple[int, StudyInfo]:
    """A study and its id in this file; raises LedgerError, naming those that there are, where there is none."""
    known = _all(database)
    for id, info in known:
        if info.tag == tag:
            return id, info
    names = ", ".join(info.tag for _, info in known)
    hint = f"the studies here: {names}" if known else "there is none yet; `deep-loop run --tag NAME` starts one"
    raise LedgerError(f"there is no study {tag!r}", hint=hint)


def _all(database: Database) -> list[tuple[int, StudyInfo]]:
    """Each study with its id, oldest first."""
    if database.empty():
        return []
    with database.reading() as connection:
        found = connection.execute(
            "SELECT id, tag, mode, branch, seed, settings, start, created_at FROM studies ORDER BY id"
        ).fetchall()
    return [(id, StudyInfo(*described)) for id, *described in found]
