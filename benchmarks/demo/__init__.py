"""How often a study of 24 experiments improves the template `tiny-lm` by 1 % or more, on embedded parts alone.

Each study is what a person would start: `deep-loop init` and `deep-loop run` as processes in a folder of their own,
one at a time. Then the head of the study's branch and the baseline run side by side on fresh seeds, which neither the
study nor its confirmations have used, and the gain is the mean of the paired differences.
"""

from __future__ import annotations

import csv
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.result import Result
from benchmarks.training import value

STUDIES = 10
EXPERIMENTS = 24
FRESH = range(9_001, 9_006)  # the harness derives its seeds from a hash, over 31 bits
TARGETS = {"studies_over_1_percent": ">= 8"}
QUICK_EXPERIMENTS = 4
QUICK_TARGETS = {"studies": "== 1"}  # that it runs from end to end; four experiments promise no gain


@dataclass(frozen=True, slots=True)
class Outcome:
    """One study: its seed, the gain of its incumbent in per cent, and what it took."""

    seed: int
    gain_percent: float
    keeps: int  # the baseline is none
    experiments: int  # rows of results.tsv after the baseline's
    seconds: float


def run(quick: bool) -> Result:
    """Ten studies; one short one, judged on one fresh seed, where `quick`."""
    outcomes = []
    for seed in range(1, 2 if quick else STUDIES + 1):
        outcome = study(seed, QUICK_EXPERIMENTS if quick else EXPERIMENTS, FRESH[:1] if quick else FRESH)
        print(f"study {seed}: {outcome.gain_percent:+.2f} %, {outcome.keeps} kept", file=sys.stderr, flush=True)
        outcomes.append(outcome)
    return result(outcomes, QUICK_TARGETS if quick else TARGETS)


def study(seed: int, experiments: int, fresh: range) -> Outcome:
    """Run one study in a folder of its own, then compare its incumbent with its baseline."""
    tag = f"s{seed}"
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch, "workspace")
        _deep_loop("init", str(workspace), "--template", "tiny-lm")
        started = time.monotonic()
        limits = ("--seed", str(seed), "--max-experiments", str(experiments))
        _deep_loop("run", "--workspace", str(workspace), "--tag", tag, "--agent", "tuner", *limits)
        seconds = time.monotonic() - started
        baseline = _export(workspace, f"refs/deep-loop/{tag}/0", Path(scratch, "baseline"))
        incumbent = _export(workspace, f"refs/heads/deep-loop/{tag}", Path(scratch, "incumbent"))
        gain = statistics.fmean(_gain(baseline, incumbent, number) for number in fresh)
        statuses = _statuses(workspace / "results.tsv")
        return Outcome(seed, gain, statuses[1:].count("keep"), len(statuses) - 1, seconds)


def result(outcomes: list[Outcome], targets: dict[str, str]) -> Result:
    """The figures over all studies, and one row a study."""
    gains = [outcome.gain_percent for outcome in outcomes]
    figures = {
        "studies": len(outcomes),
        "studies_over_1_percent": sum(gain >= 1 for gain in gains),
        "median_gain_percent": round(statistics.median(gains), 2),
        "smallest_gain_percent": round(min(gains), 2),
        "median_keeps": statistics.median(outcome.keeps for outcome in outcomes),
        "median_seconds": round(statistics.median(outcome.seconds for outcome in outcomes), 1),
    }
    rows = [
        (str(o.seed), f"{o.gain_percent:+.2f}", str(o.keeps), str(o.experiments), f"{o.seconds:.0f}") for o in outcomes
    ]
    return Result(figures, targets, [("study's seed", "gain %", "keeps", "experiments", "seconds"), *rows])


def _deep_loop(*arguments: str) -> None:
    """Run the command of this environment; its output goes to standard error, so that ours stays readable."""
    subprocess.run(
        [sys.executable, "-m", "deep_loop.interfaces.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        check=True,
    )


def _export(workspace: Path, ref: str, folder: Path) -> Path:
    """A ref's files in a folder outside the workspace."""
    command = ["git", "-C", str(workspace), "worktree", "add", "--quiet", "--detach", str(folder), ref]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


def _gain(baseline: Path, incumbent: Path, seed: int) -> float:
    """In per cent of the baseline's value, both on one seed, one right after the other."""
    before, after = value(baseline, seed), value(incumbent, seed)
    if before is None or after is None:
        raise RuntimeError(f"{'baseline' if before is None else 'incumbent'} does not run on seed {seed}")
    return 100 * (1 - after / before)


def _statuses(results: Path) -> list[str]:
    """The column `status` of results.tsv, the baseline's first."""
    with results.open(encoding="utf-8", newline="") as file:
        return [row["status"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
