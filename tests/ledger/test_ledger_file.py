"""One file holds many studies; whatever is wrong with it is said in words, and the file is left alone."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ledger_shelves import ML, ML_SAMPLES, TickingClock, study

from deep_loop.adapters.ledger.database import Database
from deep_loop.adapters.ledger.migrations import CLOSED_BEFORE, MIGRATIONS, migrate, version
from deep_loop.adapters.ledger.sqlite import SqliteLedger, studies
from deep_loop.core.record import Ask
from deep_loop.errors import LedgerError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger will be; its folder is not there yet, and its name needs quoting in a URI."""
    return tmp_path / "a #folder?" / "100%.db"


@contextmanager
def created(path: Path, tag: str = "exp1", created_at: float = 1.0) -> Iterator[SqliteLedger[Any, Any, Any]]:
    ledger = SqliteLedger.create(path, study(tag, created_at), ML, TickingClock())
    try:
        yield ledger
    finally:
        ledger.dispose()


@contextmanager
def loaded(path: Path, tag: str = "exp1", *, read_only: bool = False) -> Iterator[SqliteLedger[Any, Any, Any]]:
    ledger = SqliteLedger.load(path, tag, ML, TickingClock(), read_only=read_only)
    try:
        yield ledger
    finally:
        ledger.dispose()


def fill(ledger: SqliteLedger[Any, Any, Any], lines: int = 1) -> None:
    """Closed lines, each with a run."""
    for _ in range(lines):
        number = ledger.open(ledger.ask("tuner", 0), ML_SAMPLES.proposals[1], counted=True).number
        ledger.attempt(number, "abc")
        ledger.end(ledger.start(number, 1, number, "cpu0", "log").id, ML_SAMPLES.outcomes[0])
        ledger.close(number, ML_SAMPLES.decisions[0])


def connection_of(ledger: SqliteLedger[Any, Any, Any]) -> sqlite3.Connection:
    """The ledger's own connection, to set limits of SQLite's that bring on real errors."""
    return ledger._database._connection


def query(path: Path, sql: str) -> Any:
    """What somebody with the sqlite3 tool would get."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


# --- studies ---


def test_studies_are_listed_oldest_first(path: Path) -> None:
    """Each study comes back as it was described, in the order of creation."""
    assert studies(path) == ()
    for tag, at in (("b", 3.0), ("a", 2.0)):
        with created(path, tag, at) as ledger:
            assert ledger.info == study(tag, at)
    assert studies(path) == (study("b", 3.0), study("a", 2.0))


def test_a_tag_is_used_once(path: Path) -> None:
    """Creating a study whose tag is taken is refused, and the old one keeps its lines."""
    with created(path) as ledger:
        fill(ledger)
        with pytest.raises(LedgerError, match="'exp1' already") as refused, created(path):
            pass
        assert "--tag" in refused.value.hint
        assert len(ledger.closed()) == 1


def test_an_unknown_tag_names_the_known_ones(path: Path) -> None:
    """Who mistypes a tag is shown those that there are."""
    with created(path, "exp1"), created(path, "exp2"):
        pass
    with pytest.raises(LedgerError, match="'expl'") as unknown, loaded(path, "expl"):
        pass
    assert "exp1, exp2" in unknown.value.hint


def test_an_absent_file_is_not_made(path: Path) -> None:
    """Loading makes neither a file nor a folder."""
    for read_only in (False, True):
        with pytest.raises(LedgerError, match="no ledger") as absent, loaded(path, read_only=read_only):
            pass
        assert "deep-loop run" in absent.value.hint
    assert not path.parent.exists()


def test_an_empty_file_holds_no_study(path: Path) -> None:
    """A file whose maker died at once is no error to look at, and a study can still be made in it."""
    path.parent.mkdir()
    path.touch()
    assert studies(path) == ()
    with pytest.raises(LedgerError, match="no study"), loaded(path):
        pass
    assert path.stat().st_size == 0
    with created(path) as ledger:
        fill(ledger)


def test_reading_only_writes_nothing(path: Path) -> None:
    """A read-only ledger refuses to write, in words, and reads beside the owner."""
    with created(path) as owner, loaded(path, read_only=True) as reader:
        fill(owner)
        assert list(reader.closed()) == list(owner.closed())
        with pytest.raises(LedgerError, match="readonly"):
            reader.ask("tuner", 0)


def test_a_person_can_query_the_file(path: Path) -> None:
    """Status, reason, kind and value are columns of their own, beside the JSON."""
    with created(path) as ledger:
        fill(ledger)
    assert query(path, "SELECT ordinal, status, reason FROM units") == [(1, "keep", "better by 0.01")]
    assert query(path, "SELECT kind, value FROM measurements") == [("measured", 0.9979)]


def test_a_disposed_ledger_lets_go(path: Path) -> None:
    """After `dispose` nothing but the one file is left, and using the ledger is an error."""
    with created(path) as ledger:
        fill(ledger)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with pytest.raises(sqlite3.ProgrammingError):
        ledger.closed()


def test_a_commit_is_on_the_disk(path: Path) -> None:
    """The owner's connection logs ahead, waits for the disk, and checks references."""
    with created(path) as ledger:
        expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
        found = {name: connection_of(ledger).execute(f"PRAGMA {name}").fetchone()[0] for name in expected}
    assert found == expected


