"""How much code a program has, so that simpler code can be told from code that is only laid out otherwise."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from deep_loop.core.syntax import is_python, parse


@dataclass(frozen=True, slots=True)
class Size:
    """Of a program's editable files together."""

    lines: int  # as they would be printed from the syntax tree: without comments, docstrings and empty lines
    nodes: int  # of the syntax trees; words, where a file is not Python

    def simpler_than(self, other: Size) -> bool:
        """Clearly so: fewer lines and fewer nodes."""
        return self.lines < other.lines and self.nodes < other.nodes


def size(files: Mapping[str, str]) -> Size:
    """The size of these files (path -> text)."""
    lines = nodes = 0
    for path, text in files.items():
        tree = parse(text) if is_python(path) else None
        if isinstance(tree, ast.Module):
            _strip(tree)
            lines += len(ast.unparse(tree).splitlines())
            nodes += sum(1 for _ in ast.walk(tree))
        else:
            lines += sum(bool(line.strip()) for line in text.splitlines())
            nodes += len(text.split())
    return Size(lines, nodes)


def _strip(tree: ast.Module) -> None:
    """Take the docstrings out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                    node.body = rest or [ast.Pass()]
