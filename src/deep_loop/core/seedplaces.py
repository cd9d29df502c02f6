"""Where a Python program writes a seed down as a number.

Pure syntax: nothing is executed and no name is followed, so a seed that is computed is not found, and a
number in a place that reads like a seed's counts as one. The places:

    manual_seed(42)  np.random.seed(42)  default_rng(42)  PRNGKey(42)     calls, by the function's name
    train_test_split(x, random_state=42)  DataLoader(..., seed=42)        keywords
    SEED = 42  self.seed = 42  def main(seed=42)  {"seed": 42}            names, by their last word
    add_argument("--seed", default=42)                                    options
    manual_seed(1337 + rank)  SEEDS = [1, 2]                              sums and lists in such a place
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

# What takes a seed as its first argument, beside functions with the word `seed` in their name.
_SEEDED = frozenset(
    {
        *("default_rng", "PRNGKey", "key", "RandomState", "Random", "SeedSequence"),
        *("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"),
    }
)
_WORD = re.compile(r"(?:[A-Za-z0-9]+_)*(?:seed|seeds)(?:_[A-Za-z0-9]+)*", re.IGNORECASE)
# The last word decides: `seed_length` is a length. `num_seed` and the like are counts.
_COUNT = r"(?!(?:n|num|number|no|count|max|min|total)_|(?:n|num)seed)"
_NAME = re.compile(rf"{_COUNT}\w*seed(?:_?\d+|_value|_base)?", re.IGNORECASE)
_NAMES = re.compile(rf"{_COUNT}\w*seeds", re.IGNORECASE)
_STATE = re.compile(r"_*random_state", re.IGNORECASE)
_PLACES = (ast.Call, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Dict, ast.arguments)
_SUMS = (ast.Add, ast.BitXor)  # both stay seeds whatever number takes the literal's place


def is_seed_name(name: str) -> bool:
    """Whether a variable of this name holds a seed, or several: `SEED`, `rng_seed`, `SEED_2`, `random_state`."""
    return any(pattern.fullmatch(name) for pattern in (_NAME, _NAMES, _STATE))


def numbers(tree: ast.AST) -> list[ast.expr]:
    """The integer literals (`42`, `-1`, `2**16 + 1`) that stand for seeds, each once, in the order of the text."""
    found = {id(node): node for value in _values(tree) for node in _literals(value)}
    return sorted(found.values(), key=lambda node: (node.lineno, node.col_offset))


def _values(tree: ast.AST) -> Iterator[ast.expr]:
    """The expressions that give a seed its value."""
    for node in ast.walk(tree):
        if not isinstance(node, _PLACES):
            continue
        match node:
            case ast.Call():
                yield from _arguments(node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _named(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _named(target, value)
            case ast.NamedExpr(target=target, value=value):
                yield from _named(target, value)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str) and _holds(key.value, value):
                        yield value
            case ast.arguments():
                yield from _defaults(node)


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    """A call's arguments that are seeds."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            if call.args and (_WORD.fullmatch(name) or (name in _SEEDED and _draws(call.func))):
                yield call.args[0]
    option = any(
        isinstance(word, ast.Constant)
        and isinstance(word.value, str)
        and word.value.startswith("-")
        and is_seed_name(word.value.lstrip("-").replace("-", "_"))
        for word in call.args
    )
    for keyword in call.keywords:
        if keyword.arg and (_holds(keyword.arg, keyword.value) or (option and keyword.arg == "default")):
            yield keyword.value


def _draws(function: ast.expr) -> bool:
    """Whether it is not a method of another kind by the same name: `key` makes a seed in `jax.random.key` alone."""
    match function:
        case ast.Attribute(attr="key", value=ast.Name(id="random") | ast.Attribute(attr="random")):
            return True
        case ast.Attribute(attr="key") | ast.Name(id="key"):
            return False
    return True


def _named(target: ast.expr, value: ast.expr) -> Iterator[ast.expr]:
    """What an assignment to a seed's name gives it; `seed, rate = 42, 0.1` goes pair by pair."""
    match target, value:
        case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), (ast.Tuple(elts=values) | ast.List(elts=values))):
            for one, its in zip(targets, values, strict=False):
                yield from _named(one, its)
        case ((ast.Name(id=name) | ast.Attribute(attr=name)), _) if _holds(name, value):
            yield value
        case ast.Subscript(slice=ast.Constant(value=str(name))), _ if _holds(name, value):
            yield value


def _holds(name: str, value: ast.expr) -> bool:
    """Whether a value of this name is a seed; `seeds = 5` says how many there are."""
    listed = isinstance(value, ast.List | ast.Tuple)
    return is_seed_name(name) and (listed or not _NAMES.fullmatch(name))


def _defaults(arguments: ast.arguments) -> Iterator[ast.expr]:
    """The defaults of parameters that are seeds."""
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(reversed(positional), reversed(arguments.defaults), strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for parameter, default in pairs:
        if default is not None and _holds(parameter.arg, default):
            yield default


def _literals(value: ast.expr) -> Iterator[ast.expr]:
    """The integer literals of a seed's value; in what is called or indexed there are none."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case node if _is_integer(node):
                yield node
            case ast.List(elts=items) | ast.Tuple(elts=items):
                waiting += items
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _SUMS):
                waiting += (left, right)


def _is_integer(value: ast.expr) -> bool:
    """Whether an expression consists of integers alone."""
    waiting: list[ast.expr] = [value]
    while waiting:
        match waiting.pop():
            case ast.Constant(value=int() as number) if not isinstance(number, bool):
                continue
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Invert(), operand=operand):
                waiting.append(operand)
            case ast.BinOp(left=left, right=right):
                waiting += (left, right)
            case _:
                return False
    return True
