"""Whether repeats, noise and odd results are found: planted ones, and those that the logs hold."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import get_args

from benchmarks.backtest.logs import Log, Row
from benchmarks.backtest.paraphrases import history, planted
from deep_loop.adapters.analysts.scales import number
from deep_loop.core.anomaly import Oddity, Result, anomalies
from deep_loop.core.floor import Setting, floor
from deep_loop.core.repeats import Requests, request
from deep_loop.foreign.wording import changes

SEED = 1
RERUNS = 3  # degrees of freedom, of known re-runs, that make a noise known
PLANTS = 5  # of each kind, in one log

# Keeps of the public logs that a person read and found odd: the beginning of a file's name, line, what is odd.
READ: tuple[tuple[str, int, Oddity], ...] = (
    ("DataDog__", 9, "rerun"),
    ("Dhruv2mars__", 48, "rerun"),
    ("Shopify__liquid", 15, "rerun"),
    ("Shopify__liquid", 22, "rerun"),
    ("openai__parameter-golf__records", 9, "rerun"),
    ("leonidas1312__", 4, "rerun"),
    ("leonidas1312__", 6, "rerun"),
    ("elementalcollision__autoresearch-unified__results-pubmed-results_gpt41_5090_r3.tsv", 94, "rerun"),
    ("IgorTavcar__autoresearch__mad-scientist-results", 36, "seed"),
    ("openai__parameter-golf__results_v2", 6, "seed"),
    ("openai__parameter-golf__results_v2", 14, "seed"),
    ("openai__parameter-golf__results_v2", 16, "seed"),
    ("miolini__autoresearch-macos__results.tsv", 41, "collapse"),
    ("Cklaus1__", 46, "collapse"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """How many of what should be flagged was, and how much else."""

    hits: int
    missed: int
    false: int

    @property
    def recall(self) -> float:
        """Of what should be flagged, the part that was."""
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else math.nan

    @property
    def precision(self) -> float:
        """Of what was flagged, the part that should be."""
        return self.hits / (self.hits + self.false) if self.hits + self.false else math.nan


def repeats(logs: Sequence[Log]) -> Found:
    """Planted paraphrases, and near misses, in the logs whose descriptions were written before the run."""
    draw = random.Random(SEED)
    hits = missed = false = 0
    for log in logs:
        asked = Requests()
        for row in log.rows[: history(log)] if log.before else ():
            asked.add(request(row.text))
        for one in planted(log, draw) if log.before else ():
            flagged = asked.like(request(one.text)) is not None
            hits += flagged and one.source is not None
            missed += not flagged and one.source is not None
            false += flagged and one.source is None
    return Found(hits, missed, false)


def noise_ratios(logs: Sequence[Log]) -> list[float]:
    """The noise that is estimated without re-runs over that of known ones, for each log that has enough of both."""
    found = []
    for log in logs:
        known = _known_noise(log)
        guessed = floor(_settings(log))
        if known is not None and guessed is not None:
            found.append(guessed[0] / known)
    return found


def _known_noise(log: Log) -> float | None:
    """The pooled standard deviation of rows that set the same constants to the same values on the same base."""
    values = [value for value in _groups(log).values() if len(value) > 1]
    freedom = sum(len(value) - 1 for value in values)
    squares = math.fsum((one - fmean(value)) ** 2 for value in values for one in value)
    return math.sqrt(squares / freedom) if freedom >= RERUNS and squares else None


def _groups(log: Log) -> dict[tuple[float, str], list[float]]:
    """Base and normalised description, where that names constants and their values -> values over the base's."""
    found: dict[tuple[float, str], list[float]] = {}
    for row in _measured(log):
        if row.base and row.value is not None and changes(row.text):
            text = " ".join(re.findall(r"\w+(?:\.\d+)?", row.text.casefold()))
            found.setdefault((row.base, text), []).append(row.value / row.base)
    return found


