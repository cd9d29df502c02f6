"""notify.log: what is told, and when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_study import Planted

from deep_loop.adapters.observers.notify import KINDS, Notifier, append, compose
from deep_loop.core.event import Closed, Confirmed, StudyEnded, StudyStarted, Warned
from deep_loop.core.experiment import claimed, is_baseline, is_keep, value
from deep_loop.core.metric import Direction
from deep_loop.core.rules import DEFAULT
from deep_loop.core.standing import Standing
from deep_loop.errors import TaskError
from deep_loop.interfaces.cli import main

NOON = datetime(2026, 11, 22, 12, 0, 1)


def told(study: Planted) -> list[str]:
    """The lines of its notify.log, without their dates."""
    log = study.root / "notify.log"
    return [line.partition("] ")[2] for line in log.read_text().splitlines()] if log.exists() else []


def notifier(study: Planted, *thresholds: float) -> Notifier:
    return Notifier(study.root / "notify.log", thresholds, study.metric, now=lambda: NOON)


def hear(study: Planted, observer: Notifier, *numbers: int) -> None:
    """Each is closed and, where it was kept in the place of another, confirmed."""
    for number in numbers:
        record = study.ledger.record(number)
        observer.hear(Closed(record))
        found = claimed(record, DEFAULT)
        if is_keep(record) and not is_baseline(record) and found is not None:
            earlier = [value(e) for e in study.ledger.closed()[:number] if is_keep(e)]
            observer.hear(Confirmed(record, found, earlier[-1]))


@pytest.mark.parametrize(
    ("event", "val", "experiments", "metric", "text"),
    [
        ("breakthrough", "0.9891", 34, "val_bpb", "breakthrough: val_bpb 0.9891 after 34 experiments"),
        ("major_breakthrough", "0.97", 1, "val_bpb", "MAJOR BREAKTHROUGH: val_bpb 0.97 after 1 experiment"),
        ("crash", "out of\nmemory", None, "val_bpb", "crash: out of memory"),
        ("done", "", None, None, "done"),
        ("done", "0.97", None, None, "done: 0.97"),
    ],
)
def test_a_value_is_a_number_or_any_text(event, val, experiments, metric, text) -> None:  # type: ignore[no-untyped-def]
    """A number gets the metric's name; text stands for itself, on one line."""
    assert compose(event, val, experiments, metric) == text


@given(st.sampled_from(KINDS), st.text())
def test_any_text_is_one_line(event: str, val: str) -> None:
    """Whatever the value holds, the log keeps a line per event."""
    assert len(compose(event, val, 1, "m").splitlines()) == 1  # type: ignore[arg-type]


def test_lines_carry_date_and_time(tmp_path: Path) -> None:
    """And are added at the end."""
    append(tmp_path / "notify.log", "one", NOON)
    append(tmp_path / "notify.log", "two", NOON)
    assert (tmp_path / "notify.log").read_text() == "[2026-11-22 12:00:01] one\n[2026-11-22 12:00:01] two\n"


def test_each_threshold_is_told_once_by_the_keep_that_crosses_it(tmp_path: Path) -> None:
    """The last of several is the major one; discards, crashes and baselines cross nothing."""
    study = Planted(tmp_path)
    observer = notifier(study, 2.3, 2.45)  # in any order
    study.baseline(2.5)
    study.keep("a", 2.46)
    study.discard("b", 2.0)
    study.keep("c", 2.44)
    study.keep("d", 2.40)
    study.keep("e", 2.25)
    study.keep("f", 2.20)
    hear(study, observer, *range(7))
    assert told(study) == [
        "breakthrough: val_bpb 2.440000 after 3 experiments",
        "MAJOR BREAKTHROUGH: val_bpb 2.250000 after 5 experiments",
    ]


