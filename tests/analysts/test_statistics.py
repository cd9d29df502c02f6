"""The statistical analyst over synthetic studies: what is there is found, what is not is not claimed."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from analyst_studies import METRIC, climb, dossier, experiment, source
from hypothesis import given, settings
from hypothesis import strategies as st

from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.core import hypothesis, strategy
from deep_loop.core.cohort import Advice, Dossier, entry
from deep_loop.core.experiment import Change, Experiment
from deep_loop.core.hypothesis import Hypothesis, Target
from deep_loop.core.metric import Direction, Metric
from deep_loop.core.record import Ask, Refusal
from deep_loop.core.strategy import Strategy
from deep_loop.knobs import read

START = {"LEARNING_RATE": 1e-3, "WEIGHT_DECAY": 0.1, "INIT_SCALE": 0.02, "GRAD_CLIP": 1.0, "EMBEDDING_LR": 0.5}
KINDS = ("LR", "WARMUP", "MOMENTUM", "DEPTH", "WINDOW", "INIT", "DROPOUT", "BATCH")


def loss(values: Mapping[str, float]) -> float:
    """The learning rate matters most and should be four times as high; the rest hardly matters."""
    rest = sum(math.log(values[name] / START[name]) ** 2 for name in START if name != "LEARNING_RATE")
    return 2.5 * (1 + 0.02 * math.log(values["LEARNING_RATE"] / 4e-3) ** 2 + 0.0005 * rest)


def advise(given: Dossier) -> Advice:
    return StatisticsAnalyst().draft(given)


def words(advice: Advice) -> str:
    """Everything that the advice says."""
    said = [advice.summary, advice.strategy.prose, *advice.changed]
    said += [finding.text for finding in (*advice.worked, *advice.failed)]
    for found in advice.hypotheses:
        said += [found.title, found.rationale, found.expected]
    return "\n".join(said)


def cited(advice: Advice) -> set[int]:
    """Every experiment number that the advice names, in words or in typed fields."""
    named = re.findall(r"experiments? (\d+(?:(?:, | and )\d+\b(?! more))*)", words(advice))
    numbers = {int(number) for group in named for number in re.findall(r"\d+", group)}
    numbers.update(number for found in advice.hypotheses for number in found.evidence)
    numbers.update(number for group in advice.strategy.combinations for number in group)
    return numbers


def by_kind(count: int, seed: int, lift: float = 0.0) -> list[Experiment]:
    """Single moves of random constants whose gains are noise; those of LR gain `lift` more."""
    rng = random.Random(seed)
    found = [experiment(0, [2.5, 2.505], parent=None, kept=True)]
    for number in range(1, count + 1):
        name = rng.choice(KINDS)
        gain = rng.gauss(-0.004, 0.006) + (lift if name == "LR" else 0.0)
        change = Change(name, "1.0", f"{1 + rng.random():.4f}")
        kept = gain > 0.006
        found.append(experiment(number, [2.5 * (1 - gain)] * (2 if kept else 1), changes=[change], kept=kept))
    return found


# --- what is there is found ------------------------------------------------------------------------


def test_a_kind_that_helps_is_favoured() -> None:
    """Changes of one kind gain 2 % more than the others: it gets the largest weight, and the words say so."""
    advice = advise(dossier(by_kind(48, seed=3, lift=0.02)))
    assert max(advice.strategy.weights, key=lambda kind: advice.strategy.weights[kind]) == "learning-rate"
    assert advice.strategy.weights["learning-rate"] > 1.5
    assert "learning-rate does better than the rest" in advice.strategy.prose
    assert advice.summary.startswith("favour learning-rate")


def test_noise_alone_is_called_undetermined() -> None:
    """Where kinds differ by chance only, hardly any study has a kind claimed to stand out, and weights stay mild."""
    claims, weights = 0, []
    for seed in range(20):
        advice = advise(dossier(by_kind(48, seed)))
        claimed = "than the rest" in advice.strategy.prose
        assert claimed or "undetermined" in advice.strategy.prose
        claims += claimed
        weights += advice.strategy.weights.values()
    assert claims <= 3
    assert all(1 / 3 < weight < 3 for weight in weights)


def test_the_constant_that_matters_comes_first() -> None:
    """In 9 of 10 climbs the learning rate is found to decide most."""
    found = 0
    for seed in range(10):
        experiments, here = climb(40, seed=seed, start=START, loss=loss)
        prose = advise(dossier(experiments, files={"train.py": source(here)})).strategy.prose
        found += bool(re.search(r"moved, LEARNING_RATE", prose))
    assert found >= 9


def test_a_clear_region_becomes_a_range() -> None:
    """Values around the optimum are good, those away from it clearly bad: the range holds the optimum."""
    values = [5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 4e-2]
    base = loss({**START, "LEARNING_RATE": 1e-3})
    experiments = [experiment(0, [base, base * 1.001], parent=None, kept=True)]
    for number, rate in enumerate(values, start=1):
        here = loss({**START, "LEARNING_RATE": rate})
        experiments.append(experiment(number, [here], changes=[Change("LEARNING_RATE", "1e-3", repr(rate))]))
    low, high = advise(dossier(experiments)).strategy.ranges["LEARNING_RATE"]
    assert 5e-4 <= low < 4e-3 < high <= 4e-2


# --- ideas -----------------------------------------------------------------------------------------


def one_step(after: str, value: float, *, kept: bool, runs: int = 1) -> list[Experiment]:
    """A baseline of 2.5 with a noise of 0.04 %, and one move of the learning rate."""
    change = Change("LEARNING_RATE", "1e-3", after)
    return [
        experiment(0, [2.4995, 2.5005], parent=None, kept=True),
        experiment(1, [value] * runs, changes=[change], kept=kept),
    ]


def first(advice: Advice, name: str) -> Hypothesis:
    return next(found for found in advice.hypotheses if found.targets[0].name == name)


def test_a_direction_that_helped_goes_on() -> None:
    """Twice the rate was kept: four times comes next."""
    files = {"train.py": "LEARNING_RATE = 2e-3\n"}
    found = first(advise(dossier(one_step("2e-3", 2.45, kept=True, runs=2), files=files)), "LEARNING_RATE")
    assert found.targets == (Target("LEARNING_RATE", value="4e-3"),)
    assert found.evidence == (0, 1)
    assert found.kind == "learning-rate"


def test_a_direction_that_hurt_is_reversed() -> None:
    """Twice the rate lost 4 %: half of it comes next."""
    found = first(advise(dossier(one_step("2e-3", 2.6, kept=False))), "LEARNING_RATE")
    assert found.targets == (Target("LEARNING_RATE", value="5e-4"),)
    assert "instead" in found.title


def test_a_crash_is_not_stepped_over() -> None:
    """Going on would end where a run crashed: half way there comes next."""
    experiments = one_step("2e-3", 2.45, kept=True, runs=2)
    experiments.append(experiment(2, [], parent=1, changes=[Change("LEARNING_RATE", "2e-3", "4e-3")]))
    files = {"train.py": "LEARNING_RATE = 2e-3\n"}
    found = first(advise(dossier(experiments, files=files)), "LEARNING_RATE")
    assert 2e-3 < float(found.targets[0].value or 0) < 4e-3


def test_a_declared_range_is_respected() -> None:
    """A step that would leave the range stops at its end."""
    experiments = [
        experiment(0, [2.4995, 2.5005], parent=None, kept=True),
        experiment(1, [2.6], changes=[Change("GRAD_CLIP", "1.0", "0.5")]),
    ]
    assert first(advise(dossier(experiments)), "GRAD_CLIP").targets[0].value == "1.5"


def test_between_two_worse_values_lies_the_better_one() -> None:
    """A loss of 1 % at a quarter of the rate and of 4 % at four times puts the top a little below the middle."""
    experiments = [
        experiment(0, [2.4995, 2.5005], parent=None, kept=True),
        experiment(1, [2.525], changes=[Change("LEARNING_RATE", "1e-3", "2.5e-4")]),
        experiment(2, [2.6], changes=[Change("LEARNING_RATE", "1e-3", "4e-3")]),
    ]
    found = first(advise(dossier(experiments)), "LEARNING_RATE")
    # In u = log4(rate / 1e-3) the parabola through (-1, -1), (0, 0), (1, -4) has its top at u = -0.3.
    assert float(found.targets[0].value or 0) == pytest.approx(1e-3 * 4**-0.3, rel=0.01)
    assert found.evidence == (0, 1, 2)


def near_misses() -> list[Experiment]:
    """Two discarded gains that noise may explain, on different constants."""
    return [
        experiment(0, [2.49, 2.51], parent=None, kept=True),
        experiment(1, [2.485], changes=[Change("WEIGHT_DECAY", "0.1", "0.05")]),
        experiment(2, [2.488], changes=[Change("LEARNING_RATE", "1e-3", "1.2e-3")]),
        experiment(3, [2.7], changes=[Change("DEPTH", "4", "2")]),
    ]


def test_near_misses_are_combined() -> None:
    """Both changes together, resting on both experiments, as a hypothesis and in the strategy."""
    advice = advise(dossier(near_misses()))
    found = next(found for found in advice.hypotheses if len(found.targets) == 2)
    assert set(found.targets) == {Target("WEIGHT_DECAY", value="0.05"), Target("LEARNING_RATE", value="1.2e-3")}
    assert found.evidence == (1, 2)
    assert advice.strategy.combinations == ((1, 2),)


def test_what_was_tried_is_not_proposed() -> None:
    """Once the combination was run, in whatever spelling, it is gone."""
    changes = [Change("LEARNING_RATE", "1e-3", "0.0012"), Change("WEIGHT_DECAY", "0.1", "5e-2")]
    advice = advise(dossier([*near_misses(), experiment(4, [2.51], changes=changes)]))
    assert (1, 2) not in advice.strategy.combinations
    assert not any({t.name for t in found.targets} == {"LEARNING_RATE", "WEIGHT_DECAY"} for found in advice.hypotheses)


def test_constants_never_moved_are_remembered() -> None:
    """A study that moved one constant hears of others: a range, an untried choice, a switch."""
    experiments = one_step("2e-3", 2.6, kept=False)
    for knob, target in (
        ("BATCH_SIZE = 2**7", Target("BATCH_SIZE", low=64.0, high=256.0)),
        ('ACTIVATION = "gelu"  # choices: gelu, relu', Target("ACTIVATION", value='"relu"')),
        ("TIE = True", Target("TIE", value="False")),
        ("WARMUP_FRAC = 0.0", Target("WARMUP_FRAC", low=0.0, high=0.1)),
    ):
        advice = advise(dossier(experiments, files={"train.py": f"LEARNING_RATE = 1e-3\n{knob}\n"}))
        assert target in [found.targets[0] for found in advice.hypotheses]


def test_taken_hypotheses_do_not_come_back() -> None:
    """An identity that an experiment or a refused proposal carries is not written again."""
    experiments = one_step("2e-3", 2.6, kept=False)
    found = first(advise(dossier(experiments)), "LEARNING_RATE")
    other = Change("DEPTH", "4", "5")
    done = experiment(2, [2.55], changes=[other], hypothesis=found.id)
    assert found.id not in [h.id for h in advise(dossier([*experiments, done])).hypotheses]
    refusal = Refusal(Ask(9, "tuner", 2, 0), done.proposal, "the same code as experiment 1")
    advice = advise(dossier(experiments, refusals=[refusal]))
    assert found.id not in [h.id for h in advice.hypotheses]
    assert ("proposals refused as repeats", "50 % (9 to 91)", "+1") in advice.table


def test_a_persons_entries_stay_on_top() -> None:
    """Entries without experiments, or edited ones, wait until someone takes them up; our old ones are written anew."""
    planted = hypothesis.parse("## Try this\n- set: DEPTH = 7\n")[0]
    ours = first(advise(dossier(one_step("2e-3", 2.6, kept=False))), "LEARNING_RATE")
    edited = replace(ours, targets=(Target("LEARNING_RATE", value="7e-4"),))
    stale = hypothesis.Hypothesis(hypothesis.identity("x", (), "old"), "old", "x", (), "r", "e", (0,))
    experiments = one_step("2e-3", 2.6, kept=False)
    advice = advise(dossier(experiments, hypotheses=[stale, edited, planted]))
    assert advice.hypotheses[:2] == (edited, planted)
    assert stale not in advice.hypotheses
    taken = experiment(2, [2.55], changes=[Change("DEPTH", "4", "7")], hypothesis=planted.id)
    assert planted not in advise(dossier([*experiments, taken], hypotheses=[planted])).hypotheses


def test_what_a_person_knows_about_the_untried_stays() -> None:
    """Weights and ranges of kinds and constants without experiments are carried over."""
    before = Strategy(version=4, weights={"attention": 3.0}, ranges={"WINDOW": (8.0, 64.0)})
    advice = advise(dossier(one_step("2e-3", 2.6, kept=False), strategy=before))
    assert advice.strategy.version == 5
    assert advice.strategy.weights["attention"] == 3.0
    assert advice.strategy.ranges["WINDOW"] == (8.0, 64.0)


def test_a_persons_commits_are_noted() -> None:
    """What a person committed since the last revision stands in the account, older commits do not."""
    given_dossier = replace(
        dossier(one_step("2e-3", 2.6, kept=False)), commits=("human: widen", "keep 3", "meta: v1: x", "human: old")
    )
    assert advise(given_dossier).changed[0] == "A person committed meanwhile: human: widen."


def test_kinds_that_an_agent_invents_do_not_flood_the_strategy() -> None:
    """However many and long the kinds are, the section stays within its bound."""
    experiments = [experiment(0, [2.5, 2.501], parent=None, kept=True)]
    experiments += [experiment(n, [2.51], kind=f"{n % 90} a\nlong kind" * 9) for n in range(1, 400)]
    advice = advise(dossier(experiments))
    assert len(strategy.render("", advice.strategy)) < strategy.LIMIT
    assert strategy.parse(strategy.render("", advice.strategy)) == advice.strategy


# --- whatever the study ------------------------------------------------------------------------------


def test_few_experiments_say_so() -> None:
    """No experiment, a baseline alone, or nothing but crashes: advice that claims nothing."""
    baseline = experiment(0, [2.5, 2.51], parent=None, kept=True)
    crashes = [experiment(n, [], changes=[Change("DEPTH", "4", str(4 + n))]) for n in (1, 2, 3)]
    for experiments in ([], [baseline], [baseline, *crashes], [experiment(0, [], parent=None)]):
        advice = advise(dossier(experiments))
        assert advice.summary == "nothing can be told yet"
        assert "Nothing can be told yet" in advice.strategy.prose
        assert advice.strategy.ranges == {}
    assert "experiments 1, 2 and 3 crashed" in advise(dossier([baseline, *crashes])).strategy.prose


def test_a_long_drought_is_a_plateau() -> None:
    """Thirty losses in a row: the odds are named, and kinds that were not tried."""
    experiments = [experiment(0, [2.5, 2.501], parent=None, kept=True)]
    for number in range(1, 31):
        change = Change("LEARNING_RATE", "1e-3", f"{1e-3 * (1 + number / 10):.4g}")
        experiments.append(experiment(number, [2.5 + number / 100], changes=[change]))
    advice = advise(dossier(experiments))
    assert "A plateau: nothing was kept in 30 experiments" in advice.strategy.prose
    assert "attention" in advice.strategy.prose


def test_a_metric_to_maximize_is_read_the_right_way_round() -> None:
    """A higher value is a gain or a loss, as the metric says."""
    experiments = one_step("2e-3", 2.6, kept=False)
    up = advise(dossier(experiments, metric=Metric("accuracy", Direction.MAXIMIZE)))
    assert "further" in first(up, "LEARNING_RATE").title
    assert "instead" in first(advise(dossier(experiments, metric=METRIC)), "LEARNING_RATE").title


def test_unreadable_files_are_no_obstacle() -> None:
    """Where the incumbent's files cannot be read, the record alone speaks."""
    experiments = one_step("2e-3", 2.45, kept=True, runs=2)
    found = advise(dossier(experiments, files={"train.py": "def (", "notes.txt": "x = ="}))
    assert first(found, "LEARNING_RATE").targets[0].value == "4e-3"


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 40),
    st.sampled_from([0.0, 0.05, 1.0]),
    st.sampled_from([0.0, 0.002, 0.1]),
    st.integers(0, 45),
)
def test_advice_is_sound_whatever_the_study(seed: int, count: int, crash: float, noise: float, since: int) -> None:
    """Cited experiments exist, all of it can be written and repeats, and every hypothesis would change something."""
    experiments, here = climb(count, seed=seed, start=START, loss=loss, crash=crash, noise=noise)
    files = {"train.py": source(here)}
    given_dossier = dossier(experiments, cohort=[e.number for e in experiments if e.number > since], files=files)
    advice = advise(given_dossier)
    assert advise(given_dossier) == advice
    assert cited(advice) <= {e.number for e in experiments}
    assert len(advice.summary) <= 60
    assert "\n" not in advice.summary
    assert len(advice.hypotheses) <= 6
    assert all(found.evidence for found in advice.hypotheses)
    assert all(0.25 <= weight <= 4 for weight in advice.strategy.weights.values())
    assert strategy.parse(strategy.render("", advice.strategy)) == advice.strategy
    assert len(strategy.render("", advice.strategy)) < strategy.LIMIT
    assert hypothesis.parse(hypothesis.render(advice.hypotheses)) == advice.hypotheses
    assert entry(advice, given_dossier, 1, "today").endswith("\n")
    present = {knob.name: knob.value for knob in read(files["train.py"])}
    for found in advice.hypotheses:
        assert any(t.value is None or float(t.value) != present[t.name] for t in found.targets)


def test_a_thousand_experiments_are_no_burden() -> None:
    """Far under the two seconds that are asked for, on any machine, and still within the bounds of the files."""
    experiments, here = climb(1000, seed=1, start=START, loss=loss)
    advice = advise(dossier(experiments, files={"train.py": source(here)}))
    assert cited(advice) <= {e.number for e in experiments}
    assert len(strategy.render("", advice.strategy)) < strategy.LIMIT
