"""A workspace with a study in it, made from real git and a real ledger, whose every number is known."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deep_loop import config
from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger, StudyInfo
from deep_loop.core.cohort import Revision
from deep_loop.core.experiment import (
    BASELINE,
    ML,
    Change,
    Closing,
    Crash,
    Crashed,
    Discard,
    Idea,
    Keep,
    Measured,
    Outcome,
    Proposal,
)
from deep_loop.core.metric import Direction, Metric

TAG = "exp1"
BRANCH = f"deep-loop/{TAG}"
START = 1_790_000_000.0  # seconds since the epoch
SETTINGS = """\
[task]
run = "python train.py"
editable = ["train.py"]
protected = ["prepare.py"]
metric = {{ name = "{name}", direction = "{direction}" }}
budget_seconds = 2
[study]
max_experiments = 24
"""


class Clock:
    """Time that moves only when told to."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


@dataclass(frozen=True)
class Owner:
    """A harness that runs."""

    pid: int = 4321
    tag: str = TAG
    since: float = START
    paused: bool = False
    max_experiments: int = 24
    meta_interval: int = 12


def git(root: Path, *arguments: str) -> str:
    """Run git as nobody in particular; returns what it printed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ("-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.strip()


class Planted:
    """Writes a study line by line; each experiment takes ten seconds."""

    def __init__(self, root: Path, *, tag: str = TAG, direction: Direction = Direction.MINIMIZE) -> None:
        self.root = root
        self.metric = Metric("val_bpb", direction)
        self.clock = Clock()
        if not (root / ".git").exists():
            root.mkdir(parents=True, exist_ok=True)
            git(root, "init", "-q", "-b", "main")
            (root / "deep-loop.toml").write_text(SETTINGS.format(name=self.metric.name, direction=direction.value))
            (root / "program.md").write_text("# Aim\n\nA better model.\n")
            (root / "prepare.py").write_text("")
            (root / ".gitignore").write_text(".deep-loop/\n")
            self.commit("WIDTH = 64\n", "start")
            (root / ".deep-loop" / "logs").mkdir(parents=True)
        head = git(root, "rev-parse", "HEAD")
        git(root, "checkout", "-q", "-B", f"deep-loop/{tag}")
        begun_with = config.load(root).model_dump_json()
        info = StudyInfo(tag, "ml", f"deep-loop/{tag}", 0, begun_with, head, self.clock.now)
        self.ledger: SqliteLedger[Proposal, Outcome, Closing] = SqliteLedger.create(root / LEDGER, info, ML, self.clock)
        self.head = head
        self.best: tuple[int, float] | None = None  # number and value of the incumbent

    def commit(self, text: str, message: str) -> str:
        """Commit a train.py in the checkout; returns the commit."""
        (self.root / "train.py").write_text(text)
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.root, "rev-parse", "HEAD")

    def open(self, title: str, commit: str | None = None, *, kind: str = "depth-width") -> int:
        """Open a line without running it; returns its number."""
        baseline = self.best is None
        idea = Idea(
            title=title,
            kind=BASELINE if baseline else kind,
            rationale="it may help",
            expected="+1 %",
            hypothesis=None,
            changes=() if baseline else (Change("WIDTH", "64", "96"),),
        )
        parent = self.best[0] if self.best else None
        proposal = Proposal(idea, "harness" if baseline else "tuner", self.head, parent, commit or self.head, title)
        ask = self.ledger.ask(proposal.proposer, 0)
        self.ledger.propose(ask, proposal)
        number = self.ledger.open(ask, proposal, counted=not baseline).number
        self.ledger.attempt(number, proposal.commit)
        return number

    def start(self, number: int, seed: int = 1) -> tuple[int, Path]:
        """Start a run; returns its id and its log, which is there and empty."""
        log = Path(".deep-loop") / "logs" / f"{self.ledger.info.tag}-{number}-{seed}.log"
        role = "fresh" if self.ledger.record(number).measurements else "first"
        measurement = self.ledger.start(number, seed, number, "cpu0", str(log), role)
        (self.root / log).write_text("")
        return measurement.id, self.root / log

    def measure(self, number: int, value: float, seed: int = 1) -> None:
        """A good run of four seconds."""
        run, log = self.start(number, seed)
        self.clock.now += 4
        log.write_text(f"step 00010 (99.0%) | loss: 2.5\n---\nval_bpb: {value}\n")
        self.ledger.end(run, Measured(value, seconds=4.0, memory_mb=100.0))

    def _close(self, number: int, decision: Closing) -> None:
        self.clock.now += 2
        self.ledger.close(number, decision)
        self.ledger.settled(number)

    def baseline(self, value: float) -> int:
        number = self.open("baseline")
        self.measure(number, value, 1)
        self.measure(number, value, 2)
        self._close(number, Keep("baseline", gain=0.0))
        self.best = (number, value)
        return number

    def keep(self, title: str, value: float) -> int:
        assert self.best
        commit = self.commit(f"WIDTH = {title!r}\n", title)
        number = self.open(title, commit)
        self.measure(number, value, 1)
        self.measure(number, value, 2)
        gain = self.metric.gain(value, self.best[1])
        self._close(number, Keep(f"better by {gain:.6f}, confirmed on 2 seeds", gain))
        self.best, self.head = (number, value), commit
        return number

    def discard(self, title: str, value: float) -> int:
        number = self.open(title)
        self.measure(number, value)
        self.clock.now += 4
        self._close(number, Discard("not better"))
        return number

    def crash(self, title: str) -> int:
        number = self.open(title)
        run, log = self.start(number)
        log.write_text("Traceback (most recent call last):\nValueError: no such width\n")
        self.clock.now += 8
        self.ledger.end(run, Crashed("ValueError: no such width", seconds=1.0, tail="ValueError: no such width"))
        self._close(number, Crash("ValueError: no such width"))
        return number

    def revise(self, version: int) -> None:
        seen = len(self.ledger.closed())
        self.ledger.revise(
            Revision(version, self.head, seen, "12 experiments", "statistics", "wider pays", self.clock.now)
        )


def small(root: Path) -> Planted:
    """Baseline 2.5, a keep at 2.4, a discard, a crash, one revision, in that order."""
    study = Planted(root)
    study.baseline(2.5)
    study.keep("WIDTH 64 -> 96", 2.4)
    study.discard("DEPTH 2 -> 3", 2.45)
    study.crash("HEADS 4 -> 0")
    study.revise(1)
    return study
