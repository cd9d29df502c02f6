"""An analyst's revision, read without trust."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.hypothesis import Target
from deep_loop.prompts.revision import SCHEMA, WEIGHTS, Malformed, made, read

GOOD: dict[str, Any] = {
    "summary": "favour smaller\nsteps",
    "worked": [{"text": "It \u202ehelped.", "experiments": [1, 1, 2], "claim": "kept"}],
    "failed": [],
    "changed": ["more of it"],
    "hypotheses": [
        {
            "title": "Halve it",
            "kind": "Learning Rate",
            "set": "LR = 1e-3; WIDTH in 64..128",
            "rationale": "Because.",
            "expected": "+1 %",
            "evidence": [1],
            "probability": 0.25,
        }
    ],
    "strategy": {
        "prose": "Line one.\n\nLine two.",
        "weights": [{"kind": "schedule", "weight": 100}],
        "ranges": [{"constant": "LR", "low": 0.001, "high": 0.002}],
        "combinations": [[3, 7], [4]],
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The good one with something else in one place."""
    found: Any = json.loads(json.dumps(GOOD))
    at = found
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        at = at[step]
    at[last] = value
    return dict(found)


def test_a_good_one() -> None:
    """Texts are folded, kinds spelt as the taxonomy has them, weights bounded; a combination of one is none."""
    advice = made(GOOD, "investigator", 4)
    assert (advice.summary, advice.worked[0].text) == ("favour smaller steps", "It helped.")
    assert advice.worked[0].experiments == (1, 2)
    (entry,) = advice.hypotheses
    assert (entry.kind, entry.probability, entry.evidence) == ("learning-rate", 0.25, (1,))
    assert entry.targets == (Target("LR", value="1e-3"), Target("WIDTH", low=64.0, high=128.0))
    strategy = advice.strategy
    assert (strategy.version, dict(strategy.weights), strategy.combinations) == (4, {"schedule": WEIGHTS[1]}, ((3, 7),))
    assert strategy.prose == "Line one.\n\nLine two."


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("summary", "", "summary"),
        ("summary", 7, "summary"),
        ("worked", None, "worked"),
        ("worked.0.claim", "proved", "claim"),
        ("worked.0.experiments", ["1"], "experiments"),
        ("worked.0.experiments", [True], "experiments"),
        ("worked.0.experiments", [-1], "experiments"),
        ("changed", [1], "changed"),
        ("hypotheses.0.title", " ", "title"),
        ("hypotheses.0.set", "LR to 3", "neither"),
        ("hypotheses.0.probability", 1.01, "between 0 and 1"),
        ("hypotheses.0.probability", "high", "probability"),
        ("hypotheses.0.probability", float("nan"), "probability"),
        ("hypotheses.0.probability", 10**400, "probability"),
        ("strategy.weights.0.weight", -(10**400), "weight"),
        ("hypotheses", [GOOD["hypotheses"][0]] * 11, "at most 10"),
        ("strategy", [], "strategy"),
        ("strategy.prose", "x" * 9000, "prose"),
        ("strategy.ranges.0.low", 5, "up to"),
        ("strategy.ranges.0.constant", "a b", "constant"),
        ("strategy.weights.0.weight", None, "weight"),
        ("strategy.combinations", {"a": 1}, "combinations"),
    ],
)
def test_what_is_wrong_is_told(path: str, value: object, complaint: str) -> None:
    """In words that whoever said it can act on."""
    with pytest.raises(Malformed, match=complaint):
        made(changed(path, value), "x", 1)


def test_the_last_one_in_a_message_counts() -> None:
    """Whatever stands around it, or inside of it."""
    first = changed("summary", "draft")
    text = (
        f'I think {{"summary": 1}}.\n```json\n{json.dumps(first)}\n```\nNo:\n```json\n{json.dumps(GOOD, indent=1)}\n```'
    )
    assert read(text, "x", 1).summary == "favour smaller steps"
    with pytest.raises(Malformed, match="no JSON object"):
        read("Nothing to say.", "x", 1)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else is raised."""
    with pytest.raises(Malformed):
        read(text, "x", 1)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(SCHEMA["properties"])), inner),
    max_leaves=10,
)


@given(
    st.sampled_from(["summary", "worked", "worked.0", "changed", "hypotheses.0", "strategy", "strategy.weights"]),
    values,
)
def test_any_value_in_any_place(path: str, value: object) -> None:
    """It is a revision, or refused in words."""
    try:
        made(changed(path, value), "x", 1)
    except Malformed as error:
        assert str(error)


def test_the_schema_is_strict() -> None:
    """Every object names all that it has: structured outputs ask for it."""

    def look(schema: Any) -> None:
        if schema["type"] == "object":
            assert schema["required"] == list(schema["properties"]) and schema["additionalProperties"] is False
            for inner in schema["properties"].values():
                look(inner)
        if schema["type"] == "array":
            look(schema["items"])

    look(SCHEMA)
