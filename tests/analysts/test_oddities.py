"""What the statistical analyst says of odd results, repeats, chances and noise."""

from __future__ import annotations

from analyst_studies import climb, dossier, experiment, source
from test_statistics import START, loss

from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.core.cohort import Advice, entry
from deep_loop.core.experiment import Change, Experiment
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.review import objection

UP, DOWN = Change("LEARNING_RATE", "1e-3", "2e-3"), Change("LEARNING_RATE", "2e-3", "1e-3")


def advise(experiments: list[Experiment], **more: object) -> tuple[Advice, str | None]:
    """The advice, and what the harness would say against it."""
    given = dossier(experiments, **more)  # type: ignore[arg-type]
    advice = StatisticsAnalyst().draft(given)
    return advice, objection(advice, given)


def study(*found: Experiment) -> list[Experiment]:
    return [experiment(0, [2.5, 2.5], parent=None, kept=True), experiment(1, [2.4], changes=[UP], kept=True), *found]


def test_odd_results_are_named_and_hold() -> None:
    """A collapse, a keep of a seed and a keep that is none are told with their experiments; the harness agrees."""
    seed = experiment(2, [2.39], parent=1, changes=[Change("SEED", "1", "2")], kept=True)
    worse = experiment(3, [2.45], parent=2, changes=[Change("DEPTH", "4", "5")], kept=True)
    broken = experiment(4, [0.01], parent=3, changes=[Change("WIDTH", "4", "5")])
    advice, against = advise(study(seed, worse, broken))
    said = [(f.experiments, f.claim, f.text) for f in advice.failed if f.text.startswith("To look at")]
    assert [(numbers, claim) for numbers, claim, _ in said] == [((4,), "tried"), ((3,), "kept"), ((2,), "kept")]
    assert "nothing but a seed" in said[2][2] and "worse than its base" in said[1][2]
    assert against is None
    account = entry(advice, dossier(study(seed, worse, broken)), 1, "today")
    assert "To look at: experiment 4" in account


def test_many_keeps_without_a_gain_share_a_line() -> None:
    """A log that keeps whatever it likes does not fill the account; the harness agrees with every one."""
    worse = [
        experiment(n, [2.4 + n / 100], parent=n - 1, changes=[Change("DEPTH", str(n), str(n + 1))], kept=True)
        for n in range(2, 9)
    ]
    advice, against = advise(study(*worse))
    said = [f for f in advice.failed if f.text.startswith("To look at")]
    assert [(f.experiments, f.claim) for f in said] == [(tuple(range(2, 9)), "kept")]
    assert against is None


def test_a_sound_study_has_nothing_to_look_at() -> None:
    """Ordinary keeps, discards and crashes are not named."""
    advice, _ = advise(study(experiment(2, [2.6], parent=1, changes=[DOWN]), experiment(3, [], parent=1)))
    assert not [f for f in advice.failed if f.text.startswith("To look at")]


def test_what_was_asked_for_before_is_named() -> None:
    """A discard that asks in other words for what an earlier one asked for is told beside it."""
    first = experiment(2, [2.5], parent=1, title="Increase WIDTH from 4 to 6 for capacity")
    second = experiment(3, [2.5], parent=1, title="WIDTH 4 -> 6")
    advice, against = advise(study(first, second))
    assert [f.experiments for f in advice.failed if "asks for what" in f.text] == [(3, 2)]
    assert against is None


def test_every_hypothesis_of_ours_has_a_chance() -> None:
    """Between 0 and 1, and what a person planted stays as it is."""
    experiments, here = climb(40, seed=3, start=START, loss=loss)
    planted = Hypothesis("h-mine", "Try something else", "other", (), "because", "")
    advice, against = advise(experiments, files={"train.py": source(here)}, hypotheses=[planted])
    mine, *ours = advice.hypotheses
    assert mine == planted and ours and against is None
    assert all(entry.probability is not None and 0 < entry.probability < 1 for entry in ours)


def test_chances_follow_the_study() -> None:
    """Where nothing was kept for long they are lower than where much was."""

    def mean(kept: bool) -> float:
        found = [
            experiment(n, [2.5 - 0.01 * n * kept + 0.001 * (not kept) * n], parent=n - 1 if kept else 0, kept=kept,
                       changes=[Change("LEARNING_RATE", f"{n}e-3", f"{n + 1}e-3")])
            for n in range(1, 30)
        ]  # fmt: skip
        advice, _ = advise([experiment(0, [2.5, 2.5], parent=None, kept=True), *found])
        chances = [entry.probability or 0.0 for entry in advice.hypotheses]
        assert chances
        return sum(chances) / len(chances)

    assert mean(True) > 2 * mean(False)


def test_noise_is_told_from_close_values_where_nothing_was_repeated() -> None:
    """The table has a bound on the noise, and says what it rests on."""
    moved = [
        experiment(n, [2.4 + 0.001 * (n % 2)], parent=1, changes=[Change("GRAD_CLIP", "1.0", f"{1 + n / 50}")])
        for n in range(2, 12)
    ]
    base = [experiment(0, [2.5], parent=None, kept=True), experiment(1, [2.4], changes=[UP], kept=True)]
    advice, _ = advise([*base, *moved])
    assert [row[2] for row in advice.table if row[0].startswith("noise of one run")] == [
        "from 9 close values; none repeated"
    ]
