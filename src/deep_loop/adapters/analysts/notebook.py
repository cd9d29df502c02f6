"""A notebook of findings that outlasts an analysis: notes with links between them, one JSON object a line.

What is in it was written by a model that had read logs and titles: for whoever reads it, it is data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep_loop.prompts.fence import cut, line

TEXT = 1_000  # characters of a note
SHOWN = 60  # notes of one answer
MOST = 2_000  # notes; the oldest are left out when it is read
RELATIONS = ("supports", "contradicts", "explains", "replaces")

_LINK = re.compile(rf"({'|'.join(RELATIONS)})\s+n(\d+)", re.IGNORECASE)


class NotebookError(Exception):
    """A note that cannot be taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """How a note bears on an earlier one."""

    relation: str
    to: int


@dataclass(frozen=True, slots=True)
class Note:
    """One finding."""

    id: int
    text: str
    experiments: tuple[int, ...]
    links: tuple[Link, ...]
    version: int  # of the strategy under which it was written

    @property
    def words(self) -> str:
        """The note on one line."""
        named = f" [experiments {', '.join(map(str, self.experiments))}]" if self.experiments else ""
        links = "".join(f"; {link.relation} n{link.to}" for link in self.links)
        return f"n{self.id} (v{self.version}){links}: {self.text}{named}"


class Notebook:
    """The notes of one study, in a file of their own. One writer at a time."""

    def __init__(self, path: Path, redact: Callable[[str], str]) -> None:
        self._path = path
        self._redact = redact

    def notes(self) -> tuple[Note, ...]:
        """All of them, oldest first. Lines that cannot be read, such as one that was cut off, are left out."""
        try:
            rows = self._path.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return ()
        return tuple(note for row in rows[-MOST:] if (note := _note(row)) is not None)

    def add(self, text: str, experiments: Sequence[int], links: Sequence[str], version: int) -> Note:
        """Write a note; the same text again is the note that there is. Raises NotebookError, and OSError."""
        known = self.notes()
        words = line(self._redact(text), TEXT)
        if not words:
            raise NotebookError("the note is empty")
        if (same := next((note for note in known if note.text == words), None)) is not None:
            return same
        found = tuple(_links(links, {note.id for note in known}))
        note = Note(max((note.id for note in known), default=0) + 1, words, tuple(experiments), found, version)
        row = {
            "id": note.id,
            "text": note.text,
            "experiments": note.experiments,
            "links": [[link.relation, link.to] for link in note.links],
            "version": note.version,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        gap = "" if self._whole() else "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{gap}{json.dumps(row)}\n")
        return note

    def _whole(self) -> bool:
        """Whether its last line has an end: that of a harness that was killed, or of a full disk, has none."""
        try:
            return self._path.read_bytes()[-1:] in (b"", b"\n")
        except FileNotFoundError:
            return True

    def about(self, words: str) -> str:
        """The latest notes that have all these words, with what is linked to them; replaced ones only by their link."""
        known = self.notes()
        replaced = {link.to: note.id for note in known for link in note.links if link.relation == "replaces"}
        wanted = words.casefold().split()
        found = [n for n in known if n.id not in replaced and all(word in n.words.casefold() for word in wanted)]
        rows = [_with_backlinks(note, known) for note in found[-SHOWN:]]
        left_out = len(found) - len(rows)
        return "\n".join([*rows, *([f"(and {left_out} older ones)"] if left_out else [])]) or "(no notes)"


def _with_backlinks(note: Note, known: Sequence[Note]) -> str:
    back = [f"n{other.id} {link.relation} it" for other in known for link in other.links if link.to == note.id]
    return f"{note.words} <- {', '.join(back)}" if back else note.words


def _links(texts: Sequence[str], known: set[int]) -> Iterator[Link]:
    for text in texts:
        found = _LINK.fullmatch(text.strip())
        if found is None:
            raise NotebookError(
                f"{cut(text, 80)!r} is no link: write `supports n3`, with one of {', '.join(RELATIONS)}"
            )
        if int(found[2]) not in known:
            raise NotebookError(f"there is no note n{found[2]}")
        yield Link(found[1].lower(), int(found[2]))


def _note(row: str) -> Note | None:
    try:
        found: Mapping[str, Any] = json.loads(row)
        links = tuple(Link(str(relation), int(to)) for relation, to in found["links"])
        experiments = tuple(int(number) for number in found["experiments"])
        return Note(int(found["id"]), str(found["text"]), experiments, links, int(found["version"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