def _settings(log: Log) -> list[Setting]:
    """Single moves, each value of a constant on a base once, so that no known re-run is a neighbour."""
    found: dict[tuple[int, str, float], Setting] = {}
    bases: dict[float, int] = {}
    for row in _measured(log):
        moved = changes(row.text)
        goal = number(moved[0].after) if len(moved) == 1 else None
        if goal is not None and row.base and row.value is not None:
            base = bases.setdefault(row.base, len(bases))
            name = moved[0].name.casefold()
            found.setdefault((base, name, goal), Setting(base, name, goal, row.value / row.base))
    return list(found.values())


def _measured(log: Log) -> Iterator[Row]:
    return (row for row in log.rows if row.value is not None and not row.tried.crashed and row.base)


def results(log: Log) -> list[Result]:
    """A log as the rules of anomalies want it; a row's number is its place, its base what was kept last before it."""
    found: list[Result] = []
    base: int | None = None
    for place, row in enumerate(log.rows, start=1):
        if row.base is None or base is None:
            found.append(Result(place, None, row.text, row.tried.kept, row.value))
        else:
            value = None if row.tried.crashed else row.value
            names = tuple(change.name for change in changes(row.text))
            found.append(Result(place, base, row.text, row.tried.kept, value, names))
        if row.tried.kept and row.value is not None:
            base = place
    return found


def planted_oddities(logs: Sequence[Log]) -> dict[Oddity, Found]:
    """Each kind of anomaly, planted one at a time after a keep of a log.

    The rest of a log is not free of anomalies, so `false` counts flags of that kind on planted rows that are ordinary:
    a constant is moved, and the gain is small.
    """
    draw = random.Random(SEED)
    hits: dict[Oddity, list[bool]] = {oddity: [] for oddity in get_args(Oddity)}
    false = dict.fromkeys(get_args(Oddity), 0)
    for log in logs:
        rows = results(log)
        places = [place for place, row in enumerate(rows) if row.kept and row.value and row.base is not None]
        for place in draw.sample(places, min(PLANTS, len(places))):
            for oddity in get_args(Oddity):
                hits[oddity].append(oddity in _flags(rows, place, _plant(rows[place], oddity, log), log))
            for oddity in _flags(rows, place, _ordinary(rows[place], log), log):
                false[oddity] += 1
    return {oddity: Found(sum(found), len(found) - sum(found), false[oddity]) for oddity, found in hits.items()}


def _flags(rows: Sequence[Result], place: int, new: Result, log: Log) -> set[Oddity]:
    """What is said of a new row that stands right after the row of that place."""
    return {found.oddity for found in anomalies([*rows[: place + 1], new], log.metric) if found.number == new.number}


def _plant(base: Result, oddity: Oddity, log: Log) -> Result:
    better = log.metric.gain(2.0, 1.0) * abs(base.value or 0.0)
    value = base.value or 0.0
    new = Result(10**9, base.number, "a new idea that nobody had", True, value + 0.001 * better)
    match oddity:
        case "collapse":
            return replace(new, value=0.08 * value)
        case "rerun":
            return replace(new, title=base.title, constants=base.constants)
        case "seed":
            return replace(new, title="change the random seed from 42 to 1337")
        case "no gain":
            return replace(new, value=value - 0.001 * better)


def _ordinary(base: Result, log: Log) -> Result:
    return replace(_plant(base, "rerun", log), title="WARMUP_STEPS 100 -> 200", constants=("WARMUP_STEPS",))


def read_oddities(logs: Sequence[Log]) -> tuple[int, int]:
    """Of the anomalies that a person read in the public logs: flagged, and looked for; none in other logs."""
    flagged = wanted = 0
    for log in logs:
        labels = [(line, oddity) for start, line, oddity in READ if log.name.startswith(start)]
        if labels:
            found = {(log.rows[one.number - 1].line, one.oddity) for one in anomalies(results(log), log.metric)}
            wanted += len(labels)
            flagged += sum(label in found for label in labels)
    return flagged, wanted


def middle(ratios: Sequence[float]) -> float:
    """The median; not a number where there is none."""
    return median(ratios) if ratios else math.nan
