"""The outer tier of ML mode: when it thinks, what becomes of its advice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from laboratory import Laboratory, advise, noisy, setting

from deep_loop.core import hypothesis
from deep_loop.core.cohort import Advice, Dossier
from deep_loop.core.event import Closed, Event, MetaStarted, Revised, RunStarted, Warned
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Edit, Fuse, Recorder
from deep_loop.testing.study_contract import Plan


def lost(brief: Brief) -> Edit:
    """Proposals that never win."""
    return setting(brief, A=1 + brief.ask.id / 10)


def test_advice_is_committed_after_every_cohort(tmp_path: Path) -> None:
    """A version every `meta_interval` experiments: strategy, hypotheses and log in one commit of its own."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=lost)
    lab.study(4).run()
    assert [dossier.cohort for dossier in lab.analyst.dossiers] == [(1, 2), (3, 4)]
    assert [(r.version, r.seen, r.reason) for r in lab.ledger().revisions()] == [
        (1, 3, "2 experiments"),
        (2, 5, "2 experiments"),
    ]
    assert lab.subjects() == ["start", "meta: v1: after 3", "meta: v2: after 5"]
    changed = lab.git("diff", "--name-only", "HEAD~1", "HEAD").splitlines()
    assert changed == ["process_log.md", "program.md"]
    assert "**Strategy v2**" in lab.at("HEAD", "program.md")
    assert lab.at("HEAD", "process_log.md").count("## v") == 2
    assert (lab.root / "next-hypotheses.md").exists()
    lab.check()


def test_the_next_proposal_follows_the_new_strategy(tmp_path: Path) -> None:
    """Advice that comes quickly is used by the proposals after it, where they are not held back as a control."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=lost)
    lab.study(8).run()
    assert [brief.ask.revision for brief in lab.proposer.asked[:2]] == [0, 0]
    followed = {brief.ask.revision: brief.strategy for brief in lab.proposer.asked}
    assert followed[0].version == 0 and max(followed) > 0
    assert all(strategy.version == version for version, strategy in followed.items())
    assert all(strategy.prose == f"after {2 * version + 1}" for version, strategy in followed.items() if version)


def test_a_significant_improvement_calls_for_advice_at_once(tmp_path: Path) -> None:
    """A gain far beyond the noise is looked at without waiting for the cohort; a gain within it is not."""
    steps = {2: {"A": 1.5}, 3: {"B": 0.9}, 4: {"C": 0.2}}
    lab = Laboratory(
        tmp_path / "lab",
        edits=lambda brief: setting(brief, **steps.get(brief.ask.id, {"D": 1.5})),
        program=lambda job: noisy(job, 0.05 if job.id[-1] in "13579" else -0.05),
    )
    lab.study(3).run()
    reasons = [revision.reason for revision in lab.ledger().revisions()]
    assert reasons == ["a significant improvement, experiment 3"]
    lab.check()


def test_advice_is_dropped_where_program_md_changed_meanwhile(tmp_path: Path) -> None:
    """A person's edit made during the analysis stands, is a version of its own, and is not overwritten."""

    def slow(dossier: Dossier) -> Advice:
        (lab.root / "program.md").write_text("# Problem\n\nSomething else.\n")
        return advise(dossier)

    lab, heard = Laboratory(tmp_path / "lab", Plan(meta_interval=3), edits=lost, advise=slow), Recorder()
    lab.study(4, observers=[heard]).run()
    (warning,) = heard.heard(Warned)
    assert warning.text == "the meta-analysis was dropped: program.md changed after the evidence was taken"
    assert [revision.analyst for revision in lab.ledger().revisions()] == ["human"]
    assert lab.at("HEAD", "program.md") == "# Problem\n\nSomething else."
    lab.check()


