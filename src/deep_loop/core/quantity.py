"""What sort of number a constant holds, as the words of its name tell. Plurals and trailing digits do not matter."""

from __future__ import annotations

import re

_SHARE = re.compile(r"(RATIO|FRAC|FRACTION|SHARE|PROB|PROBABILITY|DROPOUT|DROPPATH|SMOOTHING)S?\d*")
_MEMORY = re.compile(r"(BETA|MOMENTUM|EMA|POLYAK)S?\d*")


def is_share(name: str) -> bool:
    """Whether it is a share of something, from 0 to 1: equal steps of it are equally bold."""
    return any(_SHARE.fullmatch(word) for word in name.split("_"))


def is_memory(name: str) -> bool:
    """Whether it is the factor b of a moving average, which remembers 1 / (1 - b) steps."""
    return any(_MEMORY.fullmatch(word) for word in name.split("_"))
