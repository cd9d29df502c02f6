"""What is told of a study, and when; and `deep-loop notify`."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_study import Planted

from deep_loop.adapters.observers.absence import SETTLED
from deep_loop.adapters.observers.log import Log, append
from deep_loop.adapters.observers.message import Message
from deep_loop.adapters.observers.notify import Notifier, When
from deep_loop.core.event import (
    AgentBack,
    AgentDown,
    BudgetSpent,
    Closed,
    Confirmed,
    Event,
    Revised,
    StudyEnded,
    StudyStarted,
    Warned,
)
from deep_loop.core.experiment import Keep, claimed, is_baseline, is_keep, value
from deep_loop.core.metric import Direction, Metric
from deep_loop.core.rules import DEFAULT
from deep_loop.core.standing import Standing
from deep_loop.errors import BusyError, TaskError
from deep_loop.interfaces.cli import main
from deep_loop.interfaces.cli.events import sentence

NOON = datetime(2026, 11, 22, 12, 0, 1)


class Telling:
    """A notifier, what it wrote and what it posted. Its clock stands still unless `now` is moved."""

    def __init__(self, root: Path, metric: Metric, when: When) -> None:
        self.path = root / "notify.log"
        self.now = NOON
        self.posted: list[Message] = []
        log = Log(self.path, lambda: self.now)
        redact = lambda text: text.replace("canary", "***")  # noqa: E731  (short enough)
        self.notifier = Notifier(
            log, metric, when, study="exp1", post=self.posted.append, redact=redact, now=lambda: self.now
        )

    def hear(self, *events: Event) -> None:
        for event in events:
            self.notifier.hear(event)

    def follow(self, study: Planted, *numbers: int) -> None:
        """Each is closed and, where it was kept in the place of another, confirmed."""
        for number in numbers:
            record = study.ledger.record(number)
            self.hear(Closed(record))
            found = claimed(record, DEFAULT)
            if is_keep(record) and not is_baseline(record) and found is not None:
                earlier = [value(e) for e in study.ledger.closed()[:number] if is_keep(e)]
                self.hear(Confirmed(record, found, earlier[-1]))

    @property
    def lines(self) -> list[str]:
        """Of notify.log, without their dates."""
        return logged(self.path)

    @property
    def kinds(self) -> list[tuple[str, ...]]:
        """The events of what was posted."""
        return [(message.event, *message.also) for message in self.posted]


def logged(path: Path) -> list[str]:
    return [line.partition("] ")[2] for line in path.read_text().splitlines()] if path.exists() else []


def telling(study: Planted, *thresholds: float, **more: Any) -> Telling:
    return Telling(study.root, study.metric, When(thresholds, **more))


def test_lines_carry_date_and_time(tmp_path: Path) -> None:
    """And are added at the end."""
    append(tmp_path / "notify.log", "one", NOON)
    append(tmp_path / "notify.log", "two", NOON)
    assert (tmp_path / "notify.log").read_text() == "[2026-11-22 12:00:01] one\n[2026-11-22 12:00:01] two\n"


# --- values of the metric -----------------------------------------------------------------------


def test_each_threshold_is_told_once_by_the_keep_that_crosses_it(tmp_path: Path) -> None:
    """The last of several is the major one; discards, crashes and baselines cross nothing. One keep is one message."""
    study = Planted(tmp_path)
    told = telling(study, 2.3, 2.45)  # in any order
    study.baseline(2.5)
    study.keep("a", 2.46)
    study.discard("b", 2.0)
    study.keep("c", 2.44)
    study.keep("d", 2.40)
    study.keep("e", 2.25)
    study.keep("f", 2.20)
    told.follow(study, *range(7))
    assert told.kinds == [
        ("significant_gain", "new_incumbent"),
        ("breakthrough", "new_incumbent"),
        ("significant_gain", "new_incumbent"),
        ("major_breakthrough", "significant_gain", "new_incumbent"),
        ("significant_gain", "new_incumbent"),
    ]
    assert told.lines[1] == ("breakthrough: val_bpb 2.440000 after 3 experiments, better by 0.020000 (0.81 %), #3: c")
    assert told.lines[3].startswith("MAJOR BREAKTHROUGH: val_bpb 2.250000 after 5 experiments")
    assert [message.text for message in told.posted] == told.lines
    assert told.posted[1].value == 2.44 and told.posted[1].experiment == 3 and told.posted[1].study == "exp1"


def test_a_single_threshold_is_a_breakthrough_upwards_too(tmp_path: Path) -> None:
    """Where higher is better, crossing goes upwards, and better is more."""
    study = Planted(tmp_path, direction=Direction.MAXIMIZE)
    told = telling(study, 0.9)
    study.baseline(0.8)
    study.keep("a", 0.91)
    told.follow(study, 0, 1)
    assert told.kinds == [("breakthrough", "significant_gain", "new_incumbent")]
    assert "better by 0.110000 (13.75 %)" in told.lines[0]


def test_a_small_gain_is_a_new_incumbent_alone(tmp_path: Path) -> None:
    """What is significant is for a person to say."""
    study = Planted(tmp_path)
    study.baseline(2.5)
    study.keep("a", 2.49)
    for significant, kinds in ((0.01, ("new_incumbent",)), (0.003, ("significant_gain", "new_incumbent"))):
        told = telling(study, significant=significant)
        told.follow(study, 0, 1)
        assert told.kinds == [kinds]


def test_another_process_does_not_tell_again(tmp_path: Path) -> None:
    """A threshold that was crossed before a restart stays silent after it."""
    study = Planted(tmp_path)
    study.baseline(2.5)
    study.keep("a", 2.4)
    study.keep("b", 2.3)
    told = telling(study, 2.45)
    told.follow(study, 2)
    assert told.kinds == [("significant_gain", "new_incumbent")]


def test_only_confirmed_values_count(tmp_path: Path) -> None:
    """A keep as such crosses nothing: the runs that won flatter it. Final runs may still cross what it missed."""
    study = Planted(tmp_path)
    told = telling(study, 2.4, 2.3)
    study.baseline(2.5)
    study.keep("a", 2.2)
    record = study.ledger.record(1)
    told.hear(Closed(record))
    assert told.lines == []
    told.hear(Confirmed(record, Standing(2.41, 2.3, 2.5, 4, "confirmed"), 2.5))
    assert told.kinds == [("significant_gain", "new_incumbent")]
    told.hear(Confirmed(record, Standing(2.39, 2.38, 2.4, 8, "final"), 2.41))
    assert told.kinds[1:] == [("breakthrough",)]
    assert told.lines[1] == "breakthrough: val_bpb 2.390000 after 1 experiment, by its final runs, #1: a"


def test_final_runs_make_nobody_a_new_incumbent(tmp_path: Path) -> None:
    """It is the same one, measured once more; nor does a baseline cross anything by them."""
    study = Planted(tmp_path)
    told = telling(study, 2.4)
    study.baseline(2.5)
    study.keep("a", 2.3)
    told.hear(Confirmed(study.ledger.record(1), Standing(2.2, 2.1, 2.3, 8, "final"), 2.3))
    told.hear(Confirmed(study.ledger.record(0), Standing(2.3, 2.2, 2.4, 8, "final"), 2.5))
    assert told.lines == []


def test_a_simplification_says_what_it_was_kept_for(tmp_path: Path) -> None:
    """It may be worse by a little, and nobody is told otherwise."""
    study = Planted(tmp_path)
    study.baseline(2.5)
    study.keep("shorter", 2.5)
    record = replace(study.ledger.record(1), decision=Keep("simpler", 0.0, simplification=True))
    told = telling(study)
    told.hear(Confirmed(record, Standing(2.51, 2.5, 2.52, 4, "confirmed"), 2.5))
    assert told.lines == ["new incumbent: val_bpb 2.510000, worse by 0.010000 (0.40 %), kept as simpler, #1: shorter"]


# --- the course of a study ----------------------------------------------------------------------


def test_a_plateau_is_told_when_it_is_long_and_when_it_has_doubled(tmp_path: Path) -> None:
    """Counted from the latest keep; a crash counts as well."""
    study = Planted(tmp_path)
    told = telling(study, plateau=2)
    study.baseline(2.5)
    study.discard("a", 2.6)
    study.crash("b")
    study.keep("c", 2.4)
    for name in "defghi":
        study.discard(name, 2.6)
    told.follow(study, *range(10))
    plateaus = [message for message in told.posted if message.event == "plateau"]
    assert [message.text for message in plateaus] == [
        "plateau after 2 experiments: no keep in 2 experiments, since #0",
        "plateau after 5 experiments: no keep in 2 experiments, since #3",
        "plateau after 7 experiments: no keep in 4 experiments, since #3",
    ]


def test_a_study_killed_on_a_plateau_tells_it_once(tmp_path: Path) -> None:
    """Wherever one process ends and another goes on."""
    study = Planted(tmp_path)
    study.baseline(2.5)
    study.keep("a", 2.4)
    for name in "bcde":
        study.discard(name, 2.6)
    for cut in range(1, 7):
        before, after = telling(study, plateau=3), telling(study, plateau=3)
        before.follow(study, *range(cut))
        after.follow(study, *range(cut, 6))
        assert sum(message.event == "plateau" for message in (*before.posted, *after.posted)) == 1, cut


def test_a_meta_analysis_and_a_budget_are_told(tmp_path: Path) -> None:
    """In few words; what the analyst says is for people alone."""
    told = Telling(tmp_path, Metric("val_bpb"), When())
    told.hear(Revised(3, "wider pays", 6), BudgetSpent(0.8, "$45"), BudgetSpent(1.0, "12 slot hours"))
    assert told.lines == [
        "meta-analysis: strategy v3, 6 hypotheses: wider pays",
        "budget: 80 % of $45 is spent",
        "budget: 100 % of 12 slot hours is spent",
    ]
    assert told.posted[0].safe == "meta-analysis: strategy v3, 6 hypotheses"


def test_an_agent_that_is_away_is_told_once_however_often_it_is_tried(tmp_path: Path) -> None:
    """The log has every attempt; a person hears that it is away, and, once that has lasted, that it is back."""
    told = Telling(tmp_path, Metric("val_bpb"), When())

    def at(minutes: float) -> float:
        told.now = NOON + timedelta(minutes=minutes)
        return told.now.timestamp()

    told.hear(AgentDown("codex", "overloaded", at(0) + 30), AgentBack("codex"))
    assert told.posted == []
    for minutes in (1, 5, 10):
        told.hear(AgentDown("claude-code", "quota", at(minutes) + 180))
        at(minutes + 3)
        told.hear(AgentBack("claude-code"))
    assert [message.safe for message in told.posted] == ["agent down: claude-code until 12:04"]
    assert told.posted[0].text == "agent down: claude-code until 12:04: quota"
    assert len(told.lines) == 8
    at(13 + SETTLED / 60)
    told.hear(Warned("x"), Warned("y"))
    assert [message.text for message in told.posted[1:]] == ["agent back: claude-code"]


def test_the_end_is_told_with_the_latest_value(tmp_path: Path) -> None:
    """And with the reason."""
    study = Planted(tmp_path)
    told = telling(study)
    told.hear(StudyEnded("07:00 has come"))
    study.baseline(2.5)
    study.keep("a", 2.4)
    told.hear(StudyStarted("exp1", resumed=False), Warned("x"))
    told.follow(study, 0, 1)
    told.hear(StudyEnded("24 experiments are done"))
    assert told.lines[0] == "done: 07:00 has come"
    assert told.lines[-1] == "done: val_bpb 2.400000 after 1 experiment: 24 experiments are done"


def test_a_study_that_fails_is_told_and_the_error_goes_on(tmp_path: Path) -> None:
    """With the first line of what went wrong, without secrets."""
    told = Telling(tmp_path, Metric("val_bpb"), When())
    with pytest.raises(TaskError), told.notifier.guarding():
        raise TaskError("the baseline failed: no val_bpb at canary\n\nlast lines:", hint="mend it")
    with pytest.raises(ZeroDivisionError), told.notifier.guarding():
        raise ZeroDivisionError
    assert told.lines == ["crash: the baseline failed: no val_bpb at ***", "crash: ZeroDivisionError"]
    assert [message.safe for message in told.posted] == ["crash", "crash"]


def test_another_harness_at_work_is_no_crash(tmp_path: Path) -> None:
    """The study that it runs goes on."""
    told = Telling(tmp_path, Metric("val_bpb"), When())
    with pytest.raises(BusyError), told.notifier.guarding():
        raise BusyError("the workspace is in use", hint="wait")
    assert told.lines == [] and told.posted == []


def test_channels_get_the_events_that_a_person_wants(tmp_path: Path) -> None:
    """By any of the names of one thing; the log has all."""
    study = Planted(tmp_path)
    study.baseline(2.5)
    study.keep("a", 2.4)
    told = telling(study, sent={"new_incumbent", "done"})
    told.follow(study, 0, 1)
    told.hear(Revised(1, "wider pays", 2), StudyEnded("over"))
    assert told.kinds == [("significant_gain", "new_incumbent"), ("done",)]
    assert len(told.lines) == 3


def test_a_log_that_cannot_be_written_delays_the_line(tmp_path: Path) -> None:
    """The study goes on, channels hear of it; the next line brings the one that waited."""
    told = Telling(tmp_path / "away", Metric("val_bpb"), When())
    told.hear(StudyEnded("one"))
    (tmp_path / "away").mkdir()
    told.hear(StudyEnded("two"))
    assert told.lines == ["done: one", "done: two"]
    assert len(told.posted) == 2


@given(st.text(), st.text())
def test_no_word_from_outside_is_called_safe(one: str, other: str) -> None:
    """Whatever an agent or a program says, a reader that acts hears the same; and a person one line."""
    events = [lambda text: Revised(1, text, 2), StudyEnded, lambda text: AgentDown("claude-code", text, 9e9)]
    for make in events:
        told = Telling(Path("/nonexistent"), Metric("val_bpb"), When())
        told.hear(make(one), AgentBack("claude-code"), make(other), StudyEnded("."))
        assert len({message.safe for message in told.posted if message.event != "done"}) <= 1
        assert all(len(message.text.splitlines()) == 1 for message in told.posted)
    quiet = Telling(Path("/nonexistent"), Metric(f"x{one}"), When())
    quiet.hear(StudyEnded(one))
    assert [message.safe for message in quiet.posted] == ["done"]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (BudgetSpent(0.5, "2,000,000 tokens"), "50 % of 2,000,000 tokens is spent"),
        (
            AgentDown("codex", "its quota is used up", datetime(2001, 1, 1, 7, 30).timestamp()),
            "codex is down until 2001-01-01 07:30: its quota",
        ),
        (AgentBack("codex"), "codex is asked again"),
    ],
)
def test_such_events_have_a_sentence(event: Event, text: str) -> None:
    """One line for whoever watches."""
    assert text in sentence(event) and "\n" not in sentence(event)


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def claw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for OpenClaw on the PATH; what it was told, a line for each argument, is in the file returned."""
    folder, said = tmp_path / "bin", tmp_path / "said"
    folder.mkdir()
    (folder / "openclaw").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{said}"\n')
    (folder / "openclaw").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/local/bin:/usr/bin:/bin")
    return said


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is no workspace, on a machine without OpenClaw."""
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path / "alone"


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Any]]]:
    """The address of a server on loopback, and what was posted there."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", got
        server.shutdown()
        thread.join()


