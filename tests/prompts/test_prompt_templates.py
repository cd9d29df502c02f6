"""Prompt files and their variables."""

from __future__ import annotations

import pytest

from deep_loop.prompts.template import fill


def test_a_variable_that_is_missing_is_an_error() -> None:
    """A text with a hole in it is never sent."""
    with pytest.raises(ValueError, match="missing entries"):
        fill("hypotheses")


def test_a_variable_that_is_unused_is_an_error() -> None:
    """What was meant to be said is never left out by a slip."""
    with pytest.raises(ValueError, match="unused surplus"):
        fill("judged", surplus="")


def test_what_is_put_in_is_not_looked_at() -> None:
    """Braces and dollar signs in code mean nothing to a template."""
    code = 'print(f"{loss:.3f} $entries ${x} $$ %s {}")'
    assert code in fill("hypotheses", entries=code)
