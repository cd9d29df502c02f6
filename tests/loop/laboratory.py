"""One study of ML mode on real git and a real ledger, with scripted parts around it."""

from __future__ import annotations

import re
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deep_loop.adapters.ledger.sqlite import Kinds, SqliteLedger, StudyInfo
from deep_loop.adapters.ledger.tsv import ResultsTable
from deep_loop.adapters.workspace.git import GitWorkspace
from deep_loop.core.budget import Budget
from deep_loop.core.call import Usage
from deep_loop.core.cohort import Advice, Dossier
from deep_loop.core.experiment import Closing, Experiment, Interrupted, Outcome, Proposal, is_keep
from deep_loop.core.metric import Metric
from deep_loop.core.mixture import Mixture
from deep_loop.core.readout import Exit, Patterns
from deep_loop.core.strategy import Strategy
from deep_loop.loop.audience import Audience
from deep_loop.loop.experiment import ExperimentUnit
from deep_loop.loop.lab import Lab, Task
from deep_loop.loop.meta import Meta
from deep_loop.loop.panel import Panel
from deep_loop.loop.purse import Purse
from deep_loop.loop.study import Settings, Study
from deep_loop.ports import Analyst, Brief, Job, Observer, Proposer
from deep_loop.testing.doubles import Edit, Fuse, InstantExecutor, ManualClock, ScriptedAnalyst, ScriptedProposer
from deep_loop.testing.study_contract import Plan

ML: Kinds[Proposal, Outcome, Closing] = Kinds(Proposal, Outcome, Closing)
TAG, BRANCH = "exp1", "deep-loop/exp1"
PATIENCE_SECONDS = 30.0
TRAIN = "A = 1.0\nB = 1.0\nC = 1.0\nD = 1.0\n\nprint('val_bpb:', A + B + C + D + NOISE)\n"
FILES = {
    "train.py": TRAIN,
    "prepare.py": "TIME_BUDGET = 2\n",
    "program.md": "# Problem\n\nMake it better.\n",
    ".gitignore": ".deep-loop/\nresults.tsv\n",
}
GUARDED = {
    "ledger": [
        "ask",
        "call",
        "called",
        "propose",
        "refuse",
        "open",
        "attempt",
        "start",
        "end",
        "close",
        "settled",
        "revise",
        "serve",
    ],
    "workspace": [
        "checkout",
        "collect",
        "commit",
        "keep_reachable",
        "folder",
        "discard",
        "settle",
        "write",
        "sync",
        "recover",
    ],
    "results": ["append", "rewrite"],
}


def train(job: Job) -> Exit | str:
    """Run the job's train.py in this process, without noise."""
    return noisy(job, 0.0)


def noisy(job: Job, noise: float) -> Exit | str:
    """Run it with this noise on its metric."""
    lines: list[str] = []
    names = {
        "NOISE": noise,
        "print": lambda *words: lines.append(" ".join(map(str, words)) + "\n"),
    }
    try:
        exec(compile((job.folder / "train.py").read_text("utf-8"), "train.py", "exec"), names)
    except Exception:  # noqa: BLE001  (the edge of the program under test, as a process would be)
        return Exit(1, 1.0, "".join(lines) + traceback.format_exc())
    return "".join(lines)


def put(text: str, **constants: object) -> str:
    """The program with some of its constants set."""
    for name, value in constants.items():
        text, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert found == 1
    return text


def setting(brief: Brief, **constants: object) -> Edit:
    """An edit that sets constants, titled by what it sets."""
    title = ", ".join(f"{name} = {value}" for name, value in constants.items())
    return Edit(title, {"train.py": put(brief.files["train.py"], **constants)})


def alternate(brief: Brief) -> Edit | None:
    """Better and worse in turn, each time another constant."""
    ask = brief.ask.id
    return setting(brief, **{"ABCD"[ask % 4]: round(1.0 - ask / 100 if ask % 2 else 1.0 + ask / 100, 2)})


def advise(dossier: Dossier) -> Advice:
    """The next version, saying how much it has seen."""
    summary = f"after {len(dossier.experiments)}"
    strategy = Strategy(dossier.strategy.version + 1, prose=summary)
    return Advice("scripted", summary, strategy, dossier.hypotheses, (), (), (), ())


