"""What a knob may be set to: the value of an expression of literals, found without executing anything."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from deep_loop.core.syntax import undisturbed
from deep_loop.errors import DeepLoopError

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]

MAX_SOURCE = 2_000  # characters of one value
MAX_BITS = 512  # of an integer, so that `9**9**9` is refused instead of computed


class KnobError(DeepLoopError):
    """A program, or a value for one of its knobs, cannot be read."""

    @classmethod
    def unreadable(cls, where: str, why: str) -> KnobError:
        """The program's text is no Python that can be taken apart."""
        return cls(f"{where}: {why}", hint="mend the file's syntax, or discard the change that broke it")

    @classmethod
    def no_value(cls, source: str, why: str) -> KnobError:
        """The expression is not made of literals, or goes beyond the bounds."""
        shown = source if len(source) <= 40 else source[:37] + "..."
        return cls(f"`{shown}` is no value for a knob: {why}", hint="write a number, a string, True, False or a tuple")

    @classmethod
    def unknown(cls, names: Iterable[str]) -> KnobError:
        """The file has no such knobs."""
        return cls(f"no such knob: {', '.join(names)}", hint="only upper-case constants bound once can be set")


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
}


def evaluate(source: str) -> Value:
    """The value of an expression of literals, without executing anything.

    Numbers with `+ - * / // % ** <<`, strings, booleans, and tuples of these. Raises KnobError for anything
    else, for what is not finite, and for what goes beyond MAX_SOURCE and MAX_BITS.
    """
    if len(source) > MAX_SOURCE:
        raise KnobError.no_value(source, "too long")
    try:
        tree = undisturbed(lambda: ast.parse(source.strip(), mode="eval")).body
        if isinstance(tree, ast.Tuple):
            return tuple(_scalar(element) for element in tree.elts)
        return _scalar(tree)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError) as error:
        raise KnobError.no_value(source, "not an expression of literals within bounds") from error


def _scalar(node: ast.expr) -> Scalar:
    """One literal, or arithmetic on numbers; raises ValueError, TypeError or ArithmeticError."""
    match node:
        case ast.Constant(value=bool() | str() as plain):
            return plain
        case ast.Constant() | ast.UnaryOp() | ast.BinOp():
            return _number(node)
        case _:
            raise ValueError("not a literal")


def _number(node: ast.expr) -> int | float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            result: Any = number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            result = -_number(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            result = _number(operand)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
            first, second = _number(left), _number(right)
            if isinstance(sign, ast.Pow | ast.LShift) and abs(second) > MAX_BITS:
                raise ValueError("too large")
            result = _BINARY[type(sign)](first, second)
        case _:
            raise ValueError("not arithmetic on literals")
    if isinstance(result, complex) or not math.isfinite(result):
        raise ValueError("not a finite number")
    if isinstance(result, int) and result.bit_length() > MAX_BITS:
        raise ValueError("too large")
    return result  # type: ignore[no-any-return]  # int or float: the operators above give nothing else
