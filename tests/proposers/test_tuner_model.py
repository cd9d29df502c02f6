"""What the tuner makes of trials: how large effects are, and which constants go along with a move."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tuner_lab import PROGRAM

from deep_loop import knobs
from deep_loop.adapters.proposers.tuner_model import Model
from deep_loop.adapters.proposers.tuner_search import Search
from deep_loop.adapters.proposers.tuner_space import space
from deep_loop.adapters.proposers.tuner_trials import Memory, Reader, Setting, State, Trial
from deep_loop.core.strategy import Strategy

START = Reader().read({"train.py": PROGRAM})
MOVED = {"CONTEXT": "24", "EMBEDDING_LR": "5e-3", "INIT_SCALE": "0.5", "GRAD_CLIP": "2.0"}
OTHER_WAY = {"CONTEXT": "6", "EMBEDDING_LR": "2e-2", "INIT_SCALE": "2.0", "GRAD_CLIP": "0.5"}


def setting(values: dict[str, str]) -> Setting:
    return Reader().read({"train.py": knobs.rewrite(PROGRAM, values)})


def remember(trials: Sequence[Trial], noise: float) -> Memory:
    tried = frozenset(trial.setting.identity() for trial in trials) | {START.identity()}
    return Memory(START, START.knobs, tuple(trials), tried, noise, noise / 2)


def seen(gain: float, noise: float, repeats: int, values: dict[str, str] = MOVED) -> list[Trial]:
    """A baseline, and each of the constants moved alone, again and again: once better than it is, once worse."""
    return [
        Trial(START, State.MEASURED, 0.0, noise / 2),
        *(
            Trial(setting({name: text}), State.MEASURED, gain + noise * (-1) ** repeat, noise)
            for repeat in range(repeats)
            for name, text in values.items()
        ),
    ]


@pytest.mark.parametrize("gain", [-0.2, -0.01, 0.01, 0.2])
def test_effects_are_as_large_as_the_trials_say(gain: float) -> None:
    """A gain of a fifth is believed as much as one of a hundredth, where the noise is a tenth of either."""
    model = Model(space(START.knobs, START.knobs), remember(seen(gain, abs(gain) / 10, 4), abs(gain) / 10), 0)
    for name, text in MOVED.items():
        estimate = model.estimate({name: model.points[1 + list(MOVED).index(name)][name]})
        assert estimate.gain == pytest.approx(gain, rel=0.3), (name, text)


def test_noise_alone_is_no_effect() -> None:
    """Where trials are all noise, the model expects far less of a move than single trials showed."""
    model = Model(space(START.knobs, START.knobs), remember(seen(0.0, 0.05, 4), 0.05), 0)
    shown = [model.estimate({name: model.points[place][name]}).gain for place, name in enumerate(MOVED, 1)]
    assert all(abs(gain) < 0.02 for gain in shown)


def test_gains_that_noise_hides_are_tried_together() -> None:
    """Constants that gained a little again and again, and could not be kept for it, move as one."""
    trials = [*seen(0.008, 0.008, 4), *seen(-0.016, 0.008, 4, OTHER_WAY)]
    move = Search(remember(trials, 0.008), Strategy(), 1).move()
    assert move is not None
    assert move.sources.keys() >= MOVED.keys()
    assert move.estimate.gain > 2 * 0.008


def test_what_lost_on_both_sides_does_not_ride_along() -> None:
    """Nor does what the model knows nothing of."""
    trials = [*seen(-0.008, 0.004, 6), *seen(-0.008, 0.004, 6, OTHER_WAY)]
    move = Search(remember(trials, 0.004), Strategy(), 1).move()
    assert move is not None
    assert not move.riders
