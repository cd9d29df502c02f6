"""An analyst's revision of the strategy, read from what it said.

It comes as one JSON object. What is wrong with its form is told in words, for whoever can mend it; whether it holds
is for `core.review` to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from deep_loop.core.cohort import Advice, Claim, Finding
from deep_loop.core.hypothesis import Hypothesis, identity, read_targets
from deep_loop.core.strategy import Strategy
from deep_loop.core.taxonomy import NEURAL, OTHER, Taxonomy
from deep_loop.prompts.fence import cut, hidden

FINDINGS, HYPOTHESES = 12, 10
SUMMARY, TITLE, TEXT, PROSE = 100, 200, 1_500, 8_000  # characters
SEARCHED = 200_000  # characters of a message's end in which a revision is looked for
LARGEST = 1e300  # a number; an integer may have any length, and nan is below nothing
WEIGHTS = (0.25, 4.0)  # no kind is ever given up, none crowds out the others
CLAIMS: tuple[str, ...] = get_args(Claim)


def _object(**fields: Any) -> dict[str, Any]:
    """All properties required and none besides: the strict mode of structured outputs asks for it."""
    return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of}


_WORDS, _NUMBER, _NUMBERS = {"type": "string"}, {"type": "number"}, _list({"type": "integer"})
_FINDING = _object(text=_WORDS, experiments=_NUMBERS, claim={"type": "string", "enum": [*CLAIMS]})

SCHEMA: Mapping[str, Any] = _object(
    summary=_WORDS,
    worked=_list(_FINDING),
    failed=_list(_FINDING),
    changed=_list(_WORDS),
    hypotheses=_list(
        _object(
            title=_WORDS,
            kind=_WORDS,
            set=_WORDS,
            rationale=_WORDS,
            expected=_WORDS,
            evidence=_NUMBERS,
            probability=_NUMBER,
        )
    ),
    strategy=_object(
        prose=_WORDS,
        weights=_list(_object(kind=_WORDS, weight=_NUMBER)),
        ranges=_list(_object(constant=_WORDS, low=_NUMBER, high=_NUMBER)),
        combinations=_list(_NUMBERS),
    ),
)


class Malformed(Exception):
    """What was said is no revision; the text says what is wrong, for whoever said it."""


def read(text: str, analyst: str, version: int, taxonomy: Taxonomy = NEURAL) -> Advice:
    """The revision in a last message. Raises Malformed. Its table is empty: figures are the harness's to give."""
    found = list(_objects(text[-SEARCHED:]))
    if not found:
        raise Malformed('there is no JSON object with "summary" and "strategy" in it')
    return made(found[-1], analyst, version, taxonomy)


def made(stated: Mapping[str, Any], analyst: str, version: int, taxonomy: Taxonomy = NEURAL) -> Advice:
    """The revision that an object states. Raises Malformed."""
    summary = _words(stated, "summary", SUMMARY)
    if not summary:
        raise Malformed("`summary` is empty")
    return Advice(
        analyst=analyst,
        summary=summary,
        strategy=_strategy(_table(stated, "strategy"), version, taxonomy),
        hypotheses=tuple(_hypotheses(stated, taxonomy)),
        worked=tuple(_findings(stated, "worked")),
        failed=tuple(_findings(stated, "failed")),
        changed=tuple(_line(text, TEXT) for text in _texts(stated, "changed")),
        table=(),
    )


# --- parts -----------------------------------------------------------------------------------------


def _findings(stated: Mapping[str, Any], name: str) -> Iterator[Finding]:
    for place, item in enumerate(_tables(stated, name, FINDINGS)):
        claim = item.get("claim")
        if claim not in CLAIMS:
            raise Malformed(f"{name}[{place}]: `claim` is none of {', '.join(CLAIMS)}")
        numbers = _numbers(item, "experiments", f"{name}[{place}]")
        yield Finding(_words(item, "text", TEXT), numbers, claim)


def _hypotheses(stated: Mapping[str, Any], taxonomy: Taxonomy) -> Iterator[Hypothesis]:
    seen: set[str] = set()
    for place, item in enumerate(_tables(stated, "hypotheses", HYPOTHESES)):
        where = f"hypotheses[{place}]"
        title = _words(item, "title", TITLE)
        if not title:
            raise Malformed(f"{where}: `title` is empty")
        try:
            targets = read_targets(_words(item, "set", TEXT))
        except ValueError as error:
            raise Malformed(f"{where}: `set`: {error}") from None
        probability = _number(item, "probability", where)
        if not 0 <= probability <= 1:
            raise Malformed(f"{where}: `probability` is not between 0 and 1")
        stated_kind = _kind(_words(item, "kind", TITLE), taxonomy)
        kind = stated_kind or (taxonomy.kind_of(targets[0].name) if targets else OTHER)
        id = identity(kind, targets, title)
        if id not in seen:  # the same change twice is one hypothesis
            seen.add(id)
            yield Hypothesis(
                id=id,
                title=title,
                kind=kind,
                targets=targets,
                rationale=_words(item, "rationale", TEXT),
                expected=_words(item, "expected", TITLE),
                evidence=_numbers(item, "evidence", where),
                probability=probability,
            )


