"""What a proposer may change, and when a change counts as one.

The rule is pure and fails closed: what is not plainly a new text of an editable file is rejected,
with a reason that the proposer can act on. Two changes with one fingerprint are the same experiment.
"""

from __future__ import annotations

import ast
import hashlib
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

MAX_BYTES = 1 << 20  # of one file, in UTF-8; a larger editable file is data, not a program
NOT_TEXT = "\0"  # opens the "text" of what is no text file; what follows says what it is
NEVER = frozenset({".git", "git~1", ".gitattributes", ".gitmodules"})  # they change what git itself does


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
) -> Accepted | Rejected:
    """Accept or reject what a proposer left behind.

    `before` holds the editable files of the base, `changed` every path that differs from it (None:
    deleted; a text that opens with `NOT_TEXT` stands for a link, a nested repository and the like).
    `editable` and `protected` are patterns as in `matches`; protected wins. `seen` maps the
    fingerprints of earlier experiments to their numbers.
    """
    edits = {path: text for path, text in sorted(changed.items()) if text is None or text != before.get(path)}
    problem = _places(before, edits, editable, protected) or _contents(before, edits)
    if problem:
        return Rejected(problem)
    files = {path: text for path, text in edits.items() if text is not None}
    mark = fingerprint({**before, **files})
    if not files or mark == fingerprint(before):
        return Rejected("the change is empty: comments, docstrings and formatting do not count")
    if mark in seen:
        return Rejected(f"the same code as experiment {seen[mark]}")
    return Accepted(files, mark)


def fingerprint(files: Mapping[str, str]) -> str:
    """SHA-256 (hexadecimal) of what these files mean.

    Python counts by its syntax tree without positions and docstrings, so comments and formatting
    make no difference; anything else by its text without trailing white space. The tree is written
    out here, not by `ast.dump`, whose form changes between versions of Python.
    """
    digest = hashlib.sha256()
    for path, text in sorted(files.items()):
        parsed = _parse(text) if _is_python(path) else None
        digest.update(f"\0{path}\0".encode("utf-8", "surrogatepass"))
        if isinstance(parsed, ast.Module):
            for token in _tokens(parsed):
                digest.update(token.encode("utf-8", "surrogatepass"))
        else:
            stripped = "\n".join(line.rstrip() for line in text.splitlines()).rstrip()
            digest.update(stripped.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path, relative to the workspace with `/` between its parts, fits one of the patterns.

    `*`, `?` and `[...]` stay within one part, `**` spans any number of parts, a pattern that ends in
    `/` means all below that folder. Case counts.
    """
    return any(path == pattern or _fits(path.split("/"), _parts(pattern)) for pattern in patterns)


def syntax_error(text: str) -> str | None:
    """Why a Python text does not parse (`line 3: invalid syntax`), or None."""
    parsed = _parse(text)
    return parsed if isinstance(parsed, str) else None


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


def _parts(pattern: str) -> list[str]:
    parts = pattern.removeprefix("./").split("/")
    return [*parts[:-1], "**"] if parts[-1] == "" else parts


def _fits(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _some(names: Sequence[str], limit: int = 3) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest


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
    problem = syntax_error(new) if _is_python(path) else None
    # Where the base itself does not parse here, the task runs on another Python than ours.
    if problem and (old is None or not syntax_error(old)):
        return f"does not parse: {problem}"
    return None


def _is_python(path: str) -> bool:
    return path.endswith((".py", ".pyw", ".pyi"))


def _parse(text: str) -> ast.Module | str:
    """A file's syntax tree, or in words why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a proposer's doubtful escapes are not the harness's news
            return ast.parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        return f"line {error.lineno or 1}: {error.msg}"
    except (RecursionError, MemoryError):
        return "too deeply nested"
    except ValueError as error:  # a NUL or a lone surrogate, on some versions
        return str(error)


class _Mark(str):
    """A token that stands for itself, unlike a string found in the tree."""

    __slots__ = ()


def _tokens(tree: ast.Module) -> Iterator[str]:
    """The tree's meaning as a sequence of tokens; without recursion, so that depth is no limit."""
    stack: list[object] = [tree]
    while stack:
        match stack.pop():
            case _Mark() as mark:
                yield mark
            case ast.AST() as node:
                yield f"{type(node).__name__}("
                stack.append(_Mark(")"))
                for name, value in reversed(_fields(node)):
                    stack += [_Mark(","), value, _Mark(f"{name}=")]
            case list() as items:
                yield "["
                stack.append(_Mark("]"))
                for item in reversed(items):
                    stack += [_Mark(","), item]
            case int() as number if not isinstance(number, bool):
                yield hex(number)  # str() refuses very long integers
            case value:
                yield repr(value)


def _fields(node: ast.AST) -> list[tuple[str, object]]:
    """A node's fields that carry meaning; empty ones are left out, since newer Pythons add some."""
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        match node.body:
            case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                fields["body"] = rest if rest or isinstance(node, ast.Module) else [ast.Pass()]
    if isinstance(node, ast.JoinedStr):  # Python 3.12.0 and 3.12.1 add empty pieces to f-strings
        fields["values"] = [piece for piece in node.values if not isinstance(piece, ast.Constant) or piece.value]
    for meaningless in ("ctx", "kind"):  # load or store, and the u of u"text"
        fields.pop(meaningless, None)
    return [(name, value) for name, value in fields.items() if value is not None and value != []]
