"""Whether keeps are real: studies of known worlds, in which the real rules decide what is kept.

Each study has 100 experiments. The noise of one run, sigma, is not known to the rules; it differs from commit to
commit (a spread of 25 %), changes by 20 % along the study, and has normal or heavy tails (Student's t with 5 degrees
of freedom), half of the studies each. The machine's level walks at random by 0.05 sigma from run to run. Among nothing
but nulls each change is worth exactly nothing. With one true effect in ten, half of the other changes are nulls and
half do harm. Seeds have nothing in common, but for the last rows of the table: there a seed brings a share of a run's
variance to all commits alike, as it does to most training programs.

A false keep is one whose true gain is not above zero. Extra runs are all beyond one for each experiment and one for the
baseline; the 8 final runs come on top. Bias and coverage are those of the value that is claimed at the end.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from benchmarks.null_study.greedy import greedy_keeps
from benchmarks.null_study.study import Outcome, Simulation
from benchmarks.null_study.world import Setting
from benchmarks.result import Result

STUDIES = 300
CURVE_STUDIES = 100  # of each other row of the table
QUICK_STUDIES = 30
DEFAULT = 0.5  # false keeps allowed, as the settings have it
ALIKE = (0.3, 0.6, 0.9)  # shares of the last rows
CURVE = (0.1, 0.25, 1.0, 2.0, 5.0)
TAILS = (None, 5.0)
TARGETS = {
    "false_keeps_null": "<= 0.5",
    "false_keeps_effects": "<= 0.5",
    "extra_runs_null": "<= 35",
    "power_2": ">= 0.6",
    "power_3": ">= 0.9",
    "bias": "<= 0.1",
    "coverage_percent": ">= 87",
    "coverage_excess_percent": "<= 3",
}
QUICK_TARGETS = {"false_keeps_null": "<= 1", "false_keeps_effects": "<= 1", "power_3": ">= 0.7"}


@dataclass(frozen=True, slots=True)
class Row:
    """What one allowance buys in worlds of one kind."""

    allowed: float
    alike: float
    nulls: Sequence[Outcome]
    twos: Sequence[Outcome]
    threes: Sequence[Outcome]

    @property
    def false_keeps_effects(self) -> float:
        """False keeps of a study with true effects, the worse of the two sizes."""
        return max(_mean(study.false_keeps for study in studies) for studies in (self.twos, self.threes))


def run(quick: bool) -> Result:
    """All studies at the defaults, fewer at other allowances and with other seeds; a quick run only at the defaults."""
    studies = QUICK_STUDIES if quick else STUDIES
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        chosen = measure(pool, DEFAULT, 0.0, studies)
        others = [] if quick else [(allowed, 0.0) for allowed in CURVE] + [(DEFAULT, alike) for alike in ALIKE]
        rows = [chosen, *(measure(pool, *other, CURVE_STUDIES) for other in others)]
    greedy = statistics.fmean(greedy_keeps(Setting("nulls"), seed) for seed in range(studies))
    return result(rows, greedy, QUICK_TARGETS if quick else TARGETS)


def measure(pool: ProcessPoolExecutor, allowed: float, alike: float, studies: int) -> Row:
    """Studies in the three worlds, half of each with heavy tails."""
    found = []
    for effects, size in (("nulls", 0.0), ("one in ten", 2.0), ("one in ten", 3.0)):
        worlds = [Setting(effects, size, tails, alike=alike) for tails in TAILS]  # type: ignore[arg-type]
        jobs = [(worlds[seed % 2], seed, allowed) for seed in range(studies)]
        found.append(list(pool.map(_simulate, jobs, chunksize=5)))
        print(f"allowed {allowed:g}, seeds alike {alike:g}: {effects} {size:g}: done", file=sys.stderr, flush=True)
    return Row(allowed, alike, *found)


def _simulate(job: tuple[Setting, int, float]) -> Outcome:
    return Simulation(*job).run()


def result(rows: Sequence[Row], greedy: float, targets: dict[str, str]) -> Result:
    """The figures of the first row, that of the defaults, and all rows as the table."""
    chosen = rows[0]
    everything = [*chosen.nulls, *chosen.twos, *chosen.threes]
    coverage = 100 * _mean(study.covered for study in everything)
    figures = {
        "false_keeps_null": round(_mean(study.false_keeps for study in chosen.nulls), 3),
        "false_keeps_effects": round(chosen.false_keeps_effects, 3),
        "false_keeps_greedy": round(greedy, 2),
        "extra_runs_null": round(_mean(study.extra_runs for study in chosen.nulls), 1),
        "power_2": round(power(chosen.twos), 3),
        "power_3": round(power(chosen.threes), 3),
        "bias": round(max(abs(_mean(study.bias for study in part)) for part in _parts(chosen)), 3),
        "coverage_percent": round(coverage, 1),
        "coverage_excess_percent": round(coverage - 90, 1),
        "studies": len(everything),
    }
    head = (
        "allowed",
        "seeds alike",
        "false keeps, nulls",
        "false keeps, effects",
        "extra runs, nulls",
        "2 sigma kept",
        "3 sigma kept",
    )
    table = [
        (
            f"{row.allowed:g}",
            f"{row.alike:g}",
            f"{_mean(study.false_keeps for study in row.nulls):.2f}",
            f"{row.false_keeps_effects:.2f}",
            f"{_mean(study.extra_runs for study in row.nulls):.1f}",
            f"{power(row.twos):.2f}",
            f"{power(row.threes):.2f}",
        )
        for row in sorted(rows, key=lambda row: (row.alike, row.allowed))
    ]
    return Result(figures, targets, [head, *table])


def power(studies: Sequence[Outcome]) -> float:
    """The share of true effects that were kept."""
    return sum(study.true_keeps for study in studies) / sum(study.true_effects for study in studies)


def _parts(row: Row) -> Iterable[Sequence[Outcome]]:
    return row.nulls, row.twos, row.threes


def _mean(numbers: Iterable[float]) -> float:
    return statistics.fmean(numbers)
