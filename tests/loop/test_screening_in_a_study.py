"""A strategy that orders a screening: it is carried out at once, and judged by nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from laboratory import Laboratory, advise, put, setting

from deep_loop.core import screening
from deep_loop.core.cohort import Advice, Dossier
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Edit
from deep_loop.testing.study_contract import Plan

LEVELS = {"A": (0.9, 1.1), "B": (0.9, 1.1), "C": (0.9, 1.1)}
RUNS = screening.runs(len(LEVELS))  # 8


def screened(dossier: Dossier) -> Advice:
    advice = advise(dossier)
    return replace(advice, strategy=replace(advice.strategy, screen=LEVELS))


def obedient(brief: Brief) -> Edit:
    """As the tuner does, in miniature: the screening's runs first; else one small loss after the other."""
    if brief.strategy.screen:
        ideas = [record.proposal.idea for record in brief.history] + [proposal.idea for proposal in brief.pending]
        run = next((run for run in range(1, RUNS + 1) if run not in screening.done(LEVELS, ideas)), None)
        if run is not None:
            text = put(brief.files["train.py"], D=1.5, **screening.settings(LEVELS, run))
            return Edit(screening.title(LEVELS, run), {"train.py": text}, screening.KIND)
    return setting(brief, D=1 + brief.ask.id / 100)


def test_every_proposal_follows_it_until_it_is_whole(tmp_path: Path) -> None:
    """Nothing is drawn at random meanwhile; the analysis waits for the last run, and comes right after it."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=4), edits=obedient, advise=screened)
    lab.study(4 + 1 + RUNS + 4).run()
    titles = [e.proposal.idea.title for e in lab.ledger().closed()]
    made = [place for place, title in enumerate(titles) if title.startswith("screening ")]
    assert len(made) == RUNS and made == list(range(made[0], made[0] + RUNS))
    first, second, *_ = lab.ledger().revisions()
    assert (first.reason, second.reason) == ("4 experiments", f"{RUNS} experiments")
    lab.check()


def test_its_runs_count_neither_for_nor_against_the_strategy(tmp_path: Path) -> None:
    """They lose much, and yet the strategy is not called worse for it."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=4), edits=obedient, advise=screened)
    lab.study(4 + 1 + RUNS + 4).run()
    log = lab.at("HEAD", "process_log.md")
    assert "undetermined: " in log and "worse: " not in log
    lab.check()


def test_a_study_that_was_killed_goes_on_with_it(tmp_path: Path) -> None:
    """In the middle of a screening: the same runs, once each."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=4), edits=obedient, advise=screened)
    lab.study(8).run()
    lab.study(4 + 1 + RUNS + 2).run()
    ideas = [e.proposal.idea for e in lab.ledger().closed()]
    assert sorted(screening.done(LEVELS, ideas)) == list(range(1, RUNS + 1))
    lab.check()
