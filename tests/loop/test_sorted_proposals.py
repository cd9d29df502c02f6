"""The kind of a proposal is recorded as its diff tells it, beside what its proposer states."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from laboratory import FILES, Laboratory, setting

from deep_loop.core.experiment import Change, kind, moves
from deep_loop.core.taxonomy import own
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Edit
from deep_loop.testing.study_contract import Plan

PROGRAM = {**FILES, "train.py": FILES["train.py"] + "DROPOUT = 0.0\n"}


def misnamed(brief: Brief) -> Edit:
    """Moves a constant of one kind and calls it another; then changes what no name tells."""
    if brief.ask.id == 2:
        return replace(setting(brief, DROPOUT=0.1, A=1.1), kind="learning-rate")
    return replace(
        setting(brief, A=2.0 + brief.ask.id), title="Longer warmup", kind="other" if brief.ask.id == 3 else "data"
    )


def test_the_diff_tells_the_kind_and_the_constants(tmp_path: Path) -> None:
    """What the proposer states is kept; where the diff says nothing its statement counts, then its words."""
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=100), edits=misnamed, files=PROGRAM)
    lab.study(3).run()
    _, first, second, third = lab.ledger().closed()
    assert (kind(first), first.proposal.idea.kind) == ("regularization", "learning-rate")
    assert moves(first) == (Change("A", "1.0", "1.1"), Change("DROPOUT", "0.0", "0.1"))
    assert (kind(second), second.proposal.idea.kind) == ("schedule", "other")
    assert (kind(third), third.proposal.kind) == ("data", "")


def test_a_task_s_own_kinds_are_used(tmp_path: Path) -> None:
    """In what is recorded, and in what proposers and analysts are told."""
    kinds = own({"first": ["A"], "second": ["dropout"]})
    lab = Laboratory(tmp_path / "lab", Plan(meta_interval=1), edits=misnamed, files=PROGRAM, taxonomy=kinds)
    lab.study(1).run()
    assert kind(lab.ledger().closed()[1]) == "first"
    assert lab.proposer.asked[0].terms.kinds == ("first", "second", "other")
    assert lab.analyst.dossiers[0].taxonomy is kinds
