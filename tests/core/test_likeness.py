"""Descriptions are alike by their rare words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.likeness import Likeness, words

texts = st.lists(st.sampled_from(["lr", "wd", "depth", "0.04", "0.02", "warmup"]), max_size=5).map(frozenset)


def test_words_are_the_parts_of_names_and_numbers() -> None:
    """Names fall into their words, numbers stay whole, signs of a script without spaces are words each."""
    assert words("Set MATRIX_LR 0.04 -> 4e-2", "learning-rate") == {
        "matrix",
        "lr",
        "0.04",
        "4e-2",
        "kind:learning-rate",
    }
    assert words("d512 的") == {"d512", "的"}


def test_the_likeness_is_the_cosine_of_inverse_document_frequencies() -> None:
    """By hand: `lr` stands in both descriptions, `up` and `down` in one each."""
    alike = Likeness([frozenset({"lr", "up"}), frozenset({"lr", "down"})])
    common, rare = math.log(3 / 2.5), math.log(3 / 1.5)
    square = common**2 + rare**2
    assert alike.to(frozenset({"lr", "up"})) == pytest.approx({0: 1.0, 1: common**2 / square})


@given(st.lists(texts, max_size=8), texts)
def test_it_stays_within_bounds(past: list[frozenset[str]], new: frozenset[str]) -> None:
    """Over 0 and at most 1, only for descriptions that share a word, and 1 for the same words."""
    found = Likeness(past).to(new)
    assert all(0 < alike <= 1 for alike in found.values())
    assert set(found) == {place for place, other in enumerate(past) if other & new}
    assert all(found[place] == pytest.approx(1) for place, other in enumerate(past) if other == new and new)
