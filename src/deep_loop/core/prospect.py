"""How likely a change is kept, told before it runs: by what the study kept so far, and what became of changes like it.

Two steps, both with what other studies showed as the prior:

* The study's rate of keeps. Its experiments count less the older they are; the field's rate stands beside them as a
  Beta prior worth `strength` experiments (Morris, Parametric empirical Bayes inference, JASA 78 (1983) 47-55;
  discounting: West and Harrison, Bayesian Forecasting and Dynamic Models, 1997, section 6.3).
* What sets this change apart from the study's others. Weighted means of the outcomes of the changes like it
  (Nadaraya, On estimating regression, Theory of Probability and its Applications 9 (1964) 141-142), drawn towards
  none by `PRIOR` experiments, move the log-odds by the field's coefficients.

Outcomes are ranks of gains within the study, from -1/2 to 1/2: a near miss says more than a discard. Kinds of change
are words of the descriptions (`core.likeness`), so that a kind's own record counts where it has one here. The field's
numbers were fitted to public logs; `benchmarks/backtest` fits them and tells how well they do on studies not seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deep_loop.core.experiment import Change
from deep_loop.core.likeness import Likeness, Words

PRIOR = 3.0  # alike experiments that the absence of any is worth
MOVES = 2.0  # the same for moves of the same constant
FADE = 30.0  # experiments after which a move says half as much
CRASHED = -math.inf  # below every gain


@dataclass(frozen=True, slots=True)
class Prospect:
    """A change as its description tells it, before it runs."""

    words: Words
    moves: Mapping[str, int] = field(default_factory=dict)  # constant -> 1 up, -1 down; 0 where that cannot be said


@dataclass(frozen=True, slots=True)
class Tried:
    """The same, and what became of it."""

    prospect: Prospect
    kept: bool
    crashed: bool = False
    gain: float | None = None  # over its base, in whatever unit the study's gains have; None where there is none


@dataclass(frozen=True, slots=True)
class Signs:
    """What sets a change apart from the study's others. Each is 0 where nothing is known, and mostly within -1..1."""

    gains: float  # mean rank of the gains of changes like it
    keeps: float  # how much more often changes like it were kept than the study's others
    heading: float  # mean rank of moves of its constants, turned round where they went the other way
    last: float  # 1 where it goes on with the last move of its constants that was kept, or turns from one that was not

    def values(self) -> tuple[float, float, float, float]:
        """In the order of `Field.coefficients`."""
        return self.gains, self.keeps, self.heading, self.last


@dataclass(frozen=True, slots=True)
class Field:
    """What other studies showed."""

    rate: float  # of keeps
    strength: float  # experiments that it is worth
    half_life: float  # experiments after which one counts half
    coefficients: tuple[float, float, float, float]  # log-odds for each sign


# Fitted by `python -m benchmarks.backtest.fitting` in 2026 to 61 public logs of 11 repositories whose descriptions were
# written before the run: 209 blocks, 3,568 predictions, 15 % of them kept.
FIELD = Field(rate=0.1, strength=20.0, half_life=30.0, coefficients=(0.535, 2.36, 2.331, 0.107))


def chances(past: Sequence[Tried], ahead: Sequence[Prospect], field: Field = FIELD) -> tuple[float, ...]:
    """The probability that each of these is kept, in their order; `past` is in the order of closing, oldest first.

    Time is linear in the words of both. Baselines belong in neither.
    """
    level = log_odds(rate([tried.kept for tried in past], field))
    return tuple(
        1 / (1 + math.exp(-level - math.fsum(map(_product, sign.values(), field.coefficients))))
        for sign in signs(past, ahead)
    )


def rate(kept: Sequence[bool], field: Field = FIELD) -> float:
    """The study's rate of keeps as it is now; `kept` oldest first. Between 0 and 1, both left out."""
    fading = 0.5 ** (1 / field.half_life)
    wins = tries = 0.0
    for was_kept in kept:
        wins, tries = wins * fading + was_kept, tries * fading + 1
    return (wins + field.strength * field.rate) / (tries + field.strength)


def log_odds(probability: float) -> float:
    """log(p / (1 - p))."""
    return math.log(probability / (1 - probability))


def signs(past: Sequence[Tried], ahead: Sequence[Prospect]) -> tuple[Signs, ...]:
    """The signs of each of these, by what was tried before."""
    alike = Likeness([tried.prospect.words for tried in past])
    ranks = _ranks(past)
    usual = math.fsum(tried.kept for tried in past) / len(past) if past else 0.0
    moved: dict[str, list[int]] = {}  # constant -> places of the experiments that moved it, oldest first
    for place, tried in enumerate(past):
        for name in tried.prospect.moves:
            moved.setdefault(name, []).append(place)
    found = []
    for prospect in ahead:
        near = alike.to(prospect.words)
        weight = math.fsum(near.values()) + PRIOR
        found.append(
            Signs(
                gains=math.fsum(like * ranks[place] for place, like in near.items()) / weight,
                keeps=math.fsum(like * (past[place].kept - usual) for place, like in near.items()) / weight,
                heading=_heading(past, ranks, moved, prospect),
                last=_last(past, moved, prospect),
            )
        )
    return tuple(found)


def moves(changes: Sequence[Change], numbers: Mapping[str, float | None]) -> dict[str, int]:
    """Which way each constant goes; `numbers` maps source texts to what they stand for, where that is a number."""
    found = {}
    for change in changes:
        before, after = numbers.get(change.before), numbers.get(change.after)
        known = before is not None and after is not None
        found[change.name.casefold()] = (after > before) - (after < before) if known else 0  # type: ignore[operator]
    return found


def _ranks(past: Sequence[Tried]) -> list[float]:
    """Mid-ranks of the gains within -1/2 and 1/2; crashes lowest, and what has no gain around nothing gained."""
    gains = [_gain(tried) for tried in past]
    first: dict[float, int] = {}
    count: dict[float, int] = {}
    for place, gain in enumerate(sorted(gains)):
        first.setdefault(gain, place)
        count[gain] = count.get(gain, 0) + 1
    return [(first[gain] + count[gain] / 2) / len(gains) - 0.5 for gain in gains]


def _gain(tried: Tried) -> float:
    if tried.crashed:
        return CRASHED
    if tried.gain is not None and math.isfinite(tried.gain):
        return tried.gain
    return 0.0 if tried.kept else -1e-6


def _heading(
    past: Sequence[Tried], ranks: Sequence[float], moved: Mapping[str, list[int]], prospect: Prospect
) -> float:
    total, count = 0.0, 0
    for name, way in prospect.moves.items():
        for place in moved.get(name, ()):
            count += 1
            faded = 0.5 ** ((len(past) - 1 - place) / FADE)
            total += ranks[place] * past[place].prospect.moves[name] * way * faded
    return total / (count + MOVES)


def _last(past: Sequence[Tried], moved: Mapping[str, list[int]], prospect: Prospect) -> float:
    total = 0
    for name, way in prospect.moves.items():
        before = next((place for place in reversed(moved.get(name, [])) if past[place].prospect.moves[name]), None)
        if way and before is not None:
            same = past[before].prospect.moves[name] == way
            total += 1 if same == past[before].kept else -1
    return float(max(-1, min(1, total)))


def _product(sign: float, coefficient: float) -> float:
    return sign * coefficient
