"""What a model may do in its working copy: the tools of the `model` proposer.

Nothing outside of the copy is read or written, links are not followed, git's own folder is out of bounds, and only
editable files are written. Whatever comes back to the model is bounded, free of keys, and marked as data.
The docstrings of the tools are what the model reads of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic_ai import ModelRetry

from deep_loop.clients.reading import SEARCH_SECONDS, WIDTH, Reading
from deep_loop.clients.showing import account, unified
from deep_loop.core.guard import MAX_BYTES, Rejected, review
from deep_loop.core.patterns import matches
from deep_loop.core.syntax import is_python, syntax_error
from deep_loop.errors import DeepLoopError
from deep_loop.ports import Brief
from deep_loop.prompts.fence import Fence, end, line

LOG = 8_000  # characters


class Workbench(Reading):
    """One call's copy and knowledge. Its coroutines are the tools; they raise ModelRetry with what to do instead."""

    def __init__(
        self, brief: Brief, checkout: Path, redact: Callable[[str], str], search_seconds: float = SEARCH_SECONDS
    ) -> None:
        super().__init__(checkout, Fence(brief.seed), redact, MAX_BYTES, search_seconds)
        self._brief = brief
        self._before = self._editable()

    @property
    def tools(self) -> tuple[Callable[..., Awaitable[str]], ...]:
        """All of them."""
        return (
            self.list_files,
            self.read_file,
            self.search_files,
            self.edit_file,
            self.write_file,
            self.show_experiment,
        )

    async def edit_file(self, path: str, old: str, new: str) -> str:
        """Replace one passage of an editable file by another.

        Args:
            path: Relative to the working copy.
            old: The passage exactly as it stands in the file, white space and all; it must stand there once only.
            new: What takes its place.
        """
        place = self._writable(path)
        text = self.text(path)
        if "\r\n" in text and "\r" not in old + new:  # line ends come back as one character each
            old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
        if not old or old == new:
            raise ModelRetry("`old` is empty, or the same as `new`: nothing would change")
        places = _places(text, old)
        if not places:
            raise ModelRetry(
                f"`old` does not stand in {path}: it must match to the last space. Read that part of the file again"
            )
        if len(places) > 1:
            rows = ", ".join(str(text.count("\n", 0, at) + 1) for at in places[:20])
            raise ModelRetry(f"`old` stands {len(places)} times in {path}, at lines {rows}: take in more around it")
        return self._store(path, place, text.replace(old, new))

    async def write_file(self, path: str, text: str) -> str:
        """Write a whole editable file: what it held before is gone.

        Args:
            path: Relative to the working copy.
            text: All that it is to hold.
        """
        return self._store(path, self._writable(path), text)

    async def show_experiment(self, number: int) -> str:
        """Look at an earlier experiment: what it was for, what became of it, its change and the end of its log.

        Args:
            number: Of the experiment, as the brief numbers it.
        """
        found = next((e for e in self._brief.history if e.number == number), None)
        if found is None:
            known = [e.number for e in self._brief.history]
            raise ModelRetry(f"there is no closed experiment {number}; they go from {min(known)} to {max(known)}")
        try:
            change = unified(self._brief.files_at(found.proposal.base), self._brief.files_at(found.commit)) or "(none)"
        except DeepLoopError as error:
            raise ModelRetry(f"experiment {number} cannot be shown now: {error}") from None
        log = end(self._redact(self._brief.log(number)), LOG) or "(none)"
        return "\n\n".join(
            (
                self.data(f"experiment {number}", "\n".join(account(found))),
                self.data(f"experiment {number}, its change", change),
                self.data(f"experiment {number}, the end of its log", log),
            )
        )

    def objection(self) -> str | None:
        """Why the harness would not take what the copy holds now, as far as that can be told here."""
        after = self._editable()
        changed = {path: text for path, text in after.items() if text != self._before.get(path)}
        if not changed:
            return "no editable file is changed yet"
        judged = review(
            self._before,
            changed,
            editable=self._brief.terms.editable,
            protected=self._brief.terms.protected,
            seen={e.proposal.fingerprint: e.number for e in self._brief.history},
        )
        return judged.reason if isinstance(judged, Rejected) else None

    # --- files -----------------------------------------------------------------------------------

    def _writable(self, path: str) -> Path:
        terms = self._brief.terms
        place = self.place(path)
        name = place.relative_to(self.root).as_posix()
        if matches(name, terms.protected):
            raise ModelRetry(f"{line(path, WIDTH)} is protected: no proposal may change it")
        if not matches(name, terms.editable):
            raise ModelRetry(f"{line(path, WIDTH)} is not editable: change {', '.join(terms.editable)} alone")
        return place

    def _store(self, path: str, place: Path, text: str) -> str:
        if place.exists() and not place.is_file():
            raise ModelRetry(f"{path} is no file")
        try:
            data = text.encode()
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        except UnicodeEncodeError:
            raise ModelRetry(f"{path}: the text has characters that UTF-8 lacks") from None
        except OSError as error:
            raise ModelRetry(f"{path} cannot be written: {error.strerror}") from None
        problem = syntax_error(text) if is_python(path) else None
        return f"{path} is written." + (f" It does not parse as it is now: {problem}" if problem else "")

    def _editable(self) -> dict[str, str]:
        """The texts of the editable files as they are now; what is no text counts as an empty one."""
        found = {}
        for path, size in self.walk():
            if matches(path, self._brief.terms.editable) and size <= 2 * MAX_BYTES:
                found[path] = (self.root / path).read_bytes().decode(errors="replace")
        return found


# --- pieces --------------------------------------------------------------------------------------


def _places(text: str, wanted: str) -> list[int]:
    """Where a passage begins, overlaps included."""
    found, at = [], text.find(wanted)
    while at >= 0:
        found.append(at)
        at = text.find(wanted, at + 1)
    return found
