"""The strategy section of program.md: read, written, reviewed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.strategy import BEGIN, END, LIMIT, Strategy, StrategyError, parse, render, review

PROGRAM = f"""# The problem

Lower the loss. The strategy stands between `{BEGIN}` and `{END}`.

{BEGIN}
**Strategy v3**

Look at the learning rate.

```toml
combinations = [[7, 12]]

[weights]
learning-rate = 1.8

[ranges]
LEARNING_RATE = [0.002, 0.006]
```
{END}

A person's last words.
"""

WRITTEN = Strategy(
    version=3,
    weights={"learning-rate": 1.8},
    ranges={"LEARNING_RATE": (0.002, 0.006)},
    combinations=((7, 12),),
    prose="Look at the learning rate.",
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))
finite = st.floats(allow_nan=False, allow_infinity=False)
strategies = st.builds(
    Strategy,
    version=st.integers(0, 10_000),
    weights=st.dictionaries(texts, st.floats(min_value=1e-9, max_value=1e9)),
    ranges=st.dictionaries(texts, st.tuples(finite, finite).map(lambda pair: (min(pair), max(pair)))),
    combinations=st.lists(st.lists(st.integers(0, 10**6), max_size=4).map(tuple), max_size=4).map(tuple),
    prose=st.one_of(texts, st.sampled_from(["```toml\nx = 1\n```", "**Strategy v9**", "a\n\n```toml", "```"])).map(
        str.strip
    ),
)
programs = st.one_of(texts, st.sampled_from([PROGRAM, "", "x", "x\n", PROGRAM.replace("\n", "\r\n")]))


def test_a_section_is_read() -> None:
    """Version, prose and typed fields come out as they were written; markers in running text are only text."""
    assert parse(PROGRAM) == WRITTEN


@given(programs, strategies)
def test_what_is_written_is_read_back(program: str, strategy: Strategy) -> None:
    """parse(render(p, s)) == s for any program and any strategy."""
    assert parse(render(program, strategy)) == strategy


@given(strategies)
def test_text_outside_the_markers_stays(strategy: Strategy) -> None:
    """Every byte before the first marker and after the last one is as it was."""
    head, tail = PROGRAM.split("\n" + BEGIN)[0], PROGRAM.rsplit(END, 1)[1]
    written = render(PROGRAM, strategy)
    assert written.startswith(head + "\n" + BEGIN + "\n")
    assert written.endswith(END + tail)


@given(programs, strategies)
def test_writing_twice_is_writing_once(program: str, strategy: Strategy) -> None:
    """The second render changes nothing, so sections never pile up."""
    once = render(program, strategy)
    assert render(once, strategy) == once


@pytest.mark.parametrize("program", ["", "# Mine", "# Mine\n", "# Mine\r\n"])
def test_a_program_without_markers_is_adopted(program: str) -> None:
    """The section goes to the end, and the review accepts it as an addition."""
    written = render(program, Strategy(version=1, prose="go"))
    assert written.startswith(program)
    assert parse(written).prose == "go"
    assert review(program, program, written, version=parse(written).version) is None


@pytest.mark.parametrize("program", ["", "no section", f"{BEGIN}\n{END}\n", f"{BEGIN}\n\n  \n{END}"])
def test_nothing_there_is_version_zero(program: str) -> None:
    """A program without a section, or with a blank one, has the empty strategy."""
    assert parse(program) == Strategy()


def test_white_space_is_free() -> None:
    """Indentation, blank lines, CRLF and a missing toml block are all read."""
    program = f"x\r\n  {BEGIN}  \r\n\r\n ** strategy  V7 **\r\n\r\n\r\nprose\r\n two\r\n{END}\r\n"
    assert parse(program) == Strategy(version=7, prose="prose\n two")


def test_prose_after_the_block_is_kept() -> None:
    """A person who writes below the fields loses nothing."""
    program = f"{BEGIN}\n**Strategy v1**\nabove\n```toml\n```\nbelow\n{END}\n"
    assert parse(program).prose == "above\n\nbelow"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("learning-rate = 1.8", "learning-rate = = 1.8", 14),
        ("learning-rate = 1.8", "learning-rate = -1", 14),
        ("learning-rate = 1.8", 'learning-rate = "much"', 14),
        ("[0.002, 0.006]", "[0.006, 0.002]", 17),
        ("[0.002, 0.006]", "[0.002]", 17),
        ("[0.002, 0.006]", "[nan, inf]", 17),
        ("[[7, 12]]", "[7, 12]", 11),
        ("[[7, 12]]", "[[7.5]]", 11),
        ("[weights]", "[wieghts]", 13),
        ("**Strategy v3**", "Strategy three", 6),
    ],
)
def test_a_broken_section_names_its_line(old: str, new: str, line: int) -> None:
    """A person's slip is an error with the line of program.md in it, and a hint."""
    with pytest.raises(StrategyError) as caught:
        parse(PROGRAM.replace(old, new))
    assert f"line {line}:" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "program",
    [
        f"{BEGIN}\n**Strategy v1**\n",
        f"{END}\n{BEGIN}\n",
        f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n",
        f"{BEGIN}\n**Strategy v1**\n```toml\n[weights]\n{END}\n",
    ],
)
def test_unpaired_markers_and_fences_are_errors(program: str) -> None:
    """Nothing is guessed where it is unclear what the section is."""
    with pytest.raises(StrategyError):
        parse(program)


def test_impossible_strategies_are_not_written() -> None:
    """Markers in the prose, and numbers that are none, are refused before they reach the file."""
    with pytest.raises(StrategyError):
        render("", Strategy(prose=f"a\n{END}\nb"))
    with pytest.raises(StrategyError):
        render("", Strategy(weights={"init": float("nan")}))


def test_the_next_version_inside_the_markers_passes_review() -> None:
    """An honest draft has no reason against it."""
    assert review(PROGRAM, PROGRAM, render(PROGRAM, Strategy(version=4, prose="new")), version=4) is None


@pytest.mark.parametrize(
    ("now", "after", "reason"),
    [
        (PROGRAM + "an edit\n", render(PROGRAM, Strategy(version=4)), "changed after"),
        (PROGRAM, render(PROGRAM, Strategy(version=4)).replace("last words", "lost words"), "outside"),
        (PROGRAM, render(PROGRAM, Strategy(version=4)).replace("Lower", "Raise"), "outside"),
        (PROGRAM, render(PROGRAM, Strategy(version=5)), "v4 comes next"),
        (PROGRAM, render(PROGRAM, Strategy(version=3)), "v4 comes next"),
        (PROGRAM, render(PROGRAM, Strategy(version=4, prose="x" * LIMIT)), "characters"),
        (PROGRAM, "gone", "no strategy section"),
        (PROGRAM, PROGRAM.replace("1.8", "many"), "cannot be read"),
        (PROGRAM.replace("1.8", "many"), render(PROGRAM, Strategy(version=4)), "cannot be read"),
        ("plain\n", "plain text\n\n" + render("", Strategy(version=1)), "outside"),
    ],
)
def test_a_draft_that_oversteps_is_dropped(now: str, after: str, reason: str) -> None:
    """Each way of overstepping has its own reason; what cannot be judged fails."""
    before = now if "an edit" not in now else PROGRAM
    assert reason in (review(before, now, after, version=4) or "")
