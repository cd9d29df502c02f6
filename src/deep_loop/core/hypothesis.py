"""An entry of `next-hypotheses.md`: a change worth trying, and what it rests on.

The file is Markdown that a person may edit. One entry:

    ## 1. h-7c1e4a: Raise LEARNING_RATE to 4e-3

    - kind: learning-rate
    - set: LEARNING_RATE = 4e-3; BATCH_SIZE in 256..1024
    - expected: +0.4 % (0.1 to 0.7)
    - probability: 0.3
    - evidence: 3, 7, 12
    - rationale: Experiments 3 and 7 both gained by going up, and nothing higher was tried.

A heading with a `set:` line is enough: the identity then comes from the content.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deep_loop.core.syntax import undisturbed
from deep_loop.core.taxonomy import NEURAL, Taxonomy

DIGITS = 12  # of an experiment's number; there is none that has more

_FIELDS = ("kind", "set", "expected", "probability", "evidence", "rationale")
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.*)$")
_NUMBER = re.compile(r"^\d+[.)][ \t]+")
_ID = re.compile(r"^(h-[A-Za-z0-9_-]+)[ \t]*:[ \t]*")
_BULLET = re.compile(r"^[ \t]*[-*][ \t]+(?:\*\*(\w+):\*\*|\*\*(\w+)\*\*[ \t]*:|(\w+)[ \t]*:)[ \t]*(.*)$")
_BREAK = re.compile(r"[ \t\r]*\n[ \t\r]*")
_TARGET = re.compile(r"^`?([A-Za-z_][A-Za-z0-9_]*)`?[ \t]*(=|\bin\b)[ \t]*(.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Target:
    """Where one constant should go: to a value, or into a range.

    `value` is source text such as `2**14` or `"gelu"`; `low` and `high` bound a range, both included.
    Exactly one of the two forms is set.
    """

    name: str
    value: str | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A named change with its evidence. The identity stays the same while it is ranked anew."""

    id: str
    title: str
    kind: str
    targets: tuple[Target, ...]  # empty where only prose says what to change
    rationale: str
    expected: str  # in words, e.g. "+0.4 % (0.1 to 0.7)"
    evidence: tuple[int, ...] = ()  # numbers of the experiments that it rests on
    probability: float | None = None  # that an experiment with it is kept, as its author predicts; from 0 to 1


def identity(kind: str, targets: Sequence[Target], title: str) -> str:
    """`h-` and six hexadecimal digits that depend on what is changed alone.

    With targets it is they that count, in any order and however a number is spelled, so that the same
    change keeps its identity under another rank, title or kind. Without, kind and title count.
    """
    content = "; ".join(sorted(_canonical(target) for target in targets)) or f"{kind}: {_line(title).casefold()}"
    return "h-" + hashlib.sha256(content.encode()).hexdigest()[:6]


def parse(text: str, taxonomy: Taxonomy = NEURAL) -> tuple[Hypothesis, ...]:
    """The valid entries, best first; `problems` says what was wrong with the others.

    One that does not say its kind gets that of its first constant.
    """
    return tuple(entry for entry in _read(text, taxonomy) if isinstance(entry, Hypothesis))


def problems(text: str) -> tuple[str, ...]:
    """What a person should mend, one line each: entries that `parse` skips, and fields that it does not know."""
    return tuple(entry for entry in _read(text) if isinstance(entry, str))


def render(hypotheses: Iterable[Hypothesis], *, heading: str = "Next hypotheses", note: str = "") -> str:
    """The file's text, ranked in the order given. `parse` reads back what was rendered.

    Every text becomes one line: white space inside it is folded (that of a value's source is kept).
    """
    lines = [f"# {_line(heading)}", ""]
    if note:
        lines += [f"> {_line(note)}", ""]
    for rank, entry in enumerate(hypotheses, start=1):
        fields = (
            ("kind", _line(entry.kind)),
            ("set", "; ".join(spell(target) for target in entry.targets)),
            ("expected", _line(entry.expected)),
            ("probability", "" if entry.probability is None else _brief(entry.probability)),
            ("evidence", ", ".join(str(number) for number in entry.evidence)),
            ("rationale", _line(entry.rationale)),
        )
        lines += [f"## {rank}. {entry.id}: {_line(entry.title)}", ""]
        lines += [f"- {name}: {value}" for name, value in fields if value]
        lines += [""]
    return "\n".join(lines)


def spell(target: Target) -> str:
    """A target as the file writes it, on one line: `DEPTH = 8`, or `LEARNING_RATE in 0.002..0.004`."""
    if target.value is not None:
        return f"{target.name} = {_BREAK.sub(' ', target.value)}"
    return f"{target.name} in {_brief(target.low)}..{_brief(target.high)}"


def read_targets(text: str) -> tuple[Target, ...]:
    """The targets of a `set:` line; raises ValueError with the reason for a person."""
    parts = [part.strip().removeprefix("`").removesuffix("`") for part in _pieces(text)]
    targets = tuple(_target(part) for part in parts if part)
    names = [target.name for target in targets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"{twice} is set twice")
    return targets


def reaches(target: Target, source: str) -> bool:
    """Whether a constant with this source text stands at the target, or inside of its range."""
    try:
        number: float | None = _bound(source)
    except ValueError:
        number = None
    if target.value is None:
        return number is not None and (target.low or 0.0) <= number <= (target.high or 0.0)
    try:
        return number == _bound(target.value)
    except ValueError:
        return number is None and _literal(source) == _literal(target.value)


