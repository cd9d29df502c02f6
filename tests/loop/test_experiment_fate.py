"""What becomes of one experiment in ML mode, from its proposal to its row in results.tsv."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from laboratory import TRAIN, Laboratory, put, setting, train

from deep_loop.core.event import Refused, RunStarted
from deep_loop.core.experiment import Crash, Discard, Idea, Keep, values
from deep_loop.core.readout import Exit
from deep_loop.errors import TaskError
from deep_loop.ports import Answer, Brief, Job, Objection
from deep_loop.testing.doubles import Edit, Recorder


def test_the_baseline_comes_first_and_is_measured_twice(tmp_path: Path) -> None:
    """Line 0 is the code as it stands: two seeds, no parent, not counted, kept."""
    lab = Laboratory(tmp_path / "lab")
    lab.study(1).run()
    baseline = lab.ledger().record(0)
    assert (baseline.counted, baseline.proposal.parent, values(baseline)) == (False, None, (4.0, 4.0))
    assert len({m.seed for m in baseline.measurements}) == 2
    assert isinstance(baseline.decision, Keep)
    assert lab.proposer.asked[0].parent == 0
    lab.check()


def test_a_keep_needs_two_wins(tmp_path: Path) -> None:
    """A gain is confirmed on a fresh seed, then the change is the branch's head and the person's file."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.5))
    lab.study(1).run()
    kept = lab.ledger().record(1)
    assert values(kept) == (3.5, 3.5)
    assert kept.decision == Keep(
        "better by 0.500000 (12.50 %), the metric repeats exactly; seed-unverified", 0.5, seeded=False
    )
    assert (lab.root / "train.py").read_text() == put(TRAIN, A=0.5)
    assert lab.git("rev-parse", "HEAD") == kept.commit
    lab.check()


def test_a_win_that_does_not_repeat_is_discarded(tmp_path: Path) -> None:
    """Lucky once is not enough."""
    runs: list[Job] = []

    def lucky(job: Job) -> Exit | str:
        runs.append(job)
        return "val_bpb: 3.0\n" if len(runs) == 3 else "val_bpb: 4.0\n"

    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.5), program=lucky)
    lab.study(1).run()
    assert lab.told() == [("baseline", "keep"), ("A = 0.5", "discard")]
    assert len(runs) == 4
    lab.check()


def test_a_clear_loss_is_discarded_at_once(tmp_path: Path) -> None:
    """One run is enough to lose; the commit stays reachable, the branch stays where it was."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=1.5))
    lab.study(1).run()
    lost = lab.ledger().record(1)
    assert lost.decision == Discard("worse by 0.500000 (12.50 %) against the incumbent")
    assert len(lost.measurements) == 1
    assert lab.refs()["1"] == lost.commit
    assert lab.subjects() == ["start"]
    lab.check()


def test_a_crash_goes_back_to_its_proposer(tmp_path: Path) -> None:
    """The proposer gets the failed code and the traceback; its repair is the next attempt of the same experiment."""
    failures: list[str] = []

    def repair(brief: Brief, read: object, failure: str) -> dict[str, str]:
        failures.append(failure)
        assert callable(read)
        return {"train.py": read("train.py").replace("1 / 0", "0.5")}

    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A="1 / 0"), repairs=repair)
    heard = Recorder()
    lab.study(1, observers=[heard]).run()
    mended = lab.ledger().record(1)
    assert [failure.splitlines()[-1] for failure in failures] == ["ZeroDivisionError: division by zero"]
    assert isinstance(mended.decision, Keep)
    assert sorted(lab.refs()) == ["0", "1", "1-r1"]
    assert lab.at("HEAD", "train.py") + "\n" == put(TRAIN, A=0.5)
    purposes = [event.purpose for event in heard.heard(RunStarted) if event.unit == 1]
    assert purposes[:2] == ["first run", "repair"]
    lab.check()


def test_a_crash_that_no_repair_mends_stands(tmp_path: Path) -> None:
    """After `repairs` more attempts the line closes as a crash; results.tsv shows zeros."""
    lab = Laboratory(
        tmp_path / "lab",
        edits=lambda brief: setting(brief, A="1 / 0"),
        repairs=lambda brief, read, failure: {"train.py": read("train.py").replace("1 / 0", "1 / 0 / 1")},
        repairs_allowed=2,
    )
    lab.study(1).run()
    crashed = lab.ledger().record(1)
    assert crashed.decision == Crash("ZeroDivisionError: division by zero")
    assert len(crashed.attempts) == 3
    assert sorted(lab.refs()) == ["0", "1", "1-r1", "1-r2"]
    row = (lab.root / "results.tsv").read_text().splitlines()[-1].split("\t")
    assert row[1:4] == ["0.000000", "0.0", "crash"]
    lab.check()


def test_a_crash_stands_where_nobody_mends_it(tmp_path: Path) -> None:
    """A proposer may leave a crash as it is."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A="1 / 0"))
    lab.study(1).run()
    assert lab.told()[-1] == ("A = 1 / 0", "crash")
    assert len(lab.ledger().record(1).attempts) == 1
    lab.check()


def test_a_repair_that_breaks_a_rule_is_none(tmp_path: Path) -> None:
    """The guard looks at repairs as well: the crash stands, the protected file is as it was."""
    lab = Laboratory(
        tmp_path / "lab",
        edits=lambda brief: setting(brief, A="1 / 0"),
        repairs=lambda brief, read, failure: {"prepare.py": "TIME_BUDGET = 9\n"},
    )
    lab.study(1).run()
    assert lab.told()[-1] == ("A = 1 / 0", "crash")
    assert lab.at("HEAD", "prepare.py") == "TIME_BUDGET = 2"
    lab.check()


