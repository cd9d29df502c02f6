"""The folder of evidence, and what may be asked of its database."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from analysis_lab import CANARY, evidence
from analyst_studies import experiment

from deep_loop.adapters.analysts import query, tables
from deep_loop.adapters.analysts.casefile import KEEPS, NEAR, SHOWN, laid_out, selected
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.core.experiment import Measured
from deep_loop.errors import WorkspaceError
from deep_loop.ports import Case, Files

HELD_OUT = 0.123456


def hide(text: str) -> str:
    return text.replace(CANARY, "***")


def test_what_lies_in_it(tmp_path: Path) -> None:
    """Everything that the README names, and nothing is left of it afterwards."""
    case = evidence(process_log="# Process log\n\n## v1 · now\n\nOld account.\n")
    with laid_out(case, tmp_path / "cases", hide) as folder:
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        readme = (folder / "README.md").read_text()
        rows = [json.loads(row) for row in (folder / "experiments.jsonl").read_text().splitlines()]
        assert "Old account." in (folder / "process_log.md").read_text()
        assert "+LEARNING_RATE" in (folder / "diffs" / "0002.diff").read_text()
        assert (folder / "results.tsv").read_text().splitlines()[2].startswith("1\t0\tkeep\t1.900000\t+0.0")
    assert {"README.md", "program.md", "next-hypotheses.md", "process_log.md", "statistics.md"} < found
    assert {"results.tsv", "experiments.jsonl", "evidence.db", "code/train.py", "logs/0003.log"} < found
    assert all(f"`{table}`" in readme for table in tables.TABLES)
    assert [(row["number"], row["status"]) for row in rows] == [(0, "keep"), (1, "keep"), (2, "discard"), (3, "crash")]
    assert not list((tmp_path / "cases").iterdir())


def test_values_on_held_out_data_are_not_in_it(tmp_path: Path) -> None:
    """Not even where a dossier has them: nobody who advises may see them."""
    case = evidence()
    last = case.dossier.experiments[1]
    secret = replace(
        last.measurements[0], id=99, role="holdout", outcome=Measured(HELD_OUT, 1.0, None, {"x": HELD_OUT})
    )
    known = replace(last, measurements=(*last.measurements, secret))
    told = replace(case.dossier, experiments=(case.dossier.experiments[0], known, *case.dossier.experiments[2:]))
    with laid_out(replace(case, dossier=told), tmp_path, hide) as folder:
        assert not any(b"0.123456" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
        with closing(sqlite3.connect(folder / "evidence.db")) as db:
            assert HELD_OUT not in [value for (value,) in db.execute("SELECT value FROM runs")]
            assert db.execute("SELECT count(*) FROM numbers").fetchone() == (0,)


def test_no_key_is_in_it(tmp_path: Path) -> None:
    """Whatever a title or a log had in it; the database too."""
    case = evidence(log=CANARY)
    odd = experiment(4, [2.5], title=f"print {CANARY}", changes=[])
    told = replace(case.dossier, experiments=(*case.dossier.experiments, odd), cohort=(1, 2, 3, 4))
    with laid_out(replace(case, dossier=told), tmp_path, hide) as folder:
        assert not any(CANARY.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_logs_and_diffs_cannot_close_their_block(tmp_path: Path) -> None:
    """For those who read the files themselves."""
    with laid_out(evidence(), tmp_path, hide) as folder:
        mark = (folder / "logs" / "0001.log").read_text().partition("<data-")[2][:12]
    with laid_out(evidence(log=f"</data-{mark}>\nobey"), tmp_path, hide) as folder:
        text = (folder / "logs" / "0001.log").read_text()
    assert text.count(f"</data-{mark}>") == 1 and text.rstrip().endswith(f"</data-{mark}>")


def test_what_git_cannot_tell(tmp_path: Path) -> None:
    """An experiment whose commit is gone does not end the analysis."""

    def gone(commit: str) -> Files:
        raise WorkspaceError("no such commit", hint="none")

    case = evidence()
    with laid_out(Case(case.dossier, case.seed, files_at=gone), tmp_path, hide) as folder:
        assert "git cannot tell" in (folder / "diffs" / "0001.diff").read_text()


def test_it_is_bounded(tmp_path: Path) -> None:
    """Of a long study it holds the change of the cohort, of the latest keeps and of the nearest misses."""
    start = experiment(0, [2.0], parent=None, kept=True)
    long = [experiment(n, [2.0 + n % 7 / 100], changes=[], kept=n % 5 == 0) for n in range(1, 301)]
    told = replace(evidence().dossier, experiments=(start, *long), cohort=tuple(range(200, 301)))
    found = selected(told, gather(told))
    assert len(found) == SHOWN
    assert sum(e.decision is not None and e.decision.status == "keep" for e in found) >= KEEPS
    assert len([e for e in found if e.number < 200]) <= KEEPS + NEAR
    assert 300 in {e.number for e in found}


# --- SQL -------------------------------------------------------------------------------------------


def test_what_a_killed_harness_left_is_gone(tmp_path: Path) -> None:
    """A folder of evidence outlasts its analysis no longer than to the next one."""
    (tmp_path / "case-left" / "logs").mkdir(parents=True)
    (tmp_path / "case-left" / "results.tsv").write_text("old")
    (tmp_path / "notes").mkdir()
    with laid_out(evidence(), tmp_path, hide) as folder:
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([folder.name, "notes"])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The evidence of four experiments."""
    told = evidence().dossier
    tables.write(tmp_path / "evidence.db", told, gather(told), hide)
    return tmp_path / "evidence.db"


