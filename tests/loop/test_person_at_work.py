"""A person edits and commits in the workspace while a study runs."""

from __future__ import annotations

from pathlib import Path

from laboratory import BRANCH, TRAIN, Laboratory, put, setting

from deep_loop.core.event import Closed, Event, MetaStarted, RunStarted, Warned
from deep_loop.core.experiment import values
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
