"""The commands that look at a study, as a person types them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from planted_study import Planted, small

from deep_loop.adapters.ledger.sqlite import LEDGER
from deep_loop.core.cohort import Revision
from deep_loop.core.fate import Offer
from deep_loop.core.hypothesis import Hypothesis, Target
from deep_loop.interfaces.cli import main


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """A small study; the person stands in a folder of its workspace."""
    planted = small(tmp_path / "w")
    (planted.root / "notes").mkdir()
    monkeypatch.chdir(planted.root / "notes")
    return planted


def test_status(study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """State, incumbent against baseline, counts, last decisions; nothing on standard error."""
    assert main(["status"]) == 0
    told = capsys.readouterr()
    for part in (
        "exp1, on branch deep-loop/exp1",
        "stopped",
        "3 of 24 experiments: 1 kept, 1 discarded, 1 crashed",
        "val_bpb 2.400000, better by 0.100000 (4.00 %)",
        "v1; next meta-analysis in 12 experiments",
        "#3   crash",
    ):
        assert part in told.out, part
    assert told.err == ""


def test_status_as_json(study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The fields of `views.Overview`."""
    assert main(["status", "--json", "--tag", "exp1"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["incumbent"]["value"] == 2.4 and seen["state"] == "stopped" and seen["running"] == []
    assert seen["latest"][0]["status"] == "crash"


def test_history(study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """A heading, then a line an experiment, whole where standard output is no terminal."""
    assert main(["history"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert "val_bpb" in heading and len(lines) == 4
    assert lines[1].split()[:5] == ["1", "keep", "2.400000", "+4.00", "%"]
    assert main(["history", "--json"]) == 0
    assert [row["status"] for row in json.loads(capsys.readouterr().out)] == ["keep", "keep", "discard", "crash"]


def test_show(study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """Hypothesis, runs, decision and why, diff, end of the log."""
    assert main(["show", "1"]) == 0
    told = capsys.readouterr().out
    for part in (
        "experiment 1: WIDTH 64 -> 96",
        "it may help",
        "seed 1",
        "val_bpb 2.400000 over 2 runs, better by 0.100000 (4.00 %)",
        "keep: better by 0.100000, confirmed on 2 seeds",
        "+WIDTH = 'WIDTH 64 -> 96'",
        "val_bpb: 2.4",
    ):
        assert part in told, part
    assert main(["show", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["row"]["status"] == "discard"


def test_an_experiment_that_is_not_there(study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, a hint, exit code 1."""
    assert main(["show", "99"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and "no line 99" in told.err and "hint: " in told.err


def test_brief(study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """What an agent would read, by the settings as they are; nothing is written."""
    before = (study.root / LEDGER).read_bytes()
    assert main(["brief"]) == 0
    told = capsys.readouterr().out
    assert "Change only these files: `train.py`" in told and "killed after" in told and "GB of memory" in told
    assert "The incumbent is experiment 1" in told
    assert "bold" not in told
    settings = study.root / "deep-loop.toml"
    settings.write_text(f"{settings.read_text()}pivot_after = 1\n")
    assert main(["brief", "--tools"]) == 0
    assert "bold" in capsys.readouterr().out
    assert (study.root / LEDGER).read_bytes() == before


def test_report(study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The paths of both files are the only output."""
    assert main(["report"]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()] == ["progress.png", "report.html"]
    assert (study.root / "progress.png").stat().st_size > 10_000


@pytest.mark.parametrize("command", ["stop", "pause", "resume"])
def test_asking_a_harness_that_does_not_run(command: str, study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """Is an error with a hint, not silence."""
    assert main([command]) == 1
    assert "hint: " in capsys.readouterr().err


def test_init_makes_a_workspace_and_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with the task's files; a folder that is in use is refused."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "my study"]) == 0
    told = capsys.readouterr().out
    assert "cd 'my study'" in told and "run --tag exp1" in told
    assert (tmp_path / "my study" / "deep-loop.toml").is_file()
    assert main(["init", "my study"]) == 1
    assert "hint: " in capsys.readouterr().err


def test_hypotheses(study: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """What was offered and what became of it; how good the predictions were; the fields of `views.Queue`."""
    assert main(["hypotheses"]) == 0
    assert capsys.readouterr().out.startswith("none so far")
    wider = Hypothesis("h-1", "Wider\x1b[31m", "depth-width", (Target("WIDTH", "96"),), "", "", probability=0.4)
    revision = Revision(2, study.head, 1, "asked for", "model", "wider pays", study.clock.now)
    gone = Offer(replace(wider, id="h-2", targets=(), title="Later"), "human", 0, 1, 2)
    study.ledger.revise(revision, [Offer(wider, "model", 1, 1), gone])
    assert main(["hypotheses"]) == 0
    told = capsys.readouterr().out
    assert "h-1  Wider\n          taken by experiment 1: kept, +4 % (depth-width, by model in v1, kept with a" in told
    assert "expired: v2 left it out" in told and "predictions of model: 1 scored" in told
    assert main(["hypotheses", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert [entry["ending"] for entry in seen["entries"]] == ["taken", "expired"]
    assert seen["predictions"][0]["call"] == "undetermined"
