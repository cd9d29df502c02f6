"""results.tsv: one row an experiment, projected from the ledger, in the form that autoresearch's own tools read.

A person may edit or delete the file: the ledger is the truth, and the next `rewrite` mends the table.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from deep_loop.core.experiment import Crash, Experiment, Measured, judged, outcomes
from deep_loop.core.metric import Metric
from deep_loop.errors import WorkspaceError

SHORT = 7  # characters of a commit
MB_PER_GB = 1024
BREAKS = ("Cc", "Zl", "Zp", "Cs")  # controls, line and paragraph separators, lone surrogates (not in UTF-8)


class ResultsTable:
    """Implements `ports.Results` for ML mode. One process writes; any may read."""

    def __init__(self, path: Path, metric: Metric) -> None:
        """The metric names the second column. Nothing is read or written yet."""
        self._path = path
        cells = ("commit", metric.name, "memory_gb", "status", "description")
        self._width = len(cells)
        self._written = False
        self._header = _line(cells)

    def append(self, record: Experiment) -> None:
        """Add one closed line, in one write at the file's end; begins the table where there is none.

        A last line without a newline is mended first: an editor's gets one, a part that a crash left is cut off (the
        ledger has its row, and `rewrite` brings it back). Raises ValueError for an open line, WorkspaceError where
        the file cannot be written.
        """
        row = _row(record)
        with self._writing(), self._path.open("a+b") as file:
            file.write(f"{self._mend(file)}{row}".encode())
        self._written = True

    def lost(self) -> bool:
        """Whether the table was written and has been taken away since."""
        return self._written and not self._path.exists()

    def rewrite(self, records: Sequence[Experiment]) -> None:
        """Make the whole table anew: afterwards the file is the old one or the new one, never a part.

        A table that says the same already keeps its time stamp. Errors as in `append`.
        """
        content = "".join((self._header, *map(_row, records))).encode()
        self._written = True
        with self._writing():
            target = self._path.resolve()  # a link stays a link
            draft = target.with_name(f".{target.name}.new")
            draft.unlink(missing_ok=True)  # of a rewrite that was killed
            if target.exists() and target.read_bytes() == content:
                return
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)

    def _mend(self, file: BinaryIO) -> str:
        """Leave whole lines only; returns what a new row needs before it."""
        tail = _tail(file)
        end = file.seek(0, os.SEEK_END)
        if tail.count(b"\t") == self._width - 1:
            return "\n"
        if tail:
            end = file.truncate(end - len(tail))
        return "" if end else self._header

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WorkspaceError(
                f"cannot write {self._path}: {error.strerror or error}",
                hint="see the free space and who owns the file; the ledger has every row, and the next run rewrites it",
            ) from error


def _tail(file: BinaryIO, block: int = 4096) -> bytes:
    """What follows the file's last newline; reads from the end, so a long table costs nothing."""
    tail = b""
    place = file.seek(0, os.SEEK_END)
    while place and b"\n" not in tail:
        size = min(block, place)
        place -= size
        file.seek(place)
        tail = file.read(size) + tail
    return tail.rpartition(b"\n")[2]


def _row(record: Experiment) -> str:
    """A closed experiment's row, with its newline."""
    decision = record.decision
    if decision is None:
        raise ValueError(f"experiment {record.number} is still open")
    if isinstance(decision, Crash):
        metric, memory = f"{0:.6f}", 0.0  # autoresearch's form of "no number": here, and nowhere else
    else:
        found = judged(record)  # not what was measured later: a row stays as it was written
        metric, memory = f"{sum(found) / len(found):.6f}" if found else "", _memory_gb(record)
    return _line((record.commit[:SHORT], metric, f"{memory:.1f}", decision.status, record.proposal.idea.title))


def _memory_gb(record: Experiment) -> float:
    """The highest peak of its runs; 0 where none told."""
    peaks = [o.memory_mb for o in outcomes(record) if isinstance(o, Measured) and o.memory_mb is not None]
    return max(peaks, default=0.0) / MB_PER_GB


def _line(cells: Sequence[str]) -> str:
    return "\t".join(map(_cell, cells)) + "\n"


def _cell(text: str) -> str:
    """One cell's text: no tab, no line break, and no quote at its beginning.

    To pandas, and to Python's csv, a quote opens a quoted cell only at a cell's beginning, and one that nothing closes
    swallows the rows below. There the text's double quotes become single ones; elsewhere they stand as they are.
    """
    flat = "".join(" " if unicodedata.category(character) in BREAKS else character for character in text).strip()
    return flat.replace('"', "'") if flat.startswith('"') else flat
