"""Which earlier change a description asks for once more."""

from __future__ import annotations

import pytest

from deep_loop.core.repeats import Requests, request, same

SAME = (
    ("Increase MATRIX_LR from 0.04 to 0.05", "matrix lr 0.04 -> 0.05 for faster learning"),
    ("Reduce TOTAL_BATCH_SIZE to 2^17", "lower TOTAL_BATCH_SIZE to 131072"),
    ("Remove value embeddings", "drop the value embeddings to see whether they matter"),
    ("learning rate 4e-4", "LR 0.0004"),
)
OTHER = (
    ("Increase MATRIX_LR from 0.04 to 0.05", "Increase MATRIX_LR from 0.04 to 0.06"),
    ("Increase MATRIX_LR from 0.04 to 0.05", "Increase EMBED_LR from 0.04 to 0.05"),
    ("change seed from 42 to 137", "change seed from 137 to 42"),
    ("Remove value embeddings", "Add value embeddings"),
    ("Increase depth", "Decrease depth"),
    ("GELU in the MLP", "warmup of the schedule"),
)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_in_other_words_is_found(one: str, other: str) -> None:
    """Verbs, spellings of numbers, reasons and the order do not matter."""
    assert same(request(one), request(other)) and same(request(other), request(one))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_value_way_or_constant_is_another_change(one: str, other: str) -> None:
    """What differs in what it does is no repeat, however alike the words."""
    assert not same(request(one), request(other)) and not same(request(other), request(one))


def test_the_latest_is_named() -> None:
    """Of several the place of the latest; None where there is none."""
    asked = Requests()
    for text in ("LR 0.1", "depth 8", "LR 0.1"):
        asked.add(request(text))
    assert asked.like(request("set LR to 0.1")) == 2
    assert asked.like(request("depth 9")) is None


@pytest.mark.parametrize("text", ["", "   ", "Δ", "1", "2**99999", "1e999", "1_000", "的"])
def test_any_text_can_be_read(text: str) -> None:
    """Nothing that stands in a log breaks it."""
    assert isinstance(same(request(text), request(text)), bool)
