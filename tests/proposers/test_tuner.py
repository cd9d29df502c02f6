"""The tuner as a proposer: what it proposes, in words and in the file, and that it repeats itself exactly."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tuner_lab import PROGRAM, Study, Surface, ask, moved, run_study

from deep_loop import knobs
from deep_loop.adapters.proposers.tuner import Tuner
from deep_loop.core.experiment import Crashed, Idea, Measured, Proposal
from deep_loop.core.hypothesis import Hypothesis, Target
from deep_loop.core.record import Ask, Refusal
from deep_loop.core.strategy import Strategy
from deep_loop.core.taxonomy import kind_of
from deep_loop.ports import Answer, Objection, Suggestion


def hypothesis(identity: str, *targets: Target) -> Hypothesis:
    return Hypothesis(identity, f"try {identity}", "optimizer", targets, "Because.", "+0.4 %")


def some_history(study: Study) -> Study:
    """Six experiments of an agent's, two of them kept."""
    study.turn({"CONTEXT": "20"}, Measured(2.6, 3))
    study.turn({"GRAD_CLIP": "0.5"}, Measured(2.48, 3), Measured(2.47, 3))
    study.turn({"MATRIX_LR": "8e-3"}, Measured(2.55, 3))
    study.turn({"ACTIVATION": '"gelu"'}, Measured(2.46, 3), Measured(2.46, 3))
    study.turn({"MATRIX_LR": "9.0"}, Crashed("the loss is not finite", 1))
    study.turn({"ADAM_BETAS": "(0.9, 0.999)"}, Measured(2.5, 3))
    return study


def test_a_proposal_changes_the_values_that_it_names_and_nothing_else(tmp_path: Path) -> None:
    """The file differs from the base in the named constants, and the idea says what, why and what it expects."""
    brief = some_history(Study()).brief()
    idea, files = ask(Tuner(), brief, tmp_path)
    assert idea is not None and 1 <= len(idea.changes) <= 4
    assert files["train.py"] == knobs.rewrite(brief.files["train.py"], moved(idea)) != brief.files["train.py"]
    assert idea.title == ", ".join(f"{change.name} {change.before} -> {change.after}" for change in idea.changes)
    assert idea.kind == kind_of(idea.changes[0].name)
    assert idea.changes[0].after in idea.rationale and idea.expected.endswith(")") and "%" in idea.expected


