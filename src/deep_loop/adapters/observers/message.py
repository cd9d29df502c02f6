"""What is told: one line for people, and the same for a reader that acts on what it reads."""

from __future__ import annotations

import math
import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from deep_loop.core.readout import plain

Kind = Literal[
    "crash",
    "major_breakthrough",
    "breakthrough",
    "done",
    "significant_gain",
    "agent_down",
    "budget",
    "plateau",
    "new_incumbent",
    "agent_back",
    "meta_analysis",
    "test",
]
TITLES: dict[Kind, str] = {  # the most important first
    "crash": "crash",
    "major_breakthrough": "MAJOR BREAKTHROUGH",
    "breakthrough": "breakthrough",
    "done": "done",
    "significant_gain": "significant gain",
    "agent_down": "agent down",
    "budget": "budget",
    "plateau": "plateau",
    "new_incumbent": "new incumbent",
    "agent_back": "agent back",
    "meta_analysis": "meta-analysis",
    "test": "test",
}
KINDS: tuple[Kind, ...] = tuple(kind for kind in TITLES if kind != "test")
RANK = {kind: place for place, kind in enumerate(TITLES)}

LISTED = 20  # events that a digest names one by one
LONGEST = 160  # characters of a text that comes from outside

_INVISIBLE = {"Cf", "Cs", "Co"}  # what reorders or hides other characters, and what nobody can show
_WORD = re.compile(r"[A-Za-z0-9][\w.:/%+-]{0,39}", re.ASCII)
_AMOUNT = re.compile(r"[\w $€.,%-]{1,40}", re.ASCII)
_DEFUSED = (  # what a chat would follow: mentions of everybody, channels and users; links; code
    (re.compile("[@＠]"), "(at)"),
    (re.compile("<"), "‹"),
    (re.compile(r"\]\("), "] ("),
    (re.compile("://"), ": //"),
    (re.compile("`"), "'"),
)
_QUOTED = str.maketrans({'"': "'", "`": "'", "<": "‹", ">": "›", "\\": "/", "{": "(", "}": ")", "[": "(", "]": ")"})


def _id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Message:
    """One thing told, or several put together (a digest).

    `safe` holds the harness's own words and numbers alone. `text` may hold words of agents, programs and people.
    """

    event: Kind  # of a digest, the most important one
    text: str  # one line
    safe: str  # one line
    at: float  # seconds since the epoch
    study: str | None = None
    also: tuple[Kind, ...] = ()  # what the same thing is besides
    metric: str | None = None
    value: float | None = None  # in the metric's unit
    experiments: int | None = None  # closed so far
    experiment: int | None = None  # the one that it is about
    counts: tuple[tuple[Kind, int], ...] = ()  # of a digest: how many of each, the most important first
    merged: tuple[Message, ...] = ()  # of a digest: the most important ones, oldest first
    id: str = field(default_factory=_id)  # the same however often it is sent

    @property
    def count(self) -> int:
        """How many events it tells of."""
        return sum(number for _, number in self.counts) or 1

    @property
    def title(self) -> str:
        """Whose it is: `deep-loop exp1`."""
        return f"deep-loop {name(self.study)}" if self.study else "deep-loop"


def compose(event: Kind, val: str, experiments: int | None = None, metric: str | None = None) -> str:
    """What to tell: `breakthrough: val_bpb 0.9891 after 34 experiments`.

    `val` is a number, or any text, which then stands for itself; white space in it becomes single spaces.
    """
    text = one_line(val)
    named = f"{metric} {text}" if metric and is_number(text) else text
    count = "" if experiments is None else f"after {plural(experiments, 'experiment')}"
    rest = " ".join(part for part in (named, count) if part)
    return f"{TITLES[event]}: {rest}" if rest else TITLES[event]


def noted(event: Kind, val: str, experiments: int | None, metric: str | None, at: float) -> Message:
    """What a person tells by hand. Their words are theirs: a reader that acts gets them in quotation marks, cut."""
    text, found = one_line(val), number(val)
    safe = text if found is not None or not text else f'a note that says "{quoted(text)}"'
    return Message(
        event,
        compose(event, text, experiments, metric),
        compose(event, safe, experiments, name(metric) if metric and found is not None else None),
        at,
        metric=metric,
        value=found,
        experiments=experiments,
    )


def digest(messages: Sequence[Message]) -> Message:
    """Several messages as one, digests among them; the most important one is told in full, the next ones named."""
    counts: Counter[Kind] = Counter()
    for message in messages:
        counts.update(dict(message.counts) or {message.event: 1})
    single = [one for message in messages for one in (message.merged or (message,))]
    listed = sorted(sorted(single, key=lambda one: (RANK[one.event], -one.at))[:LISTED], key=lambda one: one.at)
    top = min(listed, key=lambda one: (RANK[one.event], -one.at))
    ordered = tuple(sorted(counts.items(), key=lambda item: RANK[item[0]]))
    parts = ", ".join(f"{many} {kind.replace('_', ' ')}" for kind, many in ordered)
    start = f"{counts.total()} events at once ({parts}), the main one: "
    return replace(
        top,
        text=start + top.text,
        safe=start + top.safe,
        at=max(message.at for message in messages),
        counts=ordered,
        merged=tuple(listed),
        id=_id(),
    )


def dated(message: Message, now: float, late: float) -> Message:
    """The message as it is sent at `now`: with its date where that is more than `late` seconds after it happened."""
    if now - message.at <= late:
        return message
    when = f" (of {datetime.fromtimestamp(message.at):%Y-%m-%d %H:%M})"
    return replace(message, text=message.text + when, safe=message.safe + when)


def payload(message: Message) -> dict[str, Any]:
    """The message for programs, in the form of Standard Webhooks: `type`, `timestamp`, `data`; ready for JSON."""
    data: dict[str, Any] = {
        "study": message.study,
        "text": message.text,
        "safe_text": message.safe,
        "also": list(message.also),
        "metric": message.metric,
        "value": message.value,
        "experiments": message.experiments,
        "experiment": message.experiment,
        "count": message.count,
    }
    if message.merged:
        data["merged"] = [payload(one) for one in message.merged]
    when = datetime.fromtimestamp(message.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"type": message.event, "timestamp": when, "data": data}


# --- texts from outside ------------------------------------------------------------------------


def one_line(text: str) -> str:
    """The text on one line, without colours, control characters and characters that hide or reorder others."""
    seen = "".join(c if unicodedata.category(c) not in _INVISIBLE else "" for c in plain(text))
    return " ".join(seen.split())


def tamed(text: str) -> str:
    """Words of an agent or a program, for people: one line, cut, and nothing in it that a chat would follow."""
    line = one_line(text)
    for pattern, harmless in _DEFUSED:
        line = pattern.sub(harmless, line)
    return _cut(line)


def quoted(text: str) -> str:
    """A person's words as they may stand between quotation marks, for a reader that acts on what it reads."""
    return _cut(one_line(text).translate(_QUOTED))


def name(text: str | None) -> str:
    """A name from the settings where it looks like one, else a word in its place."""
    return text if text and _WORD.fullmatch(text) else "(unnamed)"


def amount(text: str) -> str:
    """An amount, as in `$45` or `12 slot hours`, where it looks like one, else a word in its place."""
    return text if _AMOUNT.fullmatch(text) else "it"


def number(text: str) -> float | None:
    """The finite number that a text is; None for any other."""
    return float(text) if is_number(text) and math.isfinite(float(text)) else None


def is_number(text: str) -> bool:
    """Whether a text is a number, as Python reads one."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 experiment`, `2 experiments`."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
