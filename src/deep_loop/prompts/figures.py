"""Numbers as a brief writes them: a reader compares them, and digits that are noise cost attention."""

from __future__ import annotations

from deep_loop.prompts.account import Result


def number(value: float) -> str:
    """A metric, a count or a size: six digits, and nothing written as 1e+06."""
    short = f"{value:.6g}"
    return f"{value:.0f}" if "e+" in short and abs(value) < 1e15 else short


def percent(share: float, *, signed: bool = True) -> str:
    """`+0.42 %`, or `0.42 %`: two digits that count."""
    digits = round(float(f"{100 * share:.2g}"), 4) + 0.0  # never minus zero
    return f"{digits:+g} %" if signed else f"{digits:g} %"


def seconds(length: float) -> str:
    """`2 s`, `300 s (5 min)`, `7200 s (2 h)`."""
    plain = f"{length:.3g} s" if length < 100 else f"{length:.0f} s"
    if length >= 7200:
        return f"{plain} ({length / 3600:.3g} h)"
    return f"{plain} ({length / 60:.3g} min)" if length >= 120 else plain


def gained(result: Result) -> str:
    """What an experiment brought: `+0.42 % (+1.1 sigma)`, a baseline's value, or nothing where none was measured."""
    if result.share is not None:
        sigmas = f" ({round(result.sigmas, 1) + 0.0:+.1f} sigma)" if result.sigmas is not None else ""
        return f"{percent(result.share)}{sigmas}"
    return number(result.value) if result.value is not None else ""


def fate(result: Result) -> str:
    """Its status as the table calls it."""
    decision = result.experiment.decision
    if decision is None:
        return "open"
    if getattr(decision, "simplification", False):
        return "keep (simpler)"
    return "stopped early" if result.pruned and decision.status == "discard" else decision.status


def count(amount: int, word: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{amount} {word}{'' if amount == 1 else 's'}"
