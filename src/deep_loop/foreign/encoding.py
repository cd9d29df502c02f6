"""The bytes of a log as text, whatever wrote them."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from deep_loop.core.readout import plain

MARKS = (  # the longer ones first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
WIDE = 0.3  # share of NUL bytes from which a whole file is taken for UTF-16


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text, with line feeds alone at its line ends and no NUL in it."""

    text: str
    encoding: str  # in words, as a person is told


def decode(data: bytes) -> Decoded:
    """Read any bytes as text; never fails. What no encoding can say becomes U+FFFD."""
    for mark, codec, name in MARKS:
        if data.startswith(mark):
            return Decoded(_clean(data[len(mark) :].decode(codec, "replace")), name)
    if b"\0" in data:
        return _wide(data)
    return _narrow(data.removeprefix(codecs.BOM_UTF8))


def _narrow(data: bytes) -> Decoded:
    """UTF-8; a line that is none is taken for Windows-1252."""
    try:
        return Decoded(_clean(data.decode("utf-8")), "UTF-8")
    except UnicodeDecodeError:
        lines = [_line(line) for line in data.split(b"\n")]
        return Decoded(_clean("\n".join(lines)), "UTF-8 and Windows-1252, line by line")


def _line(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _wide(data: bytes) -> Decoded:
    """UTF-16 without a mark, or a file to which a Windows shell has appended lines of UTF-16."""
    odd, even = data[1::2].count(0), data[::2].count(0)
    if odd + even >= WIDE * len(data) and min(odd, even) * 10 <= max(odd, even):
        codec = "utf-16-le" if odd > even else "utf-16-be"
        return Decoded(_clean(data.decode(codec, "replace")), "UTF-16")
    lines = []
    for line in data.split(b"\n"):
        if b"\0" not in line:
            lines.append(_line(line))
            continue
        whole = line.removeprefix(b"\0")  # the second half of the line feed before
        lines.append((whole + b"\0" * (len(whole) % 2)).decode("utf-16-le", "replace"))
    return Decoded(_clean("\n".join(lines)), "UTF-8 and UTF-16, line by line")


def _clean(text: str) -> str:
    text = plain(text).replace("\ufeff", "")  # colours and controls are none of the log's words
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= c <= "\udfff" for c in text) else text
