"""A person edits and commits in the workspace while a study runs."""

from __future__ import annotations

from pathlib import Path

from laboratory import BRANCH, TRAIN, Laboratory, Plan, put, setting, when

from deep_loop.core.event import Closed, Event, MetaStarted, RunStarted, Warned
from deep_loop.core.experiment import Discard, is_baseline, values
from deep_loop.testing.doubles import Recorder

AGAIN = "baseline after a person's change"


def test_a_person_s_commit_of_an_editable_file_is_measured_first(tmp_path: Path) -> None:
    """It becomes a baseline of its own, not counted; the proposals that follow are made on it."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.9 - brief.ask.id / 100))

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 1:
            text = (lab.root / "train.py").read_text()
            (lab.root / "train.py").write_text(put(text, D=0.5))
            lab.commit("wider")

    lab.study(3, observers=[Recorder(person)]).run()
    measured = next(e for e in lab.ledger().closed() if e.proposal.idea.title == AGAIN)
    assert not measured.counted
    assert len(values(measured)) == 2
    assert lab.at("HEAD", "train.py").splitlines()[3] == "D = 0.5"
    assert lab.ledger().counted() == 3
    assert "wider" in lab.subjects()
    lab.check()


def test_a_person_s_commit_of_a_protected_file_is_measured_first(tmp_path: Path) -> None:
    """What came before was measured by another ruler: nothing is compared with it, nor decided by it."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.9 - brief.ask.id / 100))

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 1:
            (lab.root / "prepare.py").write_text("# another ruler\n")
            lab.commit("another ruler")

    lab.study(3, observers=[Recorder(person)]).run()
    closed = lab.ledger().closed()
    again = next(e for e in closed if e.proposal.idea.title == AGAIN)
    assert len(values(again)) == 2
    assert {e.proposal.parent for e in closed if (e.order or 0) > (again.order or 0)} >= {again.number}
    assert lab.at("HEAD", "prepare.py") == "# another ruler"
    lab.check()


def test_what_was_tried_under_another_ruler_may_be_tried_again(tmp_path: Path) -> None:
    """A duplicate is one where nothing has changed that could make it come to something else."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=1.5))

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 1:
            (lab.root / "prepare.py").write_text("# another ruler\n")
            lab.commit("another ruler")

    lab.study(2, observers=[Recorder(person)]).run()
    one, other = (e for e in lab.ledger().closed() if e.counted)
    assert one.proposal.fingerprint == other.proposal.fingerprint
    lab.check()


def test_a_candidate_under_another_ruler_than_the_incumbent_is_discarded(tmp_path: Path) -> None:
    """Protected files that were changed while it ran: its values say nothing beside the new baseline's."""
    lab = Laboratory(
        tmp_path / "lab",
        Plan(slots=2, meta_interval=1000),
        edits=lambda brief: setting(brief, A=0.9 - brief.ask.id / 100),
        held=lambda job: job.id == "uid-3",  # the first run of experiment 1
    )

    def person(event: Event) -> None:
        if isinstance(event, RunStarted) and event.unit == 1 and event.purpose == "first run":
            (lab.root / "prepare.py").write_text("# another ruler\n")
            lab.commit("another ruler")

    study = lab.study(2, observers=[Recorder(person)])
    when(lambda: (AGAIN, "keep") in lab.told(), lambda: lab.executor.release("uid-3"))
    study.run()
    assert lab.ledger().record(1).decision == Discard("protected files were changed meanwhile: nothing to compare with")
    lab.check()


