"""Results that a person should look at before anybody builds on them.

Each rule is about what stands in the record, not about why: a metric at a tenth may be a discovery, a bug in the
evaluator or another unit, and somebody has to look which.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from deep_loop.core.experiment import BASELINE, Experiment, Keep, is_keep, value
from deep_loop.core.metric import Direction, Metric

Oddity = Literal[
    "collapse",  # the metric fell to a tenth of the base's or less, or rose tenfold where more is better
    "rerun",  # the same code as before, kept
    "seed",  # nothing but a seed was changed, and it was kept
    "no gain",  # kept, though no better than its base, and not for simpler code
]
COLLAPSE = 10.0  # times

_RERUN = re.compile(
    r"\b(?:re-?runs?|re-?running|repeats?|repeated run|repetition|replicat\w+|re-?test|same code|no code changes?"
    r"|variance check|confirm(?:ation)? run|second run|2nd run|verification run|sanity re-?run)\b",
    re.IGNORECASE,
)
_SEED = re.compile(
    r"\b(?:(?:random|torch|numpy|np|manual|rng|global|data)?[ ._-]*seeds?(?:\(\))?[ :=]*(?:from |to )?(?:\d+(?!\.)"
    r"(?:[ ]*(?:->|→|to|instead of|vs\.?)[ ]*\d+)?)"
    r"|(?:change|new|another|other|different|fresh|random)[ ]+(?:the |random )*seeds?"
    r"|seed (?:change|swap|sweep|only))\b",
    re.IGNORECASE,
)
_OTHER = re.compile(r"[A-Za-z_]\w*[ ]*(?:=|->|→)[ ]*[-\d.]|\d+[ ]*(?:->|→)[ ]*\d|[+&]|\b(?:and|with)\b")


@dataclass(frozen=True, slots=True)
class Result:
    """One closed experiment as the rules want it."""

    number: int
    base: int | None  # the experiment that it started from; None for a baseline
    title: str
    kept: bool
    value: float | None  # None where it measured nothing
    constants: tuple[str, ...] = ()  # that it moved
    fingerprint: str = ""  # of its code; "" where that is not known
    excused: bool = False  # whether it was kept for simpler code


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something odd about one experiment."""

    oddity: Oddity
    number: int
    other: int | None  # the experiment that it is held against
    text: str  # what is odd, without the experiment's own number


def results(experiments: Sequence[Experiment]) -> tuple[Result, ...]:
    """Closed experiments of a ledger, run here or imported, in their order."""
    return tuple(
        Result(
            number=e.number,
            base=None if e.proposal.idea.kind == BASELINE else e.proposal.parent,
            title=" ".join(e.proposal.idea.title.split()),
            kept=is_keep(e),
            value=value(e),
            constants=tuple(change.name for change in e.proposal.idea.changes),
            fingerprint=e.proposal.fingerprint,
            excused=isinstance(e.decision, Keep) and e.decision.simplification,
        )
        for e in experiments
    )


def anomalies(results: Sequence[Result], metric: Metric) -> tuple[Anomaly, ...]:
    """What is odd, in the order of the results; `results` in the order of closing. Linear in them."""
    known: dict[int, Result] = {}
    prints: dict[str, int] = {}
    said: dict[tuple[int, str], int] = {}  # base and title -> the first experiment with both
    found: list[Anomaly] = []
    for result in results:
        base = known.get(result.base) if result.base is not None else None
        if base is not None:
            before = prints.get(result.fingerprint) if result.fingerprint else None
            found += _of(result, base, before if before is not None else _twin(result, base, said), metric)
            if not result.title.endswith("…"):
                said.setdefault((base.number, _plain(result.title)), result.number)
        known[result.number] = result
        if result.fingerprint:
            prints.setdefault(result.fingerprint, result.number)
    return tuple(found)


def _of(result: Result, base: Result, before: int | None, metric: Metric) -> Iterator[Anomaly]:
    if result.value is not None and base.value is not None and _collapsed(result.value, base.value, metric):
        text = f"{metric.name} went from {base.value:.6g} to {result.value:.6g}, ten times or more in one step"
        yield Anomaly("collapse", result.number, base.number, text)
    if not result.kept:
        return
    if _seed_only(result):
        yield Anomaly("seed", result.number, base.number, "it changes nothing but a seed, and was kept")
    elif before is not None or _rerun(result):
        text = f"the same as experiment {before} once more, kept" if before is not None else "a re-run, kept"
        yield Anomaly("rerun", result.number, before, text)
    worse = result.value is not None and base.value is not None and metric.gain(result.value, base.value) <= 0
    if worse and not result.excused:
        how = "no better" if result.value == base.value else "worse"
        text = f"kept, and {how} than its base: {result.value:.6g} against {base.value:.6g}"
        yield Anomaly("no gain", result.number, base.number, text)


def _collapsed(value: float, base: float, metric: Metric) -> bool:
    if not math.isfinite(value) or not base or (value and math.copysign(1, value) != math.copysign(1, base)):
        return False  # what crosses zero has no ratio
    if abs(value) * COLLAPSE <= abs(base):
        return True
    return metric.direction is Direction.MAXIMIZE and base > 0 and value >= COLLAPSE * base


def _seed_only(result: Result) -> bool:
    if result.constants:
        return all("SEED" in name.upper() for name in result.constants)
    rest, seeds = _SEED.subn(" ", result.title)
    return seeds > 0 and not _OTHER.search(rest)


def _rerun(result: Result) -> bool:
    return not result.constants and _RERUN.search(result.title) is not None


def _twin(result: Result, base: Result, said: dict[tuple[int, str], int]) -> int | None:
    """An earlier experiment of the same description whose code this must have: on the same base, or the base itself.

    Of a title that was cut short nothing is known.
    """
    title = "" if result.title.endswith("…") else _plain(result.title)
    if title and title == _plain(base.title):
        return base.number
    return said.get((base.number, title)) if title else None


def _plain(title: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:\.\d+)?|->|→|[-+]\d", title.casefold()))
