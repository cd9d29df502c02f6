"""`deep-loop import`, and what can be done with what it made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from planted_study import git, small

from deep_loop import wiring
from deep_loop.adapters.ledger.sqlite import LEDGER, studies
from deep_loop.errors import ConfigError
from deep_loop.interfaces.cli import main
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Edit, InstantExecutor, ScriptedProposer

HEAD = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
LOG = (
    HEAD + "a1b2c3d\t1.000000\t1.0\tkeep\tbaseline\nb2c3d4e\t0.900000\t1.0\tkeep\tWIDTH 64 -> 96\n"
    "c3d4e5f\t0.950000\t1.0\tdiscard\tswitch to gelu\nd4e5f6a\t0.000000\t0.0\tcrash\tWIDTH 96 -> 4096\n"
    "e5f6a7b\t0.930000\t1.0\tskip\tnot run\n"
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a study of its own, beside which a log lies; the person stands in it."""
    root = small(tmp_path / "w").root
    monkeypatch.chdir(root)
    (root / "night.tsv").write_text(LOG)
    return root


Run = Callable[..., str]


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; returns what it printed."""

    def run(*arguments: str, code: int = 0) -> str:
        assert main(arguments) == code
        told = capsys.readouterr()
        return told.out + told.err

    return run


def test_what_was_taken_for_what_is_shown(run: Run) -> None:
    """Roles with reasons, counts, first and best, what was set aside, and what to type next."""
    told = run("import", "night.tsv")
    for part in (
        "night.tsv: 5 rows, tab-separated, UTF-8",
        "metric       val_bpb          by its name",
        "direction    lower is better  by its name",
        "description  description",
        "2 kept, 1 discarded, 1 crashed, 0 baselines; 1 set aside",
        "first 1.000000 (line 2), best kept 0.900000 (line 3)",
        "line 6: its status 'skip' is no decision: not run",
        "entered 4 experiments into the study night",
        "run --tag NAME --learn-from night",
    ):
        assert part in told, part


def test_an_imported_study_is_seen_like_any_other(run: Run, root: Path) -> None:
    """status, history, show, report; with no diff, no branch and no claim to be more than a log."""
    run("import", "night.tsv")
    status = run("status", "--tag", "night")
    for part in ("night, imported from night.tsv", "not run here", "4 experiments: 2 kept, 1 discarded, 1 crashed"):
        assert part in status, part
    seen = json.loads(run("status", "--tag", "night", "--json"))
    assert (seen["state"], seen["source"], seen["incumbent"]["value"]) == ("imported", "night.tsv", 0.9)
    rows = json.loads(run("history", "--tag", "night", "--json"))
    assert [row["status"] for row in rows] == ["keep", "keep", "discard", "crash"]
    assert rows[1]["relative_gain"] == pytest.approx(0.1) and rows[1]["commit"] == "b2c3d4e"
    shown = run("show", "1", "--tag", "night")
    for part in ("WIDTH 64 -> 96", "b2c3d4e, not of this repository", "'keep' in night.tsv, line 3", "as the log says"):
        assert part in shown, part
    assert "diff" not in shown
    assert json.loads(run("show", "1", "--tag", "night", "--json"))["diff"] == ""
    run("report", "--tag", "night")
    assert "imported from night.tsv" in (root / "report.html").read_text("utf-8")
    assert run("status", "--tag", "exp1").startswith("study       exp1, on branch deep-loop/exp1")


def test_a_meta_analysis_of_an_imported_study(run: Run, root: Path) -> None:
    """Is written on a branch of its own, by the log's metric; the person's checkout stays as it is."""
    (root / "night.tsv").write_text(LOG.replace("val_bpb", "reward").replace("0.9", "1.9"))
    run("import", "night.tsv")
    before = git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")
    assert "strategy v1" in run("meta", "--tag", "night")
    assert (git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")) == before
    assert "best reward | 1.900000" in git(root, "show", "deep-loop/night:process_log.md")
    assert not (root / "results.tsv").exists()
    assert "v1" in run("status", "--tag", "night")
    run("meta", "--tag", "night")


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--tag", "night"),
        ("suggest", "x", "--tag", "night"),
        ("reproduce", "1", "--tag", "night"),
        ("brief", "--tag", "night"),
    ],
)
def test_an_imported_study_is_not_run(command: tuple[str, ...], run: Run) -> None:
    """Nor proposed to, nor run again: the hint says what to do instead."""
    run("import", "night.tsv")
    assert "--learn-from night" in run(*command, code=1)


def test_importing_twice_adds_nothing_and_says_so(run: Run) -> None:
    """With a tag and without."""
    run("import", "night.tsv")
    assert "nothing new: the study night has these 4 experiments already" in run("import", "night.tsv")
    assert "nothing new" in run("import", "night.tsv", "--tag", "night")
    assert len(json.loads(run("history", "--tag", "night", "--json"))) == 4


def test_a_log_that_has_grown_brings_its_new_rows(run: Run, root: Path) -> None:
    """They go on where it ended: what was kept last is what they are held against."""
    run("import", "night.tsv")
    (root / "night.tsv").write_text(LOG + "f6a7b8c\t0.81\t1.0\tkeep\tmore\n")
    assert "entered 1 experiment into the study night; 4 were there already" in run("import", "night.tsv")
    last = json.loads(run("history", "--tag", "night", "--json"))[-1]
    assert (last["experiment"], last["parent"], last["relative_gain"]) == (4, 1, pytest.approx(0.1))


def test_several_logs_become_one_study(run: Run, root: Path) -> None:
    """Each a campaign of its own; one of another metric is refused, and then nothing is entered."""
    (root / "b.tsv").write_text(LOG.replace("a1b2c3d", "a1b2c3e"))
    run("import", "night.tsv", "b.tsv", "--tag", "both")
    rows = json.loads(run("history", "--tag", "both", "--json"))
    assert [row["parent"] for row in rows] == [None, 0, 1, 1, None, 4, 5, 5]
    (root / "c.tsv").write_text(LOG.replace("val_bpb", "val_acc"))
    assert "val_acc (maximize), and the study val_bpb" in run("import", "c.tsv", "--tag", "both", code=1)
    assert "val_acc" in run("import", "night.tsv", "c.tsv", "--tag", "three", code=1)
    assert [info.tag for info in studies(root / LEDGER)] == ["exp1", "both"]


def test_names_are_not_taken_by_accident(run: Run, root: Path) -> None:
    """Another log of the same name needs a tag; a study that was run here is never touched."""
    run("import", "night.tsv")
    (root / "other").mkdir()
    (root / "other" / "night.tsv").write_text(LOG.replace("gelu", "silu"))
    assert "--tag NAME" in run("import", "other/night.tsv", code=1)
    shutil.copy(root / "night.tsv", root / "other" / "results.tsv")
    assert "the study other" in run("import", "other/results.tsv")
    assert "was run here" in run("import", "night.tsv", "--tag", "exp1", code=1)


def test_a_dry_run_changes_nothing(run: Run, root: Path) -> None:
    """It shows the same, and what would be entered."""
    before = (root / LEDGER).read_bytes()
    assert "would enter 4 experiments" in run("import", "night.tsv", "--dry-run")
    assert (root / LEDGER).read_bytes() == before


def test_options_overrule_what_is_found(run: Run) -> None:
    """Metric, direction, columns and status words, shown as said."""
    told = run(
        *("import", "night.tsv", "--metric", "memory_gb", "--direction", "max", "--status", "skip=discard", "--json"),
        *("--column", "description=commit", "--column", "memory="),
    )
    (file,) = json.loads(told)["files"]
    assert (file["metric"], file["direction"], file["discard"]) == ("memory_gb", "maximize", 2)
    assert (file["columns"]["description"], file["columns"]["memory"]) == ("commit", None)


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("--status", "skip"), "write WORD=MEANING", 2),
        (("--status", "skip=maybe"), "is keep, discard, crash, baseline, skip", 2),
        (("--column", "colour=x"), "metric, status, description", 2),
        (("--column", "status=nope"), "its columns: commit, val_bpb", 1),
        (("--tag", "a b"), "use letters, digits", 1),
    ],
)
def test_a_wrong_option_says_what_would_be_right(arguments: tuple[str, ...], words: str, code: int, run: Run) -> None:
    """And nothing is imported."""
    assert words in run("import", "night.tsv", *arguments, code=code)


def test_what_is_no_log(run: Run, root: Path) -> None:
    """A file that is not there, prose, and rows that say nothing: an error, a hint, no study."""
    assert "hint: " in run("import", "nowhere.tsv", code=1)
    (root / "prose.md").write_text("# Hello\n\nThis is no log.\n")
    assert "prose.md: no line of it looks like a table" in run("import", "prose.md", code=1)
    (root / "silent.csv").write_text("name,colour\na,red\nb,blue\n")
    assert "nothing was entered" in run("import", "silent.csv", code=1)
    assert [info.tag for info in studies(root / LEDGER)] == ["exp1"]


# --- learning from it ------------------------------------------------------------------------------


def learn(root: Path, tag: str, *sources: str) -> Brief:
    """Begin, or go on with, a study of one experiment; returns its first brief."""
    proposer = ScriptedProposer(lambda brief: Edit("wider", {"train.py": f"WIDTH = {brief.ask.id + 100}\n"}))
    executor = InstantExecutor(lambda job: f"val_bpb: {2.0 + job.env['DEEP_LOOP_SEED'].count('1') / 100}\n")
    options = wiring.RunOptions(tag, max_experiments=len(studies(root / LEDGER)), learn_from=sources)
    with wiring.study(root, options, (), executor, (proposer,)) as study:
        study.run()
    return proposer.asked[0]


def test_a_new_study_knows_the_experiments_of_an_imported_one(run: Run, root: Path) -> None:
    """As earlier evidence: not in its history, not its incumbent; it still knows when it goes on without the flag."""
    run("import", "night.tsv")
    git(root, "checkout", "-q", "main")
    brief = learn(root, "new", "night")
    finding = brief.earlier[0].findings[0]
    assert (finding.title, finding.kept, finding.gain) == ("WIDTH 64 -> 96", True, pytest.approx(0.1))
    assert (brief.earlier[0].tag, brief.earlier[0].source) == ("night", "night.tsv")
    assert [e.proposal.proposer for e in brief.history] == ["baseline"] and brief.parent == 0
    assert "knows the experiments of night" in run("status", "--tag", "new")
    status = json.loads(run("status", "--tag", "new", "--json"))
    assert status["learns_from"] == ["night"] and status["baseline"] > 1.9
    (root / "night.tsv").write_text(LOG + "f6a7b8c\t0.81\t1.0\tkeep\tmore\n")
    run("import", "night.tsv")
    with pytest.raises(ConfigError, match="began without"):
        wiring.plan(root, wiring.RunOptions("exp1", learn_from=("night",)))
    assert wiring.plan(root, wiring.RunOptions("new")).learns_from == ("night, 4 experiments",)


def test_a_study_that_was_run_here_can_be_learnt_from_too(root: Path) -> None:
    """Its experiments are hints like any other's."""
    assert wiring.plan(root, wiring.RunOptions("new", learn_from=("exp1",))).learns_from == ("exp1, 4 experiments",)
    with pytest.raises(ConfigError, match="no study 'nobody'"):
        wiring.plan(root, wiring.RunOptions("new", learn_from=("nobody",)))


