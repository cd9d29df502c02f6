"""Where a workspace lies, and who else reads what stands in it."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest
import real_lab

CRASHING = real_lab.TRAIN.replace("time.sleep", 'if DEPTH != 4: raise SystemExit("too deep")\ntime.sleep')


def test_a_path_with_spaces_and_other_letters(tmp_path: Path) -> None:
    """Runs like any other; `run` finds the workspace from a folder below it."""
    lab = real_lab.make(tmp_path / "Ada's  Größe — 実験 $HOME")
    below = lab / "notes and more"
    below.mkdir()
    done = real_lab.deep_loop(below, "run", "--tag", "a", "--max-experiments", "2")
    assert done.code == 0, done
    assert len((lab / "results.tsv").read_text().splitlines()) == 4
    assert not (below / ".deep-loop").exists()
    shown = real_lab.deep_loop(below, "show", "1")
    assert "diff --git a/train.py" in shown.out
    assert real_lab.deep_loop(below, "report").code == 0


@pytest.mark.slow
def test_the_notebook_reads_the_table(tmp_path: Path) -> None:
    """autoresearch's notebook reads results.tsv as it reads its own, crashes included."""
    lab = real_lab.make(tmp_path / "lab", train=CRASHING)
    assert real_lab.deep_loop(lab, "run", "--tag", "a", "--max-experiments", "9").code == 0
    table = pandas.read_csv(lab / "results.tsv", sep="\t")
    assert list(table.columns) == ["commit", "val_bpb", "memory_gb", "status", "description"]
    table["val_bpb"] = pandas.to_numeric(table["val_bpb"], errors="coerce")
    table["memory_gb"] = pandas.to_numeric(table["memory_gb"], errors="coerce")
    table["status"] = table["status"].str.strip().str.upper()
    assert len(table) == 10
    assert set(table["status"]) == {"KEEP", "DISCARD", "CRASH"} & set(table["status"])
    assert table["commit"].str.fullmatch(r"[0-9a-f]{7}").all()
    crashed = table[table["status"] == "CRASH"]
    assert len(crashed)
    assert (crashed["val_bpb"] == 0).all()
    valid = table[table["status"] != "CRASH"].reset_index(drop=True)
    kept = table[table["status"] == "KEEP"]
    assert valid.loc[0, "val_bpb"] == table.iloc[0]["val_bpb"] > 0
    assert kept.loc[kept["val_bpb"].idxmin(), "val_bpb"] == pytest.approx(
        sum(real_lab.runs_of_best(lab, "a")) / len(real_lab.runs_of_best(lab, "a")), abs=1e-6
    )


def test_the_study_that_ran_last_is_the_one_that_is_shown(tmp_path: Path) -> None:
    """Not the one that was made last: what a person types after a run is about that run."""
    lab = real_lab.make(tmp_path / "lab")
    for tag, experiments in (("a", "1"), ("b", "1"), ("a", "2")):
        assert (
            real_lab.deep_loop(lab, "run", "--tag", tag, "--from", "main", "--max-experiments", experiments).code == 0
        )
    shown = real_lab.deep_loop(lab, "status").out
    assert "deep-loop/a" in shown
    assert "2 of 2 experiments" in shown


def test_a_study_without_its_branch_is_not_begun_anew(tmp_path: Path) -> None:
    """It says how to bring the branch back, which holds what was kept and learnt."""
    lab = real_lab.make(tmp_path / "lab")
    assert real_lab.deep_loop(lab, "run", "--tag", "a", "--max-experiments", "1").code == 0
    head = real_lab.git(lab, "rev-parse", "HEAD").strip()
    real_lab.git(lab, "switch", "-q", "main")
    real_lab.git(lab, "branch", "-q", "-D", "deep-loop/a")
    message, hint = real_lab.error(real_lab.deep_loop(lab, "run", "--tag", "a", "--max-experiments", "2"))
    assert "deep-loop/a does not exist" in message
    assert f"git branch deep-loop/a {head}" in hint
