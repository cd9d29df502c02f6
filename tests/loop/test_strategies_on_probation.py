"""A new strategy is tried beside the one before it, and dropped where it turns out worse."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from laboratory import Laboratory, advise, setting, when

from deep_loop.core import hypothesis
from deep_loop.core.cohort import HARNESS, Advice, Dossier
from deep_loop.core.event import Closed, Event, Revised
from deep_loop.core.hypothesis import Hypothesis, Target
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Death, Edit, Fuse, Recorder
from deep_loop.testing.study_contract import Plan

MISTAKEN = Hypothesis("h-000001", "A = 9", "other", (Target("A", "9.0"),), "far", "open")


def steady(brief: Brief) -> Edit:
    """Every proposal wins a little, whatever the strategy says."""
    return setting(brief, A=0.995**brief.ask.id)


def misled(brief: Brief) -> Edit:
    """A strategy is bad advice: without one a proposal wins a little, with one it loses much."""
    return setting(brief, A=5 + brief.ask.id / 100) if brief.strategy.prose else steady(brief)


def mistaken(dossier: Dossier) -> Advice:
    """Its own idea, behind what a person planted."""
    planted = [entry for entry in dossier.hypotheses if entry.id != MISTAKEN.id]
    return replace(advise(dossier), hypotheses=(*planted, MISTAKEN))


PLANTED = "\n## h-mine: Try rope\n\n- set: B = 0.5\n"


def planting(lab: Laboratory, after: int) -> Recorder:
    """A person who plants, and writes a constitution, when this many experiments were closed."""

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == after:
            file = lab.root / "next-hypotheses.md"
            file.write_text((file.read_text() if file.exists() else "# Next hypotheses\n") + PLANTED)
            (lab.root / "CLAUDE.md").write_text("Be bold.\n")
            lab.commit("a word")

    return Recorder(person)


def test_proposals_are_assigned_at_random(tmp_path: Path) -> None:
    """To the new strategy or to its control, and a study that was killed assigns them the same."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=6), edits=steady)
    lab.study(18).run()
    followed = Counter(brief.ask.revision for brief in lab.proposer.asked[6:])
    assert followed[0] >= 2 and sum(followed.values()) - followed[0] >= 2
    again = Laboratory(tmp_path / "again", Plan(meta_interval=6), edits=steady)
    again.study(11).run()
    again.study(18).run()
    assert [e.ask.revision for e in again.ledger().closed()] == [e.ask.revision for e in lab.ledger().closed()]


def test_a_strategy_that_is_worse_is_dropped(tmp_path: Path) -> None:
    """A commit goes back to the one before it, the log has the verdict, its hypotheses are gone; a person's stay."""
    lab, heard = Laboratory(tmp_path / "lab", Plan(meta_interval=8), edits=misled, advise=mistaken), Recorder()
    lab.study(17, observers=[heard, planting(lab, 3)]).run()
    assert [subject for subject in lab.subjects() if subject.startswith("meta: ")][:2] == [
        "meta: v1: after 9",
        "meta: revert v1",
    ]
    first, reverted, *_ = lab.ledger().revisions()
    assert (first.control, first.analyst) == (0, "scripted")
    assert (reverted.version, reverted.control, reverted.analyst) == (2, None, HARNESS)
    program = lab.at(reverted.commit, "program.md")
    assert "**Strategy v2**" in program and "after" not in program
    assert "h-mine" in lab.at(first.commit, "next-hypotheses.md")
    left = hypothesis.parse(lab.at(reverted.commit, "next-hypotheses.md"))
    assert [entry.id for entry in left] == ["h-mine"]
    log = lab.at(reverted.commit, "process_log.md")
    assert "**Verdict on v1**" in log and "worse: " in log and "Back to v0." in log
    assert [event.summary for event in heard.heard(Revised)][:2] == ["after 9", "revert v1"]
    assert [len(dossier.cohort) for dossier in lab.analyst.dossiers] == [8, 8]
    lab.check()


