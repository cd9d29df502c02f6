"""The ledger in SQLite: the truth about every study of a workspace, in one file.

Many processes may read it and add requests; one owner writes everything else. Each call is one transaction,
on the disk when it returns.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Generic

from deep_loop.adapters.ledger import rows
from deep_loop.adapters.ledger.database import Database
from deep_loop.adapters.ledger.studies import LEDGER, StudyInfo, add, find, studies, upgrade
from deep_loop.core.budget import Spending
from deep_loop.core.call import Call, Failure, Purpose, Usage
from deep_loop.core.cohort import Revision
from deep_loop.core.fate import Offer
from deep_loop.core.record import Ask, D, Kinds, Measurement, O, P, Record, Refusal, Request, Suggestion, Waiting
from deep_loop.errors import LedgerError

if TYPE_CHECKING:
    from deep_loop.ports import Clock

__all__ = ["LEDGER", "SqliteLedger", "StudyInfo", "studies", "upgrade"]


class SqliteLedger(Generic[P, O, D]):
    """One study's lines; implements `ports.Ledger`. Only the thread that made it may use it."""

    def __init__(self, database: Database, study: int, info: StudyInfo, kinds: Kinds[P, O, D], clock: Clock) -> None:
        """Use `create` or `load`."""
        self.info = info
        self._database = database
        self._study = study
        self._codes = rows.Codes.of(kinds)
        self._clock = clock
        self._closed: tuple[Record[P, O, D], ...] = ()  # as of `_stamp`
        self._stamp = 0
        self._slot_seconds: dict[int, float] = {}  # of closed lines, by number, as of `_stamp`
        self._calls: tuple[Call, ...] = ()  # up to the first that goes on

    @classmethod
    def create(
        cls, path: Path, info: StudyInfo, kinds: Kinds[P, O, D], clock: Clock, sources: Sequence[str] = ()
    ) -> SqliteLedger[P, O, D]:
        """Begin a study, in a new file or beside the studies that the file holds.

        `sources` are tags of those whose experiments it knows as earlier evidence. Raises LedgerError where the tag is
        taken, or a source is unknown.
        """
        database = Database.open(path, create=True)
        try:
            return cls(database, add(database, info, sources), info, kinds, clock)
        except BaseException:
            database.close()
            raise

    @classmethod
    def load(
        cls, path: Path, tag: str, kinds: Kinds[P, O, D], clock: Clock, *, read_only: bool = False
    ) -> SqliteLedger[P, O, D]:
        """Open a study that is there; with `read_only` nothing can be written by mistake.

        Raises LedgerError for an unknown tag (it names the known ones) and for a file that is absent, damaged, not a
        ledger or of a newer version, which is left as it is.
        """
        database = Database.open(path, read_only=read_only)
        try:
            study, info = find(database, tag)
            return cls(database, study, info, kinds, clock)
        except BaseException:
            database.close()
            raise

    def dispose(self) -> None:
        """Close the connection; using the ledger afterwards is an error."""
        self._database.close()

    # --- proposals -----------------------------------------------------------------------------

    def ask(self, proposer: str, revision: int, seen: int | None = None) -> Ask:
        """Take the next place in the order of proposals; `seen` is how many closed lines it knows (None: all)."""
        with self._database.writing() as connection:
            id = 1 + rows.last(connection, "SELECT max(id) FROM asks WHERE study = ?", self._study)
            if seen is None:
                seen = self._closings(connection)
            connection.execute(
                "INSERT INTO asks (study, id, proposer, seen, revision, asked_at, state) "
                "VALUES (?, ?, ?, ?, ?, ?, 'asked')",
                (self._study, id, proposer, seen, revision, self._clock.time()),
            )
        return Ask(id, proposer, seen, revision)

    def propose(self, ask: Ask, proposal: P) -> None:
        """Answer an ask, or replace its answer; raises LedgerError where the ask has ended."""
        self._answer(ask, "waiting", self._codes.proposal.encode(proposal), None)

    def refuse(self, ask: Ask, reason: str, proposal: P | None) -> None:
        """End an ask without a unit; without a proposal an earlier answer stays. Raises LedgerError where it ended."""
        self._answer(ask, "refused", None if proposal is None else self._codes.proposal.encode(proposal), reason)

    def _answer(self, ask: Ask, state: str, payload: str | None, reason: str | None) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE asks SET state = ?, payload = coalesce(?, payload), reason = ? "
                "WHERE study = ? AND id = ? AND state IN ('asked', 'waiting')",
                (state, payload, reason, self._study, ask.id),
            ).rowcount
            if not changed:
                raise self._ended(connection, ask)

    def _ended(self, connection: sqlite3.Connection, ask: Ask) -> LedgerError:
        query = "SELECT state FROM asks WHERE study = ? AND id = ?"
        row = connection.execute(query, (self._study, ask.id)).fetchone()
        return _misuse(f"ask {ask.id} is {row['state']} already" if row else f"there is no ask {ask.id}")

    def waiting(self) -> Sequence[Waiting[P]]:
        """Asks that neither a unit nor a refusal has ended, oldest first."""
        with self._database.reading() as connection:
            return rows.waiting(connection, self._codes.proposal, self._study)

    def refusals(self, limit: int) -> Sequence[Refusal[P]]:
        """The refusals of the latest asks, oldest ask first."""
        with self._database.reading() as connection:
            return rows.refusals(connection, self._codes.proposal, self._study, limit)

    def asked(self) -> int:
        """How many asks there were. Their ids have no gaps, so the highest one tells."""
        with self._database.reading() as connection:
            return rows.last(connection, "SELECT max(id) FROM asks WHERE study = ?", self._study)

    # --- what thinking costs, and what a person wants tried ----------------------------------------

    def call(self, agent: str, purpose: Purpose, ask: Ask | None) -> int:
        """Note that somebody begins to think; returns the call's id."""
        with self._database.writing() as connection:
            id = connection.execute(
                "INSERT INTO calls (study, ask, agent, purpose, started_at) VALUES (?, ?, ?, ?, ?)",
                (self._study, ask.id if ask else None, agent, purpose, self._clock.time()),
            ).lastrowid
        assert id is not None  # of an INSERT, always set
        return id

    def called(
        self, call: int, usages: Sequence[Usage], usd: float | None, failure: Failure | None, session: str = ""
    ) -> None:
        """Note what came of a call; raises LedgerError where that is known already."""
        payload = rows.USAGES.encode(tuple(usages))
        tokens = sum(usage.tokens for usage in usages)
        fault = (failure.fault, failure.reason, failure.retry_seconds) if failure else (None, None, None)
        with self._database.writing() as connection:
            ended = connection.execute(
                "UPDATE calls SET ended_at = ?, usages = ?, tokens = ?, usd = ?, fault = ?, reason = ?, "
                "retry_seconds = ?, session = ? WHERE id = ? AND study = ? AND ended_at IS NULL",
                (self._clock.time(), payload, tokens, usd, *fault, session, call, self._study),
            ).rowcount
            if not ended:
                raise _misuse(f"no call {call} goes on")

    def calls(self) -> Sequence[Call]:
        """All of them, oldest first. Reads only those that went on, or were not there, at the last call."""
        with self._database.reading() as connection:
            fresh = rows.calls(connection, self._study, self._calls[-1].id if self._calls else 0)
        if not fresh:
            return self._calls
        going_on = next((place for place, call in enumerate(fresh) if call.ended_at is None), len(fresh))
        self._calls = (*self._calls, *fresh[:going_on])
        return (*self._calls, *fresh[going_on:])

    def spending(self) -> Spending:
        """What all ended calls and runs took; a slot of several GPUs counts once for each."""
        calls = self.calls()
        self.closed()  # brings `_slot_seconds` up to date
        seconds = sum(self._slot_seconds.values()) + sum(map(_slot_seconds, self.opened()))
        return Spending(sum(call.usd or 0.0 for call in calls), sum(call.tokens for call in calls), seconds)

    def suggest(self, text: str) -> Suggestion:
        """Keep what a person wants tried (any process may)."""
        with self._database.writing() as connection:
            id = connection.execute(
                "INSERT INTO suggestions (study, text, made_at) VALUES (?, ?, ?)",
                (self._study, text, self._clock.time()),
            ).lastrowid
        assert id is not None  # of an INSERT, always set
        return Suggestion(id, text)

    def suggestions(self) -> Sequence[Suggestion]:
        """Those not taken up yet, oldest first."""
        with self._database.reading() as connection:
            return rows.suggestions(connection, self._study)

    def take_up(self, suggestion: int, ask: Ask) -> None:
        """Note that an ask's proposal follows a suggestion; where one did already, or there is none, nothing."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE suggestions SET ask = ? WHERE id = ? AND study = ? AND ask IS NULL",
                (ask.id, suggestion, self._study),
            )

    # --- lines ---------------------------------------------------------------------------------

    def open(self, ask: Ask, proposal: P, *, counted: bool) -> Record[P, O, D]:
        """Open the next line (0, 1, 2, ...) for an ask; for one that has a line already, return that unchanged.

        Raises LedgerError where the ask was refused, or never made.
        """
        payload = self._codes.proposal.encode(proposal)
        with self._database.writing() as connection:
            query = "SELECT number FROM units WHERE study = ? AND ask = ?"
            known = connection.execute(query, (self._study, ask.id)).fetchone()
            if known:
                return self._line(connection, known["number"])
            taken = connection.execute(
                "UPDATE asks SET state = 'taken', payload = ? "
                "WHERE study = ? AND id = ? AND state IN ('asked', 'waiting')",
                (payload, self._study, ask.id),
            ).rowcount
            if not taken:
                raise self._ended(connection, ask)
            number = self._total(connection)
            connection.execute(
                "INSERT INTO units (study, number, ask, counted, opened_at, closed_before, changed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    self._study,
                    number,
                    ask.id,
                    counted,
                    self._clock.time(),
                    self._closings(connection),
                    1 + rows.stamp(connection, self._study),
                ),
            )
            return self._line(connection, number)

    def attempt(self, number: int, commit: str) -> int:
        """Add an attempt to an open line; returns its index. The last attempt's own commit adds nothing."""
        with self._database.writing() as connection:
            self._expect_open(connection, number)
            last = self._last_attempt(connection, number)
            if last and last["commit_id"] == commit:
                return int(last["attempt"])
            index = last["attempt"] + 1 if last else 0
            connection.execute(
                "INSERT INTO attempts (study, unit, attempt, commit_id, opened_at) VALUES (?, ?, ?, ?, ?)",
                (self._study, number, index, commit, self._clock.time()),
            )
            self._touch(connection, number)
        return int(index)

    def start(
        self, number: int, seed: int, sought_by: int, slot: str, log: str, role: str = "first", machine: str = ""
    ) -> Measurement[O]:
        """Note that a run of the line's last attempt starts; the line may be closed (an incumbent's replicate).

        Raises LedgerError where the line has no attempt, or where `number` or `sought_by` is no line.
        """
        with self._database.writing() as connection:
            self._ordinal(connection, number)
            self._ordinal(connection, sought_by)
            last = self._last_attempt(connection, number)
            if last is None:
                raise _misuse(f"line {number} has no attempt to run")
            id = connection.execute(
                "INSERT INTO measurements "
                "(study, unit, attempt, seed, sought_by, slot, log, role, machine, started_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (self._study, number, last["attempt"], seed, sought_by, slot, log, role, machine, self._clock.time()),
            ).lastrowid
            assert id is not None  # of an INSERT, always set
            self._touch(connection, number)
            return rows.measurement(connection, self._codes.outcome, id)

    def end(self, measurement: int, outcome: O) -> None:
        """Note a run's outcome; raises LedgerError where it has one already, or where there is no such run."""
        payload = self._codes.outcome.encode(outcome)
        kind, value = rows.summary(payload)
        with self._database.writing() as connection:
            query = "SELECT unit, outcome FROM measurements WHERE id = ? AND study = ?"
            row = connection.execute(query, (measurement, self._study)).fetchone()
            if row is None:
                raise _misuse(f"there is no run {measurement}")
            if row["outcome"] is not None:
                raise _misuse(f"run {measurement} has an outcome already")
            connection.execute(
                "UPDATE measurements SET ended_at = ?, kind = ?, value = ?, outcome = ? WHERE id = ?",
                (self._clock.time(), kind, value, payload, measurement),
            )
            self._touch(connection, row["unit"])

    def close(self, number: int, decision: D) -> Record[P, O, D]:
        """Close an open line, giving it its place in the order; raises LedgerError where it is closed."""
        payload = self._codes.decision.encode(decision)
        with self._database.writing() as connection:
            self._expect_open(connection, number)
            order = 1 + self._closings(connection)
            connection.execute(
                "UPDATE units SET ordinal = ?, closed_at = ?, status = ?, reason = ?, decision = ? "
                "WHERE study = ? AND number = ?",
                (order, self._clock.time(), decision.status, decision.reason, payload, self._study, number),
            )
            self._touch(connection, number)
            return self._line(connection, number)

    def settled(self, number: int) -> None:
        """Note that git and the projections have followed the closed line; a second time changes nothing."""
        with self._database.writing() as connection:
            if self._ordinal(connection, number) is None:
                raise _misuse(f"line {number} is still open")
            connection.execute(
                "UPDATE units SET settled_at = ? WHERE study = ? AND number = ? AND settled_at IS NULL",
                (self._clock.time(), self._study, number),
            )

    def unsettled(self) -> Sequence[Record[P, O, D]]:
        """Closed lines not yet settled, in the order of closing."""
        return self._lines(rows.UNSETTLED)

    def record(self, number: int) -> Record[P, O, D]:
        """One line; raises LedgerError where there is none."""
        with self._database.reading() as connection:
            self._ordinal(connection, number)
            return self._line(connection, number)

    def opened(self) -> Sequence[Record[P, O, D]]:
        """Open lines, by number."""
        return self._lines(rows.OPEN)

    def closed(self) -> Sequence[Record[P, O, D]]:
        """All closed lines in the order of closing.

        Reads the lines that were closed since the last call and those that gained a run, in any process; the tuple
        that it returns never changes.
        """
        with self._database.reading() as connection:
            stamp = rows.stamp(connection, self._study)
            if stamp == self._stamp:
                return self._closed
            changed = rows.records(connection, self._codes, self._study, rows.CHANGED, self._stamp)
        lines = list(self._closed)
        for record in changed:
            assert record.order is not None  # CHANGED chooses closed lines alone, in the order of closing
            lines[record.order - 1 : record.order] = [record]  # in place of a known one, or behind the last
            self._slot_seconds[record.number] = _slot_seconds(record)
        self._closed, self._stamp = tuple(lines), stamp
        return self._closed

    def counted(self) -> int:
        """How many counted lines there are, open ones included."""
        with self._database.reading() as connection:
            query = "SELECT count(*) FROM units WHERE study = ? AND counted = 0"
            return self._total(connection) - rows.last(connection, query, self._study)

    # --- the outer tier and other processes ------------------------------------------------------

    def revise(self, revision: Revision, offers: Sequence[Offer] = ()) -> None:
        """Remember a rewrite of the strategy, with the hypotheses that it adds or changes.

        Raises LedgerError where its version is known already.
        """
        with self._database.writing() as connection:
            query = "SELECT 1 FROM revisions WHERE study = ? AND version = ?"
            if connection.execute(query, (self._study, revision.version)).fetchone():
                raise _misuse(f"the strategy's version {revision.version} is recorded already")
            connection.execute(
                "INSERT INTO revisions (study, version, commit_id, seen, reason, analyst, summary, made_at, "
                "control, asked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (self._study, *astuple(revision)),
            )
            for one in offers:
                rows.offer(connection, self._study, one)

    def revisions(self) -> Sequence[Revision]:
        """All of them, oldest first."""
        with self._database.reading() as connection:
            return rows.revisions(connection, self._study)

    def offers(self) -> Sequence[Offer]:
        """What next-hypotheses.md ever held, in the order in which it was first there."""
        with self._database.reading() as connection:
            return rows.offers(connection, self._study)

    def request(self, kind: str, payload: Mapping[str, str]) -> int:
        """Ask something of the owner (any process may); returns the request's id."""
        with self._database.writing() as connection:
            id = connection.execute(
                "INSERT INTO requests (study, kind, payload, requested_at) VALUES (?, ?, ?, ?)",
                (self._study, kind, json.dumps(dict(payload)), self._clock.time()),
            ).lastrowid
        assert id is not None  # of an INSERT, always set
        return id

    def requests(self) -> Sequence[Request]:
        """Those not served yet, oldest first."""
        with self._database.reading() as connection:
            return rows.requests(connection, self._study)

    def serve(self, request: int, answer: str) -> None:
        """Mark one as served, with an answer in words; raises LedgerError where none of that id is unserved."""
        with self._database.writing() as connection:
            served = connection.execute(
                "UPDATE requests SET served_at = ?, answer = ? WHERE id = ? AND study = ? AND served_at IS NULL",
                (self._clock.time(), answer, request, self._study),
            ).rowcount
            if not served:
                raise _misuse(f"no request {request} waits for an answer")

    def answer(self, request: int) -> str | None:
        """What was answered to a request; None while it is not served."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT answer FROM requests WHERE id = ? AND study = ?", (request, self._study)
            ).fetchone()
        return row[0] if row else None

    # --- shared by the calls above ---------------------------------------------------------------

    def _lines(self, where: str) -> Sequence[Record[P, O, D]]:
        with self._database.reading() as connection:
            return tuple(rows.records(connection, self._codes, self._study, where))

    def _line(self, connection: sqlite3.Connection, number: int) -> Record[P, O, D]:
        (record,) = rows.records(connection, self._codes, self._study, rows.ONE, number)
        return record

    def _total(self, connection: sqlite3.Connection) -> int:
        """How many lines there are. Their numbers have no gaps, so the highest one tells."""
        return rows.last(connection, "SELECT max(number) + 1 FROM units WHERE study = ?", self._study)

    def _closings(self, connection: sqlite3.Connection) -> int:
        """How many lines are closed. Their places have no gaps, so the last one tells."""
        return rows.last(connection, "SELECT max(ordinal) FROM units WHERE study = ?", self._study)

    def _ordinal(self, connection: sqlite3.Connection, number: int) -> int | None:
        """A line's place in the order of closing, None while it is open; raises LedgerError where there is no line."""
        query = "SELECT ordinal FROM units WHERE study = ? AND number = ?"
        row = connection.execute(query, (self._study, number)).fetchone()
        if row is None:
            raise LedgerError(
                f"study {self.info.tag!r} has no line {number}", hint="`deep-loop history` lists those that there are"
            )
        ordinal: int | None = row["ordinal"]
        return ordinal

    def _expect_open(self, connection: sqlite3.Connection, number: int) -> None:
        if self._ordinal(connection, number) is not None:
            raise _misuse(f"line {number} is closed, and a closed line does not change")

    def _last_attempt(self, connection: sqlite3.Connection, number: int) -> sqlite3.Row | None:
        query = "SELECT * FROM attempts WHERE study = ? AND unit = ? ORDER BY attempt DESC LIMIT 1"
        row: sqlite3.Row | None = connection.execute(query, (self._study, number)).fetchone()
        return row

    def _touch(self, connection: sqlite3.Connection, number: int) -> None:
        """Give a line the next stamp, because its record has changed."""
        connection.execute(
            "UPDATE units SET changed = ? WHERE study = ? AND number = ?",
            (1 + rows.stamp(connection, self._study), self._study, number),
        )


def _slot_seconds(record: Record[P, O, D]) -> float:
    """How long a line's runs kept slots busy, all devices of a slot counted (`gpu0+gpu1` are two)."""
    return sum(
        max(run.ended_at - run.started_at, 0.0) * (1 + run.slot.count("+"))
        for run in record.measurements
        if run.ended_at is not None
    )


def _misuse(message: str) -> LedgerError:
    return LedgerError(
        message, hint="two processes may be writing this study, or this is a bug: `deep-loop status` tells"
    )