def test_a_single_threshold_is_a_breakthrough_upwards_too(tmp_path: Path) -> None:
    """Where higher is better, crossing goes upwards."""
    study = Planted(tmp_path, direction=Direction.MAXIMIZE)
    observer = notifier(study, 0.9)
    study.baseline(0.8)
    study.keep("a", 0.91)
    hear(study, observer, 0, 1)
    assert told(study) == ["breakthrough: val_bpb 0.910000 after 1 experiment"]


def test_another_process_does_not_tell_again(tmp_path: Path) -> None:
    """A threshold that was crossed before a restart stays silent after it."""
    study = Planted(tmp_path)
    study.baseline(2.5)
    study.keep("a", 2.4)
    study.keep("b", 2.3)
    hear(study, notifier(study, 2.45), 2)
    assert told(study) == []


def test_the_end_is_told_with_the_latest_value(tmp_path: Path) -> None:
    """Where no value was heard of, the reason stands in its place."""
    study = Planted(tmp_path)
    notifier(study).hear(StudyEnded("07:00 has come"))
    observer = notifier(study)
    study.baseline(2.5)
    study.keep("a", 2.4)
    for event in (StudyStarted("exp1", resumed=False), Warned("x")):
        observer.hear(event)
    hear(study, observer, 0, 1)
    observer.hear(StudyEnded("24 experiments are done"))
    assert told(study) == [
        "done: 07:00 has come after 0 experiments",
        "done: val_bpb 2.400000 after 1 experiment",
    ] or told(study) == ["done: 07:00 has come", "done: val_bpb 2.400000 after 1 experiment"]


def test_a_study_that_fails_is_told_and_the_error_goes_on(tmp_path: Path) -> None:
    """With the first line of what went wrong."""
    study = Planted(tmp_path)
    with pytest.raises(TaskError), notifier(study).guarding():
        raise TaskError("the baseline failed: no val_bpb\n\nlast lines:", hint="mend it")
    assert told(study) == ["crash: the baseline failed: no val_bpb"]


def test_a_log_that_cannot_be_written_delays_the_line(tmp_path: Path) -> None:
    """The study goes on; the next line brings the one that waited."""
    study = Planted(tmp_path)
    observer = Notifier(study.root / "away" / "notify.log", (), study.metric, now=lambda: NOON)
    observer.hear(StudyEnded("one"))
    (study.root / "away").mkdir()
    observer.hear(StudyEnded("two"))
    assert [line[-3:] for line in (study.root / "away" / "notify.log").read_text().splitlines()] == ["one", "two"]


def test_the_command_writes_into_the_workspace_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metric's name comes from the workspace's settings, where there is one."""
    monkeypatch.chdir(tmp_path)
    assert main(["notify", "--event", "done", "--val", "0.98"]) == 0
    assert (tmp_path / "notify.log").read_text().endswith("] done: 0.98\n")
    study = Planted(tmp_path / "w")
    arguments = ["--event", "breakthrough", "--val", "0.9891", "--experiments", "3", "--workspace", str(study.root)]
    assert main(["notify", *arguments]) == 0
    assert told(study) == ["breakthrough: val_bpb 0.9891 after 3 experiments"]
    assert capsys.readouterr().out.splitlines()[-1] == told(study)[0]
    assert main(["notify", "--event", "boom"]) == 2


def test_only_confirmed_values_count(tmp_path: Path) -> None:
    """A keep as such crosses nothing: the runs that won flatter it. Final runs may still cross what it missed."""
    study = Planted(tmp_path)
    observer = notifier(study, 2.4, 2.3)
    study.baseline(2.5)
    study.keep("a", 2.2)
    record = study.ledger.record(1)
    observer.hear(Closed(record))
    assert told(study) == []
    observer.hear(Confirmed(record, Standing(2.41, 2.3, 2.5, 4, "confirmed"), 2.5))
    assert told(study) == []
    observer.hear(Confirmed(record, Standing(2.39, 2.38, 2.4, 8, "final"), 2.41))
    assert told(study) == ["breakthrough: val_bpb 2.390000 after 1 experiment"]
