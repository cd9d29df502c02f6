"""A screening: a designed set of experiments that moves many constants at once, each between two levels.

Moving one constant at a time spends a run on each, and learns no more from it than that run's noise allows. In a
screening every run tells something of every constant: with k constants in N runs the effect of each is known as well as
if all N runs had been spent on it alone (Plackett and Burman, The design of optimum multifactorial experiments,
Biometrika 33 (1946) 305-325). That any of its runs gains is not expected, so none counts for or against a strategy.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping

from deep_loop.core.experiment import Idea

KIND = "screening"
Levels = Mapping[str, tuple[float, float]]  # constant -> its low and its high level

# First rows of the designs, whose other rows are their cyclic shifts and one of low levels alone (there, p. 323).
_FIRST = {
    8: "+++-+--",
    12: "++-+++---+-",
    16: "++++-+-++--+---",
    20: "++--++++-+-+----++-",
    24: "+++++-+-++--++--+-+----",
}
MOST = max(_FIRST) - 1  # constants
_TITLE = re.compile(r"^screening ([0-9a-f]{4}), run (\d+) of (\d+)\b")


def runs(constants: int) -> int:
    """How many runs it takes. Raises ValueError for more than MOST constants."""
    found = next((size for size in _FIRST if size > constants), None)
    if found is None:
        raise ValueError(f"a screening of {constants} constants: at most {MOST} can be screened")
    return found


def design(constants: int) -> tuple[tuple[int, ...], ...]:
    """Rows of runs, columns of constants: 1 is a high level, -1 a low one. Columns are balanced and orthogonal."""
    size = runs(constants)
    first = [1 if sign == "+" else -1 for sign in _FIRST[size]]
    shifts = [[*first[-shift:], *first[:-shift]] if shift else first for shift in range(size - 1)]
    return tuple(tuple(row[:constants]) for row in (*shifts, [-1] * (size - 1)))


def settings(levels: Levels, run: int) -> dict[str, float]:
    """The value of each constant in a run; runs are counted from 1, constants go by name."""
    names = sorted(levels)
    return {name: levels[name][sign > 0] for name, sign in zip(names, design(len(names))[run - 1], strict=True)}


def title(levels: Levels, run: int) -> str:
    """By which an experiment says which run of which screening it is."""
    return f"screening {_key(levels)}, run {run} of {runs(len(levels))}: {len(levels)} constants high or low"


def done(levels: Levels, ideas: Iterable[Idea]) -> list[int]:
    """The runs of a screening that these ideas are, as often as they are."""
    found = (_TITLE.match(idea.title) for idea in ideas if idea.kind == KIND)
    return [int(match[2]) for match in found if match and match[1] == _key(levels)]


def is_screening(idea: Idea) -> bool:
    """Whether it is a run of any screening."""
    return idea.kind == KIND and _TITLE.match(idea.title) is not None


def _key(levels: Levels) -> str:
    """Tells screenings apart."""
    content = json.dumps(sorted((name, *map(float, pair)) for name, pair in levels.items()))
    return hashlib.sha256(content.encode()).hexdigest()[:4]
