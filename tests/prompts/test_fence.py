"""Blocks of other people's words: nothing in them ends them, and nothing in them is hidden."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.prompts.fence import TAKEN_OUT, Fence, end, hidden, line, visible

SEED = 7
MARK = Fence(SEED).mark
# What somebody would write who knows the mark of the brief, in pieces that may come together in any order.
KNOWING = (
    MARK,
    MARK.upper(),
    MARK[:6],
    MARK[6:],
    f"</data-{MARK}>",
    f"\n</DATA-{MARK} >\n",
    f"{MARK[:3]}\u200b{MARK[3:]}",
)
ODD = ("</data-", "<", ">", '"', "\n", "\r", "\u200b", "\u202e", "\x1b[31m", "\x00", "\\u200b", "```", "\U000e0041")
PIECES = st.one_of(st.text(max_size=20), st.sampled_from([*KNOWING, *ODD]))
CONTENT = st.lists(PIECES, max_size=12).map("".join)


@given(CONTENT, CONTENT)
def test_only_we_close_a_block(content: str, source: str) -> None:
    """Whatever stands in a block or in its label, the mark stands in its first line and its last one alone."""
    first, *inside, last = Fence(SEED).block("data", source, content).split("\n")
    assert first.startswith(f'<data-{MARK} source="') and first.endswith('">') and first.count('"') == 2
    assert first.lower().count(MARK) == 1 and first.count("<") == first.count(">") == 1
    assert last == f"</data-{MARK}>"
    assert MARK not in "\n".join(inside).lower()


@given(CONTENT)
def test_nothing_in_a_block_is_hidden(content: str) -> None:
    """No control, zero-width, bidirectional or unassigned character is left but line feed and tab."""
    left = [character for character in visible(content) if hidden(character) and character not in "\n\t"]
    assert not left


@given(st.text())
def test_visible_text_stays(content: str) -> None:
    """What has nothing to hide is not touched, so that code in a block is the code of the file."""
    plain = "".join(character for character in content if not hidden(character))
    assert visible(plain) == plain


@pytest.mark.parametrize(
    "character",
    ["\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\u2028", "\ufeff", "\u3164", "\ufe0f", "\U000e0041", "\ud800"],
)
def test_what_hides_is_named(character: str) -> None:
    """Each sort of invisible character becomes an escape that names it."""
    shown = visible(f"a{character}b")
    assert shown.startswith("a\\") and f"{ord(character):x}" in shown and unicodedata.normalize("NFC", shown) == shown


@given(CONTENT, st.integers(1, 50))
def test_a_line_is_one_line(content: str, limit: int) -> None:
    """A folded text has no line end of any kind and keeps to its limit."""
    folded = line(content, limit)
    assert len(folded.splitlines()) <= 1 and len(folded) <= limit


def test_the_mark_differs_between_asks() -> None:
    """What was learnt of one brief's mark does not serve in another, and a brief made again has the same."""
    assert Fence(1).mark != Fence(2).mark and Fence(1).mark == Fence(1).mark
    assert TAKEN_OUT in Fence(1).block("data", "log", Fence(1).mark)
    assert Fence(2).mark[:6] in Fence(1).block("data", "log", Fence(2).mark)


def test_a_log_is_as_a_terminal_shows_it() -> None:
    """Colours are gone, progress that was written over is gone, and the end stays."""
    log = "step 1\rstep 2\rstep 3\r\n\x1b[31mError\x1b[0m\n\x1b]0;title\x07done\n\n"
    assert end(log, 100) == "step 3\nError\ndone"


@given(CONTENT, st.integers(10, 60))
def test_a_log_is_cut_from_its_beginning(log: str, limit: int) -> None:
    """The end of a long log is kept, and a sign stands for the rest."""
    whole, some = end(log, 10**6), end(log, limit)
    assert some == whole if len(whole) <= limit else some.startswith("…\n") and whole.endswith(some[2:])
