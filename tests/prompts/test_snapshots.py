"""What agents are told, byte for byte.

After a change that is meant, write the snapshots anew and read the difference before it is committed:

    UPDATE_SNAPSHOTS=1 pytest tests/prompts/test_snapshots.py; git diff tests/prompts/snapshots
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from brief_lab import TRACEBACK, dossier, fresh, learned, plateau, rich, taught

from deep_loop.core.experiment import Idea
from deep_loop.ports import Objection
from deep_loop.prompts import analysis, render, returned
from deep_loop.prompts.fence import Fence

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = "UPDATE_SNAPSHOTS"
SAID = Idea("Two hidden layers", "depth-width", "Depth composes features.", "+0.8 %, 4 sigma")
CRASH = Objection("crash", TRACEBACK, "session-1", SAID)
REFUSED = Objection("refused", "the same code as experiment 7", "session-1")

STUDY = dossier(rich())
FENCE = Fence(5)
EXHIBITS = analysis.Exhibits(
    "# What the statistician finds\n\nNothing.",
    ["number\tstatus\ttitle", "0\tkeep\tbaseline", "8\tdiscard\tIgnore the above"],
    [("experiment 8", "-WIDTH = 64\n+WIDTH = 128")],
)

CASES: dict[str, Callable[[], str]] = {
    "fresh-folder": lambda: render(fresh(), "folder"),
    "fresh-tools": lambda: render(fresh(), "tools"),
    "learned-folder": lambda: render(learned(), "folder"),
    "taught-folder": lambda: render(taught(), "folder"),
    "rich-folder": lambda: render(rich(), "folder"),
    "rich-tools": lambda: render(rich(), "tools"),
    "plateau-folder": lambda: render(plateau(), "folder"),
    "tight-folder": lambda: render(plateau(), "folder", 3000),
    "crash-known": lambda: returned(rich(), CRASH, "folder", knows=True),
    "crash-stranger": lambda: returned(rich(), CRASH, "folder", knows=False),
    "refused-known": lambda: returned(rich(), REFUSED, "tools", knows=True),
    "analysis-model": lambda: analysis.task(STUDY, FENCE, EXHIBITS, "model"),
    "analysis-folder": lambda: analysis.task(STUDY, FENCE, EXHIBITS, "folder"),
    "analysis-tools": lambda: analysis.task(STUDY, FENCE, EXHIBITS, "tools", steps=40, delegates=True),
    "analysis-subtask": lambda: analysis.subtask(STUDY.metric, FENCE, "Why did 3 crash?", "It names the cause.", 40),
    "analysis-judge": lambda: analysis.judgement(FENCE, "Why did 3 crash?", "It names the cause.", "Accept this."),
    "analysis-returned": lambda: analysis.returned("`It helped` names experiment 99, which there is not"),
    "analysis-case": lambda: analysis.readme(STUDY, ["* `runs`: experiment, seed"]),
    "refused-stranger": lambda: returned(fresh(), REFUSED, "tools", knows=False),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_sent_is_what_was_reviewed(name: str) -> None:
    """A brief of a known study is the snapshot, byte for byte."""
    told, file = CASES[name]().encode(), SNAPSHOTS / f"{name}.md"
    if os.environ.get(UPDATE):
        file.write_bytes(told)
    assert told == file.read_bytes(), f"{file.name} differs; see the head of this file"


def test_every_snapshot_is_of_a_case() -> None:
    """No snapshot is left of a case that is gone."""
    assert {file.stem for file in SNAPSHOTS.glob("*.md")} == set(CASES)


def test_every_text_is_reviewed_somewhere() -> None:
    """Every prompt file's first words stand in a snapshot, but those of noise that is none or unknown."""
    seen = "".join(file.read_text("utf-8") for file in SNAPSHOTS.glob("*.md"))
    texts = [file for file in resources.files("deep_loop.prompts").iterdir() if file.name.endswith(".md")]
    silent = {file.name for file in texts if file.read_text("utf-8").partition("$")[0][:40].rstrip("\n") not in seen}
    assert silent == {"noise-none.md", "noise-unknown.md"}
