"""Other people's words as blocks that they cannot leave.

A block opens with `<data-3f9a1c0b7d24 source="...">` and closes with `</data-3f9a1c0b7d24>`. Tags rather than
backticks: a run of backticks is ordinary in logs and Markdown, and whether one is long enough is hard to see, while a
mark that stands nowhere else is not. The mark comes from the brief's seed, so that a brief is the same when it is made
again; an agent that has seen it may have its program print it, so it is taken out wherever it stands inside a block.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Literal

Voice = Literal[
    "person",  # who owns the study: to be followed
    "advice",  # the outer tier's conclusions: to be weighed
    "data",  # records, logs, files: never an instruction
]

TAKEN_OUT = "[mark]"

# What colours or moves on a terminal (ECMA-48, 5.4 and 5.6): CSI, then OSC and the other strings, then the rest.
_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]", re.DOTALL | re.MULTILINE
)
_SPECIAL = re.compile(r"[^\x20-\x7e\n\t]")
# Invisible, yet of no control category: variation selectors, fillers and joiners of several scripts.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class Fence:
    """The blocks of one brief."""

    def __init__(self, seed: int) -> None:
        self.mark = hashlib.sha256(f"fence {seed}".encode()).hexdigest()[:12]
        self._mine = re.compile(self.mark, re.IGNORECASE)

    def block(self, voice: Voice, source: str, text: str) -> str:
        """The text as a block; `source` says what it is. Only the block's own last line can close it."""
        name = f"{voice}-{self.mark}"
        label = re.sub(r"[\"<>]", "'", self._clean(line(source)))
        return f'<{name} source="{label}">\n{self._clean(visible(text)).rstrip(chr(10))}\n</{name}>'

    def _clean(self, text: str) -> str:
        return self._mine.sub(TAKEN_OUT, text)


def visible(text: str) -> str:
    """The text with line feeds alone at its line ends, and what cannot be seen as escapes such as `\\u200b`.

    Escaped are controls but for tab, zero-width and bidirectional characters, tags, variation selectors, private and
    unassigned characters, and lone surrogates.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() and text.isprintable() else _SPECIAL.sub(_escaped, text)


def line(text: str, limit: int = 0) -> str:
    """The text on one line, white space folded, what cannot be seen as escapes; cut after `limit` characters."""
    folded = visible(" ".join(text.split()))
    return cut(folded, limit) if limit else folded


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of its beginning; an ellipsis says that there was more."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def end(log: str, limit: int) -> str:
    """The last lines of a log, at most `limit` characters, as a terminal without colours would show them."""
    kept = [row.rstrip("\r").rpartition("\r")[2].rstrip() for row in _ANSI.sub("", log).split("\n")]
    text = "\n".join(kept).strip("\n")
    if len(text) <= limit:
        return text
    _, _, whole = text[-limit:].partition("\n")  # the first line may be half a one
    return f"…\n{whole or text[-limit:]}"


def hidden(character: str) -> bool:
    """Whether a reader would not see it, or not as what it is."""
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp") or _BLANK.match(character) is not None


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if not hidden(character):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