def when(condition: Callable[[], bool], action: Callable[[], object]) -> threading.Thread:
    """Do something in another thread as soon as the ledger says so."""

    def watch() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


class Laboratory:
    """A repository with a study in it; the study contract's `Rig`."""

    def __init__(
        self,
        root: Path,
        plan: Plan | None = None,
        *,
        edits: Callable[[Brief], Edit | None] = alternate,
        repairs: Callable[[Brief, Callable[[str], str], str], Mapping[str, str] | None] | None = None,
        advise: Callable[[Dossier], Advice] = advise,
        program: Callable[[Job], Exit | str] = train,
        held: Callable[[Job], bool] | None = None,
        files: Mapping[str, str] = FILES,
        proposers: Sequence[Proposer] = (),
        analysts: Sequence[Analyst] = (),
        mixture: Mixture | None = None,
        budget: Mapping[str, Any] = MappingProxyType({}),
        price: Callable[[Usage], float | None] = lambda usage: None,
        allowances: Mapping[str, float] = MappingProxyType({}),
        patience: float | None = None,
        ahead: int = 1,
        significant: float = 0.9,
        repairs_allowed: int = 2,
        machine: str = "",
        protected: Sequence[str] = ("prepare.py",),
        judged: bool = True,
        **task: Any,
    ) -> None:
        self.root, self.plan, self.judged = root, plan or Plan(meta_interval=1000), judged
        self.clock = ManualClock(step=0.001)
        self.proposer = ScriptedProposer(lambda brief: self._edit(edits, brief), repairs)
        self._own, self._mixture, self._budget, self._price = proposers, mixture, budget, price
        self._allowances, self._patience = allowances, patience
        self._ahead, self._significant = ahead, significant
        self.analyst = ScriptedAnalyst(advise)
        self._analysts = analysts
        self._program, self._held, self.machine = program, held, machine
        self.executor = InstantExecutor(program, held=held)
        self._most = 0
        self._task = Task(
            command="python train.py",
            editable=["train.py"],
            protected=protected,
            metric=Metric("val_bpb"),
            patterns=Patterns(r"^val_bpb:\s+(\S+)"),
            budget_seconds=2.0,
            timeout_seconds=9.0,
            repairs=repairs_allowed,
            **task,
        )
        root.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        for path, text in files.items():
            (root / path).write_text(text)
        self.commit("start")
        self.workspace().enter(None)
        info = StudyInfo(TAG, "ml", BRANCH, 7, "{}", self.git("rev-parse", "HEAD"), 1.0)
        SqliteLedger.create(root / ".deep-loop" / "ledger.db", info, ML, self.clock).dispose()

    # --- the contract's rig -----------------------------------------------------------------------

    def study(
        self,
        max_units: int | None,
        *,
        observers: Sequence[Observer] = (),
        fuse: Fuse | None = None,
        deadline: float | None = None,
        run_seconds: float = 0.0,
    ) -> Study[Any, Any, Any, Any]:
        self._most = self.most_at_once()
        self.executor = InstantExecutor(
            self._program, slots=self.plan.slots, seconds=run_seconds, held=self._held, machine=self.machine
        )
        workspace = self.workspace()
        workspace.enter(None)
        ports: dict[str, Any] = {
            "ledger": self.ledger(),
            "workspace": workspace,
            "results": ResultsTable(self.root / "results.tsv", self._task.metric),
        }
        executor = self.executor
        if fuse:
            ports = {name: fuse.guard(port, *GUARDED[name]) for name, port in ports.items()}
            executor = fuse.guard(executor, "start")
            observers = [fuse.guard(observer, "hear") for observer in observers]
        audience = Audience(observers)
        lab = Lab(
            tag=TAG,
            uid="uid",
            seed=7,
            task=self._task,
            executor=executor,
            proposers={proposer.name: proposer for proposer in (self._own or [self.proposer])},
            clock=self.clock,
            tell=audience.tell,
            price=self._price,
            **ports,
        )
        settings = Settings(TAG, Budget(max_units, deadline, **self._budget), self._ahead, patience=self._patience)
        purse = Purse(lab, settings.budget, self._allowances)
        analysts, interval = self._analysts or [self.analyst], self.plan.meta_interval
        outer = Meta(lab, analysts, purse, interval, self._significant, self.judged)
        unit = ExperimentUnit(lab, Panel(lab, purse, self._mixture))
        return Study(settings, unit, outer, lab.ledger, executor.slots, self.clock, audience.tell)

    def ledger(self) -> SqliteLedger[Proposal, Outcome, Closing]:
        return SqliteLedger.load(self.root / ".deep-loop" / "ledger.db", TAG, ML, self.clock)

    def most_at_once(self) -> int:
        return max(self._most, self.executor.most)

    def account(self) -> list[tuple[object, ...]]:
        ledger = self.ledger()
        lines: list[tuple[object, ...]] = [
            (e.number, e.ask, e.proposal.idea, e.proposal.parent, len(e.attempts), _runs(e), e.decision, e.order)
            for e in ledger.closed()
        ]
        lines += [(refusal.ask, refusal.reason) for refusal in ledger.refusals(1000)]
        lines += [(r.version, r.seen, r.reason, r.summary) for r in ledger.revisions()]
        return [*lines, *[(path, self.at("HEAD", path)) for path in ("train.py", "program.md")]]

    def check(self) -> None:
        """The table, the branch, the checkout, the refs and the folders follow the ledger."""
        ledger = self.ledger()
        assert not ledger.unsettled()
        closed = ledger.closed()
        again = self.root / ".deep-loop" / "again.tsv"
        ResultsTable(again, self._task.metric).rewrite(closed)
        assert (self.root / "results.tsv").read_text() == again.read_text()
        kept = [e for e in closed if is_keep(e)][-1]
        assert self.at(BRANCH, "train.py") == self.at(kept.commit, "train.py")
        assert self.git("rev-parse", "--abbrev-ref", "HEAD") == BRANCH
        assert self.git("status", "--porcelain") == ""
        asks = {f"ask-{w.ask.id}": w.proposal.commit for w in ledger.waiting() if w.proposal}
        assert self.refs() == asks | {
            str(e.number) + (f"-r{a.index}" if a.index else ""): a.commit
            for e in [*closed, *ledger.opened()]
            for a in e.attempts
        }
        left = [*(self.root / ".deep-loop" / "runs").glob("*"), *(self.root / ".deep-loop" / "proposals").glob("*")]
        assert left == []

    # --- a person, and what a test looks at ---------------------------------------------------------

    def git(self, *arguments: str) -> str:
        """Run git as Ada; what it printed, without the last newline."""
        ada = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        done = subprocess.run(["git", *ada, *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.removesuffix("\n")

    def commit(self, message: str) -> str:
        """Commit all there is."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def at(self, commit: str, path: str) -> str:
        """A committed file."""
        return self.git("show", f"{commit}:{path}")

    def refs(self) -> dict[str, str]:
        """The study's own refs, by their last part."""
        listed = self.git("for-each-ref", "--format=%(refname:lstrip=3) %(objectname)", f"refs/deep-loop/{TAG}")
        return dict(line.split(" ") for line in listed.splitlines())

    def subjects(self) -> list[str]:
        """The branch's commits, oldest first."""
        return self.git("log", "--reverse", "--format=%s", BRANCH).splitlines()

    def told(self) -> list[tuple[str, str]]:
        """Title and status of every closed experiment, in the order of closing."""
        return [(e.proposal.idea.title, e.decision.status) for e in self.ledger().closed() if e.decision]

    def workspace(self) -> GitWorkspace:
        """The harness's view of the repository."""
        return GitWorkspace(self.root, tag=TAG, branch=BRANCH, editable=["train.py"], protected=self._task.protected)

    def _edit(self, edits: Callable[[Brief], Edit | None], brief: Brief) -> Edit | None:
        if brief.ask.id in self.plan.fails_at:
            raise RuntimeError("no idea")
        return edits(brief) if self.plan.ideas else None


def _runs(experiment: Experiment) -> list[tuple[int, int, Outcome]]:
    return [
        (m.attempt, m.seed, m.outcome)
        for m in experiment.measurements
        if m.outcome and not isinstance(m.outcome, Interrupted)
    ]
