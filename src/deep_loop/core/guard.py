"""What a proposer may change, and when a change counts as one.

The rule is pure and fails closed: what is not plainly a new text of an editable file is rejected,
with a reason that the proposer can act on. Two changes with one fingerprint are the same experiment.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from deep_loop.core.patterns import matches
from deep_loop.core.seeding import Seeding, added
from deep_loop.core.shadow import shadowing
from deep_loop.core.syntax import fingerprint, is_python, syntax_error

MAX_BYTES = 1 << 20  # of one file, in UTF-8; a larger editable file is data, not a program
NOT_TEXT = "\0"  # opens the "text" of what is no text file; what follows says what it is
NEVER = frozenset({".git", "git~1", ".gitattributes", ".gitmodules", ".gitignore"})  # they change what git itself does


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change to be numbered and run."""

    files: Mapping[str, str]  # the texts that differ from the base, each in full
    fingerprint: str  # of all editable files after the change


@dataclass(frozen=True, slots=True)
class Rejected:
    """A change that breaks a rule; `reason` is one line for its proposer and for the log."""

    reason: str


def review(
    before: Mapping[str, str],
    changed: Mapping[str, str | None],
    *,
    editable: Sequence[str],
    protected: Sequence[str],
    seen: Mapping[str, int],
    code: Mapping[str, str] = MappingProxyType({}),
    seeding: Seeding | None = None,
) -> Accepted | Rejected:
    """Accept or reject what a proposer left behind.

    `before` holds the editable files of the base, `changed` every path that differs from it (None:
    deleted; a text that opens with `NOT_TEXT` stands for a link, a nested repository and the like).
    `editable` and `protected` are patterns as in `matches`; protected wins. `seen` maps the
    fingerprints of earlier experiments to their numbers. `code` holds all source files of the base, and
    `seeding` says how seeds reach its runs: a change may not hard-code one where they come from outside.
    """
    edits = {path: text for path, text in sorted(changed.items()) if text is None or text != before.get(path)}
    problem = (
        _places(before, edits, editable, protected)
        or _contents(before, edits)
        or _shadows([path for path in edits if path not in before], {**code, **before}, protected)
    )
    if problem:
        return Rejected(problem)
    files = {path: text for path, text in edits.items() if text is not None}
    after = {**before, **files}
    mark = fingerprint(after)
    if not files or mark == fingerprint(before):
        if files and fingerprint(after, seeds=True) != fingerprint(before, seeds=True):
            return Rejected("the change only changes the seed: every run gets one from the harness anyway")
        return Rejected("the change is empty: comments, docstrings and formatting do not count")
    if seeding and seeding.given_from_outside(editable) and (hard := added(before, after)):
        return Rejected(f"{_some(hard)}: hard-codes a seed, but {seeding.words}")
    if mark in seen:
        return Rejected(f"the same code as experiment {seen[mark]}")
    return Accepted(files, mark)


# --- where a change lies -------------------------------------------------------------------------


def _places(
    before: Mapping[str, str], edits: Mapping[str, str | None], editable: Sequence[str], protected: Sequence[str]
) -> str | None:
    """The first complaint about the paths of a change; protected files are named before all others."""
    folded = [_fold(pattern) for pattern in protected]
    touched = [path for path in edits if matches(path, protected) or matches(_fold(path), folded)]
    if touched:
        return f"{_some(touched)}: protected, so no proposal may change it"
    for path in edits:
        if reason := _impossible(path):
            return f"{path!r}: {reason}"
    outside = [path for path in edits if not matches(path, editable)]
    if outside:
        return f"{_some(outside)}: not one of the editable files ({_some(editable)})"
    names = {_fold(path): path for path in before}
    for path in edits:
        if (other := names.setdefault(_fold(path), path)) != path:
            return f"{path!r}: differs from {other!r} only in its case or in invisible characters"
    return None


def _impossible(path: str) -> str | None:
    """Why a path can be no editable file's, whatever the patterns say; None where it can."""
    if not path or path.startswith("/") or path[1:2] == ":" or "\\" in path:
        return "not a path inside the workspace"
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in path):
        return "a path with control or invisible characters"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "not a path inside the workspace"
        if part != part.strip() or part.endswith("."):
            return "a name that begins or ends with a space, or ends with a dot"
        if _fold(part) in NEVER:
            return "git's own files are never editable"
    return None


def _fold(path: str) -> str:
    """A path as a file system that ignores case and invisible characters would see it."""
    visible = "".join(character for character in path if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", visible).casefold().rstrip(". ")


def _some(names: Sequence[str], limit: int = 3) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest


def _shadows(new: Sequence[str], code: Mapping[str, str], protected: Sequence[str]) -> str | None:
    """The first complaint about what new files would stand in the place of."""
    for path in new:
        if reason := shadowing(path, code, protected):
            return f"{path}: {reason}"
    return None


# --- what a change holds -------------------------------------------------------------------------


def _contents(before: Mapping[str, str], edits: Mapping[str, str | None]) -> str | None:
    """The first complaint about the texts of a change."""
    for path, text in edits.items():
        if reason := _unfit(path, before.get(path), text):
            return f"{path}: {reason}"
    return None


def _unfit(path: str, old: str | None, new: str | None) -> str | None:
    """Why this cannot be the new text of a file; None where it can."""
    if new is None:
        return "an editable file may not be deleted"
    if new.startswith(NOT_TEXT):
        return new.removeprefix(NOT_TEXT) or "not a text file"
    if len(new.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return f"larger than {MAX_BYTES >> 20} MiB"
    # Undecodable bytes arrive as U+FFFD, and what is committed would not be what was tried.
    if "\0" in new or new.count("\ufffd") > (old or "").count("\ufffd"):
        return "not UTF-8 text (a literal U+FFFD has to be written as an escape)"
    problem = syntax_error(new) if is_python(path) else None
    # Where the base itself does not parse here, the task runs on another Python than ours.
    if problem and (old is None or not syntax_error(old)):
        return f"does not parse: {problem}"
    return None
