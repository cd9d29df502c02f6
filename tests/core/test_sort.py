"""The kind of a change, told from the change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.experiment import Change
from deep_loop.core.sort import sort
from deep_loop.core.taxonomy import NEURAL, OTHER, own

PROGRAM = '''\
"""A program."""
import torch
from torch import nn
from torch.nn import functional as F

BATCH_SIZE = 2**7
LEARNING_RATE = 1e-3
A = 1
MODEL = "small"


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.heads = 4
        self.drop = nn.Dropout(0.0)

    def forward(self, x):
        y = F.gelu(self.up(self.norm(x)))
        return x + self.drop(y)


def rate(step):
    return min(1.0, step / 100)


def embed(tokens):
    return nn.Embedding(256, 64)(tokens)


def load(paths):
    data = sorted(paths)
    return data


model = Block(64)
nn.init.normal_(model.up.weight, std=0.02)
optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.1)
torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
for step in range(100):
    print(step)
'''


def edited(*pairs: tuple[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The program before and after."""
    text = PROGRAM
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return {"train.py": PROGRAM}, {"train.py": text}


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("batch", "BATCH_SIZE = 2**7", "BATCH_SIZE = 2**8"),
        ("learning-rate", "LEARNING_RATE = 1e-3", "LEARNING_RATE = 2e-3"),
        ("learning-rate", "lr=LEARNING_RATE", "lr=3 * LEARNING_RATE"),
        ("optimizer", "betas=(0.9, 0.95)", "betas=(0.9, 0.99)"),
        ("optimizer", "AdamW(", "RMSprop("),
        ("optimizer", "clip_grad_norm_(model.parameters(), 1.0)", "clip_grad_norm_(model.parameters(), 0.5)"),
        ("regularization", "weight_decay=0.1", "weight_decay=0.2"),
        ("regularization", "nn.Dropout(0.0)", "nn.Dropout(0.1)"),
        ("activation", "F.gelu(", "F.relu("),
        ("activation", "F.gelu(self.up(self.norm(x)))", "F.relu(self.up(self.norm(x))).square()"),
        ("norm-residual", "nn.LayerNorm(width)", "nn.RMSNorm(width)"),
        ("attention", "self.heads = 4", "self.heads = 8"),
        ("init", "std=0.02", "std=0.01"),
        ("embedding", "nn.Embedding(256, 64)", "nn.Embedding(256, 128)"),
        ("data", "data = sorted(paths)", "data = shuffled(paths)"),
        ("schedule", "def rate(step):\n    return min(1.0, step / 100)", "def warmup(step):\n    return step / 200"),
        ("depth-width", "4 * width", "3 * width"),
        ("precision-systems", "model = Block(64)", "model = torch.compile(Block(64))"),
        (
            "simplification",
            "        y = F.gelu(self.up(self.norm(x)))\n        return x + self.drop(y)",
            "        return x",
        ),
        ("simplification", "    data = sorted(paths)\n", ""),
        (OTHER, "print(step)", "print(step, step)"),
    ],
)
def test_each_kind_is_told_from_what_differs(kind: str, old: str, new: str) -> None:
    """Constants, calls, arguments, definitions; nothing of what stays counts."""
    assert sort(*edited((old, new)), NEURAL).kind == kind


def test_moved_constants_are_told_where_nothing_else_changed() -> None:
    """With their source as written; beside another change they are not: the result is not theirs alone."""
    found = sort(*edited(("2**7", "2**8"), ('"small"', "'large'")), NEURAL)
    assert found.moved == (Change("BATCH_SIZE", "2**7", "2**8"), Change("MODEL", '"small"', "'large'"))
    assert found.kind == "batch"
    assert sort(*edited(("2**7", "2**8"), ("print(step)", "pass")), NEURAL).moved == ()


def test_comments_and_layout_are_no_change() -> None:
    """What the program does not see says nothing."""
    found = sort(*edited(("print(step)", "print( step )  # learning rate"), ("A program.", "Dropout.")), NEURAL)
    assert (found.kind, found.moved) == (OTHER, ())


def test_a_task_brings_its_own_kinds() -> None:
    """They take the place of those of networks; `other` is always there."""
    trees = own({"forest": ["trees", "max+depth"], "split": ["criterion"]})
    assert trees.kinds == ("forest", "split", "other")
    before, after = {"a.py": "fit(max_depth=3, criterion='gini')"}, {"a.py": "fit(max_depth=4, criterion='gini')"}
    assert sort(before, after, trees).kind == "forest"
    assert sort(*edited(("2**7", "2**8")), trees).kind == OTHER
    assert own({}) is NEURAL


def test_words_come_second() -> None:
    """A text that names a kind, where the change does not tell."""
    assert NEURAL.told_by("Warm up the learning rate for longer") == "learning-rate"
    assert NEURAL.told_by("Try dropout again") == "regularization"
    assert NEURAL.told_by("") == OTHER


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_files_are_sorted(old: str, new: str) -> None:
    """Whatever they hold, and whatever they are called, nothing is raised."""
    assert sort({"a.py": old, "b.yaml": old}, {"a.py": new, "b.yaml": new}, NEURAL).kind in NEURAL.kinds


def test_deep_code_is_no_limit() -> None:
    """The tree is walked without recursion."""
    deep = "x = " + "-" * 500 + "1\n"
    assert sort({"a.py": deep}, {"a.py": deep.replace("x", "dropout")}, NEURAL).kind == "regularization"