def test_a_keep_that_a_person_takes_off_the_branch_is_no_incumbent(tmp_path: Path) -> None:
    """What stands on the branch is measured again, though it was the baseline once, and built on."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.9 - brief.ask.id / 100))
    before: list[str] = []

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 0:
            before.append(lab.git("rev-parse", "HEAD"))
        if isinstance(event, Closed) and event.record.number == 1:
            lab.git("reset", "--hard", "--quiet", before[0])

    lab.study(2, observers=[Recorder(person)]).run()
    first, again = [e for e in lab.ledger().closed() if is_baseline(e)]
    assert again.proposal.idea.title == AGAIN
    assert values(again) == values(first)
    last = lab.ledger().record(max(e.number for e in lab.ledger().closed()))
    assert last.proposal.parent == again.number
    lab.check()


def test_a_commit_during_its_own_baseline_is_measured_too(tmp_path: Path) -> None:
    """Whatever stands on the branch is measured, however often a person changes it."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.9 - brief.ask.id / 100))
    widths = iter((0.5, 0.4))

    def person(event: Event) -> None:
        first = isinstance(event, Closed) and event.record.number == 0
        second = isinstance(event, RunStarted) and event.title == AGAIN and event.purpose == "first run"
        if (first or second) and (width := next(widths, None)):
            (lab.root / "train.py").write_text(put((lab.root / "train.py").read_text(), D=width))
            lab.commit(f"wider: {width}")

    lab.study(1, observers=[Recorder(person)]).run()
    assert [title for title, _ in lab.told()].count(AGAIN) == 2
    assert lab.at("HEAD", "train.py").splitlines()[3] == "D = 0.4"
    lab.check()


def test_a_person_s_commit_that_crashes_does_not_end_the_study(tmp_path: Path) -> None:
    """Nothing is proposed on code that does not run: the study goes on from the incumbent."""
    lab = Laboratory(tmp_path / "lab", edits=lambda brief: setting(brief, A=0.9 - brief.ask.id / 100))

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 1:
            (lab.root / "train.py").write_text(put((lab.root / "train.py").read_text(), D="1 / 0"))
            lab.commit("oops")

    lab.study(4, observers=[Recorder(person)]).run()
    told = lab.told()
    assert (AGAIN, "crash") in told
    after = told[told.index((AGAIN, "crash")) + 1 :]
    assert {status for _, status in after} == {"keep"}
    assert "oops" in lab.subjects()
    assert "D = 1.0" in lab.at("HEAD", "train.py")
    lab.check()


def test_a_commit_during_an_analysis_is_seen(tmp_path: Path) -> None:
    """Adopting advice looks at the branch as well; a commit that it finds there still gets its baseline."""
    lab = Laboratory(tmp_path / "lab")
    lab.plan = type(lab.plan)(meta_interval=2)

    def person(event: Event) -> None:
        if isinstance(event, MetaStarted):
            (lab.root / "train.py").write_text(put((lab.root / "train.py").read_text(), D=0.5))
            lab.commit("wider")

    lab.study(3, observers=[Recorder(person)]).run()
    assert (AGAIN, "keep") in lab.told()
    lab.check()


def test_an_edit_of_program_md_is_a_version_of_its_own(tmp_path: Path) -> None:
    """It is committed as the person's, recorded, and followed by the next ask; nobody reverts it."""
    lab = Laboratory(tmp_path / "lab")

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 0:
            (lab.root / "program.md").write_text("# Problem\n\nMake it smaller.\n")

    lab.study(2, observers=[Recorder(person)]).run()
    (revision,) = lab.ledger().revisions()
    assert (revision.version, revision.analyst) == (1, "human")
    assert "human: edit program.md" in lab.subjects()
    assert lab.at(BRANCH, "program.md") == "# Problem\n\nMake it smaller."
    assert [brief.program for brief in lab.proposer.asked][-1] == "# Problem\n\nMake it smaller.\n"
    assert lab.proposer.asked[-1].ask.revision == 1
    lab.check()


def test_a_strategy_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """A broken section warns and counts as an empty strategy; the study goes on."""
    lab, broken = Laboratory(tmp_path / "lab"), "# Problem\n\n<!-- strategy:begin -->\n"

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 0:
            (lab.root / "program.md").write_text(broken)

    heard = Recorder(person)
    lab.plan = type(lab.plan)(meta_interval=2)
    lab.study(3, observers=[heard]).run()
    warnings = [event.text for event in heard.heard(Warned)]
    assert any("markers are not one pair" in text and "no strategy is followed" in text for text in warnings)
    assert any(text.startswith("the meta-analysis was dropped: ") for text in warnings)
    assert (lab.root / "program.md").read_text() == broken
    assert (lab.root / "train.py").read_text() != TRAIN
    lab.check()
