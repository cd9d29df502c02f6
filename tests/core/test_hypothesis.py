"""next-hypotheses.md: read, written, and told apart from what is malformed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.hypothesis import Hypothesis, Target, identity, parse, problems, render

names = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: " ".join(text.split()))
sources = st.one_of(
    st.integers().map(str),
    finite.map(repr),
    st.text(st.characters(exclude_categories=["Cs"])).map(repr),
    st.tuples(finite, finite).map(repr),
    st.sampled_from(["2**14", "True", '"a;b"', "3 * 64", "(0.8, 0.95)", '"two  spaces"']),
)
targets = st.one_of(
    st.builds(Target, names, value=sources),
    st.tuples(names, finite, finite).map(lambda t: Target(t[0], low=min(t[1:]), high=max(t[1:]))),
)
hypotheses = st.builds(
    Hypothesis,
    id=st.from_regex(r"h-[a-z0-9]{1,8}", fullmatch=True),
    title=words.filter(bool),
    kind=words.filter(bool),
    targets=st.lists(targets, max_size=3, unique_by=lambda target: target.name).map(tuple),
    rationale=words,
    expected=words,
    evidence=st.lists(st.integers(0, 10**6), max_size=5).map(tuple),
    probability=st.one_of(st.none(), st.floats(0, 1)),
)


@given(st.lists(hypotheses, max_size=4, unique_by=lambda entry: entry.id), words, words)
def test_what_is_written_is_read_back(entries: list[Hypothesis], heading: str, note: str) -> None:
    """parse(render(h)) == h, in the same order and without a complaint."""
    text = render(entries, heading=heading, note=note)
    assert parse(text) == tuple(entries)
    assert problems(text) == ()


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Whatever a person leaves in the file, reading it raises nothing."""
    parse(text)
    problems(text)


def test_a_heading_and_a_set_line_are_enough() -> None:
    """A hand-planted entry gets its kind from the constant and its identity from the content."""
    (entry,) = parse("## Smaller steps\n- set: LEARNING_RATE = 1e-3\n")
    assert entry.targets == (Target("LEARNING_RATE", value="1e-3"),)
    assert (entry.title, entry.kind) == ("Smaller steps", "learning-rate")
    assert re.fullmatch(r"h-[0-9a-f]{6}", entry.id)


def test_the_form_is_loose() -> None:
    """Bold field names, back ticks, stars, lines that go on, powers in ranges and bare words are understood."""
    text = """# Ideas
    ### 2) Try it
    * **Set:** `BATCH_SIZE` in 2**7..2**9; ACTIVATION = gelu
    - **Rationale**: it may
      help a lot

      in the end
    - evidence: experiments #3 and 12
    """.replace("\n    ", "\n")
    (entry,) = parse(text)
    assert entry.title == "Try it"
    assert entry.targets == (Target("BATCH_SIZE", low=128.0, high=512.0), Target("ACTIVATION", value='"gelu"'))
    assert entry.rationale == "it may help a lot in the end"
    assert entry.evidence == (3, 12)
    assert problems(text) == ()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("## A\n- set: LEARNING_RATE to 3\n", "neither"),
        ("## A\n- set: LEARNING_RATE = 3 +\n", "no Python value"),
        ("## A\n- set: LEARNING_RATE in 3..1\n", "no range"),
        ("## A\n- set: LEARNING_RATE in a..b\n", "no number"),
        ("## A\n- set: LEARNING_RATE in 10**999..10**999\n", "no number"),
        ("## A\n- set: DEPTH = 1; DEPTH = 2\n", "twice"),
        ("## A\n- set: DEPTH = 2\n- probability: high\n", "no probability"),
        ("## A\n- set: DEPTH = 2\n- probability: 1.2\n", "not between 0 and 1"),
        ("## A\n- set: DEPTH = 2\n- probability: nan\n", "not between 0 and 1"),
        ("## A\njust words\n", "no field"),
        ("## 1. h-aa11:\n- set: DEPTH = 1\n", "no title"),
        ("## h-ok: again\n- set: DEPTH = 2\n", "identity h-ok"),
    ],
)
def test_a_malformed_entry_is_skipped_with_its_reason(entry: str, reason: str) -> None:
    """The valid entry before it stays, and the reason is a single line."""
    text = "## h-ok: fine\n- set: DEPTH = 1\n" + entry
    assert [found.id for found in parse(text)] == ["h-ok"]
    (problem,) = problems(text)
    assert reason in problem
    assert "\n" not in problem


def test_a_probability_may_be_a_percentage() -> None:
    """A person may write either."""
    assert [entry.probability for entry in parse("## A\n- probability: 30 %\n## B\n- probability: 0.3\n")] == [0.3, 0.3]


def test_a_misspelt_field_is_told() -> None:
    """The entry stands, and the person hears of the line that is not understood."""
    text = "## A\n- sets: DEPTH = 1\n- kind: depth-width\n"
    assert parse(text)[0].targets == ()
    assert "`sets`" in problems(text)[0]


def test_identity_rests_on_the_change_alone() -> None:
    """Rank, title, kind, order and spelling of a number do not matter; the value does."""
    lr, depth = Target("LR", value="4e-3"), Target("DEPTH", value="8")
    assert identity("a", (lr, depth), "x") == identity("b", (depth, Target("LR", value="0.004")), "y")
    assert identity("a", (lr,), "x") != identity("a", (Target("LR", value="5e-3"),), "x")
    assert identity("a", (), "Try  Rope") == identity("a", (), "try rope")
    assert identity("a", (), "try rope") != identity("b", (), "try rope")


def test_a_number_of_any_length_is_read() -> None:
    """An experiment that there cannot be, and no error."""
    (entry,) = parse(f"## Try it\n\n- set: A = 1\n- evidence: 3, {'9' * 5000}\n")
    assert entry.evidence[0] == 3 and entry.evidence[1] > 10**9