def test_a_new_study_is_told_the_lessons_of_others(run: Run, root: Path) -> None:
    """Without being asked to learn from them; as they were when it began; never where the settings say so."""
    (root / "night.tsv").write_text(
        LOG + "".join(f"a{n}b2c3d\t0.9{n}\t1.0\tkeep\tWIDTH {n}0 -> 9{n}\n" for n in range(4))
    )
    run("import", "night.tsv")
    git(root, "checkout", "-q", "main")
    brief = learn(root, "new")
    (night,) = [lesson for lesson in brief.lessons if lesson.tag == "night"]
    assert (night.kind, night.kept) == ("depth-width", 5) and brief.earlier == ()
    (root / "late.tsv").write_text((root / "night.tsv").read_text() + "0a1b2c3\t0.5\t1.0\tkeep\tWIDTH 1 -> 2\n")
    run("import", "late.tsv")
    git(root, "checkout", "-q", "main")
    assert learn(root, "new").lessons == brief.lessons
    others = {lesson.tag for lesson in learn(root, "other", "night").lessons}
    assert "late" in others and "night" not in others
    settings = root / "deep-loop.toml"
    settings.write_text(settings.read_text() + "lessons = false\n")
    git(root, "commit", "-qam", "no lessons")
    assert learn(root, "alone").lessons == ()


def test_an_imported_study_says_nothing_of_this_machines_pace(run: Run, root: Path) -> None:
    """`estimate` learns from runs that were made here alone."""
    before = run("estimate")
    rows = "".join(f"{i}\t1.{i}\t9000\tdiscard\n" for i in range(20))
    (root / "long.tsv").write_text("id\tval_bpb\ttrain_time_s\tstatus\n" + rows)
    run("import", "long.tsv")
    assert run("estimate") == before
