"""A world in which the truth is known: what a study would measure, without anything being trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

Effects = Literal["nulls", "one in ten"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a study meets. Lengths are in units of sigma, the noise of one run half way through the study."""

    effects: Effects
    size: float = 0.0  # of a true effect
    tails: float | None = None  # degrees of freedom of Student's t, scaled to unit variance; None: normal noise
    unequal: float = 0.25  # standard deviation of a commit's log sigma
    alike: float = 0.0  # share of a run's variance that is its seed's, for all commits alike
    drift: float = 0.05  # standard deviation of the machine's random walk, per run
    fading: float = 0.2  # log of the noise at the end over that at the beginning, up or down


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's own truth: lower is better."""

    mean: float
    sigma: float


class World:
    """Draws changes and measures commits. One stream of random numbers makes a whole study repeatable."""

    def __init__(self, setting: Setting, seed: int, expected_runs: int) -> None:
        self._setting = setting
        self._random = np.random.default_rng(seed)
        self._expected_runs = expected_runs
        self._fading = setting.fading * self._random.choice((-1.0, 1.0))
        self.level = 0.0  # of the machine
        self.runs = 0
        self._seeds: dict[int, float] = {}

    def change(self, base: Commit) -> tuple[Commit, float]:
        """A change of a commit, and its true gain: a true effect in one of ten, else none or, half the time, harm."""
        sigma = math.exp(self._random.normal(0.0, self._setting.unequal))
        gain = 0.0
        if self._setting.effects == "one in ten":
            draw = self._random.random()
            if draw < 0.1:
                gain = self._setting.size
            elif draw >= 0.55:
                gain = -abs(self._random.normal(0.0, 2.0))
        return Commit(base.mean - gain, sigma), gain

    def measure(self, commit: Commit, seed: int) -> float:
        """One run of a commit on a seed, now."""
        shared = self._seeds.setdefault(seed, self._draw())
        alike = self._setting.alike
        draw = math.sqrt(alike) * shared + math.sqrt(1 - alike) * self._draw()
        self.level += self._setting.drift * self._random.standard_normal()
        fading = math.exp(self._fading * (self.runs / self._expected_runs - 0.5))
        self.runs += 1
        return commit.mean + self.level + commit.sigma * fading * draw

    def _draw(self) -> float:
        """Noise of unit variance."""
        tails = self._setting.tails
        if tails is None:
            return float(self._random.standard_normal())
        return float(self._random.standard_t(tails)) / math.sqrt(tails / (tails - 2))
