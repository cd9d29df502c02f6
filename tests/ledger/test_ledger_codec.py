"""What goes into the ledger comes out equal, or does not go in."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep_loop.adapters.ledger.codec import Code
from deep_loop.core.experiment import Change, Closing, Crashed, Idea, Interrupted, Keep, Measured, Outcome, Proposal
from deep_loop.errors import LedgerError
from deep_loop.testing.guessing import Guess

OUTCOME: Code[Outcome] = Code(Outcome)
PROPOSAL: Code[Proposal] = Code(Proposal)
CLOSING: Code[Closing] = Code(Closing)

text = st.text(st.characters(exclude_categories=["Cs"]))
number = st.floats(allow_nan=False, allow_infinity=False)
changes = st.lists(st.builds(Change, text, text, text), max_size=3).map(tuple)
ideas = st.builds(Idea, text, text, text, text, st.none() | text, changes)
proposals = st.builds(Proposal, ideas, text, text, st.none() | st.integers(0, 10**6), text, text)
outcomes = (
    st.builds(Measured, number, number, st.none() | number, st.dictionaries(text, number, max_size=3))
    | st.builds(Crashed, text, number, text)
    | st.builds(Interrupted, text, number)
)


@settings(deadline=None)  # the first example builds the schema
@given(proposals)
def test_any_proposal_survives(proposal: Proposal) -> None:
    """Tuples come back as tuples, None as None, and text to the last character."""
    assert PROPOSAL.decode(PROPOSAL.encode(proposal)) == proposal


@settings(deadline=None)
@given(outcomes)
def test_any_outcome_survives(outcome: Outcome) -> None:
    """Each form of the union comes back as itself, every float to the last bit."""
    again = OUTCOME.decode(OUTCOME.encode(outcome))
    assert again == outcome and type(again) is type(outcome)


def test_a_read_only_mapping_survives() -> None:
    """A mapping that is no dict comes back equal."""
    outcome = Measured(1.0, 2.0, numbers=MappingProxyType({"num_steps": 953.0}))
    assert OUTCOME.decode(OUTCOME.encode(outcome)) == outcome


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(bad: float) -> None:
    """Neither NaN nor an infinity gets in, in whatever field; none becomes a null on the way."""
    for value in (Measured(bad, 1.0), Measured(1.0, bad), Measured(1.0, 1.0, bad), Measured(1.0, 1.0, 1.0, {"x": bad})):
        with pytest.raises(LedgerError, match="Measured cannot be recorded"):
            OUTCOME.encode(value)
    with pytest.raises(LedgerError, match="Keep cannot be recorded"):
        CLOSING.encode(Keep("better", bad))


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (OUTCOME, Measured("0.99", 1.0)),  # type: ignore[arg-type]
        (OUTCOME, Crashed("\ud800", 1.0)),
        (OUTCOME, Keep("of another union", 1.0)),
        (OUTCOME, None),
        (PROPOSAL, Guess(3)),
        (Code(Guess), Guess(3, ["a list"])),  # type: ignore[arg-type]
        (Code(Guess), Guess(3.0)),  # type: ignore[arg-type]
    ],
)
def test_types_are_strict(code: Code[Any], value: Any) -> None:
    """A value that is not of the declared type is refused, in one line, not bent until it fits."""
    with pytest.raises(LedgerError, match="cannot be recorded") as refused:
        code.encode(value)
    assert "\n" not in str(refused.value) and refused.value.hint


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "[]",
        '{"reason": "no kind", "seconds": 1.0}',
        '{"kind": "melted", "reason": "?", "seconds": 1.0}',
        '{"kind": "measured", "value": "0.99", "seconds": 1.0}',
    ],
)
def test_what_is_not_an_outcome_is_refused(stored: str) -> None:
    """Reading is as strict as writing."""
    with pytest.raises(LedgerError, match="not a"):
        OUTCOME.decode(stored)
