"""Which commits of the study branch are accounted for, so that a person's are told from the harness's.

Kept in a file, because a person may commit while no harness runs.
"""

from __future__ import annotations

from pathlib import Path


class Seen:
    """The branch's commit at the last look, and the harness's own commits since then."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.head: str | None = None  # None: nobody has looked yet
        self.own: tuple[str, ...] = ()
        if file.exists():
            self.head, *own = file.read_text("utf-8").split()
            self.own = tuple(own)

    def account_for(self, head: str) -> None:
        """Everything up to `head` is known."""
        if head != self.head:
            self.head, self.own = head, ()
            self._write()

    def claim(self, commit: str) -> None:
        """A commit that is about to extend the branch is the harness's; harmless if it then does not."""
        if self.head is not None and commit not in self.own:
            self.own = (*self.own, commit)
            self._write()

    def _write(self) -> None:
        replace_text(self._file, "\n".join([self.head or "", *self.own]) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
