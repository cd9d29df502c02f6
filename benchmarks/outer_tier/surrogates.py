"""Programs in the place of trainings: constants whose best values are known, and a loss that takes no time.

Each surrogate has one trait of real tasks. Where the optimum lies is drawn anew for each study, so that no strategy can
know it. The loss is about 2.5, lower is better, and a run adds normal noise of one part in 500.

They were frozen before the analyst was changed to do well on them: `tests/benchmarks/test_surrogates.py` holds their
values. Another trait is another surrogate, not a change of one of these.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SIGMA = 0.005  # of one run
LEVEL = 2.5

Values = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant: where it begins, and how far from there its best value may be drawn, in doublings."""

    name: str
    start: float
    reach: float = 2.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A constant that is one of several words; the first is where it begins."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Surrogate:
    """One program. `loss` is the true value of a setting; infinite where the program would crash."""

    name: str
    constants: tuple[Constant | Choice, ...]
    loss: Callable[[Values], float]

    @property
    def source(self) -> str:
        """Its train.py."""
        lines = ["import os", ""]
        for each in self.constants:
            if isinstance(each, Choice):
                lines.append(f'{each.name} = "{each.words[0]}"  # choices: {", ".join(each.words)}')
            else:
                lines.append(f"{each.name} = {each.start!r}")
        return "\n".join([*lines, "", 'print("seed", os.environ["DEEP_LOOP_SEED"])', ""])

    @property
    def start(self) -> dict[str, float | str]:
        """The setting that it begins with."""
        return {each.name: each.words[0] if isinstance(each, Choice) else each.start for each in self.constants}


NUMBERS = (
    Constant("LEARNING_RATE", 1e-3),
    Constant("EMBEDDING_LR", 0.02),
    Constant("WEIGHT_DECAY", 0.1),
    Constant("WARMUP_FRAC", 0.05),
    Constant("WARMDOWN_FRAC", 0.4, 1.0),
    Constant("BATCH_SIZE", 64.0),
    Constant("HIDDEN_SIZE", 96.0),
    Constant("WINDOW", 16.0),
    Constant("INIT_SCALE", 0.02),
    Constant("GRAD_CLIP", 1.0),
    Constant("DROPOUT", 0.1),
    Constant("LABEL_SMOOTHING", 0.05),
    Constant("ADAM_BETA_GAP", 0.05),
    Constant("NORM_EPSILON", 1e-5, 4.0),
)
ACTIVATION = Choice("ACTIVATION", ("gelu", "relu", "tanh", "silu", "relu2"))


def sparse(chance: random.Random) -> Surrogate:
    """Three of fourteen constants matter."""
    best = _optima(chance)
    matter = chance.sample([each.name for each in NUMBERS], 3)
    return Surrogate("sparse", NUMBERS, lambda v: LEVEL * (1 + sum(0.012 * _off(v, best, name) for name in matter)))


def additive(chance: random.Random) -> Surrogate:
    """All matter a little: most single steps gain less than the noise."""
    best = _optima(chance)
    names = [each.name for each in NUMBERS]
    return Surrogate("additive", NUMBERS, lambda v: LEVEL * (1 + sum(0.0016 * _off(v, best, name) for name in names)))


def ridge(chance: random.Random) -> Surrogate:
    """Two constants must move together; three more matter alone."""
    best = _optima(chance)
    one, other, *alone = chance.sample([each.name for each in NUMBERS], 5)

    def loss(v: Values) -> float:
        along, across = _step(v, best, one) + _step(v, best, other), _step(v, best, one) - _step(v, best, other)
        return LEVEL * (1 + 0.003 * along**2 + 0.02 * across**2 + sum(0.004 * _off(v, best, name) for name in alone))

    return Surrogate("ridge", NUMBERS, loss)


def cliff(chance: random.Random) -> Surrogate:
    """Four matter, and a doubling too far on one side of two of them the program crashes; not where it begins."""
    best = _optima(chance)
    matter = chance.sample([each.name for each in NUMBERS], 4)
    sides = {name: chance.choice((-1, 1)) for name in matter[:2]}
    begins = {each.name: each.start for each in NUMBERS}
    walls = {name: max(1.5, side * _step(begins, best, name) + 0.5) for name, side in sides.items()}

    def loss(v: Values) -> float:
        if any(side * _step(v, best, name) > walls[name] for name, side in sides.items()):
            return math.inf
        return LEVEL * (1 + sum(0.008 * _off(v, best, name) for name in matter))

    return Surrogate("cliff", NUMBERS, loss)


def words(chance: random.Random) -> Surrogate:
    """A word matters most, and which step size is best depends on it."""
    best = _optima(chance)
    order = chance.sample(ACTIVATION.words[1:], 4)
    worth = {word: 0.01 * place for place, word in enumerate(order)} | {ACTIVATION.words[0]: 0.025}
    shift = {word: chance.uniform(-1, 1) for word in ACTIVATION.words}

    def loss(v: Values) -> float:
        word = str(v["ACTIVATION"])
        rate = (_step(v, best, "LEARNING_RATE") - shift[word]) ** 2
        rest = sum(0.003 * _off(v, best, name) for name in ("WINDOW", "HIDDEN_SIZE", "WEIGHT_DECAY"))
        return LEVEL * (1 + worth[word] + 0.006 * rate + rest)

    return Surrogate("words", (ACTIVATION, *NUMBERS[:9]), loss)


def stages(chance: random.Random) -> Surrogate:
    """Constants of one sort pay at once and soon no more; those of another pay only then."""
    best = _optima(chance)
    first = ("LEARNING_RATE", "EMBEDDING_LR", "WARMUP_FRAC")
    later = chance.sample(("HIDDEN_SIZE", "WINDOW", "INIT_SCALE", "DROPOUT", "GRAD_CLIP"), 3)

    def loss(v: Values) -> float:
        rough = sum(0.008 * _off(v, best, name) for name in first)
        fine = sum(0.006 * _off(v, best, name) for name in later)
        return LEVEL * (1 + rough + fine / (1 + 60 * rough))

    return Surrogate("stages", NUMBERS, loss)


SURROGATES: tuple[Callable[[random.Random], Surrogate], ...] = (sparse, additive, ridge, cliff, words, stages)


def draw(number: int) -> Surrogate:
    """The surrogate of pair `number`; the same number is the same surrogate, optimum and all."""
    return SURROGATES[number % len(SURROGATES)](random.Random(f"outer tier {number}"))


def _optima(chance: random.Random) -> dict[str, float]:
    """Best values, one to `reach` doublings from where each constant begins."""
    return {each.name: each.start * 2 ** (chance.choice((-1, 1)) * chance.uniform(0.5, each.reach)) for each in NUMBERS}


def _step(values: Values, best: Mapping[str, float], name: str) -> float:
    """How many doublings a constant lies above its best value; far out for what is not positive."""
    value = float(values[name])
    return math.log2(value / best[name]) if value > 0 else -8.0


def _off(values: Values, best: Mapping[str, float], name: str) -> float:
    """The square of that, growing more slowly far out."""
    step = _step(values, best, name)
    return step**2 / (1 + 0.05 * step**2)
