"""How the tuner reads a study: gains on one scale whatever code they were measured on."""

from __future__ import annotations

import pytest
from tuner_lab import Study

from deep_loop import knobs
from deep_loop.adapters.proposers.tuner_trials import Reader, State, recall
from deep_loop.core.experiment import Crashed, Idea, Measured, Pruned, TimedOut
from deep_loop.core.history import RECENT

CODE = Idea("other code", "other", "")


def gains(study: Study) -> list[float]:
    return [round(trial.gain, 6) for trial in recall(study.brief(), Reader()).trials if trial.state is State.MEASURED]


def other_code(study: Study, value: float, **knob_values: str) -> None:
    """An agent's experiment that changes code, and perhaps knobs with it."""
    text = study.files[study.base]["train.py"]
    text = knobs.rewrite(text, knob_values) + f"print({len(study.history)})\n"
    study.close(CODE, {"train.py": text}, [Measured(value, 3)] * 2, parent=study.incumbent, by="agent")


def test_gains_on_the_same_code_are_the_metrics_own() -> None:
    """Relative to the incumbent, over the baseline's size: keeps and discards from different bases alike."""
    study = Study()  # 2.5
    study.turn({"GRAD_CLIP": "2.0"}, Measured(2.6, 3))
    study.turn({"GRAD_CLIP": "0.5"}, Measured(2.45, 3), Measured(2.45, 3))  # kept
    study.turn({"CONTEXT": "20"}, Measured(2.55, 3))
    assert gains(study) == [-0.02, -0.06, 0.0, -0.04]


def test_code_that_was_kept_lifts_values_and_not_heights() -> None:
    """After a gain by code alone, knob moves before and after it are compared each against its own base."""
    study = Study()  # 2.5
    study.turn({"GRAD_CLIP": "2.0"}, Measured(2.55, 3))  # worse by 0.05
    other_code(study, 2.0)  # kept: code alone
    study.turn({"CONTEXT": "20"}, Measured(2.05, 3))  # worse by 0.05 against its base
    assert gains(study) == [0.0, -0.02, -0.02]


def test_a_change_of_code_and_knobs_counts_against_its_own_base() -> None:
    """Where an agent moved a knob along with the code, its gain is taken as the knob's."""
    study = Study()
    other_code(study, 2.6, GRAD_CLIP="2.0")
    assert gains(study) == [0.0, -0.04]


def test_failures_of_knobs_are_told_and_those_of_code_are_not() -> None:
    """A crash, time-out or hopeless run after moving a knob is a failed trial; broken code is no trial."""
    study = Study()
    study.turn({"MATRIX_LR": "9.0"}, Crashed("the loss is not finite", 1))
    study.turn({"CONTEXT": "99"}, TimedOut(10, 10))
    study.turn({"WIDTH": "2**9"}, Pruned("it could not win any more", 2))
    for text in ("print(1 / 0)\n", "this is no Python (\n"):
        files = {"train.py": study.program + text}
        study.close(CODE, files, [Crashed("it does not run", 1)], parent=0, by="agent")
    states = [trial.state for trial in recall(study.brief(), Reader()).trials]
    assert states == [State.MEASURED, State.FAILED, State.FAILED, State.FAILED]


def test_pending_proposals_are_running_trials_and_count_as_tried() -> None:
    """What waits or runs is known by its setting."""
    study = Study()
    study.pending.append(study.turn({"CONTEXT": "20"}, Measured(2.6, 3)).proposal)
    study.history.pop()
    memory = recall(study.brief(), Reader())
    assert [trial.state for trial in memory.trials] == [State.MEASURED, State.RUNNING]
    assert memory.trials[1].setting.identity() in memory.tried


def test_anchors_are_the_values_that_the_study_saw_first() -> None:
    """The baseline's value, and for a knob that came later the value that it came with."""
    study = Study()
    study.turn({"GRAD_CLIP": "0.5"}, Measured(2.4, 3), Measured(2.4, 3))
    text = study.files[study.base]["train.py"].replace("SEED = 1\n", "SEED = 1\nNEW = 3\n")
    study.close(CODE, {"train.py": text}, [Measured(2.3, 3)] * 2, parent=study.incumbent)
    study.turn({"NEW": "5"}, Measured(2.2, 3), Measured(2.2, 3))
    anchors = recall(study.brief(), Reader()).anchors
    assert (anchors["GRAD_CLIP"].source, anchors["NEW"].source) == ("1.0", "3")


def test_noise_comes_from_repeats() -> None:
    """Few repeats leave it near 0.2 %, those of the latest candidates tell it."""
    study = Study()
    assert recall(study.brief(), Reader()).noise == pytest.approx(0.002 * (2 / 3) ** 0.5)
    for number in range(40):
        fresh = [Measured(2.4999, 3), Measured(2.54, 3)]
        study.turn({"CONTEXT": str(30 + number)}, Measured(2.7, 3), *(fresh if number % 2 else reversed(fresh)))
    squares, freedom = 2 * 0.002**2 + RECENT * (0.0401 / 2.5) ** 2 / 2, 2 + 1 + RECENT
    assert recall(study.brief(), Reader()).noise == pytest.approx((squares / freedom) ** 0.5, rel=0.02)


def test_two_files_and_one_name() -> None:
    """Knobs of the same name in two files are told apart, and each is rewritten at home."""
    setting = Reader().read({"b.py": "RATE = 0.2\n", "a.py": "RATE = 0.1\n", "notes.md": "RATE = 3\n"})
    assert list(setting.knobs) == ["RATE", "b.py:RATE"]
    assert setting.rewritten({"b.py:RATE": "0.3"}) == {"b.py": "RATE = 0.3\n"}


def test_a_value_of_another_type_is_another_setting() -> None:
    """1, 1.0 and True run differently, so they are never taken for duplicates."""
    reader = Reader()
    settings = {reader.read({"train.py": f"A = {text}\n"}).identity() for text in ("1", "1.0", "True", "1.00")}
    assert len(settings) == 3
