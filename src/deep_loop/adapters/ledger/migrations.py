"""The ledger's schema, as the list of steps that made it.

`PRAGMA user_version` holds how many of the steps a file has been through. A step is applied once, in one
transaction, and never edited after a release: to change the schema, append a step.

The SQL keeps to what SQLite 3.24 understands: a Python of this age may be linked to an old library.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

Step = tuple[str, ...] | Callable[[sqlite3.Connection], None]

FIRST: Step = (
    """
    CREATE TABLE studies (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        tag         TEXT    NOT NULL UNIQUE CHECK (tag <> ''),
        mode        TEXT    NOT NULL,
        branch      TEXT    NOT NULL,
        seed        INTEGER NOT NULL,
        settings    TEXT    NOT NULL,  -- JSON
        start       TEXT    NOT NULL,  -- commit
        created_at  REAL    NOT NULL   -- here and below: seconds since the epoch
    )
    """,
    """
    CREATE TABLE asks (
        study     INTEGER NOT NULL REFERENCES studies (id),
        id        INTEGER NOT NULL CHECK (id >= 1),
        proposer  TEXT    NOT NULL,
        seen      INTEGER NOT NULL CHECK (seen >= 0),
        revision  INTEGER NOT NULL,
        asked_at  REAL    NOT NULL,
        state     TEXT    NOT NULL CHECK (state IN ('asked', 'waiting', 'refused', 'taken')),
        payload   TEXT,  -- the proposal, JSON
        reason    TEXT,  -- of a refusal
        PRIMARY KEY (study, id),
        CHECK (state <> 'asked' OR payload IS NULL),
        CHECK (state NOT IN ('waiting', 'taken') OR payload IS NOT NULL),
        CHECK ((state = 'refused') = (reason IS NOT NULL))
    )
    """,
    "CREATE INDEX asks_waiting ON asks (study, id) WHERE state IN ('asked', 'waiting')",
    "CREATE INDEX asks_refused ON asks (study, id) WHERE state = 'refused'",
    """
    CREATE TABLE units (
        study       INTEGER NOT NULL,
        number      INTEGER NOT NULL CHECK (number >= 0),
        ask         INTEGER NOT NULL,
        counted     INTEGER NOT NULL CHECK (counted IN (0, 1)),
        opened_at   REAL    NOT NULL,
        closed_at   REAL,
        ordinal     INTEGER CHECK (ordinal >= 1),  -- place in the order of closing
        status      TEXT,
        reason      TEXT,
        decision    TEXT,  -- JSON
        settled_at  REAL,
        changed     INTEGER NOT NULL,  -- stamp of the latest change of this line; see `rows.stamp`
        PRIMARY KEY (study, number),
        UNIQUE (study, ask),
        UNIQUE (study, ordinal),
        FOREIGN KEY (study, ask) REFERENCES asks (study, id),
        CHECK ((ordinal IS NULL) = (closed_at IS NULL)),
        CHECK ((ordinal IS NULL) = (status IS NULL)),
        CHECK ((ordinal IS NULL) = (reason IS NULL)),
        CHECK ((ordinal IS NULL) = (decision IS NULL)),
        CHECK (settled_at IS NULL OR ordinal IS NOT NULL)
    )
    """,
    "CREATE UNIQUE INDEX units_changed ON units (study, changed)",
    "CREATE INDEX units_unsettled ON units (study, ordinal) WHERE ordinal IS NOT NULL AND settled_at IS NULL",
    "CREATE INDEX units_uncounted ON units (study) WHERE counted = 0",
    """
    CREATE TABLE attempts (
        study      INTEGER NOT NULL,
        unit       INTEGER NOT NULL,
        attempt    INTEGER NOT NULL CHECK (attempt >= 0),
        commit_id  TEXT    NOT NULL,
        opened_at  REAL    NOT NULL,
        PRIMARY KEY (study, unit, attempt),
        FOREIGN KEY (study, unit) REFERENCES units (study, number)
    )
    """,
    """
    CREATE TABLE measurements (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        study       INTEGER NOT NULL,
        unit        INTEGER NOT NULL,
        attempt     INTEGER NOT NULL,
        seed        INTEGER NOT NULL,
        sought_by   INTEGER NOT NULL,
        slot        TEXT    NOT NULL,
        log         TEXT    NOT NULL,
        started_at  REAL    NOT NULL,
        ended_at    REAL,
        kind        TEXT,  -- of the outcome, where its mode names kinds
        value       REAL,  -- of the outcome, where it has one; for people who query the file
        outcome     TEXT,  -- JSON
        FOREIGN KEY (study, unit, attempt) REFERENCES attempts (study, unit, attempt),
        FOREIGN KEY (study, sought_by) REFERENCES units (study, number),
        CHECK ((ended_at IS NULL) = (outcome IS NULL)),
        CHECK (outcome IS NOT NULL OR (kind IS NULL AND value IS NULL))
    )
    """,
    "CREATE INDEX measurements_unit ON measurements (study, unit, id)",
    """
    CREATE TABLE revisions (
        study      INTEGER NOT NULL REFERENCES studies (id),
        version    INTEGER NOT NULL,
        commit_id  TEXT    NOT NULL,
        seen       INTEGER NOT NULL CHECK (seen >= 0),
        reason     TEXT    NOT NULL,
        analyst    TEXT    NOT NULL,
        summary    TEXT    NOT NULL,
        made_at    REAL    NOT NULL,
        PRIMARY KEY (study, version)
    )
    """,
    """
    CREATE TABLE requests (
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        study         INTEGER NOT NULL REFERENCES studies (id),
        kind          TEXT    NOT NULL,
        payload       TEXT    NOT NULL,  -- JSON
        requested_at  REAL    NOT NULL,
        served_at     REAL,
        answer        TEXT,
        CHECK ((served_at IS NULL) = (answer IS NULL))
    )
    """,
    "CREATE INDEX requests_unserved ON requests (study, id) WHERE served_at IS NULL",
)

# What a run was for, and where it ran. Runs made before were first ones, and those after a line's first confirmed it.
ROLES: Step = (
    "ALTER TABLE measurements ADD COLUMN role TEXT NOT NULL DEFAULT 'first'",
    "ALTER TABLE measurements ADD COLUMN machine TEXT NOT NULL DEFAULT ''",
    """
    UPDATE measurements SET role = 'fresh' WHERE EXISTS (
        SELECT 1 FROM measurements AS earlier
        WHERE earlier.study = measurements.study AND earlier.unit = measurements.unit
            AND earlier.attempt = measurements.attempt AND earlier.id < measurements.id
            AND earlier.kind IS NOT 'interrupted'
    )
    """,
)

# What was known when a line was opened, by count: a clock that is put back makes of its times another order.
CLOSED_BEFORE: Step = (
    "ALTER TABLE units ADD COLUMN closed_before INTEGER NOT NULL DEFAULT 0",
    """
    UPDATE units SET closed_before = (
        SELECT count(*) FROM units AS other
        WHERE other.study = units.study AND other.closed_at <= units.opened_at
    )
    """,
)

# What thinking costs, and what a person wants tried.
CALLS: Step = (
    """
    CREATE TABLE calls (
        id             INTEGER PRIMARY KEY AUTOINCREMENT,
        study          INTEGER NOT NULL REFERENCES studies (id),
        ask            INTEGER,  -- NULL: not for a proposal
        agent          TEXT    NOT NULL,
        purpose        TEXT    NOT NULL,
        started_at     REAL    NOT NULL,
        ended_at       REAL,
        usages         TEXT,  -- JSON
        tokens         INTEGER,  -- in and out; like usd for people who query the file
        usd            REAL,  -- NULL too where nobody knows the price
        fault          TEXT,
        reason         TEXT,
        retry_seconds  REAL,
        session        TEXT    NOT NULL DEFAULT '',
        FOREIGN KEY (study, ask) REFERENCES asks (study, id),
        CHECK ((ended_at IS NULL) = (usages IS NULL)),
        CHECK ((fault IS NULL) = (reason IS NULL))
    )
    """,
    "CREATE INDEX calls_study ON calls (study, id)",
    """
    CREATE TABLE suggestions (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        study    INTEGER NOT NULL REFERENCES studies (id),
        text     TEXT    NOT NULL,
        made_at  REAL    NOT NULL,
        ask      INTEGER,  -- that took it up
        FOREIGN KEY (study, ask) REFERENCES asks (study, id)
    )
    """,
    "CREATE INDEX suggestions_open ON suggestions (study, id) WHERE ask IS NULL",
)

# Logs of other systems that studies were read from, and studies whose experiments others know as earlier evidence.
IMPORTS: Step = (
    """
    CREATE TABLE imports (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        study        INTEGER NOT NULL REFERENCES studies (id),
        name         TEXT    NOT NULL,  -- of the file
        digest       TEXT    NOT NULL,  -- SHA-256 of its bytes, in hexadecimal digits
        size         INTEGER NOT NULL,  -- bytes
        first        INTEGER NOT NULL,  -- number of the first unit that was read from it
        units        INTEGER NOT NULL,
        last         INTEGER NOT NULL,  -- line of the last of them
        imported_at  REAL    NOT NULL,
        UNIQUE (study, digest)
    )
    """,
    """
    CREATE TABLE earlier (
        study   INTEGER NOT NULL REFERENCES studies (id),
        source  INTEGER NOT NULL REFERENCES studies (id),
        seen    INTEGER NOT NULL CHECK (seen >= 0),  -- how many of its units were closed then
        PRIMARY KEY (study, source)
    )
    """,
)

# What a strategy is held against. Those of before were in force at once.
PROBATION: Step = (
    "ALTER TABLE revisions ADD COLUMN control INTEGER",  # NULL: it is on no probation
    "ALTER TABLE revisions ADD COLUMN asked INTEGER NOT NULL DEFAULT 0",
)

# What next-hypotheses.md ever held. How each ended follows from this and from the experiments.
HYPOTHESES: Step = (
    """
    CREATE TABLE hypotheses (
        study    INTEGER NOT NULL REFERENCES studies (id),
        id       TEXT    NOT NULL,
        author   TEXT    NOT NULL,
        version  INTEGER NOT NULL,  -- of the strategy that it came with
        seen     INTEGER NOT NULL CHECK (seen >= 0),
        dropped  INTEGER,  -- the version that left it out
        payload  TEXT    NOT NULL,  -- JSON
        PRIMARY KEY (study, id)
    )
    """,
)

MIGRATIONS: Sequence[Step] = (FIRST, ROLES, CLOSED_BEFORE, CALLS, IMPORTS, PROBATION, HYPOTHESES)


def version(connection: sqlite3.Connection) -> int:
    """How many steps the file has been through; 0 for an empty one."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def migrate(connection: sqlite3.Connection, steps: Sequence[Step] = MIGRATIONS) -> None:
    """Apply the steps that the file lacks, each in one transaction.

    Safe against another process that does the same: whoever comes second finds the step done. Raises
    sqlite3.Error, with the file as the last whole step left it.
    """
    for target, step in enumerate(steps, start=1):
        if version(connection) >= target:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version(connection) < target:  # looked at again, now that nobody else can write
                _apply(connection, step)
                connection.execute(f"PRAGMA user_version = {target}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _apply(connection: sqlite3.Connection, step: Step) -> None:
    if callable(step):
        step(connection)
        return
    for statement in step:
        connection.execute(statement)
