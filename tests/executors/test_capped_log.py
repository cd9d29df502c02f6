"""The capped log: bounded, readable at every moment, head and tail kept."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from deep_loop.adapters.executors.capped_log import SMALLEST_LOG, CappedLog

LIMIT = 2 * SMALLEST_LOG
NOTE = re.compile(rb"\n\[deep-loop: (\d+) bytes cut here\]\n")

UNITS = st.sampled_from([b"x", b"ab\n", b"0123456789\r", b"\n"])
CHUNKS = st.lists(st.tuples(UNITS, st.integers(0, 4000)).map(lambda pair: pair[0] * pair[1]), max_size=12)


@settings(deadline=None)
@given(CHUNKS)
def test_the_log_holds_head_and_tail_at_every_moment(chunks: list[bytes]) -> None:
    """After every write: within the limit, and head + what was cut + tail is what was printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        log = CappedLog(str(path), LIMIT)
        printed = b""
        for chunk in chunks:
            log.write(chunk)
            printed += chunk
            check(path.read_bytes(), printed)
        log.close()


def check(kept: bytes, printed: bytes) -> None:
    """What the log promises of its content."""
    assert len(kept) <= LIMIT
    note = NOTE.search(kept)
    if note is None:
        assert kept == printed
        return
    head, tail = kept[: note.start()], kept[note.end() :]
    assert len(head) == LIMIT // 2
    assert printed.startswith(head)
    assert printed.endswith(tail)
    assert len(head) + int(note[1]) + len(tail) == len(printed)
    assert len(tail) >= LIMIT // 16


def test_the_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    """Where lines are short, none is cut in two behind the note."""
    log = CappedLog(str(tmp_path / "log"), LIMIT)
    for number in range(5_000):
        log.write(b"line %d\n" % number)
    log.close()
    kept = (tmp_path / "log").read_bytes()
    assert re.search(rb"bytes cut here\]\nline \d+\n", kept)
    assert kept.endswith(b"line 4998\nline 4999\n")


def test_an_old_log_is_replaced(tmp_path: Path) -> None:
    """A log begins empty, whatever stood there before."""
    path = tmp_path / "log"
    path.write_text("old " * 100)
    log = CappedLog(str(path), LIMIT)
    log.write(b"new")
    log.close()
    assert path.read_bytes() == b"new"
