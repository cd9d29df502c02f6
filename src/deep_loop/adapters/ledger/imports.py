"""Studies that were read from logs of other systems: entered whole, in one transaction, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic

from deep_loop.adapters.ledger import rows
from deep_loop.adapters.ledger.database import Database
from deep_loop.adapters.ledger.studies import IMPORTED, StudyInfo, insert
from deep_loop.core.record import D, Imported, Kinds, O, P
from deep_loop.errors import LedgerError

if TYPE_CHECKING:
    from deep_loop.ports import Clock

ELSEWHERE = "elsewhere"  # the slot of a run that was none of ours


@dataclass(frozen=True, slots=True)
class Log:
    """A file that a study was read from."""

    name: str
    digest: str  # SHA-256 of its bytes, in hexadecimal digits
    size: int  # bytes
    first: int  # number of the first unit that was read from it
    units: int
    last: int  # line of the last of them; 0 where there is none


@dataclass(frozen=True, slots=True)
class Batch(Generic[P, O, D]):
    """What is to be entered from one file: units that follow those that the study has."""

    log: Log  # as it is afterwards
    units: Sequence[Imported[P, O, D]]
    before: Log | None = None  # the same log as it was entered earlier, when it was shorter


def logs(path: Path, tag: str) -> tuple[Log, ...]:
    """The logs that a study was read from, oldest first; none where there is no such study."""
    if not path.exists():
        return ()
    database = Database.open(path, read_only=True)
    try:
        if database.empty():
            return ()
        with database.reading() as connection:
            found = connection.execute(
                "SELECT name, digest, size, first, units, last FROM imports JOIN studies ON studies.id = imports.study "
                "WHERE tag = ? ORDER BY imports.id",
                (tag,),
            ).fetchall()
        return tuple(Log(*row) for row in found)
    finally:
        database.close()


def enter(path: Path, info: StudyInfo, kinds: Kinds[P, O, D], batches: Sequence[Batch[P, O, D]], clock: Clock) -> None:
    """Enter batches into the study of `info`'s tag, which begins with them where there is none.

    All of it in one transaction: whoever is killed meanwhile has entered nothing. Raises LedgerError where the tag is
    that of a study that was run here, or where another process has entered something into it meanwhile.
    """
    database = Database.open(path, create=True)
    try:
        codes = rows.Codes.of(kinds)
        with database.writing() as connection:
            known = connection.execute("SELECT id, mode FROM studies WHERE tag = ?", (info.tag,)).fetchone()
            if known is not None and known["mode"] != IMPORTED:
                raise LedgerError(
                    f"{info.tag!r} is a study that was run here: nothing is imported into it",
                    hint="choose another `--tag`",
                )
            study = known["id"] if known is not None else insert(connection, info)
            for batch in batches:
                _enter(connection, codes, study, batch, clock.time())
    finally:
        database.close()


def _enter(
    connection: sqlite3.Connection, codes: rows.Codes[P, O, D], study: int, batch: Batch[P, O, D], now: float
) -> None:
    log, before = batch.log, batch.before
    there = rows.last(connection, "SELECT max(number) + 1 FROM units WHERE study = ?", study)
    if there != log.first + log.units - len(batch.units):
        raise LedgerError("another process has imported into this study meanwhile", hint="run the same command again")
    for number, unit in enumerate(batch.units, start=there):
        _unit(connection, codes, study, number, unit, now)
    if before is not None:
        connection.execute("DELETE FROM imports WHERE study = ? AND digest = ?", (study, before.digest))
    connection.execute(
        "INSERT INTO imports (study, name, digest, size, first, units, last, imported_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (study, log.name, log.digest, log.size, log.first, log.units, log.last, now),
    )


def _unit(
    connection: sqlite3.Connection,
    codes: rows.Codes[P, O, D],
    study: int,
    number: int,
    unit: Imported[P, O, D],
    now: float,
) -> None:
    """One closed and settled line: an ask, an attempt, a run where the log has a value, and the decision."""
    ask, order = number + 1, number + 1
    connection.execute(
        "INSERT INTO asks (study, id, proposer, seen, revision, asked_at, state, payload) "
        "VALUES (?, ?, ?, ?, 0, ?, 'taken', ?)",
        (study, ask, IMPORTED, number, now, codes.proposal.encode(unit.proposal)),
    )
    connection.execute(
        "INSERT INTO units (study, number, ask, counted, opened_at, closed_at, ordinal, status, reason, decision, "
        "settled_at, changed, closed_before) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            study,
            number,
            ask,
            unit.counted,
            now,
            now,
            order,
            unit.decision.status,
            unit.decision.reason,
            codes.decision.encode(unit.decision),
            now,
            1 + rows.stamp(connection, study),
            number,
        ),
    )
    connection.execute(
        "INSERT INTO attempts (study, unit, attempt, commit_id, opened_at) VALUES (?, ?, 0, ?, ?)",
        (study, number, unit.commit, now),
    )
    if unit.outcome is None:
        return
    payload = codes.outcome.encode(unit.outcome)
    kind, value = rows.summary(payload)
    # Nobody knows its seed. That of no two runs may be the same: what seeds have in common is not taken for a gain.
    connection.execute(
        "INSERT INTO measurements (study, unit, attempt, seed, sought_by, slot, log, role, machine, started_at, "
        "ended_at, kind, value, outcome) VALUES (?, ?, 0, ?, ?, ?, '', 'first', ?, ?, ?, ?, ?, ?)",
        (study, number, number, number, ELSEWHERE, unit.machine, now, now, kind, value, payload),
    )
