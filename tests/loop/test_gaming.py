"""Nobody games it: what a run does beside its work is found, its seed is the harness's, its metric the evaluator's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from laboratory import BRANCH, FILES, TRAIN, Laboratory, put, setting, train

from deep_loop.adapters.executors.local import LocalExecutor
from deep_loop.core.event import Refused, Warned
from deep_loop.core.experiment import Breached, Crash, Crashed, Measured, Outcome
from deep_loop.core.readout import Exit, Patterns
from deep_loop.core.seeding import Seeding
from deep_loop.loop.lab import Holdout, Lab
from deep_loop.loop.reproduction import reproduce
from deep_loop.loop.trial import judge, lay_out
from deep_loop.ports import Brief, Job, Slot
from deep_loop.testing.doubles import Edit, Recorder
from deep_loop.testing.study_contract import Plan

METRIC = r"^val_bpb:\s+(\S+)"


def ports(laboratory: Laboratory, **changes: object) -> Lab:
    """The ports of a study of it."""
    lab: Lab = laboratory.study(0)._unit.lab  # type: ignore[attr-defined]
    return replace(lab, **changes)


def run_for_real(laboratory: Laboratory, role: str = "first", seed: int = 12) -> Outcome:
    """Run the head's commit as a process, without a sandbox."""
    executor = LocalExecutor([Slot("cpu0")])
    lab = ports(laboratory, executor=executor)
    head = lab.workspace.head()
    trial = lay_out(lab, head, "real", seed, log=".deep-loop/real.log", words="experiment 5", id="gaming", role=role)
    try:
        return judge(lab, trial, executor.start(trial.job, executor.slots[0]).result(timeout=60))
    finally:
        executor.stop()


def program(text: str, **files: str) -> dict[str, str]:
    """A workspace with this train.py."""
    return {**FILES, "train.py": text, **{name.replace("__", "."): content for name, content in files.items()}}


# --- protected files --------------------------------------------------------------------------------


def cheating(deed: Callable[[Job], object]) -> Callable[[Job], Exit | str]:
    """A program that does something beside its work wherever `A = 0.5` was proposed."""

    def run(job: Job) -> Exit | str:
        if "A = 0.5" in (job.folder / "train.py").read_text():
            deed(job)
        return train(job)

    return run


def test_a_run_that_edits_a_protected_file_is_a_breach(tmp_path: Path) -> None:
    """Its metric counts for nothing, nobody is asked to mend it, and its proposer reads why."""
    repairs: list[str] = []

    def repair(brief: Brief, read: object, failure: str) -> dict[str, str] | None:
        repairs.append(failure)
        return None

    edits = {2: {"A": 0.5}, 3: {"A": 0.7}}
    lab = Laboratory(
        tmp_path / "lab",
        edits=lambda brief: setting(brief, **edits.get(brief.ask.id, {"B": 1.5})),
        repairs=repair,
        program=cheating(lambda job: (job.folder / "prepare.py").write_text("TIME_BUDGET = 9\n")),
        ahead=0,
    )
    lab.study(3).run()
    reason = "the protected prepare.py was edited by the run"
    cheat = lab.ledger().record(1)
    assert [m.outcome for m in cheat.measurements] == [Breached(reason, 1.0)]
    assert cheat.decision == Crash(f"breach: {reason}")
    assert repairs == []
    assert [e.decision for e in lab.proposer.asked[-1].history if e.number == 1] == [cheat.decision]
    assert lab.told()[1:] == [("A = 0.5", "crash"), ("A = 0.7", "keep"), ("B = 1.5", "discard")]
    lab.check()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("open('prepare.py', 'a').write('X = 1\\n')", "edited"),
        ("os.chmod('prepare.py', 0o777)", "given other permissions"),
        ("os.unlink('prepare.py')", "deleted"),
        ("os.rename('prepare.py', 'x'); os.symlink('x', 'prepare.py')", "replaced by a link"),
        ("shutil.rmtree(os.getcwd())", "deleted"),
    ],
)
def test_a_process_that_touches_a_protected_file_is_a_breach(tmp_path: Path, deed: str, words: str) -> None:
    """Whatever it does to it, and whatever it prints."""
    lab = Laboratory(tmp_path / "lab", files=program(f"import os, shutil\n{deed}\nprint('val_bpb: 0.1', flush=True)\n"))
    outcome = run_for_real(lab)
    assert isinstance(outcome, Breached)
    assert outcome.reason.startswith(f"the protected prepare.py was {words}")
    assert lab.at("HEAD", "prepare.py") == "TIME_BUDGET = 2"


def test_the_person_s_protected_files_are_put_back(tmp_path: Path) -> None:
    """A run without a sandbox that finds its way out is undone, and the person is told; no work of theirs is lost."""
    heard = Recorder()
    lab = Laboratory(
        tmp_path / "lab",
        edits=lambda brief: setting(brief, A=0.5),
        program=cheating(lambda job: (lab.root / "prepare.py").write_text("TIME_BUDGET = 9\n")),
    )
    lab.study(1, observers=[heard]).run()
    assert lab.git("status", "--porcelain") == ""
    kept = list((lab.root / ".deep-loop" / "found").rglob("prepare.py"))
    assert kept and {path.read_text() for path in kept} == {"TIME_BUDGET = 9\n"}
    told = [event.text for event in heard.heard(Warned)]
    assert any(
        "prepare.py in your checkout is protected and was changed while experiment 1 ran" in text for text in told
    )
    lab.check()


