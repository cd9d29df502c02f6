"""What one study's rows say, as values. Every function reads inside its caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from deep_loop.adapters.ledger.codec import Code
from deep_loop.core.call import Call, Failure, Usage
from deep_loop.core.cohort import Revision
from deep_loop.core.fate import Offer
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.record import (
    Ask,
    Attempt,
    D,
    Kinds,
    Measurement,
    O,
    P,
    Record,
    Refusal,
    Request,
    Suggestion,
    Waiting,
)

# Which lines of a study to read; each is answered by an index.
ONE = "units.number = ?"
OPEN = "units.ordinal IS NULL"
UNSETTLED = "units.ordinal IS NOT NULL AND units.settled_at IS NULL"
CHANGED = "units.changed > ? AND units.ordinal IS NOT NULL"

# CROSS JOIN fixes the order of the loops in SQLite: from the chosen lines to what belongs to them.
UNITS = """
    SELECT units.*, asks.proposer, asks.seen, asks.revision, asks.payload
    FROM units CROSS JOIN asks ON asks.study = units.study AND asks.id = units.ask
    WHERE units.study = ? AND {where}
"""
ATTEMPTS = """
    SELECT attempts.*
    FROM units CROSS JOIN attempts ON attempts.study = units.study AND attempts.unit = units.number
    WHERE units.study = ? AND {where} ORDER BY attempts.attempt
"""
MEASUREMENTS = """
    SELECT measurements.*
    FROM units CROSS JOIN measurements ON measurements.study = units.study AND measurements.unit = units.number
    WHERE units.study = ? AND {where} ORDER BY measurements.id
"""


def stamp(connection: sqlite3.Connection, study: int) -> int:
    """The highest stamp among a study's lines; 0 where it has none.

    Whatever changes a line's record gives the line the next stamp. Writers come one after the other, so whoever has
    read up to a stamp misses nothing by reading only what lies above it.
    """
    return last(connection, "SELECT max(changed) FROM units WHERE study = ?", study)


def last(connection: sqlite3.Connection, query: str, *parameters: object) -> int:
    """The one number that a query asks for, 0 where it is NULL."""
    (found,) = connection.execute(query, parameters).fetchone()
    return int(found or 0)


@dataclass(frozen=True)
class Codes(Generic[P, O, D]):
    """How a mode's three values are written."""

    proposal: Code[P]
    outcome: Code[O]
    decision: Code[D]

    @classmethod
    def of(cls, kinds: Kinds[P, O, D]) -> Codes[P, O, D]:
        return cls(Code(kinds.proposal), Code(kinds.outcome), Code(kinds.decision))


def records(
    connection: sqlite3.Connection, codes: Codes[P, O, D], study: int, where: str, *parameters: object
) -> list[Record[P, O, D]]:
    """The study's lines that `where` (one of the constants above) chooses: closed ones by order, then open ones."""
    given = (study, *parameters)
    attempts: defaultdict[int, list[Attempt]] = defaultdict(list)
    for row in connection.execute(ATTEMPTS.format(where=where), given):
        attempts[row["unit"]].append(Attempt(row["attempt"], row["commit_id"], row["opened_at"]))
    measurements: defaultdict[int, list[Measurement[O]]] = defaultdict(list)
    for row in connection.execute(MEASUREMENTS.format(where=where), given):
        measurements[row["unit"]].append(_measurement(row, codes.outcome))
    found = [
        Record(
            number=row["number"],
            ask=Ask(row["ask"], row["proposer"], row["seen"], row["revision"]),
            proposal=codes.proposal.decode(row["payload"]),
            counted=bool(row["counted"]),
            opened_at=row["opened_at"],
            attempts=tuple(attempts[row["number"]]),
            measurements=tuple(measurements[row["number"]]),
            decision=None if row["decision"] is None else codes.decision.decode(row["decision"]),
            closed_at=row["closed_at"],
            order=row["ordinal"],
            closed_before=row["closed_before"],
        )
        for row in connection.execute(UNITS.format(where=where), given)
    ]
    return sorted(found, key=lambda record: (record.order is None, record.order or 0, record.number))


def measurement(connection: sqlite3.Connection, code: Code[O], id: int) -> Measurement[O]:
    """The run of that id, which must be there."""
    row = connection.execute("SELECT * FROM measurements WHERE id = ?", (id,)).fetchone()
    return _measurement(row, code)


