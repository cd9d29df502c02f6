"""An agent's statement, read from whatever it writes last."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from brief_lab import rich
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.experiment import Idea
from deep_loop.prompts import SCHEMA, declined, read
from deep_loop.prompts.reply import EXPECTED, RATIONALE, TITLE

BRIEF = rich()
STATED = {
    "title": "Gate the input as well",
    "kind": "activation",
    "rationale": "Experiment 6 won by a gate.",
    "expected": "+0.4 %, about 2 sigma",
    "probability": 0.3,
    "hypothesis": "h-aaaaaa",
    "suggestion": 2,
    "nothing": None,
}
IDEA = Idea(
    "Gate the input as well",
    "activation",
    "Experiment 6 won by a gate.",
    "+0.4 %, about 2 sigma",
    "h-aaaaaa",
    suggestion=2,
    probability=0.3,
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*STATED, "x"]), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(STATED),
        f"I have changed the gate.\n\n```json\n{json.dumps(STATED, indent=2)}\n```\n",
        f"A set {{x}} and a dict {{'a': 1}} first.\n{json.dumps(STATED)}\nThat is all {{so far}}.",
        f"Earlier I thought {json.dumps({**STATED, 'title': 'Something else'})} but no: {json.dumps(STATED)}",
        json.dumps({"type": "result", "structured_output": STATED}),
        f'```json\n{json.dumps(STATED)}\n```\n```json\n{{"loss": 2.1}}\n```',
    ],
    ids=["bare", "fenced", "amid braces", "the last one", "wrapped", "before other objects"],
)
def test_a_statement_is_found(text: str) -> None:
    """The last object that states something is it, wherever it stands."""
    assert read(text, BRIEF) == IDEA


@pytest.mark.parametrize(
    "text", ["", "I am done.", "{", "{}", "[1, 2]", '{"title": ""}', '{"title": 3}', '{"title": "a", ']
)
def test_what_states_nothing_is_none(text: str) -> None:
    """Without a title there is no idea, and nobody has said that there is nothing to propose."""
    assert read(text, BRIEF) is None and declined(text) is None


def test_nothing_to_propose_has_its_reason() -> None:
    """An agent may say that nothing is worth a run, and then it is known why."""
    text = json.dumps({**STATED, "title": "", "nothing": "the suggestion\ncannot be followed"})
    assert read(text, BRIEF) is None and declined(text) == "the suggestion cannot be followed"


def test_a_proposal_wins_over_nothing() -> None:
    """An object with a title is a proposal, whatever else it says."""
    text = json.dumps({**STATED, "nothing": "else to add"})
    assert read(text, BRIEF) == IDEA and declined(text) is None


def test_a_statement_may_be_changed_to_nothing() -> None:
    """Who gives up at last has given up."""
    text = json.dumps(STATED) + json.dumps({"nothing": "it cannot work"})
    assert read(text, BRIEF) is None and declined(text) == "it cannot work"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("activation", "activation"),
        ("Learning Rate", "learning-rate"),
        ("learning_rate", "learning-rate"),
        ("Depth-Width", "depth-width"),
        ("dropout", "regularization"),
        ("cosine schedule", "schedule"),
        ("baseline", "other"),
        ("", "other"),
        (None, "other"),
        (["batch"], "other"),
    ],
)
def test_a_kind_is_one_of_the_tasks(said: object, kind: str) -> None:
    """An unknown kind becomes the nearest by its words, or other."""
    idea = read(json.dumps({**STATED, "kind": said}), BRIEF)
    assert idea is not None and idea.kind == kind


def test_a_kind_that_the_task_lacks_is_other() -> None:
    """The nearest kind counts only where the task has it."""
    brief = replace(BRIEF, terms=replace(BRIEF.terms, kinds=("prompt", "other")))
    idea = read(json.dumps({**STATED, "kind": "dropout"}), brief)
    assert idea is not None and idea.kind == "other"


@pytest.mark.parametrize(
    ("said", "known"), [(2, 2), ("2", 2), ("#3", 3), (9, None), (True, None), ("two", None), (2.5, None)]
)
def test_a_suggestion_is_a_known_one(said: object, known: int | None) -> None:
    """Only numbers of suggestions that are in the brief count."""
    idea = read(json.dumps({**STATED, "suggestion": said}), BRIEF)
    assert idea is not None and idea.suggestion == known


@pytest.mark.parametrize("said", ["h-cccccc", "", None, 7, {"id": "h-aaaaaa"}])
def test_an_unknown_hypothesis_is_none(said: object) -> None:
    """Only identities that are in the brief count."""
    idea = read(json.dumps({**STATED, "hypothesis": said}), BRIEF)
    assert idea is not None and idea.hypothesis is None


@given(st.text(), st.text(), st.text())
def test_words_are_bounded_and_clean(title: str, rationale: str, expected: str) -> None:
    """Whatever is written, it becomes one printable line of a bounded length, fit for a commit and a table."""
    text = json.dumps({"title": f"t{title}", "rationale": rationale * 20, "expected": expected})
    idea = read(text, BRIEF)
    assert idea is not None
    for said, limit in ((idea.title, TITLE), (idea.rationale, RATIONALE), (idea.expected, EXPECTED)):
        assert len(said) <= limit and len(said.splitlines()) <= 1 and "\x1b" not in said and "\u202e" not in said


@given(st.lists(st.text(max_size=30) | JSON.map(json.dumps) | st.sampled_from(["{", "}", '{"title":', "```json"])))
def test_no_message_is_too_odd(pieces: list[str]) -> None:
    """Reading raises nothing, and what it finds is an idea or a reason or neither, never both."""
    text = "".join(pieces)
    assert read(text, BRIEF) is None or declined(text) is None


@pytest.mark.parametrize("text", ['{"a":' * 50_000, "{" * 100_000, '{"title": ' + "9" * 10_000 + "}", "[" * 100_000])
def test_a_message_that_nests_without_end(text: str) -> None:
    """Depth and length cost no more than they may, and raise nothing."""
    assert read(text, BRIEF) is None


@pytest.mark.parametrize("stated", [True, "0.3", 1.5, -0.1, None, float("nan")])
def test_a_probability_is_a_number_from_0_to_1(stated: object) -> None:
    """Anything else is no prediction, and no reason to refuse the statement."""
    idea = read(json.dumps({**STATED, "probability": stated}), BRIEF)
    assert idea is not None and idea.probability is None


def test_the_schema_is_strict() -> None:
    """All properties are required and none besides allowed: what structured outputs ask for."""
    assert SCHEMA["additionalProperties"] is False
    assert list(SCHEMA["properties"]) == SCHEMA["required"] == list(STATED)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