# --- what can be wrong with a file ---


@pytest.mark.parametrize("content", [b"deep-loop\n" * 1000, b"x", b"\0" * 8192], ids=["text", "one byte", "zeros"])
def test_a_file_that_is_no_database(path: Path, content: bytes) -> None:
    """It is named, and neither read nor write nor creation touches a byte of it."""
    path.parent.mkdir()
    path.write_bytes(content)
    for call in (lambda: studies(path), lambda: loaded(path).__enter__(), lambda: created(path).__enter__()):
        with pytest.raises(LedgerError) as refused:
            call()
        assert str(path) in str(refused.value) and refused.value.hint
    assert path.read_bytes() == content


def test_a_truncated_file(path: Path) -> None:
    """Wherever a ledger was cut off, opening it says that it is damaged, and changes nothing."""
    with created(path) as ledger:
        fill(ledger, 20)
    whole = path.read_bytes()
    for size in (100, 4096, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:size])
        for read_only in (True, False):
            with pytest.raises(LedgerError, match="damaged") as damaged, loaded(path, read_only=read_only):
                pass
            assert "copy" in damaged.value.hint
        assert path.read_bytes() == whole[:size]


def test_another_programs_database(path: Path) -> None:
    """Somebody else's SQLite file gains no table."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program"), created(path):
        pass
    assert path.read_bytes() == before


def test_a_newer_schema_is_left_alone(path: Path) -> None:
    """A file of a newer deep-loop asks for an upgrade, to read as to write."""
    with created(path), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for read_only in (True, False):
        with pytest.raises(LedgerError, match="newer deep-loop") as newer, loaded(path, read_only=read_only):
            pass
        assert "upgrade" in newer.value.hint
    assert query(path, "PRAGMA user_version") == [(99,)]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the folder's place is an error in words."""
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="folder"), created(tmp_path / "file" / "ledger.db"):
        pass


def test_a_payload_edited_by_hand(path: Path) -> None:
    """A decision that is none is told as what it is, not as a traceback."""
    with created(path) as ledger:
        fill(ledger)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("""UPDATE units SET decision = '{"kind": "maybe", "reason": "?"}'""")
    with loaded(path) as ledger, pytest.raises(LedgerError, match="maybe") as odd:
        ledger.closed()
    assert "\n" not in str(odd.value)


def test_a_full_disk(path: Path) -> None:
    """A call that finds no room is refused whole; with room again the same call works."""
    with created(path) as ledger:
        fill(ledger)
        connection = connection_of(ledger)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        before = ledger.closed()
        with pytest.raises(LedgerError, match="disk is full") as full:
            fill(ledger, 1000)
        assert isinstance(full.value.__cause__, sqlite3.OperationalError)
        assert "free some space" in full.value.hint
        assert ledger.closed()[: len(before)] == before
        connection.execute("PRAGMA max_page_count = 1000000")
        fill(ledger, 5)
    with loaded(path) as ledger:
        assert len(ledger.closed()) >= 6


def test_a_locked_file(path: Path) -> None:
    """Who holds the file too long is waited for, then said to be in the way; afterwards all works again."""
    with created(path) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        connection_of(ledger).execute("PRAGMA busy_timeout = 20")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            ledger.ask("tuner", 0)
        assert list(ledger.closed()) == []  # reading never waits
        other.execute("ROLLBACK")
        assert ledger.ask("tuner", 0).id == 1