def _measurement(row: sqlite3.Row, code: Code[O]) -> Measurement[O]:
    return Measurement(
        id=row["id"],
        unit=row["unit"],
        attempt=row["attempt"],
        seed=row["seed"],
        sought_by=row["sought_by"],
        role=row["role"],
        machine=row["machine"],
        slot=row["slot"],
        log=row["log"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=None if row["outcome"] is None else code.decode(row["outcome"]),
    )


def _ask(row: sqlite3.Row) -> Ask:
    return Ask(row["id"], row["proposer"], row["seen"], row["revision"])


def _proposal(row: sqlite3.Row, code: Code[P]) -> P | None:
    return None if row["payload"] is None else code.decode(row["payload"])


def waiting(connection: sqlite3.Connection, code: Code[P], study: int) -> Sequence[Waiting[P]]:
    """Asks that nothing has ended, oldest first."""
    query = "SELECT * FROM asks WHERE study = ? AND state IN ('asked', 'waiting') ORDER BY id"
    return tuple(Waiting(_ask(row), _proposal(row, code)) for row in connection.execute(query, (study,)))


def refusals(connection: sqlite3.Connection, code: Code[P], study: int, limit: int) -> Sequence[Refusal[P]]:
    """The refused asks of the highest ids, lowest id first."""
    query = "SELECT * FROM asks WHERE study = ? AND state = 'refused' ORDER BY id DESC LIMIT ?"
    rows = connection.execute(query, (study, max(limit, 0))).fetchall()
    return tuple(Refusal(_ask(row), _proposal(row, code), row["reason"]) for row in reversed(rows))


def revisions(connection: sqlite3.Connection, study: int) -> Sequence[Revision]:
    """All rewrites of the strategy, in the order in which they were recorded."""
    query = "SELECT * FROM revisions WHERE study = ? ORDER BY rowid"
    return tuple(
        Revision(
            version=row["version"],
            commit=row["commit_id"],
            seen=row["seen"],
            reason=row["reason"],
            analyst=row["analyst"],
            summary=row["summary"],
            made_at=row["made_at"],
            control=row["control"],
            asked=row["asked"],
        )
        for row in connection.execute(query, (study,))
    )


HYPOTHESES: Code[Hypothesis] = Code(Hypothesis)


def offers(connection: sqlite3.Connection, study: int) -> Sequence[Offer]:
    """What next-hypotheses.md ever held, in the order in which it was first there."""
    query = "SELECT * FROM hypotheses WHERE study = ? ORDER BY rowid"
    return tuple(
        Offer(HYPOTHESES.decode(row["payload"]), row["author"], row["version"], row["seen"], row["dropped"])
        for row in connection.execute(query, (study,))
    )


def offer(connection: sqlite3.Connection, study: int, given: Offer) -> None:
    """Remember an offer, or what changed about it."""
    connection.execute(
        "INSERT INTO hypotheses (study, id, author, version, seen, dropped, payload) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (study, id) DO UPDATE SET author = excluded.author, version = excluded.version, "
        "seen = excluded.seen, dropped = excluded.dropped, payload = excluded.payload",
        (
            study,
            given.hypothesis.id,
            given.author,
            given.version,
            given.seen,
            given.dropped,
            HYPOTHESES.encode(given.hypothesis),
        ),
    )


def requests(connection: sqlite3.Connection, study: int) -> Sequence[Request]:
    """What other processes asked and nobody answered yet, oldest first."""
    query = "SELECT id, kind, payload FROM requests WHERE study = ? AND served_at IS NULL ORDER BY id"
    return tuple(
        Request(row["id"], row["kind"], json.loads(row["payload"])) for row in connection.execute(query, (study,))
    )


USAGES: Code[tuple[Usage, ...]] = Code(tuple[Usage, ...])


def calls(connection: sqlite3.Connection, study: int, after: int) -> list[Call]:
    """The calls of higher ids than `after`, oldest first."""
    query = "SELECT * FROM calls WHERE study = ? AND id > ? ORDER BY id"
    return [_call(row) for row in connection.execute(query, (study, after))]


def _call(row: sqlite3.Row) -> Call:
    failure = None if row["fault"] is None else Failure(row["fault"], row["reason"], row["retry_seconds"])
    return Call(
        id=row["id"],
        ask=row["ask"],
        agent=row["agent"],
        purpose=row["purpose"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        usages=() if row["usages"] is None else USAGES.decode(row["usages"]),
        usd=row["usd"],
        failure=failure,
        session=row["session"],
    )


def suggestions(connection: sqlite3.Connection, study: int) -> Sequence[Suggestion]:
    """What a person wants tried and nobody took up yet, oldest first."""
    query = "SELECT id, text FROM suggestions WHERE study = ? AND ask IS NULL ORDER BY id"
    return tuple(Suggestion(*row) for row in connection.execute(query, (study,)))


def summary(payload: str) -> tuple[str | None, float | None]:
    """An outcome's `kind` and `value`, where it has them: columns for people who query the file."""
    fields = json.loads(payload)
    kind, value = fields.get("kind"), fields.get("value")
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return kind if isinstance(kind, str) else None, value if numeric else None
