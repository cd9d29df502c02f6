"""Seeds, derived and never drawn: the same study repeats itself, and no seed is used twice by chance."""

from __future__ import annotations

import hashlib


def derive(study_seed: int, *path: int | str) -> int:
    """A seed in [0, 2^31) for the place that `path` names, e.g. ("run", 12, 0, 1)."""
    text = "/".join(str(part) for part in (study_seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