def test_a_person_s_edit_beside_a_sandbox_is_left_alone(tmp_path: Path) -> None:
    """Where the run could not have written there, it was the person."""

    def confined(job: Job) -> Exit | str:
        (lab.root / "prepare.py").write_text("TIME_BUDGET = 9\n")
        ended = train(job)
        assert isinstance(ended, str)
        return Exit(0, 1.0, ended, confined=True)

    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=1.5), program=confined)
    lab.study(1).run()
    assert (lab.root / "prepare.py").read_text() == "TIME_BUDGET = 9\n"
    assert lab.git("rev-parse", "--abbrev-ref", "HEAD") == BRANCH


# --- the evaluator's channel ------------------------------------------------------------------------

REPORT = "import os\nopen(os.environ['DEEP_LOOP_RESULT'], 'a').write('{\"val_bpb\": 1.23456}\\n')\n"


def test_the_evaluator_reports_by_a_file_outside_of_the_code(tmp_path: Path) -> None:
    """A process finds the place ready, its value is taken to the last digit, and nothing of it is left."""
    where = "print(os.path.relpath(os.environ['DEEP_LOOP_RESULT']))\n"
    lab = Laboratory(
        tmp_path / "lab", files=program("import prepare\nprint('val_bpb: 1.23')\n", prepare__py=REPORT + where)
    )
    outcome = run_for_real(lab)
    assert isinstance(outcome, Measured)
    assert outcome.value == 1.23456
    assert (lab.root / ".deep-loop" / "real.log").read_text().startswith("../real.result/")
    assert list((lab.root / ".deep-loop" / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("forgery", "words"),
    [
        ("print('val_bpb: 0.1')", "two different values of val_bpb: '0.1' is printed, 1.23456 reported"),
        ("open(os.environ['DEEP_LOOP_RESULT'], 'a').write('{\"val_bpb\": 0.1}')", "two different values of val_bpb in"),
        ("open(os.environ['DEEP_LOOP_RESULT'], 'w').write('0.1')", "the result channel is unreadable"),
        (
            "os.unlink(os.environ['DEEP_LOOP_RESULT']); os.symlink('/dev/zero', os.environ['DEEP_LOOP_RESULT'])",
            "the result channel is unreadable",
        ),
    ],
)
def test_a_forged_metric_is_a_breach(tmp_path: Path, forgery: str, words: str) -> None:
    """Beside the evaluator's own value no other may stand."""
    lab = Laboratory(tmp_path / "lab", files=program(f"import os\nimport prepare\n{forgery}\n", prepare__py=REPORT))
    outcome = run_for_real(lab)
    assert isinstance(outcome, Breached)
    assert outcome.reason.startswith(words)


def test_a_run_cannot_fall_back_to_a_line_of_its_own(tmp_path: Path) -> None:
    """Where the task says that the channel counts, leaving the evaluator out is a crash."""
    files = program("print('val_bpb: 0.1')\n", prepare__py=REPORT)
    lab = Laboratory(tmp_path / "lab", files=files)
    lab._task = replace(lab._task, patterns=Patterns(METRIC, channel_only=True))
    assert isinstance(run_for_real(lab), Crashed)


# --- seeds ------------------------------------------------------------------------------------------

SEEDED = "SEED = 42\n" + TRAIN


def test_a_hard_coded_seed_is_replaced_in_each_run_s_own_copy(tmp_path: Path) -> None:
    """Every run has the seed that the ledger says; commits and the person's file keep theirs."""
    copies: list[str] = []

    def watched(job: Job) -> Exit | str:
        copies.append((job.folder / "train.py").read_text())
        assert copies[-1].startswith(f"SEED = {job.env['DEEP_LOOP_SEED']}\n")
        return train(job)

    lab = Laboratory(
        tmp_path / "lab", files=program(SEEDED), edits=lambda brief: setting(brief, A=0.5), program=watched
    )
    lab.study(1).run()
    assert len(set(copies)) == len(copies) > 3
    assert (lab.root / "train.py").read_text() == put(SEEDED, A=0.5)
    ledger = lab.ledger()
    used = {f"SEED = {m.seed}" for number in (0, 1) for m in ledger.record(number).measurements}
    assert {copy.partition("\n")[0] for copy in copies} == used
    assert ports(lab).seeding(lab.git("rev-parse", "HEAD")) == Seeding("rewritten", ("train.py",))
    lab.check()


def test_a_protected_seed_is_replaced_without_a_breach(tmp_path: Path) -> None:
    """The hash that must not change is taken after that."""
    files = program("import prepare\nprint('val_bpb:', prepare.SEED)\n", prepare__py="SEED = 42\n")
    lab = Laboratory(tmp_path / "lab", files=files)
    outcome = run_for_real(lab, seed=77)
    assert isinstance(outcome, Measured)
    assert outcome.value == 77


def test_the_seed_may_be_part_of_the_command(tmp_path: Path) -> None:
    """`seed_cmd` is run in the place of `run`."""
    lab = Laboratory(
        tmp_path / "lab",
        files=program("import sys\nprint('val_bpb:', sys.argv[1])\n"),
        seed_command=f"{sys.executable} train.py {{seed}}",
    )
    outcome = run_for_real(lab, seed=31)
    assert isinstance(outcome, Measured)
    assert outcome.value == 31


def test_a_change_of_the_seed_alone_is_refused_and_its_repeat_a_duplicate(tmp_path: Path) -> None:
    """The proposer is told which of the two it is."""
    tried = {2: {"SEED": 137}, 3: {"A": 1.5}, 4: {"A": 1.5, "SEED": 9}, 5: {"A": 1.6}}
    lab, heard = (
        Laboratory(tmp_path / "lab", files=program(SEEDED), edits=lambda brief: setting(brief, **tried[brief.ask.id])),
        Recorder(),
    )
    lab.study(2, observers=[heard]).run()
    assert [event.reason for event in heard.heard(Refused)] == [
        "the change only changes the seed: every run gets one from the harness anyway",
        "the same code as experiment 1",
    ]
    assert [title for title, _ in lab.told()] == ["baseline", "A = 1.5", "A = 1.6"]


def test_a_new_file_in_the_place_of_a_library_is_refused(tmp_path: Path) -> None:
    """The guard sees every source file of the base, not only the editable ones."""

    def edits(brief: Brief) -> Edit:
        better = setting(brief, A=1.5)
        return Edit("cheat", {**better.files, "json.py": "X = 1\n"}) if brief.ask.id == 2 else better

    lab, heard = Laboratory(tmp_path / "lab", edits=edits), Recorder()
    lab._task = replace(lab._task, editable=["*.py"])
    lab.study(1, observers=[heard]).run()
    [refused] = heard.heard(Refused)
    assert refused.reason == "json.py: it would be imported in the place of Python's own 'json'"


# --- reproductions and held-out data ------------------------------------------------------------------


def test_a_reproduction_is_looked_over_as_well(tmp_path: Path) -> None:
    """No run escapes the rules."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=1.5))
    lab.study(1).run()
    lab._program = lambda job: (job.folder / "prepare.py").unlink() or train(job)
    said: list[str] = []
    assert reproduce(ports(lab), 1, 1, "mark", said.append).fresh == ()
    assert "the protected prepare.py was deleted by the run" in said[0]


def test_a_reproduction_says_what_it_waits_for(tmp_path: Path) -> None:
    """At once, not when the wait is over."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=1.5), held=lambda job: "-repro" in job.id)
    lab.study(1).run()
    made = ports(lab)
    made.executor.notices.append("a run waits for gpu:0")
    said: list[str] = []

    def hear(words: str) -> None:
        said.append(words)
        lab.executor.release()

    assert reproduce(made, 1, 1, "mark", hear).agrees is not False
    assert said[0] == "a run waits for gpu:0"
    assert said[1].startswith("run 1 of 1")


def test_a_holdout_run_has_its_own_command_and_metric(tmp_path: Path) -> None:
    """It runs the kept commit, with its seed and under the same rules."""
    lab = Laboratory(
        tmp_path / "lab",
        files=program("import os\nprint('val_bpb: 1.5')\nprint('test_bpb:', os.environ['SPLIT'])\n"),
        holdout=Holdout("SPLIT=1.75 python train.py", Patterns(r"^test_bpb:\s+(\S+)")),
    )
    outcome = run_for_real(lab, role="holdout")
    assert isinstance(outcome, Measured)
    assert outcome.value == 1.75
    job = lay_out(ports(lab), lab.git("rev-parse", "HEAD"), "x", 1, log="x", words="", id="x", role="holdout").job
    assert job.holdout and not job.clean
    assert lay_out(ports(lab), lab.git("rev-parse", "HEAD"), "x", 1, log="x", words="", id="x", role="audit").job.clean


def test_held_out_values_reach_nobody_who_chooses(tmp_path: Path) -> None:
    """Neither a proposer's history nor an analyst's dossier has a trace of them."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=1), edits=lambda brief: setting(brief, A=1 + brief.ask.id))
    lab.study(1).run()
    ledger = lab.ledger()
    for number in (0, 1):
        run = ledger.start(number, 3, number, "slot0", "log", "holdout", "")
        ledger.end(run.id, Measured(0.123456, 1.0))
    lab.study(3).run()
    assert any(m.role == "holdout" for m in lab.ledger().record(0).measurements)
    for told in (*(brief.history for brief in lab.proposer.asked), *(d.experiments for d in lab.analyst.dossiers)):
        assert "holdout" not in str(told)
        assert "0.123456" not in str(told)
    assert len(lab.analyst.dossiers) >= 2
