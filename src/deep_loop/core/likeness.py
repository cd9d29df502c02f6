"""How alike descriptions of changes are: shared words, rare ones counting more.

The cosine of vectors with one entry a word, its inverse document frequency among the descriptions of the same study
(Salton and Buckley, Term-weighting approaches in automatic text retrieval, Information Processing and Management 24
(1988) 513-523, weights `bfx`: a word counts once, however often it stands there). Nothing is learnt from other texts,
so names of constants weigh as much in a study of compilers as in one of networks.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

Words = frozenset[str]

_HAN = "\u3040-\u30ff\u3400-\u9fff"  # written without spaces: each sign is a word
_WORD = re.compile(rf"\d+(?:\.\d+)?(?:e[-+]?\d+)?|[{_HAN}]|[^\W\d_{_HAN}]+\d*")
_COMMON_WORDS = "a an and as at be by for from in into is it of on or set that the this to try use using with"
_COMMON = frozenset(_COMMON_WORDS.split())


def words(text: str, kind: str = "") -> Words:
    """The words and numbers of a description, small letters, and its kind as one more word.

    `MATRIX_LR 0.04 -> 0.02` has `matrix`, `lr`, `0.04` and `0.02`. Words that are in every text are left out.
    """
    found = {word for word in _WORD.findall(text.casefold()) if word not in _COMMON}
    return frozenset(found | {f"kind:{kind}"} if kind else found)


class Likeness:
    """Descriptions of earlier changes, asked how alike a new one is. Building takes time linear in all their words."""

    def __init__(self, past: Sequence[Words]) -> None:
        self._count = len(past)
        self._frequency = Counter(word for description in past for word in description)
        self._places: dict[str, list[tuple[int, float]]] = {}  # word -> the descriptions that have it, and its weight
        for place, description in enumerate(past):
            for word, weight in self._vector(description).items():
                self._places.setdefault(word, []).append((place, weight))

    def to(self, description: Words) -> Mapping[int, float]:
        """Places of the earlier descriptions that share a word with this one -> how alike, over 0 and at most 1."""
        found: dict[int, float] = {}
        for word, weight in sorted(self._vector(description).items()):  # sums come out the same whatever the hash
            for place, other in self._places.get(word, ()):
                found[place] = found.get(place, 0.0) + weight * other
        return {place: min(alike, 1.0) for place, alike in sorted(found.items()) if alike > 0}

    def _vector(self, description: Words) -> dict[str, float]:
        """Weights by word, of length 1; a word that all descriptions have still counts a little."""
        raw = {word: math.log((self._count + 1) / (self._frequency[word] + 0.5)) for word in description}
        size = math.sqrt(math.fsum(weight**2 for weight in raw.values()))
        return {word: weight / size for word, weight in raw.items()} if size else {}
