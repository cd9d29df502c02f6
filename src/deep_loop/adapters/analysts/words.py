"""Numbers and lists as an account of experiments writes them."""

from __future__ import annotations

from collections.abc import Sequence

from deep_loop.adapters.analysts.estimates import Interval

SHOWN = 6  # experiments named in one sentence


def experiments(numbers: Sequence[int]) -> str:
    """`experiment 3`, `experiments 3, 7 and 12`; of many, the first ones and how many more."""
    unique = sorted(set(numbers))
    if len(unique) == 1:
        return f"experiment {unique[0]}"
    if len(unique) > SHOWN + 1:
        return f"experiments {', '.join(map(str, unique[:SHOWN]))} and {len(unique) - SHOWN} more"
    return f"experiments {', '.join(map(str, unique[:-1]))} and {unique[-1]}"


def percent(share: float) -> str:
    """A gain with its sign: `+0.42 %`, `-3.1 %`."""
    return f"{_digits(100 * share):+g} %"


def size(share: float) -> str:
    """A size without a sign: `0.42 %`."""
    return f"{_digits(100 * abs(share)):g} %"


def span(gain: Interval) -> str:
    """A gain with its interval: `+0.4 % (0.1 to 0.7)`."""
    return f"{percent(gain.mid)} ({_digits(100 * gain.low):g} to {_digits(100 * gain.high):g})"


def rate(share: Interval) -> str:
    """A proportion with its interval, in whole per cents: `21 % (9 to 42)`."""
    return f"{100 * share.mid:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"


def plain(number: float) -> str:
    """A value of a constant, in three digits."""
    return f"{number:.3g}"


def _digits(number: float) -> float:
    """Two digits are as many as the noise leaves; never minus zero."""
    return float(f"{number:.2g}") + 0.0