def test_whoever_proposes_now_what_was_brought_counts(tmp_path: Path) -> None:
    """A study that goes on with another proposer, or with none, as `deep-loop meta` on one that stopped."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=8), edits=misled)
    lab.study(15).run()
    lab.proposer.name = "another"
    lab.study(16).run()
    assert "meta: revert v1" in lab.subjects()


def test_the_analysis_after_a_revert_is_made_though_the_harness_dies(tmp_path: Path) -> None:
    """It was due before the revert, and is due after it: with the same cohort."""
    whole = Fuse()
    Laboratory(tmp_path / "whole", Plan(meta_interval=8), edits=misled).study(16, fuse=whole).run()
    reverted = [place for place, call in enumerate(whole.calls, start=1) if call == "revise"][1]
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=8), edits=misled)
    with pytest.raises(Death):
        lab.study(16, fuse=Fuse(reverted + 1)).run()
    assert [revision.analyst for revision in lab.ledger().revisions()] == ["scripted", HARNESS]
    lab.study(16).run()
    assert len(lab.analyst.dossiers[-1].cohort) == 8
    assert [revision.analyst for revision in lab.ledger().revisions()] == ["scripted", HARNESS, "scripted"]


def test_what_helps_becomes_the_control(tmp_path: Path) -> None:
    """A strategy that turned out better is what the next one is held against."""

    def helped(brief: Brief) -> Edit:
        step = 0.99 if brief.strategy.prose else 1.001
        return setting(brief, A=step**brief.ask.id)

    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=8), edits=helped)
    lab.study(17).run()
    assert [revision.control for revision in lab.ledger().revisions()] == [0, 1]
    assert "better: " in lab.at("HEAD", "process_log.md")


def test_while_nothing_is_told_an_heir_is_held_against_the_same(tmp_path: Path) -> None:
    """And the log says that nothing can be told."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=4), edits=steady)
    lab.study(8).run()
    assert [revision.control for revision in lab.ledger().revisions()] == [0, 0]
    assert "undetermined: " in lab.at("HEAD", "process_log.md")


def test_a_probation_ends_where_nobody_wants_any(tmp_path: Path) -> None:
    """`probation = false` on a study that goes on: all follow the latest strategy, and nothing is dropped."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=8), edits=misled)
    lab.study(12).run()
    begun = len(lab.proposer.asked)
    lab.judged = False
    lab.study(16).run()
    assert {brief.ask.revision for brief in lab.proposer.asked[begun:]} == {1}
    assert [(r.version, r.control, r.analyst) for r in lab.ledger().revisions()] == [
        (1, 0, "scripted"),
        (2, None, "scripted"),
    ]


def test_a_persons_edit_is_in_force_at_once_beside_others(tmp_path: Path) -> None:
    """With several slots too, where a proposal knows less than what is closed by now."""

    def person(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 1:
            (lab.root / "program.md").write_text("# Problem\n\nTry harder.\n")

    lab = Laboratory(
        tmp_path / "lab",
        Plan(slots=2, meta_interval=1000),
        edits=lambda brief: setting(brief, A=2 + brief.ask.id),
        held=lambda job: job.id in ("uid-3", "uid-4"),  # the runs of experiments 1 and 2
        ahead=0,
    )
    study = lab.study(4, observers=[Recorder(person)])
    release = lab.executor.release
    when(lambda: len(lab.ledger().opened()) == 2, lambda: release("uid-3"))
    when(lambda: len(lab.proposer.asked) == 3, lambda: release("uid-4"))
    study.run()
    (human,) = lab.ledger().revisions()
    asked = [brief.ask for brief in lab.proposer.asked if brief.ask.id > human.asked]
    assert asked[0].seen < human.seen
    assert {ask.revision for ask in asked} == {human.version}


def test_a_persons_edit_is_in_force_at_once(tmp_path: Path) -> None:
    """Every proposal after it follows it, and nothing is held against anything."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=4), edits=steady)
    lab.study(5).run()
    (lab.root / "program.md").write_text((lab.root / "program.md").read_text() + "\nTry harder.\n")
    lab.study(7).run()
    human = lab.ledger().revisions()[-1]
    assert (human.analyst, human.control) == ("human", None)
    assert {brief.ask.revision for brief in lab.proposer.asked[-2:]} == {human.version}


def test_a_control_hears_what_a_person_says(tmp_path: Path) -> None:
    """Its proposers see what was planted and what the constitution says by now, and nothing of the new strategy."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=4), edits=steady, advise=mistaken)
    lab.study(12, observers=[planting(lab, 5)]).run()
    late = [brief for brief in lab.proposer.asked if brief.ask.seen > 5]
    for on_control in (True, False):
        briefs = [brief for brief in late if (brief.ask.revision == 0) is on_control]
        assert briefs
        assert all(brief.constitution == "Be bold.\n" for brief in briefs)
        assert all("h-mine" in {entry.id for entry in brief.hypotheses} for brief in briefs)
        assert all(("h-000001" in {e.id for e in brief.hypotheses}) is not on_control for brief in briefs)
        assert all(("**Strategy v" in brief.program) is not on_control for brief in briefs)
