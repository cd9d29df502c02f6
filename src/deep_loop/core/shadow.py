"""New files that would be imported in the place of something else.

`import torch` takes a `torch.py`, or a folder `torch`, beside the program before the library. Where the
editable patterns let a proposal add files, such a file would run inside code that no proposal may change.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence

from deep_loop.core.patterns import matches
from deep_loop.core.syntax import is_python, parse

# Python, pytest or a shell's tools run these by themselves.
_UNASKED = frozenset({"sitecustomize", "usercustomize", "conftest"})
_COMPILED = (".so", ".pyd", ".pyc", ".pth")


def shadowing(path: str, code: Mapping[str, str], protected: Sequence[str]) -> str | None:
    """What a new file would stand in the place of, in words; None where nothing.

    `code` holds the source files as they were before. Every folder may be one that Python searches, so each new
    name on the path counts: the file's own, and those of folders that hold no source file yet.
    """
    if path.endswith(_COMPILED):
        return "Python would load it without being asked"
    if not is_python(path):
        return None
    names = _new_names(path, code)
    if unasked := next((name for name in names if name.lower() in _UNASKED), None):
        return f"a module named {unasked!r} is run without being imported"
    taken = _imported(code)
    own = {_module(each) for each in code if is_python(each) and matches(each, protected)}
    for name in names:
        if name in sys.stdlib_module_names:
            return f"it would be imported in the place of Python's own {name!r}"
        if name in own:
            return f"it would be imported in the place of the protected {name!r}"
        if name in taken:
            return f"it would be imported in the place of {name!r}, which {taken[name]} imports"
    return None


def _new_names(path: str, code: Mapping[str, str]) -> list[str]:
    """The names by which a new file could be imported: its own, and its folders' where they are new."""
    folders = path.split("/")[:-1]
    new = [
        folder
        for depth, folder in enumerate(folders, start=1)
        if not any(each.startswith("/".join(folders[:depth]) + "/") for each in code)
    ]
    return [*new, *([] if _module(path) == "__init__" else [_module(path)])]


def _module(path: str) -> str:
    """The name that a source file is imported by."""
    return path.rpartition("/")[2].partition(".")[0]


def _imported(code: Mapping[str, str]) -> dict[str, str]:
    """Each module that the source files import by its full name, by the first part of it, and who does."""
    return {name: path for path in sorted(code, reverse=True) for name in _imports(path, code[path])}


def _imports(path: str, text: str) -> Iterator[str]:
    tree = parse(text) if is_python(path) else None
    for node in ast.walk(tree) if isinstance(tree, ast.Module) else ():
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
