"""A study that goes on: it repeats itself, whoever else was here. `test_torture.py` kills it."""

from __future__ import annotations

from pathlib import Path

import pytest
import real_lab

from deep_loop.testing.audit import audit, story

pytestmark = pytest.mark.slow


def test_a_study_repeats_itself(tmp_path: Path) -> None:
    """The same seed brings the same proposals, values, decisions, strategies and hypotheses; nothing is wrong after."""
    stories = []
    for name in ("one", "another"):
        folder = real_lab.make(tmp_path / name)
        assert real_lab.deep_loop(folder, "run", "--tag", "a").code == 0
        assert audit(folder, "a") == []
        stories.append(story(folder, "a"))
    assert stories[0] == stories[1]
    assert [e["number"] for e in stories[0]["experiments"]] == list(range(11))
    assert stories[0]["revisions"]


def test_a_study_begun_on_anothers_branch(tmp_path: Path) -> None:
    """Takes none of the other's revisions for its own, resumed or not."""
    folder = real_lab.make(tmp_path / "lab")
    assert real_lab.deep_loop(folder, "run", "--tag", "a", "--max-experiments", "4", NAP="0").code == 0
    assert "Strategy v" in (folder / "program.md").read_text()
    for number in ("1", "2"):
        flags = ("--max-experiments", number, "--meta-interval", "50")
        assert real_lab.deep_loop(folder, "run", "--tag", "b", *flags, NAP="0").code == 0
    with real_lab.ledger(folder, "b") as ledger:
        assert all(revision.seen > 1 for revision in ledger.revisions())
        assert all(line.ask.revision == 0 for line in ledger.closed() if line.number < 2)
