"""Which earlier change a description asks for once more, in the same words or in others.

Code that is the same is found by its fingerprint (`core.syntax`). Before there is code, and in logs without any, there
is only what people and agents wrote. Two descriptions ask for the same where they name the same numbers, point the same
way and share most of their words: `raise MATRIX_LR from 0.04 to 0.05` and `MATRIX_LR 0.04 -> 0.05 for faster learning`.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass

RECENT = 300  # requests with the same numbers that are looked through
ALIKE = 0.6  # of the shorter description's words, reasons left out, stand in the other
_NUMBER = re.compile(
    r"(?<![A-Za-z_\d.])(\d[\d_,]*(?:\.\d+)?|\.\d+)(?:e([-+]?\d+))?(?:\s*(?:\*\*|\^)\s*(\d+))?([kKmM%]?)(?!\w)"
)
_CONSTANT = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_WORD = re.compile(r"[^\W\d_]+\d*")
_REASON = re.compile(
    r"[\s,;:(—–-]+(?:in order to|so that|which|because|since|for|allowing|giving|potentially|to (?!\S*\d))\b.*$",
    re.DOTALL,
)
_WAYS = {
    "up": "increase increases increased increasing raise raised higher larger bigger wider deeper longer more bump grow"
    " up",
    "down": "decrease decreased decreasing reduce reduced reducing lower lowered smaller narrower shallower shorter"
    " fewer less shrink cut down",
    "half": "halve halved halving half",
    "twice": "double doubled doubling twice",
    "in": "add added adding enable enabled introduce use using apply insert",
    "out": "remove removed removing drop disable disabled delete without eliminate no",
}
_WAY = {word: way for way, line in _WAYS.items() for word in line.split()}
_SILENT_WORDS = """
    a an and the of on in at by from to with set change changed try test switch replace swap make value instead rate
    ratio be is it this that its
"""
_SILENT = frozenset(_SILENT_WORDS.split())
_SHORT = {"lr": ("learning", "rate"), "wd": ("weight", "decay"), "bs": ("batch", "size")}
_FACTORS = {"k": 1e3, "m": 1e6, "%": 1e-2, "": 1.0}


@dataclass(frozen=True, slots=True)
class Request:
    """What a description asks for, whatever its words."""

    subject: frozenset[str]
    numbers: tuple[float, ...]  # in their order: from 42 to 137 is not from 137 to 42
    ways: frozenset[str]
    constants: frozenset[str]  # written as programs write them


def request(text: str) -> Request:
    """Read a description; its reasons (`to improve …`, `for …`) are left out where something is left then."""
    short = _REASON.sub("", text)
    text = short if len(_WORD.findall(short)) >= 2 or _NUMBER.search(short) else text
    numbers = tuple(_value(*found) for found in _NUMBER.findall(text))
    spoken = _WORD.findall(_NUMBER.sub(" ", text).casefold())
    spelled = [part for word in spoken for part in _SHORT.get(word, (word,))]
    ways = frozenset(_WAY[word] for word in spelled if word in _WAY)
    subject = frozenset(_stem(word) for word in spelled if word not in _WAY and word not in _SILENT)
    return Request(subject, numbers, ways, frozenset(_CONSTANT.findall(text)))


def same(one: Request, other: Request) -> bool:
    """Whether both ask for the same."""
    if one.numbers != other.numbers or not _agree(one, other):
        return False
    if one.constants and other.constants and one.constants != other.constants:
        return False
    fewer = min(len(one.subject), len(other.subject))
    if not fewer:
        return one.subject == other.subject and bool(one.numbers)
    shared = len(one.subject & other.subject)
    return shared >= ALIKE * fewer and shared >= ALIKE / 2 * max(len(one.subject), len(other.subject))


class Requests:
    """Requests in their order, asked for the latest that wanted the same. Each question takes bounded time."""

    def __init__(self) -> None:
        self._places: dict[tuple[float, ...], deque[tuple[int, Request]]] = {}  # by numbers: those must be equal
        self._count = 0

    def add(self, new: Request) -> None:
        """Remember one more; its place is how many were there before."""
        self._places.setdefault(new.numbers, deque(maxlen=RECENT)).append((self._count, new))
        self._count += 1

    def like(self, new: Request) -> int | None:
        """The place of the latest that asks for the same, among the `RECENT` last with its numbers; None without."""
        known = self._places.get(new.numbers, ())
        return next((place for place, other in reversed(known) if same(other, new)), None)


def _agree(one: Request, other: Request) -> bool:
    """A way that only one names is no contradiction where numbers say it as well."""
    if one.ways == other.ways:
        return True
    opposed = (("up", "down"), ("in", "out"), ("half", "twice"))
    if any((a in one.ways and b in other.ways) or (b in one.ways and a in other.ways) for a, b in opposed):
        return False
    return bool(one.numbers)


def _value(whole: str, exponent: str, power: str, unit: str) -> float:
    """The number, to six digits; infinite where it is too large."""
    try:
        number = float(f"{whole.replace('_', '').replace(',', '')}e{exponent or 0}")
        return float(f"{number ** (float(power) if power else 1.0) * _FACTORS[unit.casefold()]:.6g}")
    except OverflowError:
        return math.inf


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
