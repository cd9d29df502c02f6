"""results.tsv: what a person and autoresearch's own tools read of a study."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep_loop.adapters.ledger.tsv import ResultsTable
from deep_loop.core.experiment import (
    Closing,
    Crash,
    Crashed,
    Discard,
    Experiment,
    Idea,
    Interrupted,
    Keep,
    Measured,
    Outcome,
    Proposal,
    Pruned,
    TimedOut,
)
from deep_loop.core.metric import Metric
from deep_loop.core.record import Ask, Attempt, Measurement, Record
from deep_loop.errors import WorkspaceError
from deep_loop.ports import Results

METRIC = Metric("val_bpb")
HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


def experiment(
    number: int, decision: Closing | None, *outcomes: Outcome, title: str = "a change", repaired: bool = False
) -> Experiment:
    """One line, closed unless it has no decision; a repaired one has its outcomes at its second attempt."""
    commit = f"{number:07x}".ljust(40, "f")
    attempts = (Attempt(0, commit, 1.0), Attempt(1, "e" * 40, 2.0))[: 1 + repaired]
    runs: tuple[Measurement[Outcome], ...] = tuple(
        Measurement(id, number, len(attempts) - 1, id, number, "first", "", "cpu0", "log", 1.0, 2.0, outcome)
        for id, outcome in enumerate(outcomes, start=10 * number)
    )
    return Record(
        number=number,
        ask=Ask(number + 1, "tuner", 0, 0),
        proposal=Proposal(Idea(title, "optimizer", "why"), "tuner", "0" * 40, None, commit, "f"),
        counted=True,
        opened_at=1.0,
        attempts=attempts,
        measurements=runs,
        decision=decision,
        closed_at=None if decision is None else 3.0,
        order=None if decision is None else number + 1,
    )


STUDY = (
    experiment(0, Keep("baseline", 0.0), Measured(0.9979, 300.0, 45056.0), Measured(0.9981, 300.0, 46080.0)),
    experiment(1, Discard("worse"), Measured(1.0104, 300.0, 45056.0), title='LR up: 3e-3 to "6e-3"'),
    experiment(2, Crash("out of memory"), Crashed("out of memory", 3.0), title='"double" the\nwidth\tto 1024'),
    experiment(3, Crash("timed out after 600 s"), TimedOut(600.0, 601.0), title="深い network"),
    experiment(4, Discard("hopeless"), Pruned("hopeless", 60.0), title="tiny batch"),
    experiment(
        5, Keep("better", 0.005), Interrupted("stopped"), Measured(0.993, 300.0), Measured(0.9934, 300.0), repaired=True
    ),
)
EXPECTED = (
    HEADER + "0000000\t0.998000\t45.0\tkeep\ta change\n"
    '0000001\t1.010400\t44.0\tdiscard\tLR up: 3e-3 to "6e-3"\n'
    "0000002\t0.000000\t0.0\tcrash\t'double' the width to 1024\n"
    "0000003\t0.000000\t0.0\tcrash\t深い network\n"
    "0000004\t\t0.0\tdiscard\ttiny batch\n"
    "eeeeeee\t0.993200\t0.0\tkeep\ta change\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.tsv"


def table(path: Path) -> Results[Experiment]:
    return ResultsTable(path, METRIC)


# --- the form ---


def test_rows_have_the_documented_form(path: Path) -> None:
    """Mean of the good runs, highest memory, a crash as zeros, a pruned run without a metric, one line each."""
    table(path).rewrite(STUDY)
    assert path.read_text() == EXPECTED


def test_appending_and_rewriting_agree(path: Path) -> None:
    """Row by row or at once, the table is the same."""
    results = table(path)
    for record in STUDY:
        results.append(record)
    assert path.read_text() == EXPECTED


def test_the_metric_names_its_column(path: Path) -> None:
    """Another task's metric stands in the header."""
    ResultsTable(path, Metric("accuracy")).rewrite(())
    assert path.read_text() == HEADER.replace("val_bpb", "accuracy")


def test_an_open_line_has_no_row(path: Path) -> None:
    """Asking for one is a bug, and leaves no file."""
    for call in (table(path).append, lambda record: table(path).rewrite([record])):
        with pytest.raises(ValueError, match="7 is still open"):
            call(experiment(7, None, Measured(1.0, 1.0)))
    assert not path.exists()


# --- readers ---


