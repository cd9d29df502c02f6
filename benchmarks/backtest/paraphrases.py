"""Repeats planted into real logs in other words, and near misses that are no repeats.

The rules are stated here and are not those of `deep_loop.core.repeats`. A paraphrase is two or three of `SAME` applied
to a description of the log; a near miss is one of `OTHER`. What a rule cannot change is passed to the next one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.backtest.logs import Log

Rule = Callable[[str, random.Random], str]
EACH = 10  # paraphrases, and near misses, in one log
HISTORY = 2 / 3  # of a log's rows are there already
LONGEST = 160  # characters of a description; what is longer is a report

_ARROW = re.compile(r"\s*(?:->|→|=>)\s*")
_FROM = re.compile(r"\bfrom\s+(\S+)\s+to\s+(\S+)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.^*])\d+(?:\.\d+)?(?![\w.^*])")
_CONSTANT = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
_POWER = re.compile(r"\b2(?:\^|\*\*)(\d+)\b")
_VERBS = (
    ("increase", "raise"), ("decrease", "lower"), ("reduce", "lower"), ("raise", "increase"), ("lower", "reduce"),
    ("add", "introduce"), ("remove", "drop"), ("replace", "swap"), ("enable", "use"), ("change", "set"),
)  # fmt: skip
_TURNED = {"increase": "decrease", "decrease": "increase", "reduce": "raise", "raise": "reduce", "lower": "raise"}
_TURNED |= {"add": "remove", "remove": "add", "enable": "disable"}
REASONS = (" to see whether it helps", ", because earlier steps pointed this way", " for better final quality")


@dataclass(frozen=True, slots=True)
class Planted:
    """One description that is to be flagged, or not."""

    text: str
    source: int | None  # the row that it repeats; None for a near miss


def history(log: Log) -> int:
    """How many of its rows are there already."""
    return int(HISTORY * len(log.rows))


def planted(log: Log, draw: random.Random) -> Iterator[Planted]:
    """Paraphrases and near misses for one log, of which the first rows are there (`history`)."""
    seen = history(log)
    usable = [place for place in range(seen) if len(log.rows[place].text.split()) >= 2 and _fits(log.rows[place].text)]
    for place in draw.sample(usable, min(EACH, len(usable))):
        if (text := _changed(log.rows[place].text, SAME, draw.randint(2, 3), draw)) is not None:
            yield Planted(text, place)
    known = {_bare(row.text) for row in log.rows[:seen]}
    for place in draw.sample(usable, min(EACH, len(usable))):
        near = _changed(log.rows[place].text, OTHER, 1, draw)
        if near is not None and _bare(near) not in known:
            yield Planted(near, None)


def _fits(text: str) -> bool:
    return len(text) <= LONGEST and not text.endswith("…")


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+(?:\.\d+)?", text.casefold()))


def _changed(text: str, rules: tuple[Rule, ...], times: int, draw: random.Random) -> str | None:
    """The text after so many rules that change it; None where fewer do."""
    done = 0
    for rule in draw.sample(rules, len(rules)):
        new = rule(text, draw)
        if new != text:
            text, done = new, done + 1
        if done == times:
            return text
    return None


def _arrows(text: str, draw: random.Random) -> str:
    if _FROM.search(text):
        return _FROM.sub(r"\1 -> \2", text)
    return _ARROW.sub(" to ", text)


def _verb(text: str, draw: random.Random) -> str:
    for old, new in _VERBS:
        if re.search(rf"\b{old}\b", text, re.IGNORECASE):
            return re.sub(rf"\b{old}\b", new, text, count=1, flags=re.IGNORECASE)
    return text


def _reason(text: str, draw: random.Random) -> str:
    return text.rstrip(". ") + draw.choice(REASONS)


def _case(text: str, draw: random.Random) -> str:
    return text.lower() if draw.random() < 0.5 else f"{text[:1].upper()}{text[1:]}."


def _numbers(text: str, draw: random.Random) -> str:
    text = _POWER.sub(lambda found: str(2 ** int(found[1])), text)
    return _NUMBER.sub(lambda found: f"{float(found[0]):.10e}" if float(found[0]) < 0.01 else found[0], text)


def _prefix(text: str, draw: random.Random) -> str:
    return draw.choice(("Try again: ", "Experiment: ", "Next, ")) + text


def _scaled(text: str, draw: random.Random) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text
    last = found[-1]
    return f"{text[: last.start()]}{float(last[0]) * 1.5 + (float(last[0]) == 0):g}{text[last.end() :]}"


def _turned(text: str, draw: random.Random) -> str:
    for old, new in _TURNED.items():
        if re.search(rf"\b{old}\b", text, re.IGNORECASE):
            text = re.sub(rf"\b{old}\b", new, text, count=1, flags=re.IGNORECASE)
            return _FROM.sub(r"from \2 to \1", text)
    return text


def _elsewhere(text: str, draw: random.Random) -> str:
    return _CONSTANT.sub(lambda found: "LABEL_SMOOTHING" if found[0] != "LABEL_SMOOTHING" else "CLIP_NORM", text)


SAME: tuple[Rule, ...] = (_arrows, _verb, _reason, _case, _numbers, _prefix)
OTHER: tuple[Rule, ...] = (_scaled, _turned, _elsewhere)