class Meddler(Fuse):
    """Somebody who acts right before the harness writes, once."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def burn(self, name: str) -> None:
        super().burn(name)
        if name == "write" and self.calls.count("write") == 1:
            self._act()


def test_a_persons_commit_in_the_last_moment_stands(tmp_path: Path) -> None:
    """Between the look at the branch and the write; their program.md is not overwritten."""

    def edit() -> None:
        (lab.root / "program.md").write_text("# Problem\n\nSomething else.\n")
        lab.commit("mine")

    lab, heard = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=lost), Recorder()
    lab.study(2, observers=[heard], fuse=Meddler(edit)).run()
    assert [event.text for event in heard.heard(Warned)] == [
        "the meta-analysis was dropped: program.md changed after the evidence was taken"
    ]
    assert lab.at("HEAD", "program.md") == "# Problem\n\nSomething else."
    lab.check()


def test_what_is_planted_during_an_analysis_stays(tmp_path: Path) -> None:
    """On top of the analyst's list, without what the person took out meanwhile."""

    def slow(dossier: Dossier) -> Advice:
        kept = hypothesis.render([entry for entry in dossier.hypotheses if entry.id != "h-gone"])
        (lab.root / "next-hypotheses.md").write_text(f"{kept}\n## h-mine: Try rope\n\n- set: B = 0.5\n")
        return advise(dossier)

    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=lost, advise=slow)
    listed = "## h-old: Old\n\n- set: C = 0.5\n\n## h-gone: Gone\n\n- set: D = 0.5\n"
    (lab.root / "next-hypotheses.md").write_text(listed)
    lab.commit("planted")
    lab.study(2).run()
    assert lab.subjects()[-1].startswith("meta: v1")
    entries = hypothesis.parse(lab.at("HEAD", "next-hypotheses.md"))
    assert [entry.id for entry in entries] == ["h-mine", "h-old"]


def test_an_analysis_that_fails_is_tried_after_the_next_cohort(tmp_path: Path) -> None:
    """A failing analyst costs a warning, never the study."""

    def moody(dossier: Dossier) -> Advice:
        if len(lab.analyst.dossiers) == 1:
            raise RuntimeError("no words")
        return advise(dossier)

    lab, heard = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=lost, advise=moody), Recorder()
    assert lab.study(4, observers=[heard]).run() == "4 of 4 experiments are done"
    assert [event.text for event in heard.heard(Warned)] == [
        "no meta-analysis: scripted: RuntimeError: no words; the strategy stays as it is"
    ]
    assert [revision.version for revision in lab.ledger().revisions()] == [1]
    assert len(lab.analyst.dossiers) == 2
    lab.check()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"prose": "<!-- strategy:end -->"}, "marker"),
        ({"weights": {"data": float("nan")}}, "nan"),
        ({"prose": "x" * 1_000_000}, "characters"),
    ],
)
def test_advice_that_breaks_a_rule_is_dropped(tmp_path: Path, change: dict[str, object], complaint: str) -> None:
    """Bad advice costs a warning; the next is asked for after another cohort, not at once and for ever."""

    def bad(dossier: Dossier) -> Advice:
        advice = advise(dossier)
        return replace(advice, strategy=replace(advice.strategy, **change))

    lab, heard = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=lost, advise=bad), Recorder()
    study = lab.study(3, observers=[heard])
    assert study.run() == "3 of 3 experiments are done"
    (warning,) = heard.heard(Warned)
    assert warning.text.startswith("the meta-analysis was dropped: ")
    assert complaint in warning.text
    assert len(lab.analyst.dossiers) == 1
    assert not lab.ledger().revisions()
    lab.check()


def test_experiments_go_on_beside_a_slow_analysis(tmp_path: Path) -> None:
    """After a short grace, proposals are asked for and run while the analyst still thinks."""
    enough = threading.Event()

    def slow(dossier: Dossier) -> Advice:
        assert enough.wait(60.0)
        return advise(dossier)

    def react(event: Event) -> None:
        if isinstance(event, Closed) and event.record.number == 4:
            enough.set()

    lab, heard = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=lost, advise=slow), Recorder(react)
    lab.clock.step = 0.5
    lab.study(5, observers=[heard]).run()
    kinds = [type(event) for event in heard.events]
    during = kinds[kinds.index(MetaStarted) : kinds.index(Revised)]
    assert during.count(RunStarted) >= 2
    assert lab.ledger().revisions()[0].seen == 3
    lab.check()


def test_a_study_on_top_of_another_s_strategy_goes_on_from_it(tmp_path: Path) -> None:
    """A program.md that already carries a version, left by an earlier study, takes new ones."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=2), edits=lost)
    program = "# Problem\n\n<!-- strategy:begin -->\n**Strategy v3**\n\nOld.\n<!-- strategy:end -->\n"
    (lab.root / "program.md").write_text(program)
    lab.commit("from another study")
    heard = Recorder()
    lab.study(4, observers=[heard]).run()
    assert heard.heard(Revised)
    assert "Old." not in lab.at("HEAD", "program.md")