def test_the_same_brief_gets_the_same_proposal_in_a_new_process(tmp_path: Path) -> None:
    """No state matters: a used tuner, a new one, and one in another process under another hash seed agree."""
    study, used = some_history(Study()), Tuner()
    for number in range(3):
        ask(used, study.brief(ask=20 + number), tmp_path / "before")
    _, files = ask(used, study.brief(), tmp_path / "used")
    _, again = ask(Tuner(), study.brief(), tmp_path / "new")
    code = (
        "import sys; from pathlib import Path; from tuner_lab import Study, ask;"
        "from test_tuner import Tuner, some_history;"
        "print(ask(Tuner(), some_history(Study()).brief(), Path(sys.argv[1]))[1]['train.py'], end='')"
    )
    there = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "other")],
        cwd=Path(__file__).parent,
        env={"PYTHONHASHSEED": "7", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert files == again == {"train.py": there.stdout}
    assert there.stderr == ""


def test_other_asks_get_other_proposals(tmp_path: Path) -> None:
    """The seed of the ask is what varies: eight asks at once are not eight times the same."""
    study = some_history(Study())
    titles = {
        ideas[0].title for n in range(8) if (ideas := ask(Tuner(), study.brief(ask=50 + n), tmp_path)) and ideas[0]
    }
    assert len(titles) >= 6


def test_nothing_is_printed_and_no_warning_escapes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Optuna's announcements would break the live display; its warnings are errors here."""
    ask(Tuner(), some_history(Study()).brief(), tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_file_without_knobs_gets_no_proposal(tmp_path: Path) -> None:
    """There is nothing to move in it, and nothing in one that does not parse."""
    assert ask(Tuner(), Study("x = 1\n").brief(), tmp_path)[0] is None
    assert ask(Tuner(), Study("A = (\n").brief(), tmp_path)[0] is None


def test_windows_line_ends_survive(tmp_path: Path) -> None:
    """The bytes around the value are the base's own."""
    study = Study(PROGRAM.replace("\n", "\r\n"))
    idea, files = ask(Tuner(), study.brief(), tmp_path)
    assert files["train.py"] == knobs.rewrite(study.program, moved(idea))


def test_repair_is_left_to_others(tmp_path: Path) -> None:
    """A crash is information for the model."""
    assert Tuner().mend(Study().brief(), tmp_path, Objection("crash", "Traceback")) == Answer()


# --- the outer tier's orders ---------------------------------------------------------------------


def test_a_planted_hypothesis_is_taken_at_once_and_its_removal_restores_the_sequence(tmp_path: Path) -> None:
    """With a fixed seed the proposal after the planting carries its identity; without it all is as before."""
    study, planted = some_history(Study()), hypothesis("h-77aa01", Target("WEIGHT_DECAY", value="0.2"))
    before = ask(Tuner(), study.brief(), tmp_path)
    idea, _ = ask(Tuner(), study.brief(hypotheses=[planted]), tmp_path)
    assert idea is not None and idea.hypothesis == "h-77aa01" and moved(idea) == {"WEIGHT_DECAY": "0.2"}
    assert (idea.kind, idea.expected) == ("optimizer", "+0.4 %") and "Because." in idea.rationale
    assert ask(Tuner(), study.brief(), tmp_path) == before


def test_hypotheses_and_own_ideas_take_turns(tmp_path: Path) -> None:
    """A long list is worked off in its order, every second proposal, so that the model is not starved."""
    study, tuner = Study(), Tuner()
    queue = [hypothesis(f"h-{n}", Target("CONTEXT", value=str(20 + n))) for n in range(3)]
    taken = []
    for _ in range(7):
        idea, files = ask(tuner, study.brief(hypotheses=queue), tmp_path)
        assert idea is not None
        taken.append(idea.hypothesis)
        study.close(idea, files, [Measured(2.6, 3)], parent=0)
    assert taken == ["h-0", None, "h-1", None, "h-2", None, None]


def test_pending_and_refused_hypotheses_are_taken(tmp_path: Path) -> None:
    """An entry is taken up once, whatever became of it."""
    study = Study()
    queue = [hypothesis(f"h-{n}", Target("CONTEXT", value=str(20 + n))) for n in range(3)]
    first = study.turn({"CONTEXT": "20"}, Measured(2.6, 3), idea=Idea("a", "other", "", hypothesis="h-0")).proposal
    study.history.pop()
    study.pending.append(first)
    study.refusals.append(Refusal(Ask(3, "agent", 1, 0), study.history[0].proposal, "no"))
    refused = study.turn({"CONTEXT": "21"}, Measured(2.6, 3), idea=Idea("b", "other", "", hypothesis="h-1"))
    study.history.pop()
    study.refusals.append(Refusal(refused.ask, refused.proposal, "it breaks a rule"))
    idea, _ = ask(Tuner(), study.brief(hypotheses=queue), tmp_path)
    assert idea is not None and idea.hypothesis == "h-2"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target("UNKNOWN", value="3"), None),
        (Target("SEED", value="3"), None),
        (Target("CONTEXT", value="12"), None),
        (Target("CONTEXT", value="'twelve'"), None),
        (Target("CONTEXT", value="import os"), None),
        (Target("ADAM_BETAS", value="0.9"), None),
        (Target("UNKNOWN", low=1, high=2), None),
        (Target("ACTIVATION", low=1, high=2), None),
        (Target("ADAM_BETAS", value="(0.8, 0.95)"), "(0.8, 0.95)"),
        (Target("ADAM_BETAS[1]", value="0.95"), "(0.9, 0.95)"),
        (Target("WIDTH", value="2**9"), "2**9"),
        (Target("ACTIVATION", value="tanh"), "'tanh'"),
        (Target("PATTERN", value='"SL"'), '"SL"'),
        (Target("WEIGHT_DECAY", value="0"), "0"),
    ],
)
def test_what_a_hypothesis_may_name(target: Target, text: str | None, tmp_path: Path) -> None:
    """Knobs that exist, values of their type that differ from now; anything else is passed over."""
    idea, _ = ask(Tuner(), Study().brief(hypotheses=[hypothesis("h-1", target)]), tmp_path)
    assert idea is not None
    assert (idea.hypothesis, text and list(moved(idea).values())) == (("h-1", [text]) if text else (None, None))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("MATRIX_LR", 0.1, 0.2), ("WIDTH", 300, 1100), ("WARMDOWN_RATIO", 0.7, 0.8), ("INIT_SCALE", 0, 0.5)],
)
def test_a_range_is_sampled_inside(name: str, low: float, high: float, tmp_path: Path) -> None:
    """A hypothesis with a range gets a value in it, beyond the usual space if it says so."""
    idea, _ = ask(Tuner(), Study().brief(hypotheses=[hypothesis("h-1", Target(name, low=low, high=high))]), tmp_path)
    value = knobs.evaluate(moved(idea)[name])
    assert isinstance(value, int | float) and low <= value <= high


