"""One connection to a ledger file: opened with care, and its errors told in a person's words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deep_loop.adapters.ledger.migrations import MIGRATIONS, Step, migrate, version
from deep_loop.errors import LedgerError

APPLICATION_ID = 0x64_4C_6F_6F  # "dLoo": tells a ledger from anybody else's SQLite file
PATIENCE_SECONDS = 30.0  # how long to wait for another process's transaction; ours take milliseconds


class Database:
    """A connection and its transactions. Only the thread that opened it may use it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(
        cls, path: Path, *, read_only: bool = False, create: bool = False, steps: Sequence[Step] = MIGRATIONS
    ) -> Database:
        """Open the file, bringing an older schema up to date unless `read_only`.

        Raises LedgerError for a file that is absent (without `create`), damaged, not a ledger or from a newer
        schema; such a file is left exactly as it is. So is an empty one, without `create`: see `empty`.
        """
        if create:
            _make_folder(path.parent)
        elif not path.exists():
            raise LedgerError(f"there is no ledger at {path}", hint="start a study with `deep-loop run --tag NAME`")
        mode = "ro" if read_only else "rwc" if create else "rw"
        with _told(path):
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=PATIENCE_SECONDS, isolation_level=None
            )
        try:
            with _told(path):
                _check(path, connection, len(steps), read_only=read_only)
                connection.execute("PRAGMA foreign_keys = ON")
                if create or not (read_only or _empty(connection)):
                    _make_durable(connection)
                    migrate(connection, steps)
                connection.row_factory = sqlite3.Row
        except BaseException:
            connection.close()
            raise
        return cls(path, connection)

    def empty(self) -> bool:
        """Whether the file has no tables yet: whoever made it died before it became a ledger."""
        with self.reading() as connection:
            return _empty(connection)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the file for as long as the block lasts."""
        with self._transaction("DEFERRED") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block, durable when it ends, or nothing of it."""
        with self._transaction("IMMEDIATE") as connection:
            yield connection

    def close(self) -> None:
        """Let go of the file. Closing twice changes nothing."""
        self._connection.close()

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        with _told(self.path):
            connection.execute(f"BEGIN {kind}")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk may have rolled it back already
                    connection.execute("ROLLBACK")
                raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"cannot make the ledger's folder {folder}: {error.strerror}", hint="see that the folder can be written to"
        ) from error


def _make_durable(connection: sqlite3.Connection) -> None:
    """Write-ahead log, so that readers never wait; a commit returns when it is on the disk."""
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    if journal != "wal":  # asked for only once a file: the switch needs the file for itself
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    if identity != APPLICATION_ID:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _check(path: Path, connection: sqlite3.Connection, known: int, *, read_only: bool) -> None:
    """Raise LedgerError unless the file is an empty one or a whole ledger that we understand."""
    found = version(connection)
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    tables = not _empty(connection)
    if tables and identity != APPLICATION_ID:
        raise LedgerError(
            f"{path} is another program's database", hint="move it away, or name another workspace with `--workspace`"
        )
    if found > known:
        raise LedgerError(
            f"{path} was written by a newer deep-loop (schema {found}; this one knows {known})",
            hint="upgrade deep-loop, then run the same command again; the file was not touched",
        )
    if read_only and tables and found < known:
        raise LedgerError(
            f"{path} was written by an older deep-loop (schema {found}; this one needs {known})",
            hint="the next `deep-loop run` brings it up to date",
        )
    if not _whole(path, connection):
        raise _damaged(path)


def _whole(path: Path, connection: sqlite3.Connection) -> bool:
    """Whether the file ends on a page's boundary.

    SQLite itself finds missing pages but not a last page cut short. A write-ahead log may still hold that page.
    """
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        return True
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    return path.stat().st_size % int(page) == 0


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell SQLite's errors as LedgerErrors. A ProgrammingError is a bug of ours and stays one."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        raise _explained(path, error) from error
    except (UnicodeEncodeError, OverflowError) as error:  # a lone surrogate; an integer beyond 64 bits
        raise LedgerError(
            f"a value cannot be stored in {path}: {error}", hint="give text that is valid Unicode, and smaller numbers"
        ) from error


def _explained(path: Path, error: sqlite3.Error) -> LedgerError:
    # an extended code's low byte is the primary one
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return LedgerError(
                f"the disk is full: {path} cannot grow",
                hint="free some space, then run the same command again; what was recorded is safe",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LedgerError(
                f"another process has kept {path} locked for {PATIENCE_SECONDS:g} s",
                hint="find it with `fuser` or `lsof`, end it, then run the same command again",
            )
        case sqlite3.SQLITE_NOTADB:
            return LedgerError(
                f"{path} is not a ledger: {error}", hint="move it away (it was not touched), or put the right file back"
            )
        case sqlite3.SQLITE_CORRUPT:
            return _damaged(path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_AUTH:
            return LedgerError(
                f"{path} cannot be opened or written: {error}", hint="see who owns the file and its folder"
            )
        case sqlite3.SQLITE_IOERR:
            return LedgerError(
                f"the disk failed under {path}: {error}",
                hint="look at the system's log and the free space, then run the same command again",
            )
        case _:
            return LedgerError(
                f"{path} refused a record: {error}",
                hint="this is a bug in deep-loop: please report it with the line above",
            )


def _damaged(path: Path) -> LedgerError:
    return LedgerError(
        f"{path} is damaged or cut short",
        hint=f"put back a copy; or save what can be read: `sqlite3 {path.name} .recover | sqlite3 mended.db`",
    )
