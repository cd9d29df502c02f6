"""The live view: the panel on a terminal, the lines elsewhere."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path

import pytest
from planted_study import Owner, Planted, small
from rich.console import Console

from deep_loop.core.event import (
    Closed,
    Event,
    MetaStarted,
    Refused,
    Revised,
    RunStarted,
    StudyEnded,
    StudyStarted,
    Warned,
)
from deep_loop.interfaces.cli.events import Lines, sentence
from deep_loop.interfaces.cli.live import Panel, picture
from deep_loop.views import look


def drawn(study: Planted, notes: tuple[str, ...] = (), *, width: int = 80) -> list[str]:
    """The panel as plain text."""
    with look(study.root) as lens:
        seen = lens.overview(Owner(since=study.clock.now - 40))
    console = Console(file=io.StringIO(), width=width, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(picture(seen, notes, width))
    return capture.get().splitlines()


def test_the_panel_tells_all_in_eighty_columns(tmp_path: Path) -> None:
    """What runs, how far it is, incumbent against baseline, the last decisions, notes: without colour."""
    study = small(tmp_path)
    study.clock.now = time.time()
    _, log = study.start(study.open("LEARNING_RATE 0.003 -> 0.0042, and a title that is far too long to fit on a line"))
    log.write_text("step 00012 (45.0%) | loss: 2.75\n")
    lines = drawn(study, ("strategy v1: wider pays (3 hypotheses)",))
    text = "\n".join(lines)
    assert all(len(line) == 80 for line in lines)
    for part in (
        "exp1  running",
        "3 of 24 experiments: 1 kept, 1 discarded, 1 crashed",
        "#4 LEARNING_RATE 0.003",
        "45 %",
        "loss 2.7500",
        "baseline   val_bpb 2.500000",
        "incumbent  val_bpb 2.400000  confirmed, #1, better by 0.100000 (4.00 %)",
        "strategy   v1, next meta-analysis in 12 experiments",
        "#3   crash            –  HEADS 4 -> 0",
        "strategy v1: wider pays",
    ):
        assert part in text, part


def test_the_panel_of_a_study_that_has_only_begun(tmp_path: Path) -> None:
    """Nothing is measured yet, and the panel says so; a narrow terminal cuts lines, never wraps them."""
    text = "\n".join(drawn(Planted(tmp_path), width=44))
    assert "the baseline comes first" in text and "thinking of the next change" in text
    assert all(len(line) == 44 for line in text.splitlines())


def test_the_panel_follows_a_study_and_cleans_up(tmp_path: Path) -> None:
    """It starts to draw when the study has begun, shows notes of events, and leaves the terminal when it ends."""
    small(tmp_path)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with Panel(tmp_path, "exp1", lambda: Owner(), console) as panel:
        panel.hear(StudyStarted("exp1", resumed=False))
        panel.hear(Warned("your checkout has local edits"))
        for _ in range(100):
            if "local edits" in screen.getvalue():
                break
            time.sleep(0.1)
    assert "warning: your checkout has local edits" in screen.getvalue()
    assert panel.problem is None
    assert not any(thread.name == "live view" for thread in threading.enumerate())


def test_the_panel_of_a_study_that_never_begins_ends_at_once(tmp_path: Path) -> None:
    """A run that fails before its study exists leaves no thread behind, and one without a ledger says why."""
    with Panel(tmp_path, "exp1", lambda: None, Console(file=io.StringIO())):
        pass
    with Panel(tmp_path, "exp1", lambda: None, Console(file=io.StringIO())) as panel:
        panel.hear(StudyStarted("exp1", resumed=False))
        for _ in range(100):
            if panel.problem:
                break
            time.sleep(0.05)
    assert panel.problem and "no study" in panel.problem


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (StudyStarted("exp1", resumed=True), "study exp1 goes on"),
        (Refused(4, "tuner", "a duplicate of experiment 2"), "a proposal of tuner was refused: a duplicate"),
        (RunStarted(3, 3, "WIDTH 64 -> 96", "cpu0", "first run"), "#3 runs on cpu0: WIDTH 64 -> 96 (first run)"),
        (MetaStarted("12 experiments"), "meta-analysis: 12 experiments"),
        (Revised(1, "wider pays", 1), "strategy v1: wider pays (1 hypothesis)"),
        (Warned("no disk"), "warning: no disk"),
        (StudyEnded("24 experiments are done"), "the study ends: 24 experiments are done"),
    ],
)
def test_every_event_has_a_sentence(event: Event, text: str) -> None:
    """One line that a person understands."""
    assert text in sentence(event) and "\n" not in sentence(event)


def test_without_a_terminal_an_event_is_a_line(tmp_path: Path) -> None:
    """With the time of day in front; a decision tells number, value, title and reason."""
    study = small(tmp_path)
    stream = io.StringIO()
    with Lines(stream) as lines:
        lines.hear(Closed(study.ledger.record(2)))
    told = stream.getvalue()
    assert told.endswith("#2 discard 2.450000 DEPTH 2 -> 3: not better\n") and told[2] == told[5] == ":"
