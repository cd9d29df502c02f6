"""What a description says was changed: constants with their old and new values, and the kind of change."""

from __future__ import annotations

import re

from deep_loop.core.experiment import Change
from deep_loop.core.taxonomy import KINDS, kind_of

MOST = 8  # constants of one description
FIRST = 12  # words of a description that tell its kind: what comes later is mostly about the outcome

_NUMBER = r"[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?(?:\s*(?:\*\*|\^)\s*\d+)?"
_VALUE = rf"{_NUMBER}|True|False|\"[^\"\n]{{1,40}}\"|'[^'\n]{{1,40}}'"
_MOVE = re.compile(
    rf"(?<![\w.])(?P<name>[A-Za-z][A-Za-z0-9_]*)\s*(?:[:=]\s*|\bfrom\b\s*|\s)\s*(?P<before>{_VALUE})"
    rf"\s*(?:->|=>|→|➜|⇒|\bto\b)\s*(?P<after>{_VALUE})(?![\w%]|\.\d)",
    re.IGNORECASE,
)
_RESULTS = frozenset(("val_bpb", "bpb", "val_loss", "loss", "acc", "accuracy", "vram", "steps", "score"))


def changes(text: str) -> tuple[Change, ...]:
    """Constants that a text says were moved, as in `MATRIX_LR 0.04 -> 0.02` or `reduce DEPTH from 8 to 6`.

    Values come out as Python writes them: `2^19` is `2**19`. A constant that is named twice counts once.
    """
    found: dict[str, Change] = {}
    for move in _MOVE.finditer(text):
        name, before, after = move["name"], _source(move["before"]), _source(move["after"])
        if _is_constant(name) and before != after and len(found) < MOST:
            found.setdefault(name, Change(name, before, after))
    return tuple(found.values())


def kind(text: str, moved: tuple[Change, ...]) -> str:
    """The kind of a change: of the first constant that it moves, else by the first words that name one."""
    if moved and (known := kind_of(moved[0].name)) != KINDS[-1]:
        return known
    words = re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text)[:FIRST]
    together = kind_of("_".join(words[:3]))
    if together != KINDS[-1]:
        return together
    return next((known for word in words if (known := kind_of(word)) != KINDS[-1]), KINDS[-1])


def _is_constant(name: str) -> bool:
    """Whether a word before two values is the name of something that one sets, and not what came of it."""
    if name.casefold() in _RESULTS:
        return False
    return "_" in name or (name.isupper() and len(name) > 1) or kind_of(name) != KINDS[-1]


def _source(value: str) -> str:
    return re.sub(r"\s*(?:\*\*|\^)\s*", "**", value.strip())
