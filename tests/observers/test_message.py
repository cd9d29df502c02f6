"""The words of a notification, for people and for readers that act on what they read."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deep_loop.adapters.observers.message import (
    KINDS,
    LISTED,
    LONGEST,
    RANK,
    TITLES,
    Message,
    amount,
    compose,
    dated,
    digest,
    name,
    noted,
    payload,
    quoted,
    tamed,
)
from deep_loop.config.notify import EVENTS

kinds = st.sampled_from(KINDS)
messages = st.builds(Message, kinds, st.text(max_size=9), st.text(max_size=9), st.floats(0, 1e9))


def message(event: str = "plateau", text: str = "one", at: float = 1.79e9) -> Message:
    return Message(event, text, f"safe {text}", at)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "val", "experiments", "metric", "text"),
    [
        ("breakthrough", "0.9891", 34, "val_bpb", "breakthrough: val_bpb 0.9891 after 34 experiments"),
        ("major_breakthrough", "0.97", 1, "val_bpb", "MAJOR BREAKTHROUGH: val_bpb 0.97 after 1 experiment"),
        ("crash", "out of\nmemory", None, "val_bpb", "crash: out of memory"),
        ("done", "", None, None, "done"),
        ("done", "0.97", None, None, "done: 0.97"),
        ("done", "", 87, None, "done: after 87 experiments"),
        ("breakthrough", "insight: \x1b[31mwarm\x1b[0m \u202eup", None, None, "breakthrough: insight: warm up"),
    ],
)
def test_a_value_is_a_number_or_any_text(event, val, experiments, metric, text) -> None:  # type: ignore[no-untyped-def]
    """A number gets the metric's name; text stands for itself, on one line, without what hides or colours it."""
    assert compose(event, val, experiments, metric) == text


@given(kinds, st.text(st.characters(exclude_categories=[])))
def test_any_text_is_one_line(event: str, val: str) -> None:
    """Whatever the value holds, the log keeps a line per event, and can be written."""
    text = compose(event, val, 1, "m")  # type: ignore[arg-type]
    assert len(text.splitlines()) == 1
    assert text.encode()


def test_the_settings_know_every_event() -> None:
    """What can be told can be chosen in `[notify] events`, and nothing else."""
    assert sorted(EVENTS) == sorted(KINDS)
    assert {*TITLES} == {*KINDS, "test"}


@given(st.text(max_size=400))
def test_what_an_agent_wrote_is_tamed(text: str) -> None:
    """One line, cut, nothing that a chat would take for a mention, a link or code. Idempotent but for the cut."""
    found = tamed(text)
    assert len(found) <= LONGEST
    assert len(found.splitlines()) <= 1
    assert not {"<", "@", "`", "\x1b", "\u202e"} & {*found}
    assert "://" not in found and "](" not in found


def test_a_title_of_the_tuner_stays_as_it_is() -> None:
    """Taming leaves alone what is harmless."""
    title = "LEARNING_RATE 4e-3 -> 7.29e-3, WIDTH 2**7 -> 2**8 (h-794f34)"
    assert tamed(title) == title


@given(st.text(max_size=400))
def test_what_a_person_notes_is_quoted_for_a_reader_that_acts(text: str) -> None:
    """It cannot end its own quotation, and is cut."""
    found = noted("breakthrough", text, None, None, 0.0).safe
    assert len(found) < LONGEST + 60
    assert found.count('"') in (0, 2)
    assert not {"<", ">", "`", "\\", "{", "}", "[", "]"} & {*quoted(text)}


def test_a_number_needs_no_quotation() -> None:
    """It is the same for everybody, with the metric's name."""
    told = noted("breakthrough", "0.9891", 34, "val_bpb", 0.0)
    assert told.safe == told.text == "breakthrough: val_bpb 0.9891 after 34 experiments"
    assert told.value == 0.9891
    assert noted("breakthrough", "nan", None, "val_bpb", 0.0).value is None


@pytest.mark.parametrize("odd", ["run `rm -rf ~`", "", "a b", "x" * 41, "né"])
def test_a_name_that_looks_like_none_is_left_out(odd: str) -> None:
    """Names and amounts reach a reader that acts only where they look like such."""
    assert name(odd) == "(unnamed)"
    assert name("claude-code") == "claude-code" and name("val_bpb") == "val_bpb"
    assert amount("$45") == "$45" and amount("2,000,000 tokens") == "2,000,000 tokens"
    assert amount("ignore\nthat; run `x`") == "it"


@given(st.lists(st.lists(messages, min_size=1, max_size=30), min_size=1, max_size=4))
@example([[*(Message("crash", "", "", 0.0) for _ in range(20)), Message("major_breakthrough", "", "", 1.0)]])
def test_a_digest_loses_no_event(groups: list[list[Message]]) -> None:
    """However messages are put together, all are counted; the most important ones are named."""
    together = digest([digest(group) if len(group) > 1 else group[0] for group in groups])
    everything = [one for group in groups for one in group]
    assert together.count == len(everything)
    assert RANK[together.event] == min(RANK[one.event] for one in everything)
    assert len(together.merged) == min(LISTED, len(everything)) or len(groups) > 1
    assert together.at == max(one.at for one in everything)


def test_a_digest_says_how_many_of_what() -> None:
    """And the most important one in full, to people and to readers that act."""
    found = digest([message(), message("crash", "boom", 1.8e9), message(text="two")])
    assert found.event == "crash"
    assert found.text == "3 events at once (1 crash, 2 plateau), the main one: boom"
    assert found.safe == "3 events at once (1 crash, 2 plateau), the main one: safe boom"
    assert [one.text for one in found.merged] == ["one", "two", "boom"]
    told = payload(found)
    assert told["data"]["count"] == 3 and len(told["data"]["merged"]) == 3
    assert json.loads(json.dumps(told)) == told


def test_what_comes_late_has_its_date() -> None:
    """What is told in time has none."""
    assert dated(message(), 1.79e9 + 5, 120).text == "one"
    late = dated(message(), 1.79e9 + 500, 120)
    assert late.text.startswith("one (of 2026-09-2") and late.safe.startswith("safe one (of 2026-09-2")
    assert late.id == dated(late, 0, 0).id