def test_several_targets_move_together(tmp_path: Path) -> None:
    """A combination of near misses is one proposal."""
    both = hypothesis("h-1", Target("CONTEXT", value="20"), Target("GRAD_CLIP", low=0.2, high=0.4))
    idea, _ = ask(Tuner(), Study().brief(hypotheses=[both]), tmp_path)
    assert moved(idea).keys() == {"CONTEXT", "GRAD_CLIP"}


def test_combinations_are_made_on_the_incumbent_once(tmp_path: Path) -> None:
    """The changes of the named experiments come together, and are not proposed again after that."""
    study, tuner = Study(), Tuner()
    study.turn({"CONTEXT": "20"}, Measured(2.501, 3))
    study.turn({"GRAD_CLIP": "0.5"}, Measured(2.501, 3))
    study.turn({"INIT_SCALE": "0.7"}, Measured(2.4, 3), Measured(2.4, 3))
    strategy = Strategy(combinations=((1, 2), (1, 99)))
    idea, files = ask(tuner, study.brief(strategy=strategy), tmp_path)
    assert idea is not None and idea.title == "combine #1 + #2: CONTEXT 12 -> 20, GRAD_CLIP 1.0 -> 0.5"
    assert knobs.rewrite(files["train.py"], {"CONTEXT": "12", "GRAD_CLIP": "1.0"}) == study.files["c3"]["train.py"]
    study.close(idea, files, [Measured(2.5, 3)], parent=3)
    for _ in range(3):
        idea, files = ask(tuner, study.brief(strategy=strategy), tmp_path)
        assert idea is not None and not idea.title.startswith("combine")
        study.close(idea, files, [Measured(2.5, 3)], parent=3)


# --- the strategy's fields -----------------------------------------------------------------------


def test_weights_say_which_kinds_move(tmp_path: Path) -> None:
    """A kind of weight 4 against the others' 1/4 leads far more often than it does when all are alike."""
    study, tuner = Study(), Tuner()
    kinds = {kind_of(knob.name) for knob in knobs.read(PROGRAM)}
    favour = Strategy(weights={kind: 4.0 if kind == "schedule" else 0.25 for kind in kinds})

    def schedules(strategy: Strategy) -> int:
        ideas = [ask(tuner, study.brief(ask=100 + n, strategy=strategy), tmp_path)[0] for n in range(24)]
        return sum(idea is not None and idea.kind == "schedule" for idea in ideas)

    assert schedules(favour) >= 2 * schedules(Strategy()) > 0


