"""`deep-loop run` around the study: its checks, its signals, its summary."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_study import small

from deep_loop.errors import ConfigError, WorkspaceError
from deep_loop.interfaces.cli import main, summary
from deep_loop.interfaces.cli.run import ENOUGH_BYTES, clock_time, conduct, planned, preflight
from deep_loop.views import look


@given(now=st.floats(min_value=1.6e9, max_value=1.9e9), hour=st.integers(4, 23), minute=st.integers(0, 59))
def test_until_is_the_next_such_moment(now: float, hour: int, minute: int) -> None:
    """The clock shows that time then, within a day. (Before four some zones change their clocks.)"""
    then = clock_time(f"{hour:02}:{minute:02}", now)
    shown = datetime.fromtimestamp(then)
    assert (shown.hour, shown.minute, shown.second) == (hour, minute, 0)
    assert now < then <= now + 25 * 3600


@pytest.mark.parametrize("text", ["7", "25:00", "tomorrow", ""])
def test_until_refuses_what_is_no_time_of_day(text: str) -> None:
    """With an example of what is."""
    with pytest.raises(ConfigError) as raised:
        clock_time(text, time.time())
    assert "07:00" in raised.value.hint


def test_preflight_refuses_a_program_that_nobody_filled_in(tmp_path: Path) -> None:
    """The placeholder in program.md is named, with the file to edit."""
    preflight(tmp_path, ENOUGH_BYTES)
    (tmp_path / "program.md").write_text("# YOUR_TOPIC_HERE\n")
    with pytest.raises(WorkspaceError, match="YOUR_TOPIC_HERE") as raised:
        preflight(tmp_path, ENOUGH_BYTES)
    assert "program.md" in raised.value.hint


def test_preflight_refuses_a_full_disk(tmp_path: Path) -> None:
    """Less than 200 MB are not enough to start."""
    with pytest.raises(WorkspaceError, match="only 199 MB are free"):
        preflight(tmp_path, 199_999_999)


class Waiting:
    """A study that runs until it is interrupted."""

    def __init__(self, *, obedient: bool = True) -> None:
        self.asked = 0
        self._obedient = obedient

    def run(self) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        if not self._obedient:
            os.kill(os.getpid(), signal.SIGINT)
        return "a person ended it"

    def interrupt(self) -> None:
        self.asked += 1


@contextmanager
def opened(study: Waiting) -> Iterator[Waiting]:
    yield study


def test_a_signal_ends_the_study_in_good_order() -> None:
    """The first one asks, the study ends by itself, and the handlers are as before."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    study = Waiting()
    assert conduct(opened(study), nullcontext()) == ("a person ended it", True)
    assert study.asked == 1
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_signal_ends_it_at_once() -> None:
    """As KeyboardInterrupt, through every context that is open."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        conduct(opened(Waiting(obedient=False)), nullcontext())
    assert signal.getsignal(signal.SIGINT) == before


def test_a_plan_is_printed_field_by_field() -> None:
    """Whatever a plan holds is shown, a field a line."""

    @dataclass(frozen=True)
    class Plan:
        branch: str
        slots: tuple[str, ...]
        max_hours: float | None

    shown = list(planned(Plan("deep-loop/exp1", ("cpu0", "cpu1"), None)))
    assert [line.split(maxsplit=1)[0] for line in shown] == ["branch", "slots", "max"]
    assert "cpu0, cpu1" in shown[1] and shown[2].endswith("–")


def test_the_summary_tells_what_came_of_it_and_what_to_type_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Baseline to incumbent, counts, workspace, and commands that work from where the person stands."""
    monkeypatch.chdir(tmp_path)
    study = small(tmp_path / "a b")
    with look(study.root) as lens:
        text = "\n".join(summary.lines(lens.overview(None), "24 experiments are done", study.root, 1))
    for part in (
        "study exp1: 24 experiments are done",
        "3 experiments in 40 s: 1 kept, 1 discarded, 1 crashed; 1 meta-analysis",
        "val_bpb 2.500000 -> 2.400000, better by 0.100000 (4.00 %)",
        "incumbent #1 ",
        f"workspace {study.root}, on branch deep-loop/exp1",
        "cd 'a b'",
        " status",
        " show 1",
        " run --tag exp1 --max-experiments 24",
    ):
        assert part in text, part


def test_an_unknown_agent_is_refused_before_anything_happens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The known ones are named; exit code 2."""
    study = small(tmp_path)
    assert main(["run", "--workspace", str(study.root), "--tag", "x", "--agent", "tuner,tunr"]) == 2
    assert "'tunr' is no proposer here; known: claude-code, codex" in capsys.readouterr().err
