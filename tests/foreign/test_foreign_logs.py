"""Logs as their authors published them, held against the index that came with them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from deep_loop.core.metric import Direction
from deep_loop.foreign.reading import Reading, read

LOGS = Path(__file__).parents[3] / "shared" / "data" / "autoresearch-logs"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason=f"the public logs are not at {LOGS}: nothing was checked")

# Where the index is wrong: file (its beginning), field, what the index says, what the log says, and why.
EXPLAINED = (
    ("amrit110__", "metric", "bpb", "tokens_per_sec", "all keeps raise it; bpb stays the same to four digits"),
    ("amrit110__", "direction", "lower", "higher", "as above"),
    ("jargogn0__agent-assisted-hydrological-models__logs-results", "n_discard", "309", "283", "26 of them crashed:"),
    ("jargogn0__agent-assisted-hydrological-models__logs-results", "n_crash", "0", "26", "`status` says so, no score"),
    ("robinojw__", "n_rows", "45", "50", "five rows have their tabs written as \\t; the index left them out"),
    ("robinojw__", "n_keep", "26", "30", "as above"),
    ("robinojw__", "n_discard", "3", "4", "as above"),
)
WAYS = {Direction.MINIMIZE: "lower", Direction.MAXIMIZE: "higher"}


def index() -> list[dict[str, str]]:
    if not LOGS.is_dir():
        return []
    with (LOGS / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def expected(row: Mapping[str, str]) -> dict[str, str]:
    """What the index says, mended where it is wrong."""
    fields = ("n_rows", "n_keep", "n_discard", "n_crash", "n_baseline", "n_other", "metric", "direction")
    found = {field: row[field] for field in fields}
    for start, field, wrong, right, _ in EXPLAINED:
        if row["file"].startswith(start):
            assert found[field] == wrong
            found[field] = right
    return found


def account(reading: Reading) -> dict[str, str]:
    """The same of a reading."""
    has_metric = any(taken.role == "metric" and taken.column is not None for taken in reading.taken)
    return {
        "n_rows": str(reading.rows),
        "n_keep": str(reading.count("keep")),
        "n_discard": str(reading.count("discard")),
        "n_crash": str(reading.count("crash")),
        "n_baseline": str(reading.count("baseline")),
        "n_other": str(len(reading.aside)),
        "metric": reading.metric.name if has_metric else "None",
        "direction": WAYS[reading.metric.direction] if has_metric else "?",
    }


@pytest.mark.parametrize("row", index(), ids=lambda row: row["file"][:60])
def test_a_public_log_is_read_as_its_index_says(row: Mapping[str, str]) -> None:
    """Rows, keeps, discards, crashes, metric and direction; no line is left unread."""
    reading = read((LOGS / row["file"]).read_bytes())
    assert account(reading) == expected(row)
    assert not reading.unread


def test_every_explained_difference_is_of_a_log_that_is_there() -> None:
    """No excuse outlives its file."""
    files = [row["file"] for row in index()]
    assert all(any(file.startswith(start) for file in files) for start, *_ in EXPLAINED)
