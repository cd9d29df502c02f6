"""What a program's text means: its syntax tree, and a fingerprint by which the same code is known again."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

from deep_loop.core.seedplaces import numbers

T = TypeVar("T")
ATTEMPTS = 100


def is_python(path: str) -> bool:
    """Whether a path names Python source."""
    return path.endswith((".py", ".pyw", ".pyi"))


def undisturbed(parsing: Callable[[], T]) -> T:
    """What a call of `ast.parse` returns, tried again where another thread's call upset it.

    CPython 3.11 and 3.12 count the depth of all threads' trees in one place. When one is interrupted by another, as
    it may be while garbage is collected, either can end in a SystemError that says nothing about the text.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return parsing()
        except SystemError:
            continue
    return parsing()


def parse(text: str) -> ast.Module | str:
    """A Python text's syntax tree, or in words why there is none. Never raises, never warns."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a proposer's doubtful escapes are not the harness's news
            return undisturbed(lambda: ast.parse(text.removeprefix("\ufeff")))
    except SyntaxError as error:
        return f"line {error.lineno or 1}: {error.msg}"
    except (RecursionError, MemoryError):
        return "too deeply nested"
    except ValueError as error:  # a NUL or a lone surrogate, on some versions
        return str(error)


def syntax_error(text: str) -> str | None:
    """Why a Python text does not parse (`line 3: invalid syntax`), or None."""
    parsed = parse(text)
    return parsed if isinstance(parsed, str) else None


def fingerprint(files: Mapping[str, str], *, seeds: bool = False) -> str:
    """SHA-256 (hexadecimal) of what these files mean; `seeds` says whether hard-coded seeds count.

    Python counts by its syntax tree without positions and docstrings, so comments and formatting
    make no difference, and by default without the numbers that `seedplaces.numbers` finds: the same code
    with another seed is the same code. Anything else counts by its text without trailing white space.
    The tree is written out here, not by `ast.dump`, whose form changes between versions of Python.
    """
    digest = hashlib.sha256()
    for path, text in sorted(files.items()):
        parsed = parse(text) if is_python(path) else None
        digest.update(f"\0{path}\0".encode("utf-8", "surrogatepass"))
        if isinstance(parsed, ast.Module):
            silent = frozenset() if seeds else frozenset(map(id, numbers(parsed)))
            for token in _tokens(parsed, silent):
                digest.update(token.encode("utf-8", "surrogatepass"))
        else:
            stripped = "\n".join(line.rstrip() for line in text.splitlines()).rstrip()
            digest.update(stripped.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


class _Mark(str):
    """A token that stands for itself, unlike a string found in the tree."""

    __slots__ = ()


def _tokens(tree: ast.Module, silent: Collection[int]) -> Iterator[str]:
    """The tree's meaning as a sequence of tokens; without recursion, so that depth is no limit.

    The nodes whose identities are in `silent` all read alike.
    """
    stack: list[object] = [tree]
    while stack:
        match stack.pop():
            case _Mark() as mark:
                yield mark
            case ast.AST() as node if id(node) in silent:
                yield "Seed"
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