def test_autoresearchs_notebook_reads_it(path: Path) -> None:
    """The steps of autoresearch's own analysis (counts, keep rate, running best, gains) work on it unchanged."""
    table(path).rewrite(STUDY)
    frame = pd.read_csv(path, sep="\t")
    for column in ("val_bpb", "memory_gb"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    frame["status"] = frame["status"].str.strip().str.upper()
    assert list(frame.columns) == ["commit", "val_bpb", "memory_gb", "status", "description"]
    assert frame["status"].value_counts().to_dict() == {"KEEP": 2, "DISCARD": 2, "CRASH": 2}
    valid = frame[frame["status"] != "CRASH"].reset_index(drop=True)
    baseline = valid.loc[0, "val_bpb"]
    assert len(valid[valid["val_bpb"] <= baseline + 0.0005]) == 2  # a pruned row has no number to plot
    kept = valid[valid["status"] == "KEEP"]
    assert kept["val_bpb"].cummin().tolist() == [0.998, 0.9932]
    assert frame.loc[kept["val_bpb"].idxmin()].notna().all()
    gains = (kept["val_bpb"].shift(1) - kept["val_bpb"]).iloc[1:]
    assert gains.tolist() == pytest.approx([0.0048])
    assert f"{kept['memory_gb'].iloc[0]:.1f}" == "45.0"


def test_an_empty_study_is_a_table_too(path: Path) -> None:
    """A header alone is read as no experiments."""
    table(path).rewrite(())
    frame = pd.read_csv(path, sep="\t")
    assert len(frame) == 0 and list(frame.columns)[1] == "val_bpb"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_any_title_stays_one_row(tmp_path_factory: pytest.TempPathFactory, titles: list[str]) -> None:
    """Whatever a title holds, pandas and csv with default quoting, and a plain split, see one row of five cells."""
    path = tmp_path_factory.mktemp("titles") / "results.tsv"
    records = [experiment(n, Discard("worse"), Measured(1.0, 1.0), title=title) for n, title in enumerate(titles)]
    table(path).rewrite(records)
    text = path.read_text(encoding="utf-8")
    plain = [line.split("\t") for line in text.splitlines()]
    assert [len(row) for row in plain] == [5] * (1 + len(titles))
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file, delimiter="\t")) == plain
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    assert frame.to_numpy().tolist() == plain[1:]


# --- a person, and crashes ---


def test_a_deleted_file_begins_anew(path: Path) -> None:
    """Appending to nothing, or to an empty file, writes the header first; rewriting brings all back."""
    results = table(path)
    results.append(STUDY[0])
    assert not results.lost()
    path.unlink()
    assert results.lost()
    assert not table(path).lost()  # it never was there
    results.append(STUDY[1])
    assert path.read_text().startswith(HEADER)
    path.write_text("")
    results.append(STUDY[1])
    assert len(path.read_text().splitlines()) == 2
    results.rewrite(STUDY)
    assert path.read_text() == EXPECTED


def test_a_torn_row_is_cut_off(path: Path) -> None:
    """Wherever a crash tore the last row, the next one stands on a line of its own, and a rewrite brings both."""
    results = table(path)
    results.rewrite(STUDY[:2])
    whole = path.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for torn in range(1, last):
        path.write_bytes(whole[: len(whole) - torn])
        results.append(STUDY[2])
        rows = path.read_text().splitlines()
        assert rows[-1].startswith("0000002\t")
        assert all(row.count("\t") == 4 for row in rows)
        assert len(rows) in (3, 4)
        results.rewrite(STUDY[:3])
        assert path.read_text().splitlines()[:2] == EXPECTED.splitlines()[:2]


def test_a_torn_header_is_written_again(path: Path) -> None:
    """A table that died in its first line begins again."""
    for torn in range(1, len(HEADER) - len("description") - 2):
        path.write_text(HEADER[:torn])
        table(path).append(STUDY[0])
        assert path.read_text() == "".join(EXPECTED.splitlines(keepends=True)[:2])


def test_an_editors_missing_newline_is_added(path: Path) -> None:
    """A whole last row without its newline is kept: a person's editor leaves such."""
    table(path).rewrite(STUDY[:2])
    path.write_text(path.read_text().rstrip("\n"))
    table(path).append(STUDY[2])
    assert path.read_text() == "".join(EXPECTED.splitlines(keepends=True)[:4])


def test_a_long_torn_row_is_found(path: Path) -> None:
    """The search for the last newline goes back as far as it must."""
    table(path).rewrite(STUDY[:1])
    whole = path.read_text()
    path.write_text(whole + "x" * 10_000)
    table(path).append(STUDY[1])
    assert path.read_text() == "".join(EXPECTED.splitlines(keepends=True)[:3])


def test_rewriting_the_same_changes_nothing(path: Path) -> None:
    """A table that says the same already keeps its file, and what a killed rewrite left is cleared."""
    table(path).rewrite(STUDY)
    os.utime(path, (1.0, 1.0))
    before = path.stat()
    leftover = path.with_name(".results.tsv.new")
    leftover.write_text("half")
    table(path).rewrite(STUDY)
    assert (path.stat().st_ino, path.stat().st_mtime) == (before.st_ino, 1.0)
    assert not leftover.exists()
    path.write_text(path.read_text().replace("keep", "KEPT"))
    table(path).rewrite(STUDY)
    assert path.read_text() == EXPECTED
    assert [file.name for file in path.parent.iterdir()] == ["results.tsv"]


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    """Where results.tsv is a link, the file that it names is rewritten."""
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere" / "table.tsv")
    table(path).rewrite(STUDY)
    assert path.is_symlink() and path.read_text() == EXPECTED


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A folder in the file's place is an error in words, with a hint."""
    (tmp_path / "results.tsv").mkdir()
    for call in (
        lambda: table(tmp_path / "results.tsv").append(STUDY[0]),
        lambda: table(tmp_path / "no" / "r").rewrite(()),
    ):
        with pytest.raises(WorkspaceError, match="cannot write") as refused:
            call()
        assert refused.value.hint