def test_a_timeout_is_a_crash(tmp_path: Path) -> None:
    """A run that was killed at its limit closes its experiment as a crash."""

    def endless(job: Job) -> Exit | str:
        hangs = "A = 0.5" in (job.folder / "train.py").read_text()
        return Exit(None, 9.0, "", timed_out=True) if hangs else train(job)

    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.5), program=endless)
    lab.study(1).run()
    assert lab.ledger().record(1).decision == Crash("timed out after 9 s")
    lab.check()


def test_a_baseline_that_crashes_ends_the_study(tmp_path: Path) -> None:
    """There is nothing to improve on: the end of the log is shown, and the mended code is measured next time."""
    lab = Laboratory(tmp_path / "lab", files={"train.py": "print('hm')\n1 / 0\n", "program.md": "", "prepare.py": ""})
    with pytest.raises(TaskError, match="the baseline failed: ZeroDivisionError") as error:
        lab.study(1).run()
    assert "hm\nTraceback (most recent call last):" in str(error.value)
    (lab.root / "train.py").write_text(TRAIN)
    lab.git("commit", "--quiet", "-am", "mend")
    lab.study(1).run()
    assert lab.told()[:2] == [("baseline", "crash"), ("baseline", "keep")]
    assert lab.ledger().counted() == 1


def test_a_protected_file_may_not_change(tmp_path: Path) -> None:
    """Such a proposal is refused with the reason, logged, not numbered, and not run."""

    def edits(brief: Brief) -> Edit | None:
        better = setting(brief, A=0.5)
        return Edit("cheat", {**better.files, "prepare.py": "TIME_BUDGET = 9\n"}) if brief.ask.id == 2 else better

    lab, heard = Laboratory(tmp_path / "lab", edits=edits), Recorder()
    lab.study(1, observers=[heard]).run()
    assert [event.reason for event in heard.heard(Refused)] == ["prepare.py: protected, so no proposal may change it"]
    assert [refusal.ask.id for refusal in lab.ledger().refusals(9)] == [2]
    assert lab.told() == [("baseline", "keep"), ("A = 0.5", "keep")]
    lab.check()


def test_the_same_code_is_not_tried_twice(tmp_path: Path) -> None:
    """A duplicate is refused, naming the experiment that it repeats; comments make no difference."""

    def edits(brief: Brief) -> Edit | None:
        if brief.ask.id == 4:
            return setting(brief, B=1.5)
        return setting(brief, A=f"1.5  # ask {brief.ask.id}")

    lab = Laboratory(tmp_path / "lab", edits=edits)
    lab.study(2).run()
    assert [refusal.reason for refusal in lab.ledger().refusals(9)] == ["the same code as experiment 1"]
    lab.check()


def test_two_that_wait_with_the_same_code_are_run_once(tmp_path: Path) -> None:
    """Where equal proposals wait side by side, the first becomes an experiment, the second is refused."""
    edits = {2: {"A": 1.5}, 3: {"B": 1.5}, 4: {"B": 1.5}, 5: {"C": 1.5}}
    lab = Laboratory(
        tmp_path / "lab", edits=lambda brief: setting(brief, **edits.get(brief.ask.id, {"D": 1.5})), ahead=2
    )
    lab.study(3, run_seconds=1.0).run()
    assert [title for title, _ in lab.told()] == ["baseline", "A = 1.5", "B = 1.5", "C = 1.5"]
    assert [refusal.reason for refusal in lab.ledger().refusals(9)] == ["the same code as experiment 2"]


def test_a_proposer_that_removes_its_folder_is_refused(tmp_path: Path) -> None:
    """Whatever a proposer does to its checkout, the study goes on."""

    class Destroyer:
        name = "destroyer"
        anywhere = True

        def propose(self, brief: Brief, checkout: Path) -> Answer:
            if brief.ask.id == 2:
                shutil.rmtree(checkout)
            else:
                (checkout / "train.py").write_text(put(TRAIN, A=0.5))
            return Answer(Idea("destroy", "other", ""))

        def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
            return Answer()

        def stop(self) -> None:
            pass

    lab = Laboratory(tmp_path / "lab", proposers=[Destroyer()])
    assert lab.study(1).run() == "1 of 1 experiments are done"
    assert [refusal.ask.id for refusal in lab.ledger().refusals(9)] == [2]
    lab.check()


def test_a_run_knows_its_seed_and_its_limits(tmp_path: Path) -> None:
    """The job carries the task's command, environment and time limit, a seed, and a log of its own."""
    lab = Laboratory(tmp_path / "lab", env={"CACHE": "here"})
    lab.study(1).run()
    jobs = lab.executor.jobs
    assert {job.command for job in jobs} == {"python train.py"}
    assert {job.timeout_seconds for job in jobs} == {9.0}
    assert {job.env["CACHE"] for job in jobs} == {"here"}
    first, again, candidate = (job.env["DEEP_LOOP_SEED"] for job in jobs)
    assert first != again
    assert candidate in (first, again)  # what is held against the baseline runs on its seeds
    assert len({job.log for job in jobs}) == len({job.id for job in jobs}) == len(jobs)


def test_a_task_without_protected_files_keeps_what_is_better(tmp_path: Path) -> None:
    """Nothing is protected then; the editable files are not taken for it."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.9), protected=())
    lab.study(1).run()
    assert lab.told() == [("baseline", "keep"), ("A = 0.9", "keep")]
    lab.check()
