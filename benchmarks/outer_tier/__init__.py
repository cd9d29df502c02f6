"""Whether the outer tier helps, and whether harmful advice is found out.

Studies on surrogates (`surrogates.py`), on the same seeds and with the same budget: without an outer tier; with the
statistical analyst; with one that means harm; and with that one where nobody judges strategies. What an incumbent is
truly worth is known. Losses are in per cent of where the study begins; a course is their mean over studies, after each
number of experiments. Six pairs more, without an outer tier and with the statistician, are on `tiny-lm` (`trained.py`).

Results are kept under `.bench`, each as soon as it is there: a benchmark that was killed goes on.

    saved_percent         experiments that the statistician saves: how many fewer its course needs to come to where the
                          one without an outer tier ends (negative: how many more that one needs)
    saved_low_percent     the lower end of its 90 % interval, by the bootstrap over studies
    saved_high_percent    the upper one
    worst_gap_percent     over surrogates, the largest one-sided 95 % bound on how much worse the statistician ends
    harm_avoided_percent  of the loss that the harmful analyst does where nobody judges, the part that is avoided
    dropped_percent       of the statistician's strategies, those that were dropped

A gap is non-inferior where it is less than a tenth of what studies without an outer tier gain, on every surrogate and
on `tiny-lm`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy import stats

import deep_loop
from benchmarks.optimism import fork
from benchmarks.optimism.store import Store, digest
from benchmarks.outer_tier.analysts import HarmfulAnalyst
from benchmarks.outer_tier.studies import Course, study
from benchmarks.outer_tier.surrogates import SURROGATES, draw
from benchmarks.outer_tier.trained import gain
from benchmarks.result import Result
from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.ports import Analyst

OFF, ON, HARM, UNJUDGED = "off", "on", "harm", "unjudged"
ARMS = (OFF, ON, HARM, UNJUDGED)
STUDIES = 200  # of each of the first two arms
HARMED = 60  # of the others
EXPERIMENTS = 60
RESAMPLES = 2000
TRAINED = 6  # pairs on tiny-lm
FRESH = 30  # runs that a true value there is the mean of
ONE_SIDED = 0.95
MARGIN = 0.1  # of the gain without an outer tier
STORE = Path(__file__).resolve().parents[2] / ".bench" / "outer_tier"
TARGETS = {
    "saved_percent": ">= 10",
    "non_inferior": "== 1",
    "harm_avoided_percent": ">= 60",
    "dropped_percent": "<= 10",
}
QUICK_TARGETS = {"studies": "== 10"}  # that it runs from end to end

Courses = Mapping[str, Mapping[int, Course]]  # by arm and number
Gains = Mapping[str, Sequence[float]]  # by arm, in the order of numbers


@dataclass(frozen=True, slots=True)
class Order:
    """One study."""

    number: int
    arm: str
    experiments: int


def run(quick: bool) -> Result:
    """All studies, a process for each core but at most four."""
    if quick:
        orders = [Order(number, arm, 14) for number in range(2) for arm in ARMS]
        pairs = [Order(1, arm, 4) for arm in ARMS[:2]]
    else:
        orders = [
            Order(number, arm, EXPERIMENTS)
            for number in range(STUDIES)
            for arm in (ARMS if number < HARMED else ARMS[:2])
        ]
        pairs = [Order(number, arm, EXPERIMENTS) for number in range(1, TRAINED + 1) for arm in ARMS[:2]]
    fork.prepare()
    workers = min(os.cpu_count() or 1, 4)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), fork.prepare) as pool:
        gains = _gains(pool.map(_trained, pairs), pairs)
        return result(_courses(pool.map(_course, orders), orders), gains, QUICK_TARGETS if quick else TARGETS)


def _courses(courses: Iterable[Course], orders: Sequence[Order]) -> Courses:
    found: dict[str, dict[int, Course]] = {arm: {} for arm in ARMS}
    for order, course in zip(orders, courses, strict=True):
        found[order.arm][order.number] = course
        ends = f"{course.losses[0]:.4f} to {course.losses[-1]:.4f}"
        print(f"{draw(order.number).name} {order.number} {order.arm}: {ends}", file=sys.stderr, flush=True)
    return found


def _gains(gains: Iterable[float], orders: Sequence[Order]) -> Gains:
    found: dict[str, list[float]] = {OFF: [], ON: []}
    for order, gained in zip(orders, gains, strict=True):
        found[order.arm].append(gained)
        print(f"tiny_lm {order.number} {order.arm}: {gained:+.2f} %", file=sys.stderr, flush=True)
    return found


def _trained(order: Order) -> float:
    """One study on tiny-lm, or the stored one."""
    name, fresh = f"tiny_lm-{order.arm}-{order.number}", FRESH if order.experiments == EXPERIMENTS else 2
    make = partial(gain, order.number, order.experiments, fresh, _analysts(order.arm))
    return Store(STORE).get(name, (order.experiments, fresh, _digest()), float, make)


def _course(order: Order) -> Course:
    """One study, or the stored one, where it was made before."""
    name = f"{order.arm}-{order.number}"
    return Store(STORE).get(name, (order.experiments, _digest()), Course, lambda: _study(order))


@cache
def _digest() -> str:
    return digest(Path(deep_loop.__file__).parent, Path(__file__).parent, Path(__file__).parents[1] / "optimism")


def _study(order: Order) -> Course:
    judged = order.arm != UNJUDGED
    return study(draw(order.number), order.number, order.experiments, _analysts(order.arm), judged=judged)


def _analysts(arm: str) -> Sequence[Analyst]:
    return {OFF: (), ON: (StatisticsAnalyst(),)}.get(arm, (HarmfulAnalyst(),))


def result(courses: Courses, gains: Gains, targets: Mapping[str, str]) -> Result:
    """The figures, and one row a surrogate and for tiny-lm. `gains` are those on tiny-lm, by arm."""
    paired = sorted(courses[OFF].keys() & courses[ON].keys())
    off, on = (_percent(courses[arm], paired) for arm in (OFF, ON))
    chance = np.random.default_rng(1)
    samples = [chance.integers(0, len(paired), len(paired)) for _ in range(RESAMPLES)]
    saved = [_saved(off[sample].mean(0), on[sample].mean(0)) for sample in samples]
    low, high = np.percentile(saved, (5, 95))
    rows = [*_rows(paired, off, on), _row("tiny_lm", 100 - np.array(gains[OFF]), 100 - np.array(gains[ON]))]
    revisions = sum(course.revisions - course.reverts for course in courses[ON].values())
    figures = {
        "studies": sum(map(len, (*courses.values(), *gains.values()))),
        "saved_percent": round(_saved(off.mean(0), on.mean(0)), 1),
        "saved_low_percent": round(float(low), 1),
        "saved_high_percent": round(float(high), 1),
        "worst_gap_percent": round(max(gap for _, _, _, gap, _ in rows), 3),
        "non_inferior": int(all(fine for *_, fine in rows)),
        "harm_avoided_percent": round(_avoided(courses), 1),
        "dropped_percent": round(100 * sum(c.reverts for c in courses[ON].values()) / max(revisions, 1), 1),
    }
    table = [("surrogate", "gain without", "gain with", "worse by at most")]
    table += [(name, f"{without:.2f}", f"{with_:.2f}", f"{gap:+.2f}") for name, without, with_, gap, _ in rows]
    return Result(figures, targets, table)


def _percent(courses: Mapping[int, Course], numbers: Sequence[int]) -> np.ndarray:
    """Losses in per cent of where each study begins: studies by experiments."""
    return np.array([[100 * loss / courses[n].losses[0] for loss in courses[n].losses] for n in numbers])


def _saved(off: np.ndarray, on: np.ndarray) -> float:
    """By how many per cent of a study the one course is ahead of the other at the end of the slower one."""
    if on[-1] <= off[-1]:
        return float(100 * (1 - np.argmax(on <= off[-1]) / (len(off) - 1)))
    return float(-100 * (1 - np.argmax(off <= on[-1]) / (len(on) - 1)))


def _rows(numbers: Sequence[int], off: np.ndarray, on: np.ndarray) -> Iterator[tuple[str, float, float, float, bool]]:
    """A surrogate's name, mean gains without and with an outer tier, the bound on the gap, and whether that will do."""
    for place, family in enumerate(SURROGATES):
        mine = [row for row, number in enumerate(numbers) if number % len(SURROGATES) == place]
        if mine:
            yield _row(family.__name__, off[mine, -1], on[mine, -1])


def _row(name: str, off: np.ndarray, on: np.ndarray) -> tuple[str, float, float, float, bool]:
    """Of paired ends, in per cent of where each study begins. The bound is Student's, one-sided."""
    gaps, gain = on - off, float(100 - off.mean())
    error = gaps.std(ddof=1) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
    gap = float(gaps.mean() + stats.t.ppf(ONE_SIDED, max(len(gaps) - 1, 1)) * error)
    return name, gain, float(100 - on.mean()), gap, gap <= MARGIN * gain


def _avoided(courses: Courses) -> float:
    """The part of the harm, over a whole course and not at its end alone, that judging strategies avoids."""
    numbers = sorted(courses[HARM].keys() & courses[UNJUDGED].keys())
    off, harm, unjudged = (_percent(courses[arm], numbers).mean() for arm in (OFF, HARM, UNJUDGED))
    return float(100 * (unjudged - harm) / (unjudged - off)) if unjudged > off else 100.0
