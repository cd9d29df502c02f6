"""How much any single constant of the template `tiny-lm` can gain, swept from a half to the double.

The shipped constants are meant to be what a practitioner would start with: some room in several of them, so that a
tuner has work to do, and no single one that gains over 3 %.

Every candidate runs on the same seeds as the template itself (common random numbers). The candidate that looks best
of its constant is then measured again on fresh seeds, and only these runs make the figures: the best of many noisy
values would flatter itself.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from random import Random

from benchmarks.constants.candidates import candidates
from benchmarks.result import Result
from benchmarks.training import value
from deep_loop.knobs import Knob, parse, read

SEEDS = (1, 2, 3)
FRESH = (11, 12, 13, 14, 15)
BASELINE_EVERY = 8  # candidates; the template is measured again and again, so that a busy spell hits both
QUICK_CONSTANTS = ("LEARNING_RATE", "HIDDEN_SIZE", "BATCH_SIZE")
TARGETS = {"largest_gain_percent": "<= 3", "constants_over_1_percent": ">= 4"}
QUICK_TARGETS = {"largest_gain_percent": "<= 6"}  # one seed: noise alone makes a per cent or two


@dataclass(frozen=True, slots=True)
class Change:
    """One constant set to another value, as source text."""

    knob: Knob
    source: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """The values of val_bpb by seed: the template's own, and each change's."""

    baseline: dict[int, list[float]]
    changed: dict[Change, dict[int, float]]

    def gain(self, change: Change) -> float:
        """The mean gain over the seeds, in per cent of the template's value; minus infinity after a crash."""
        runs = self.changed[change]
        if len(runs) < len(self.baseline):
            return -float("inf")
        return statistics.fmean(100 * (1 - runs[seed] / statistics.fmean(self.baseline[seed])) for seed in runs)


def run(quick: bool) -> Result:
    """Sweep, then measure the best of each constant again."""
    with as_file(files("deep_loop") / "templates" / "tiny-lm") as template:
        program = (template / "train.py").read_text(encoding="utf-8")
        knobs = [knob for knob in read(program) if not quick or knob.name in QUICK_CONSTANTS]
        changes = [Change(knob, source) for knob in knobs for source in candidates(knob)]
        first = sweep(template, program, changes, SEEDS[:1] if quick else SEEDS)
        best = [max((c for c in changes if c.knob == knob), key=first.gain) for knob in knobs]
        fresh = sweep(template, program, best, FRESH[:1] if quick else FRESH)
    return result(best, first, fresh, QUICK_TARGETS if quick else TARGETS)


def sweep(template: Path, program: str, changes: Sequence[Change], seeds: Sequence[int]) -> Sweep:
    """Run the template and every change on every seed, one at a time."""
    layout = parse(program)
    found = Sweep({seed: [] for seed in seeds}, {change: {} for change in changes})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "task")
        shutil.copytree(template, folder)
        for seed in seeds:
            for change in _order(changes, seed):
                setting = {} if change is None else {change.knob.name: change.source}
                (folder / "train.py").write_text(layout.fill(setting), encoding="utf-8")
                measured = value(folder, seed)
                print(f"seed {seed}: {setting or 'as shipped'}: {measured}", file=sys.stderr, flush=True)
                if change is None:
                    found.baseline[seed].append(_required(measured))
                elif measured is not None:
                    found.changed[change][seed] = measured
    return found


def _order(changes: Sequence[Change], seed: int) -> Iterator[Change | None]:
    """The changes in a shuffled order, and None, the template itself, before every few of them."""
    for place, change in enumerate(Random(seed).sample(changes, len(changes))):
        if place % BASELINE_EVERY == 0:
            yield None
        yield change


def _required(measured: float | None) -> float:
    if measured is None:
        raise RuntimeError("the template itself does not run: try `python train.py` in a workspace made from it")
    return measured


def result(best: Sequence[Change], first: Sweep, fresh: Sweep, targets: dict[str, str]) -> Result:
    """The figures, from the fresh runs, and one row a constant."""
    gains = {change: fresh.gain(change) for change in best}
    values = [value for sweep in (first, fresh) for runs in sweep.baseline.values() for value in runs]
    figures = {
        "constants": len(best),
        "largest_gain_percent": round(max(gains.values()), 2),
        "constants_over_1_percent": sum(gain >= 1 for gain in gains.values()),
        "noise_percent": round(100 * statistics.stdev(values) / statistics.fmean(values), 2),
        "baseline_val_bpb": round(statistics.fmean(values), 4),
    }
    rows = [
        (change.knob.name, change.knob.source, change.source, f"{first.gain(change):+.2f}", f"{gains[change]:+.2f}")
        for change in sorted(best, key=lambda change: -gains[change])
    ]
    return Result(figures, targets, [("constant", "shipped", "best", "gain %", "fresh gain %"), *rows])