def test_ranges_narrow_the_sampling(tmp_path: Path) -> None:
    """Inside the range where it can be met; as if it were not there where it leaves nothing."""
    study, tuner = Study('"""One knob."""\nRATE = 0.01\n'), Tuner()

    def rates(low: float, high: float) -> list[float]:
        strategy = Strategy(ranges={"RATE": (low, high)})
        ideas = [ask(tuner, study.brief(ask=n, strategy=strategy), tmp_path)[0] for n in range(1, 9)]
        return [float(moved(idea)["RATE"]) for idea in ideas]

    assert all(0.011 <= rate <= 0.013 for rate in rates(0.011, 0.013))
    assert all(0.03 <= rate <= 0.04 for rate in rates(0.03, 0.04))
    assert all(0.005 <= rate <= 0.02 for rate in rates(5.0, 6.0))


# --- not twice, and to the end -------------------------------------------------------------------


def test_a_small_space_is_tried_out_and_then_exhausted(tmp_path: Path) -> None:
    """Every setting comes once, none twice, and then None."""
    study, tuner = Study("A = True\nB = 'x'  # choices: x, y, z\nN = 2  # range: 1..3\n"), Tuner()
    seen = {study.program}
    for _ in range(2 * 3 * 3 - 1):
        idea, files = ask(tuner, study.brief(), tmp_path)
        assert idea is not None and files["train.py"] not in seen
        seen.add(files["train.py"])
        study.close(idea, files, [Measured(2.6, 3)], parent=0)
    assert ask(tuner, study.brief(), tmp_path)[0] is None


def test_what_runs_is_not_proposed_again(tmp_path: Path) -> None:
    """Parallel slots get different settings."""
    study, tuner = Study("A = True\nB = 'x'  # choices: x, y, z\n"), Tuner()
    for number in range(1, 6):
        idea, files = ask(tuner, study.brief(ask=number), tmp_path)
        assert idea is not None
        study.files[f"p{number}"] = files
        study.pending.append(Proposal(idea, "tuner", "c0", 0, f"p{number}", f"p{number}"))
    assert len({study.files[proposal.commit]["train.py"] for proposal in study.pending} | {study.program}) == 6
    assert ask(tuner, study.brief(ask=9), tmp_path)[0] is None


def test_crashing_regions_are_left(tmp_path: Path) -> None:
    """After a few crashes on one side of a knob the tuner goes to the other."""
    study, tuner = Study('"""One knob."""\nRATE = 0.01\n'), Tuner()
    for rate in ("0.012", "0.014", "0.016", "0.018", "0.02"):
        study.turn({"RATE": rate}, Crashed("the loss is not finite", 1))
    rates = [float(moved(ask(tuner, study.brief(ask=n), tmp_path)[0])["RATE"]) for n in range(10, 20)]
    assert sum(rate < 0.0115 for rate in rates) >= 9


# --- how good it is ------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_per_cent_within_24_experiments(tmp_path: Path) -> None:
    """On surfaces where single constants gain 1 to 2.5 % at 0.2 % noise, whole studies gain well over 2 %."""
    gained = [run_study(Tuner(), Surface(seed), 24, tmp_path, seed) for seed in range(4)]
    assert min(gained) >= 0.02
    assert sum(gained) / len(gained) >= 0.04


# --- a person's suggestions ------------------------------------------------------------------------


def test_a_suggestion_that_names_a_value_is_followed_at_once(tmp_path: Path) -> None:
    """Before all orders, and whatever the last proposal was; one in prose is left to those who can read."""
    study = some_history(Study())
    prose, plain = Suggestion(1, "try a deeper model"), Suggestion(2, "WEIGHT_DECAY = 0.2")
    brief = replace(study.brief(), suggestions=[prose, plain])
    idea, _ = ask(Tuner(), brief, tmp_path)
    assert idea is not None and idea.suggestion == 2
    assert moved(idea) == {"WEIGHT_DECAY": "0.2"}
    assert '"WEIGHT_DECAY = 0.2"' in idea.rationale
    without, _ = ask(Tuner(), replace(brief, suggestions=[prose]), tmp_path)
    assert without == ask(Tuner(), study.brief(), tmp_path)[0]