def test_another_thread_is_a_bug(path: Path) -> None:
    """The connection belongs to one thread: another's call is a traceback, not a hint for a person."""
    caught: list[BaseException] = []

    def intrude() -> None:
        try:
            ledger.counted()
        except sqlite3.ProgrammingError as error:
            caught.append(error)

    with created(path) as ledger:
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
    assert len(caught) == 1


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb"])
def test_text_that_is_no_unicode(path: Path, text: str) -> None:
    """A lone surrogate is refused in words, and the call leaves nothing behind."""
    with created(path) as ledger:
        with pytest.raises(LedgerError, match="surrogate"):
            ledger.refuse(ledger.ask("tuner", 0), text, None)
        assert ledger.refusals(5) == ()


def test_the_schema_states_the_invariants(path: Path) -> None:
    """What must not be true cannot be written, not even by hand."""
    with created(path) as ledger:
        fill(ledger)
        ledger.open(ledger.ask("tuner", 0), ML_SAMPLES.proposals[0], counted=True)
        connection = connection_of(ledger)
        for impossible in (
            "UPDATE units SET ordinal = 2 WHERE number = 1",  # closed without a decision
            "UPDATE units SET settled_at = 1.0 WHERE number = 1",  # settled while open
            "UPDATE units SET counted = 2",
            "UPDATE asks SET state = 'lost'",
            "UPDATE asks SET state = 'refused', reason = NULL",
            "UPDATE measurements SET outcome = NULL",  # an end without an outcome
            "UPDATE measurements SET attempt = 7",
            "DELETE FROM attempts",
            "DELETE FROM units WHERE number = 0",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(impossible)


# --- schema ---


def grow(connection: sqlite3.Connection) -> None:
    """A step that needs more than SQL."""
    connection.execute("ALTER TABLE studies ADD COLUMN motto TEXT")
    connection.execute("UPDATE studies SET motto = upper(tag)")


def test_an_older_file_is_migrated(path: Path) -> None:
    """Opening to write takes a file through the steps that it lacks and keeps its lines; opening to read refuses."""
    with created(path) as ledger:
        fill(ledger)
        before = ledger.closed()
    steps = (*MIGRATIONS, grow, ("CREATE TABLE extra (x)", "INSERT INTO extra VALUES (1)"))
    with pytest.raises(LedgerError, match="older deep-loop") as older:
        Database.open(path, read_only=True, steps=steps)
    assert "deep-loop run" in older.value.hint
    Database.open(path, steps=steps).close()
    Database.open(path, steps=steps).close()
    assert query(path, "PRAGMA user_version") == [(len(MIGRATIONS) + 2,)]
    assert query(path, "SELECT motto FROM studies") == [("EXP1",)]
    assert query(path, "SELECT x FROM extra") == [(1,)]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    with loaded(path) as ledger:
        assert ledger.closed() == before


def test_an_older_files_lines_learn_what_was_closed_before_them(path: Path) -> None:
    """Files made before that was counted tell it by their times."""
    with created(path) as ledger:
        fill(ledger, 3)
        before = ledger.closed()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE units DROP COLUMN closed_before")
        connection.execute("DROP TABLE calls")
        connection.execute("DROP TABLE suggestions")
        connection.execute("DROP TABLE imports")
        connection.execute("DROP TABLE earlier")
        connection.execute("ALTER TABLE revisions DROP COLUMN control")
        connection.execute("ALTER TABLE revisions DROP COLUMN asked")
        connection.execute("DROP TABLE hypotheses")
        connection.execute(f"PRAGMA user_version = {MIGRATIONS.index(CLOSED_BEFORE)}")
        connection.commit()
    with loaded(path) as ledger:
        assert [line.closed_before for line in ledger.closed()] == [0, 1, 2]
        assert ledger.closed() == before
        assert ledger.offers() == ()


def test_a_failing_step_leaves_the_last_whole_one(path: Path) -> None:
    """A step that breaks off is undone in full, the ones before it stay, and it can be tried again."""
    with created(path):
        pass
    broken = (*MIGRATIONS, grow, ("CREATE TABLE extra (x)", "nonsense"))
    with pytest.raises(LedgerError, match="nonsense"):
        Database.open(path, steps=broken)
    assert query(path, "PRAGMA user_version") == [(len(MIGRATIONS) + 1,)]
    assert query(path, "SELECT name FROM sqlite_master WHERE name = 'extra'") == []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, (*broken[:-1], ("CREATE TABLE extra (x)",)))
        assert version(connection) == len(MIGRATIONS) + 2


def test_asks_made_up_elsewhere_are_refused(path: Path) -> None:
    """An ask is known by its id within the study, not by what the value claims."""
    with created(path) as ledger, pytest.raises(LedgerError, match="no ask 1"):
        ledger.propose(Ask(1, "tuner", 0, 0), ML_SAMPLES.proposals[0])