def _literal(source: str) -> str:
    """A text that is the same for all spellings of one value, as far as Python reads it as one."""
    try:
        return repr(undisturbed(lambda: ast.literal_eval(source.strip())))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return source.strip()


def _read(text: str, taxonomy: Taxonomy = NEURAL) -> Iterator[Hypothesis | str]:
    """Entries and problems, in the order of the file."""
    seen: set[str] = set()
    for title, lines in _entries(text):
        entry, complaints = _entry(title, lines, taxonomy)
        yield from complaints
        if entry is not None and entry.id in seen:
            yield f"`{entry.title}`: another entry has the identity {entry.id}"
        elif entry is not None:
            seen.add(entry.id)
            yield entry


def _entries(text: str) -> Iterator[tuple[str, list[str]]]:
    """Headings of the second level and below, each with the lines under it."""
    title: str | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        heading = _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        if title is not None:
            yield title, lines
        title, lines = (heading[2].strip() if len(heading[1]) > 1 else None), []
    if title is not None:
        yield title, lines


def _entry(heading: str, lines: list[str], taxonomy: Taxonomy) -> tuple[Hypothesis | None, list[str]]:
    """One entry, or None where it is malformed, with the reasons."""
    title = _NUMBER.sub("", heading, count=1)
    given = _ID.match(title)
    title = _line(title[given.end() :] if given else title)
    fields, unknown = _fields(lines)
    complaints = [f"`{title}`: unknown field `{name}`; there are {', '.join(_FIELDS)}" for name in unknown]
    if not title:
        return None, [*complaints, "an entry has no title; skipped"]
    if not fields:
        return None, [*complaints, f"`{title}`: no field such as `- set: NAME = value`; skipped"]
    try:
        targets = read_targets(fields.get("set", ""))
        probability = _probability(fields.get("probability", ""))
    except ValueError as error:
        return None, [*complaints, f"`{title}`: {error}; skipped"]
    kind = fields.get("kind") or (taxonomy.kind_of(targets[0].name) if targets else "other")
    entry = Hypothesis(
        id=given[1] if given else identity(kind, targets, title),
        title=title,
        kind=kind,
        targets=targets,
        rationale=fields.get("rationale", ""),
        expected=fields.get("expected", ""),
        evidence=tuple(int(number[:DIGITS]) for number in re.findall(r"\d+", fields.get("evidence", ""))),
        probability=probability,
    )
    return entry, complaints


def _fields(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Known fields with their text, lines that go on joined; and the names of unknown ones."""
    found: dict[str, str] = {}
    unknown: list[str] = []
    current: str | None = None
    for line in lines:
        bullet = _BULLET.match(line)
        if bullet is None:
            if current is not None and line.strip():
                found[current] = f"{found[current]} {line.strip()}".strip()
            continue
        name = (bullet[1] or bullet[2] or bullet[3]).lower()
        current = name if name in _FIELDS else None
        if current is None:
            unknown.append(name)
        else:
            found[current] = bullet[4].strip()
    return found, unknown


def _pieces(text: str) -> Iterator[str]:
    """Cut at semicolons that stand outside quotes."""
    quote, start, escaped = "", 0, False
    for place, character in enumerate(text):
        if character == ";" and not quote:
            yield text[start:place]
            start = place + 1
        elif character in "\"'" and not escaped:
            quote = "" if quote == character else quote or character
        escaped = character == "\\" and not escaped
    yield text[start:]


def _target(text: str) -> Target:
    found = _TARGET.match(text)
    if found is None:
        raise ValueError(f"`{text}` is neither `NAME = value` nor `NAME in low..high`")
    name, form, value = found[1], found[2], found[3].strip().strip("`")
    if form == "=":
        return Target(name, value=_source(value))
    ends = [_bound(end) for end in value.split("..")]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise ValueError(f"`{value}` is no range low..high")
    return Target(name, low=ends[0], high=ends[1])


def _source(text: str) -> str:
    """The value as Python source. A bare word is the string that a person means by it: gelu is "gelu"."""
    try:
        tree = undisturbed(lambda: ast.parse(text, mode="eval")).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"`{text}` is no Python value") from None
    return f'"{text}"' if isinstance(tree, ast.Name) else text


def _bound(text: str) -> float:
    """One end of a range: a number, or a power such as 2**9."""
    base, _, exponent = text.partition("**")
    try:
        number: float | complex = float(base) ** float(exponent or "1")
    except (ValueError, OverflowError, ZeroDivisionError):
        raise ValueError(f"`{text.strip()}` is no number") from None
    if isinstance(number, complex) or not math.isfinite(number):
        raise ValueError(f"`{text.strip()}` is no number")
    return number


def _probability(text: str) -> float | None:
    """A number from 0 to 1, or a percentage; raises ValueError where it is neither."""
    if not text:
        return None
    plain = text.removesuffix("%").strip()
    try:
        number = float(plain) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise ValueError(f"`{text}` is no probability") from None
    if not 0 <= number <= 1:
        raise ValueError(f"the probability {text} is not between 0 and 1")
    return number


def _brief(number: float | None) -> str:
    """The shortest text that reads back as the same number."""
    short = f"{number:g}" if number is not None else ""
    return short if short and float(short) == number else repr(number)


def _canonical(target: Target) -> str:
    if target.value is None:
        return spell(target)
    try:
        return f"{target.name} = {_bound(target.value)!r}"
    except ValueError:
        return spell(target)


def _line(text: str) -> str:
    """The text on one line, its white space folded."""
    return " ".join(text.split())
