"""The tuner carries out the screening that a strategy orders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tuner_lab import Study, ask, moved

from deep_loop.adapters.proposers.tuner import Tuner
from deep_loop.core import screening
from deep_loop.core.experiment import Measured
from deep_loop.core.hypothesis import Hypothesis, Target
from deep_loop.core.record import Ask, Refusal
from deep_loop.core.strategy import Strategy
from deep_loop.knobs import evaluate
from deep_loop.ports import Suggestion

LEVELS = {"CONTEXT": (8.0, 16.0), "WIDTH": (64.0, 256.0), "MATRIX_LR": (2e-3, 8e-3), "GRAD_CLIP": (0.5, 2.0)}
STRATEGY = Strategy(1, screen=LEVELS)


def test_all_runs_are_made_first_and_in_order(tmp_path: Path) -> None:
    """Each sets every constant to the level that the design says, in the constant's own style; then all is as ever."""
    study, tuner = Study(), Tuner()
    planted = Hypothesis("h-1", "h-1", "optimizer", (Target("CONTEXT", value="20"),), "Because.", "open")
    for run in range(1, screening.runs(4) + 1):
        idea, files = ask(tuner, study.brief(strategy=STRATEGY, hypotheses=[planted]), tmp_path)
        assert idea is not None and idea.title == screening.title(LEVELS, run)
        wanted = screening.settings(LEVELS, run)
        assert {name: float(evaluate(text)) for name, text in moved(idea).items()} == wanted  # type: ignore[arg-type]
        assert "WIDTH = 2**" in files["train.py"]
        study.close(idea, files, [Measured(2.6, 3)], parent=0)
    idea, _ = ask(tuner, study.brief(strategy=STRATEGY, hypotheses=[planted]), tmp_path)
    assert idea is not None and idea.hypothesis == "h-1"


def test_a_run_under_way_is_not_made_twice_and_one_refused_is_tried_once_more(tmp_path: Path) -> None:
    """A second refusal ends it."""
    study, tuner = Study(), Tuner()
    brief = study.brief(strategy=STRATEGY)
    idea, _ = ask(tuner, brief, tmp_path)
    assert idea is not None
    proposal = replace(study.history[0].proposal, idea=idea)
    again, _ = ask(tuner, replace(brief, pending=[proposal]), tmp_path)
    assert again is not None and again.title == screening.title(LEVELS, 2)
    refusal = Refusal(Ask(9, "tuner", 1, 0), proposal, "does not apply")
    once, _ = ask(tuner, replace(brief, refusals=[refusal]), tmp_path)
    assert once is not None and once.title == screening.title(LEVELS, 1)
    twice, _ = ask(tuner, replace(brief, refusals=[refusal, refusal]), tmp_path)
    assert twice is not None and twice.title == screening.title(LEVELS, 2)


def test_a_person_comes_first(tmp_path: Path) -> None:
    """A suggestion is not kept waiting for eight runs."""
    brief = replace(Study().brief(strategy=STRATEGY), suggestions=[Suggestion(4, "CONTEXT = 20")])
    idea, _ = ask(Tuner(), brief, tmp_path)
    assert idea is not None and idea.suggestion == 4