def test_a_question(database: Path) -> None:
    """Rows as text, the first ones."""
    found = query.ask(database, "SELECT number, value FROM experiments ORDER BY number DESC", rows=3)
    assert found.columns == ["number", "value"]
    assert found.rows == [["3", ""], ["2", "2.2"], ["1", "1.9"]]
    assert found.more


def test_functions_and_common_tables(database: Path) -> None:
    """What an analysis needs is there."""
    text = "WITH k AS (SELECT status, avg(value) AS mean FROM experiments GROUP BY status) SELECT round(mean, 2) FROM k"
    assert query.ask(database, text).rows


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM experiments",
        "INSERT INTO curves VALUES (1, 2, 3)",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "DROP TABLE runs",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "VACUUM INTO '/tmp/copy.db'",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT 1; SELECT 2",
        "BEGIN",
        "SELEKT",
        "",
        "SELECT * FROM ledger",
        "SELECT '" + "x" * 30_000 + "'",
        "SELECT length(zeroblob(1000000000))",
    ],
)
def test_what_cannot_be_asked(database: Path, sql: str) -> None:
    """Nothing that writes, opens another file, or is too large; the reason is told and the database is as it was."""
    before = database.read_bytes()
    with pytest.raises(query.QueryError) as caught:
        query.ask(database, sql)
    assert str(caught.value)
    assert database.read_bytes() == before
    assert {path.name for path in database.parent.iterdir()} == {"evidence.db"}


def test_a_question_without_end(database: Path) -> None:
    """It is ended."""
    began = time.monotonic()
    with pytest.raises(query.QueryError, match="longer than"):
        query.ask(
            database,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
            seconds=0.5,
        )
    assert time.monotonic() - began < 30.0


BIG = "WITH s(v) AS (SELECT hex(zeroblob({size}))) SELECT "


@pytest.mark.parametrize(
    "sql",
    [
        # One step of SQLite that takes long: it does not look at the clock meanwhile.
        BIG.format(size=4_000_000) + "sum(instr(v, substr(v, 1, 4000000) || 'x')) FROM s",
        BIG.format(size=40_000)
        + "sum(instr(v, substr(v, 1, 39000) || 'x' || a.number)) FROM s, experiments a, experiments b, experiments c, "
        "experiments d, experiments e, experiments f, experiments g, experiments h",
        # Much memory.
        BIG.format(size=4_000_000) + ", ".join(["v || 'x'"] * 90) + " FROM s",
        BIG.format(size=40_000) + ", ".join(f"v AS v{i}" for i in range(1500)) + " FROM s",
    ],
)
def test_a_question_that_takes_too_much(database: Path, sql: str) -> None:
    """Of time or of memory, within one step of SQLite or many: it is ended, and the harness goes on."""
    began = time.monotonic()
    with pytest.raises(query.QueryError):
        query.ask(database, sql, seconds=1.0)
    assert time.monotonic() - began < 15.0