def asking(study: Planted, table: str) -> Planted:
    """The study with a table [notify]."""
    settings = study.root / "deep-loop.toml"
    settings.write_text(f"{settings.read_text()}\n[notify]\n{table}\n")
    return study


def dead() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/canary-0123456789"


def test_the_command_writes_into_the_workspace_or_here(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The metric's name comes from the workspace's settings, where there is one."""
    assert main(["notify", "--event", "done", "--val", "0.98"]) == 0
    assert logged(alone / "notify.log") == ["done: 0.98"]
    study = Planted(alone / "w")
    arguments = ["--event", "breakthrough", "--val", "0.9891", "--experiments", "3", "--workspace", str(study.root)]
    assert main(["notify", *arguments]) == 0
    assert logged(study.root / "notify.log") == ["breakthrough: val_bpb 0.9891 after 3 experiments"]
    assert capsys.readouterr().out.splitlines()[-1] == "breakthrough: val_bpb 0.9891 after 3 experiments"
    for wrong in (["--event", "boom"], [], ["--event", "done", "--test"]):
        assert main(["notify", *wrong]) == 2


def test_the_missions_commands_wake_openclaw(
    claw: Path, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a number and with text, outside of a workspace; text is a person's, and marked as such."""
    monkeypatch.setenv("PATH", f"{claw.parent / 'bin'}:/usr/bin:/bin")
    assert main(["notify", "--event", "breakthrough", "--val", "0.9891"]) == 0
    assert main(["notify", "--event", "breakthrough", "--val", 'insight: "warm-up" helps']) == 0
    assert claw.read_text().splitlines() == [
        *("system", "event", "--text", "deep-loop: breakthrough: 0.9891", "--mode", "now"),
        *("system", "event", "--text"),
        "deep-loop: breakthrough: a note that says \"insight: 'warm-up' helps\"",
        *("--mode", "now"),
    ]
    assert logged(alone / "notify.log") == ["breakthrough: 0.9891", 'breakthrough: insight: "warm-up" helps']
    assert capsys.readouterr().err.splitlines() == ["sent to openclaw"] * 2


def test_a_channel_that_fails_does_not_fail_the_command(
    claw: Path, tmp_path: Path, hook: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent where is told on standard error and, where it was not, in notify.log; no address is."""
    url, got = hook
    command = f'command = "sh -c \'cat > told.json\'"\nwebhook = "{url}"\nevents = ["crash"]'
    study = asking(Planted(tmp_path / "w"), f'{command}\napprise = ["env:DOWN", "env:MISSING"]')
    down = dead().replace("http", "json")
    command_line = [sys.executable, "-m", "deep_loop.interfaces.cli", "notify", "--event", "plateau", "--val", "x y"]
    command_line += ["--wait", "3"]
    done = subprocess.run(
        command_line, cwd=study.root, env={**os.environ, "DOWN": down}, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout == "plateau: x y\n"
    said = done.stderr.splitlines()
    assert said[0] == "sent to openclaw" and said[1].startswith("not sent to json: Apprise could not send it")
    assert said[2:] == [
        "sent to webhook",
        "sent to command",
        "not sent to MISSING: the variable MISSING is not set",
    ]
    assert got[0]["data"]["text"] == "plateau: x y"
    assert json.loads((study.root / "told.json").read_text()) == got[0]
    assert logged(study.root / "notify.log") == ["plateau: x y", said[1], said[4]]
    everything = done.stdout + done.stderr + (study.root / "notify.log").read_text()
    assert "canary" not in everything and down not in everything
    assert not (study.root / ".deep-loop" / "outbox.json").exists()


def test_an_address_may_stand_in_the_env_file(
    tmp_path: Path, alone: Path, hook: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is as good as the environment; the command of another channel sees neither it nor an agent's key."""
    url, got = hook
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-canary-0123456789")
    study = asking(Planted(tmp_path / "w"), 'webhook = "env:HOOK"\ncommand = "sh -c \'env > seen\'"')
    (study.root / ".env").write_text(f"HOOK={url}\n")
    assert main(["notify", "--event", "done", "--workspace", str(study.root)]) == 0
    assert got[0]["type"] == "done"
    seen = (study.root / "seen").read_text()
    assert "PATH=" in seen and "canary" not in seen and url not in seen


def test_a_test_of_the_channels_tells_by_its_code(
    tmp_path: Path, alone: Path, hook: tuple[str, list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """0 where all work, 1 where one does not, or where there is none."""
    url, got = hook
    assert main(["notify", "--test"]) == 1
    assert "there is no channel" in capsys.readouterr().err
    good = asking(Planted(tmp_path / "good"), f'webhook = "{url}"')
    assert main(["notify", "--test", "--workspace", str(good.root)]) == 0
    assert got[0]["type"] == "test" and capsys.readouterr().err == "sent to webhook\n"
    bad = asking(Planted(tmp_path / "bad"), f'webhook = "{url}"\ncommand = "no-such-program"')
    assert main(["notify", "--test", "--workspace", str(bad.root)]) == 1
    assert "not sent to command: there is no program no-such-program" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_no_error_where_a_channel_took_it(
    tmp_path: Path, alone: Path, hook: tuple[str, list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody was told at all: that is one."""
    url, _ = hook
    study = Planted(tmp_path / "w")
    (study.root / "notify.log").mkdir()
    with pytest.raises(IsADirectoryError):
        main(["notify", "--event", "done", "--workspace", str(study.root)])
    asking(study, f'webhook = "{url}"')
    assert main(["notify", "--event", "done", "--workspace", str(study.root)]) == 0
    assert "notify.log cannot be written" in capsys.readouterr().err


def test_doctor_lists_the_channels(
    tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which look usable, and why others do not; never an address."""
    key = "whsec_" + base64.b64encode(b"canary-0123456789").decode()
    monkeypatch.setenv("HOOK", "https://example.org/canary-0123456789")
    monkeypatch.setenv("KEY", key)
    table = 'webhook = "env:HOOK"\nwebhook_secret = "env:KEY"\nopenclaw = true\napprise = "env:SLACK"'
    study = asking(Planted(tmp_path / "w"), table)
    assert main(["doctor", "--workspace", str(study.root)]) == 0
    told = capsys.readouterr().out
    assert "notify       NO  openclaw (there is no such program on the PATH)" in told
    assert "NO  SLACK (the variable SLACK is not set)" in told
    assert "yes webhook (signed)" in told
    assert main(["doctor", "--json", "--workspace", str(study.root)]) == 0
    found = capsys.readouterr().out
    assert {"name": "webhook", "usable": True, "why": "signed"} in json.loads(found)["use"]["channels"]
    assert "canary" not in told + found and key not in told + found