def _strategy(stated: Mapping[str, Any], version: int, taxonomy: Taxonomy) -> Strategy:
    weights, ranges = {}, {}
    for place, item in enumerate(_tables(stated, "weights", 100)):
        kind, weight = _words(item, "kind", 40), _number(item, "weight", f"weights[{place}]")
        if kind:
            weights[_kind(kind, taxonomy)] = float(f"{min(max(weight, WEIGHTS[0]), WEIGHTS[1]):.3g}")
    for place, item in enumerate(_tables(stated, "ranges", 100)):
        name = _words(item, "constant", 80)
        low, high = (_number(item, end, f"ranges[{place}]") for end in ("low", "high"))
        if not name.isidentifier() or low > high:
            raise Malformed(f"ranges[{place}]: it is no constant with `low` up to `high`")
        ranges[name] = (low, high)
    groups = stated.get("combinations")
    if not isinstance(groups, list) or len(groups) > 20:
        raise Malformed("`combinations` is no list of at most 20 lists of experiments")
    combinations = tuple(_numbers({"it": group}, "it", "combinations") for group in groups)
    prose = _clean(str(stated.get("prose") or ""))
    if len(prose) > PROSE:
        raise Malformed(f"`prose` has {len(prose)} characters; at most {PROSE} are read before every proposal")
    return Strategy(version, weights, ranges, tuple(group for group in combinations if len(group) > 1), prose)


def _kind(word: str, taxonomy: Taxonomy) -> str:
    """A kind as the taxonomy spells it, where it is one of those."""
    plain = "-".join(word.casefold().replace("_", " ").replace("-", " ").split())
    return plain if plain in taxonomy.kinds else word


# --- fields, read without trust ----------------------------------------------------------------------


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The objects in a text that look like a revision, in their order."""
    decoder = json.JSONDecoder(strict=False)  # models write line ends into strings
    place = text.find("{")
    while place >= 0:
        following = place + 1
        try:
            value, after = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and {"summary", "strategy"} <= value.keys():
            yield value
            following = after
        place = text.find("{", following)


def _table(stated: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = stated.get(name)
    if not isinstance(found, dict):
        raise Malformed(f"`{name}` is no object")
    return found


def _tables(stated: Mapping[str, Any], name: str, most: int) -> Sequence[Mapping[str, Any]]:
    found = stated.get(name)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Malformed(f"`{name}` is no list of objects")
    if len(found) > most:
        raise Malformed(f"`{name}` has {len(found)} entries; at most {most} are taken")
    return found


def _texts(stated: Mapping[str, Any], name: str) -> Sequence[str]:
    found = stated.get(name)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found) or len(found) > FINDINGS:
        raise Malformed(f"`{name}` is no list of at most {FINDINGS} texts")
    return found


def _words(stated: Mapping[str, Any], name: str, limit: int) -> str:
    found = stated.get(name)
    if not isinstance(found, str):
        raise Malformed(f"`{name}` is no text")
    return _line(found, limit)


def _number(stated: Mapping[str, Any], name: str, where: str) -> float:
    found = stated.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < LARGEST:
        raise Malformed(f"{where}: `{name}` is no number")
    return float(found)


def _numbers(stated: Mapping[str, Any], name: str, where: str) -> tuple[int, ...]:
    found = stated.get(name)
    plain = isinstance(found, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 10**9 for item in found
    )
    if not plain or found is None:
        raise Malformed(f"{where}: `{name}` is no list of numbers of experiments")
    return tuple(dict.fromkeys(found))


def _line(text: str, limit: int) -> str:
    """A text on one line, without characters that cannot be seen."""
    return cut(" ".join("".join(c for c in " ".join(text.split()) if not hidden(c)).split()), limit)


def _clean(text: str) -> str:
    """A text of several lines without characters that cannot be seen."""
    return "".join(c for c in text.replace("\r\n", "\n") if c in "\n\t" or not hidden(c)).strip()
