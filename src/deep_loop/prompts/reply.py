"""An agent's statement of its hypothesis, read from its last message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from deep_loop.core.experiment import Idea
from deep_loop.ports import Brief
from deep_loop.prompts.fence import cut, hidden

TITLE = 200  # characters
RATIONALE = 2_000
EXPECTED = 300
SEARCHED = 40_000  # characters of a message's end in which a statement is looked for

_TEXTS = {
    "title": "What changes, in one line; empty where there is nothing to propose.",
    "kind": "The kind of change, one of those that the brief lists.",
    "rationale": "Why it should help, and which earlier experiments speak for it.",
    "expected": "The effect that you expect, in words and with a number.",
}
_OTHERS = {
    "probability": ("number", "The probability, from 0 to 1, that the change is kept; it is scored. Null: no guess."),
    "hypothesis": ("string", "Identity of the listed hypothesis that this takes up, or null."),
    "suggestion": ("integer", "Number of the person's suggestion that this follows, or null."),
    "nothing": ("string", "Why there is nothing to propose; null where there is a proposal."),
}

# All properties required and none besides: the strict mode of structured outputs asks for it.
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string", "description": words} for name, words in _TEXTS.items()},
        **{name: {"type": [kind, "null"], "description": words} for name, (kind, words) in _OTHERS.items()},
    },
    "required": [*_TEXTS, *_OTHERS],
    "additionalProperties": False,
}


def read(text: str, brief: Brief) -> Idea | None:
    """The idea that a last message states; None where it states none, or says that there is nothing to propose.

    `declined` tells the two apart. Words are folded and bounded, names that the brief does not know are dropped.
    """
    stated = _stated(text)
    title = _words(stated.get("title"), TITLE)
    if not title:
        return None
    hypothesis = _words(stated.get("hypothesis"), TITLE)
    return Idea(
        title=title,
        kind=_kind(_words(stated.get("kind"), TITLE), brief),
        rationale=_words(stated.get("rationale"), RATIONALE),
        expected=_words(stated.get("expected"), EXPECTED),
        hypothesis=hypothesis if hypothesis in {entry.id for entry in brief.hypotheses} else None,
        suggestion=_suggestion(stated.get("suggestion"), brief),
        probability=_probability(stated.get("probability")),
    )


def declined(text: str) -> str | None:
    """Why a last message has nothing to propose; None where it does not say that."""
    stated = _stated(text)
    return None if _words(stated.get("title"), TITLE) else _words(stated.get("nothing"), RATIONALE) or None


def _stated(text: str) -> Mapping[str, Any]:
    """The last object that has a title or says that there is nothing; an empty one where there is none."""
    found: Mapping[str, Any] = {}
    for candidate in _objects(text[-SEARCHED:]):
        if _words(candidate.get("title"), TITLE) or _words(candidate.get("nothing"), TITLE):
            found = candidate
    return found


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """JSON objects in a text, in their order; those inside of one that is no statement come after it."""
    decoder = json.JSONDecoder(strict=False)  # models write line ends into strings
    place = text.find("{")
    while place >= 0:
        following = place + 1
        try:
            value, after = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield value
            if {"title", "nothing"} & value.keys():
                following = after  # what stands inside of a statement is none
        place = text.find("{", following)


def _words(value: object, limit: int) -> str:
    """A text on one line, without characters that cannot be seen; empty where it is no text."""
    if not isinstance(value, str):
        return ""
    seen = "".join(character for character in " ".join(value.split()) if not hidden(character))
    return cut(" ".join(seen.split()), limit)


def _kind(word: str, brief: Brief) -> str:
    """The kind as the brief spells it, or the nearest by the words in it."""
    kinds = {kind.casefold(): kind for kind in brief.terms.kinds}
    plain = "-".join(word.casefold().replace("_", " ").replace("-", " ").split())
    nearest = brief.terms.taxonomy.kind_of(word)
    return kinds.get(plain) or (nearest if nearest in brief.terms.kinds else "other")


def _probability(value: object) -> float | None:
    """A number from 0 to 1; None where it is none, since nobody has to guess."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def _suggestion(value: object, brief: Brief) -> int | None:
    known = {suggestion.id for suggestion in brief.suggestions}
    if isinstance(value, str) and value.strip().lstrip("#").isdecimal():
        value = int(value.strip().lstrip("#")[:9])
    return value if isinstance(value, int) and not isinstance(value, bool) and value in known else None
