"""The kinds of change, and how a constant's name tells its kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.taxonomy import KINDS, kind_of


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("learning-rate", "LEARNING_RATE LR MATRIX_LR EMBEDDING_LR UNEMBEDDING_LR SCALAR_LR"),
        ("schedule", "WARMUP_RATIO WARMDOWN_FRAC FINAL_LR_FRAC LR_DECAY LEARNING_RATE_WARMUP COOLDOWN_STEPS"),
        ("optimizer", "ADAM_BETAS BETA1 MOMENTUM EPSILON ADAM_EPS GRAD_CLIP MAX_GRAD_NORM"),
        ("regularization", "WEIGHT_DECAY DROPOUT HIDDEN_DROPOUT LABEL_SMOOTHING"),
        ("depth-width", "DEPTH LAYERS HIDDEN_SIZE ASPECT_RATIO HEAD_DIM N_LAYER"),
        ("attention", "WINDOW_PATTERN CONTEXT_LENGTH N_HEADS ROPE_BASE"),
        ("batch", "BATCH_SIZE TOTAL_BATCH_SIZE DEVICE_BATCH_SIZE GRAD_ACCUM_STEPS"),
        ("norm-residual", "LAYER_NORM RESIDUAL_SCALE BATCH_NORM"),
        ("init", "INIT_SCALE EMBEDDING_INIT_STD"),
        ("embedding", "EMBEDDING_SIZE EMBED_DIM VOCAB_SIZE"),
        ("activation", "ACTIVATION"),
        ("data", "SHUFFLE"),
        ("precision-systems", "DTYPE USE_BF16 NUM_WORKERS"),
        ("other", "FOO X"),
    ],
)
def test_the_words_of_a_name_tell_its_kind(kind: str, names: str) -> None:
    """Common names of constants have the kind that a practitioner would give them."""
    assert {name: kind_of(name) for name in names.split()} == dict.fromkeys(names.split(), kind)


@pytest.mark.parametrize("name", ["WEIGHT_DECAY", "weight_decay", "weightDecay", "WeightDecay", "weight-decay"])
def test_spelling_does_not_matter(name: str) -> None:
    """Case and the way in which words are joined change nothing."""
    assert kind_of(name) == "regularization"


@given(st.text())
def test_every_name_has_a_known_kind(name: str) -> None:
    """Whatever the name, the answer is one of the kinds."""
    assert kind_of(name) in KINDS
