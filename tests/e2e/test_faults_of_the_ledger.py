"""A ledger, or a results.tsv, that others hold, change or spoil; a clock that cannot be relied on."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import faults_lab
import pytest
import real_lab
from faults_lab import WAITING, goes_on, in_order, make, meanwhile, run, went_well
from real_lab import error

from deep_loop.adapters.ledger.sqlite import LEDGER

YEAR = 365 * 86400


@contextmanager
def holding(lab: Path, statement: str) -> Iterator[sqlite3.Connection]:
    """A transaction of another program on the ledger, from its first statement on."""
    connection = sqlite3.connect(lab / LEDGER, isolation_level=None, timeout=30, check_same_thread=False)
    try:
        connection.execute(statement)
        connection.execute("SELECT count(*) FROM units").fetchone()
        yield connection
    finally:
        connection.close()


def test_a_ledger_that_somebody_reads_all_the_time(tmp_path: Path) -> None:
    """A reader that never ends keeps nobody from writing, and sees what it saw at first."""
    lab = make(tmp_path / "lab")
    went_well(run(lab))
    with holding(lab, "BEGIN") as reader:
        went_well(run(lab, 2))
        assert reader.execute("SELECT count(*) FROM units").fetchone() == (2,)
        in_order(lab, 2)
    goes_on(lab, 3)


def test_a_ledger_that_somebody_locks_for_a_while(tmp_path: Path) -> None:
    """A writer is waited for."""
    lab = make(tmp_path / "lab", WAITING)
    threads = []

    def lock() -> None:
        with holding(lab, "BEGIN IMMEDIATE"):
            locked.set()
            time.sleep(3)

    def deed() -> None:
        threads.append(threading.Thread(target=lock))
        threads[0].start()
        assert locked.wait(30)

    locked = threading.Event()
    went_well(meanwhile(lab, deed))
    threads[0].join()
    in_order(lab, 1)
    goes_on(lab)


def truncate(path: Path) -> None:
    """As a full disk or a broken copy leaves it."""
    path.write_bytes(path.read_bytes()[:-1000])


def of_the_future(path: Path) -> None:
    """As a newer deep-loop writes it."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()


def no_ledger(path: Path) -> None:
    """Something else under its name."""
    path.write_text("not a ledger\n")


@pytest.mark.parametrize(
    ("spoil", "words", "remedy"),
    [
        (truncate, "damaged or cut short", "put back a copy"),
        (of_the_future, "written by a newer deep-loop", "upgrade deep-loop"),
        (no_ledger, "is not a ledger", "move it away"),
    ],
)
def test_a_ledger_that_cannot_be_read(tmp_path: Path, spoil: Callable[[Path], None], words: str, remedy: str) -> None:
    """Is told as what it is and left byte for byte as it is, as is git; with the right file back it goes on."""
    lab = make(tmp_path / "lab")
    went_well(run(lab))
    path = lab / LEDGER
    whole = path.read_bytes()
    spoil(path)
    spoilt, refs = path.read_bytes(), real_lab.git(lab, "for-each-ref")
    for command in (faults_lab.arguments(2), ("status",)):
        message, hint = error(real_lab.deep_loop(lab, *command))
        assert words in message
        assert remedy in hint
    assert (path.read_bytes(), real_lab.git(lab, "for-each-ref")) == (spoilt, refs)
    path.write_bytes(whole)
    goes_on(lab)


@pytest.mark.parametrize("during", [False, True], ids=["between two sittings", "during a study"])
@pytest.mark.parametrize(
    "deed",
    [
        lambda table: table.write_text("commit\tval_bpb\nmine\t0.1\nhalf a row"),
        lambda table: table.unlink(),
    ],
    ids=["edited", "deleted"],
)
def test_a_results_table_that_a_person_touches(tmp_path: Path, deed: Callable[[Path], object], during: bool) -> None:
    """The ledger is the truth: no decision rests on the table, and the next sitting at the latest mends it."""
    lab = make(tmp_path / "lab", WAITING)
    if during:
        went_well(meanwhile(lab, lambda: deed(lab / "results.tsv")))
    else:
        went_well(run(lab))
        deed(lab / "results.tsv")
    goes_on(lab)


def test_a_ledger_with_times_to_come(tmp_path: Path) -> None:
    """A clock that was a year ahead, and was put right: order comes from the ledger's own count, not from times."""
    lab = make(tmp_path / "lab")
    went_well(run(lab))
    with sqlite3.connect(lab / LEDGER) as connection:
        for table, column in (
            *(("asks", name) for name in ("asked_at",)),
            *(("units", name) for name in ("opened_at", "closed_at")),
            *(("measurements", name) for name in ("started_at", "ended_at")),
            ("studies", "created_at"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = {column} + {YEAR}")
    connection.close()
    went_well(run(lab, 3))
    in_order(lab, 3)
    assert real_lab.deep_loop(lab, "status").code == 0
    assert real_lab.deep_loop(lab, "report").code == 0
    goes_on(lab, 4)
