"""The kind of a change, told from the change itself: which constants it moves, which nodes of the syntax tree differ.

Names of what differs are looked up in the taxonomy: constants that were moved first, then every name, attribute,
argument and definition in statements that only one side has, and the name that owns a literal or an operator which only
one side has (`lr` in `AdamW(lr=3e-3)`). A change that only takes code away is a simplification. Where no name is known
the diff says nothing, and the proposer's words count.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deep_loop.core.experiment import Change
from deep_loop.core.syntax import is_python, parse
from deep_loop.core.taxonomy import OTHER, SIMPLER, Taxonomy

MOVED, NAMED, AROUND = 4.0, 1.0, 0.25  # votes of a moved constant, of a name that differs, of what stands around it
LONGEST = 80  # characters of a constant's source; a longer one is code

_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*")

Files = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sorted:
    """What a change turned out to be."""

    kind: str  # `OTHER` where the diff does not tell
    moved: tuple[Change, ...]  # the constants that it moves, where it changes nothing else


def sort(before: Files, after: Files, taxonomy: Taxonomy) -> Sorted:
    """The change from `before` to `after`, files by their paths. Files that are no Python that parses say nothing."""
    moved: list[Change] = []
    gone: Counter[tuple[str, str]] = Counter()
    come: Counter[tuple[str, str]] = Counter()
    leaves: Counter[str] = Counter()  # after the change less before it, whoever owns them
    opaque = False
    for path in sorted({*before, *after}):
        old, new = before.get(path, ""), after.get(path, "")
        if old == new:
            continue
        trees = parse(old) if is_python(path) else "", parse(new) if is_python(path) else ""
        if not isinstance(trees[0], ast.Module) or not isinstance(trees[1], ast.Module):
            opaque = True
            continue
        constants, constants_now = _constants(trees[0], old), _constants(trees[1], new)
        steps = [Change(name, was, constants_now[name]) for name, was in constants.items() if name in constants_now]
        moved += [step for step in steps if step.before != step.after]
        silent = {name for name in constants if name in constants_now}
        parts = Counter(_parts(trees[0], silent)), Counter(_parts(trees[1], silent))
        gone += parts[0] - parts[1]
        come += parts[1] - parts[0]
        for sign, side in zip((-1, 1), parts, strict=True):
            for (leaf, _), count in side.items():
                leaves[leaf] += sign * count
    votes: Counter[str] = Counter()
    for step in moved:
        _vote(votes, taxonomy, step.name, MOVED)
    only_went = max(leaves.values(), default=0) <= 0 and min(leaves.values(), default=0) < 0
    if only_went and not moved and not opaque and SIMPLER in taxonomy.kinds:
        return Sorted(SIMPLER, ())
    for (_, names), count in (gone + come).items():
        near, *around = names.split(" ")
        _vote(votes, taxonomy, near, NAMED * min(count, 2))  # one name all over a file is one idea
        for name in around:
            _vote(votes, taxonomy, name, AROUND)
    kind = max(taxonomy.kinds, key=lambda kind: votes[kind]) if votes else OTHER
    return Sorted(kind, tuple(moved) if not (gone or come or opaque) else ())


def _vote(votes: Counter[str], taxonomy: Taxonomy, name: str, weight: float) -> None:
    if (kind := taxonomy.kind_of(name)) != OTHER:
        votes[kind] += weight  # type: ignore[assignment]  # a counter of halves


def _constants(tree: ast.Module, text: str) -> dict[str, str]:
    """Upper-case names that the module sets once, to a short expression, with its source."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    lines = text.removeprefix("\ufeff").splitlines()
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        if not _CONSTANT.fullmatch(name):
            continue
        if name in found:
            twice.add(name)
        source = _source(value, lines)
        if source is not None:
            found[name] = source
    return {name: source for name, source in found.items() if name not in twice}


def _source(node: ast.expr, lines: list[str]) -> str | None:
    """The text of an expression on one line; None where it is longer."""
    if node.lineno != node.end_lineno or node.lineno > len(lines):
        return None
    source = lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode(errors="replace")
    return source if len(source) <= LONGEST else None


def _parts(tree: ast.Module, silent: set[str]) -> Iterator[tuple[str, str]]:
    """The leaves of the tree: what stands there, and the names that own it, the nearest first.

    Without recursion, so that depth is no limit. The module's assignments to the names in `silent` are left out.
    """
    stack: list[tuple[ast.AST, tuple[str, ...]]] = [
        (statement, ()) for statement in reversed(tree.body) if not _sets(statement, silent)
    ]
    while stack:
        node, owners = stack.pop()
        name = _name(node)
        if name is not None:
            yield f"{type(node).__name__} {name}", " ".join((name, *owners[:2]))
            owners = (name, *owners)
        elif isinstance(node, ast.Constant):
            if not isinstance(node.value, str) or len(node.value) <= LONGEST:  # else it is documentation
                yield repr(node.value), " ".join(owners[:3])
        elif isinstance(node, ast.operator | ast.unaryop | ast.cmpop | ast.boolop):
            yield type(node).__name__, " ".join(owners[:3])
        owners = (*_owners(node), *owners)
        stack += [(child, owners) for child in reversed([*ast.iter_child_nodes(node)])]


def _sets(statement: ast.stmt, names: set[str]) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in names
    return False


def _owners(node: ast.AST) -> tuple[str, ...]:
    """The names that own what stands inside of a node, beside the one that it brings."""
    match node:
        case ast.Assign(targets=[first, *_]):
            return _dotted(first)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return _dotted(target)
        case ast.Call(func=function):
            return _dotted(function)
        case ast.BinOp(left=left, right=right):
            return (*_dotted(left)[:1], *_dotted(right)[:1])
    return ()


def _dotted(node: ast.AST) -> tuple[str, ...]:
    """The last two names of `a.b.c`, the last one first."""
    match node:
        case ast.Attribute(attr=name, value=ast.Attribute(attr=before) | ast.Name(id=before)):
            return name, before
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return (name,)
    return ()


def _name(node: ast.AST) -> str | None:
    """The name that a node brings."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.keyword(arg=str() as name):
            return name
    return None
