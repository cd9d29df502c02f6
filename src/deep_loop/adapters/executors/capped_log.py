"""A log that cannot fill the disk. Part of the supervisor: standard library only, and quick to import."""

from __future__ import annotations

import os

SMALLEST_LOG = 4096  # bytes


class CappedLog:
    """A log of at most `limit` bytes (at least 4096): its head, a line that says how much was cut, its tail.

    The file is right at every moment, so that it can be read while the run goes on and after any kill:
    when it is full, its second half is shortened to the last eighth of the limit. Each byte is
    written about once and rewritten at most once for every quarter of the limit printed.
    """

    def __init__(self, path: str, limit: int) -> None:
        limit = max(limit, SMALLEST_LOG)
        self._limit = limit
        self._head = limit // 2
        self._piece = limit // 8
        self._size = 0
        self._tail = self._head  # where the tail begins: behind the head, then behind the note
        self._cut = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)

    def write(self, data: bytes) -> None:
        """Append; raises OSError where the disk does not take it."""
        for start in range(0, len(data), self._piece):
            piece = data[start : start + self._piece]
            if self._size + len(piece) > self._limit:
                self._shorten()
            self._put(piece)

    def close(self) -> None:
        """Close the file; nothing may be written any more."""
        os.close(self._file)

    def _shorten(self) -> None:
        """Cut the middle: keep the head and the last eighth, from the start of a line where one begins near."""
        kept = os.pread(self._file, self._piece, self._size - self._piece)
        kept = kept[kept.find(b"\n", 0, self._piece // 2) + 1 :]
        self._cut += self._size - self._tail - len(kept)
        note = b"\n[deep-loop: %d bytes cut here]\n" % self._cut
        self._size = self._head
        self._tail = self._head + len(note)
        self._put(note + kept)
        os.ftruncate(self._file, self._size)

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, self._size)
            self._size += written
            view = view[written:]
