"""Other studies as the statistician sees them: a beginning, and no evidence of this study's own."""

from __future__ import annotations

from dataclasses import replace

from analyst_studies import dossier, experiment

from deep_loop.adapters.analysts.elsewhere import ratios
from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.core.cohort import Advice
from deep_loop.core.earlier import Earlier, Finding
from deep_loop.core.experiment import Change


def found(kind: str, *, kept: bool, gain: float = 0.01, changes: tuple[Change, ...] = ()) -> Finding:
    return Finding(1, f"a change of {kind}", kind, changes, kept, False, gain)


def night(*findings: Finding) -> Earlier:
    return Earlier("night", "results.tsv", "val_bpb", findings)


STUDY = (
    experiment(0, [2.5, 2.5, 2.51], parent=None, kept=True),
    experiment(1, [2.49], changes=[Change("DEPTH", "4", "5")]),
)
WARM = night(
    *[found("schedule", kept=True)] * 4,
    *[found("activation", kept=False)] * 8,
    found("learning-rate", kept=True, gain=0.02, changes=(Change("LEARNING_RATE", "1e-3", "2e-3"),)),
    found("learning-rate", kept=True, gain=0.01, changes=(Change("LEARNING_RATE", "2e-3", "3e-3"),)),
    found("batch", kept=False, changes=(Change("BATCH_SIZE", "2**7", "2**8"),)),
    found("other", kept=True, changes=(Change("NOT_HERE", "1", "2"),)),
)


def advise(*earlier: Earlier) -> Advice:
    return StatisticsAnalyst().draft(replace(dossier(STUDY), earlier=earlier))


def test_kinds_that_were_never_tried_here_begin_with_what_they_brought_there() -> None:
    """Those that were kept more often than the rest above 1, the others below."""
    weights = advise(WARM).strategy.weights
    assert weights["schedule"] > 1 > weights["activation"]
    assert not advise().strategy.weights


def test_rates_are_of_one_study_each() -> None:
    """One that keeps everything does not make its kinds better than those of one that keeps little."""
    generous = night(*[found("schedule", kept=True)] * 10)
    strict = night(*[found("batch", kept=True)], *[found("batch", kept=False)] * 9)
    assert ratios([generous, strict]) == {"schedule": 1.0, "batch": 1.0}
    assert ratios([night(found("init", kept=True))]) == {}


def test_what_is_tried_here_counts_more_and_more() -> None:
    """Twenty failures here outweigh four keeps there."""
    change = Change("WARMUP_FRAC", "0.0", "0.1")
    tried = [experiment(number, [2.6], changes=[change]) for number in range(2, 22)]
    kept = [experiment(number, [2.4], kept=True, changes=[Change("DEPTH", "4", "5")]) for number in range(22, 26)]
    advice = StatisticsAnalyst().draft(replace(dossier([*STUDY, *tried, *kept]), earlier=(WARM,)))
    assert advice.strategy.weights["schedule"] < 1


def test_constants_that_were_kept_there_are_tried_here() -> None:
    """At the value kept last, where the constant is here and stands elsewhere; the hypothesis says whose it is."""
    (entry,) = [one for one in advise(WARM).hypotheses if "night" in one.title]
    assert entry.title == "Try LEARNING_RATE = 3e-3, as night kept it"
    assert entry.targets[0].value == "3e-3" and "+1 % there" in entry.rationale and "Here it is 1e-3" in entry.rationale


def test_the_strategy_says_what_is_not_its_own() -> None:
    """In one line; the figures of the study stay those of the study."""
    warm, cold = advise(WARM), advise()
    assert "Elsewhere, in night, 7 of 16 changes were kept" in warm.strategy.prose
    assert warm.table == cold.table and warm.worked == cold.worked
