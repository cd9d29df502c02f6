"""Seeds, derived and never drawn: the same study repeats itself, and no seed is used twice by chance."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

LATEST = 8  # seeds of an incumbent that its candidates take in turn: older runs tell less of a machine that drifts


def derive(study_seed: int, *path: int | str) -> int:
    """A seed in [0, 2^31) for the place that `path` names, e.g. ("run", 12, 0, 1)."""
    text = "/".join(str(part) for part in (study_seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def places(number: int, length: int) -> Iterator[int]:
    """Places in an incumbent's row of seeds, of which it has had `length`, as a candidate takes them.

    Its latest ones in turn, begun elsewhere by each `number`: candidates that all began with the same seed would all
    be held against the same one run. Then those that the incumbent comes to next.
    """
    latest = range(max(length - LATEST, 0), length)
    begun = number % len(latest) if latest else 0
    return itertools.chain(latest[begun:], latest[:begun], itertools.count(length))
