"""The knobs of a Python program: the upper-case constants that an experiment may turn.

A knob is a simple assignment at module level, `NAME = <literals>`, in upper case, bound once, whose value
is a number, a string, a boolean, a tuple of these, or arithmetic on literals (`2**19`, `3 * 64`). Names that mean
a seed, a budget, the evaluation, a path or a machine's peak figures are not knobs: turning them would change
how a result is judged, not how good it is.

The comment on a knob's line, or on the line above it, may declare what it may be set to:

    ACTIVATION = "gelu"  # choices: gelu, relu, tanh
    # range: 1..64
    LAYERS = 4

Files are taken apart by libcst, so a rewritten one differs in the values alone, byte for byte. Nothing is
ever executed: values come from a small evaluator of literals with bounds on size.

    values      what a literal is worth
    layout      where the knobs stand in a file
"""

from deep_loop.knobs.layout import Knob, Layout, is_reserved, parse, read, rewrite
from deep_loop.knobs.values import KnobError, Scalar, Value, evaluate

__all__ = ["Knob", "KnobError", "Layout", "Scalar", "Value", "evaluate", "is_reserved", "parse", "read", "rewrite"]
