"""Is a study whole? Its ledger, git, table, folders and processes, held against each other.

    audit    all that is wrong with a study while no harness runs it
    story    what it decided and why: equal for a study that was killed and resumed and one that nobody touched

Looking changes nothing.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import psutil

from deep_loop import config, wiring
from deep_loop.adapters.analysts.rates import CHEAP, HOURLY
from deep_loop.adapters.clock import WallClock
from deep_loop.adapters.executors.environment import MARKER
from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
from deep_loop.adapters.ledger.tsv import ResultsTable
from deep_loop.adapters.workspace.git import GitWorkspace
from deep_loop.adapters.workspace.plumbing import Git
from deep_loop.core.experiment import (
    BASELINE,
    ML,
    Closing,
    Crashed,
    Disturbed,
    Experiment,
    Interrupted,
    Outcome,
    Proposal,
    is_keep,
)
from deep_loop.loop.baseline import ASKER
from deep_loop.loop.proposals import HARNESS

Kind = Literal[
    "lost",  # something that was recorded is nowhere to be found
    "doubled",  # something is there twice that there is one of
    "repeated",  # a finished measurement was made again
    "left over",  # a process, folder, ref or file that a harness should have taken away
    "differs",  # two places say different things of one matter
]
SCRATCH = ("runs", "proposals", "tmp")  # folders below .deep-loop that are empty between two harnesses
JOURNALS = (".deep-loop/moving", ".deep-loop/.moving.new", ".results.tsv.new")
LOCKS = ("index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "refs/**/*.lock")  # in .git
ALL = 1_000_000  # refusals

StudyLedger = SqliteLedger[Proposal, Outcome, Closing]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in words."""

    kind: Kind
    words: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}"


def audit(root: Path, tag: str, *, over: bool = True) -> list[Problem]:
    """All that is wrong with the study at `root`; nothing where it is whole.

    `over`: it came to the end of its budget, so no line may be open. A proposer's ask may be: the next sitting answers
    it. A person's own doings (another branch checked out, an edited table) show as differences. Raises as
    `SqliteLedger.load` and `config.load` do.
    """
    ledger = SqliteLedger.load(root / LEDGER, tag, ML, WallClock(), read_only=True)
    try:
        return [
            *_lines(ledger, over),
            *_measurements(root, ledger),
            *_refs(root, ledger),
            *_branch(root, ledger),
            *_checkout(root, ledger.info.branch),
            *_table(root, ledger),
            *_folders(root),
            *_processes(root, tag),
        ]
    finally:
        ledger.dispose()


# --- the ledger ----------------------------------------------------------------------------------


def _experiments(ledger: StudyLedger) -> list[Experiment]:
    """Closed and open ones, by number."""
    return sorted([*ledger.closed(), *ledger.opened()], key=lambda experiment: experiment.number)


def _lines(ledger: StudyLedger, over: bool) -> Iterator[Problem]:
    """Numbers, places and asks without gaps or doubles; everything that was decided has been settled."""
    lines, waiting = _experiments(ledger), ledger.waiting()
    asks = [line.ask.id for line in lines] + [w.ask.id for w in waiting] + [r.ask.id for r in ledger.refusals(ALL)]
    yield from _series("experiment", [line.number for line in lines], first=0)
    yield from _series("place in the order of closing", [line.order or 0 for line in ledger.closed()], first=1)
    yield from _series("ask", asks, first=1)
    yield from _series("strategy", [revision.version for revision in ledger.revisions()], first=1)
    for line in ledger.unsettled():
        yield Problem("lost", f"experiment {line.number} is closed, and git has not been told")
    for line in ledger.opened() if over else ():
        yield Problem("left over", f"experiment {line.number} is open")
    for ask in (w.ask for w in waiting if w.proposal is None and w.ask.proposer in (ASKER, HARNESS)):
        yield Problem("left over", f"ask {ask.id} of the {ask.proposer} was never answered")


def _series(what: str, found: Sequence[int], *, first: int) -> Iterator[Problem]:
    """`found`, in any order, should be the numbers from `first` on, each once."""
    for number, times in sorted(Counter(found).items()):
        if times > 1:
            yield Problem("doubled", f"{what} {number} is there {times} times")
    for number in sorted(set(range(first, first + len(set(found)))) - set(found)):
        yield Problem("lost", f"there is no {what} {number}")


def _measurements(root: Path, ledger: StudyLedger) -> Iterator[Problem]:
    """Every run has an outcome and a log, and none that ended well was made a second time."""
    made: Counter[tuple[int, int, int, str]] = Counter()
    for run in (run for line in _experiments(ledger) for run in line.measurements):
        match run.outcome:
            case None:
                yield Problem("left over", f"run {run.id} of experiment {run.unit} has no outcome")
            case Interrupted() | Disturbed():
                continue
            case _:
                made[run.unit, run.attempt, run.seed, run.role] += 1
                if not (isinstance(run.outcome, Crashed) or (root / run.log).is_file()):  # it may not even have started
                    yield Problem("lost", f"there is no log {run.log} of run {run.id}")
    for (unit, attempt, seed, role), times in made.items():
        if times > 1:
            yield Problem("repeated", f"the {role} run of experiment {unit}.{attempt} on seed {seed}: {times} times")


# --- git -----------------------------------------------------------------------------------------


def _refs(root: Path, ledger: StudyLedger) -> Iterator[Problem]:
    """A ref for each attempt and each waiting proposal, at its commit, and no other; no lock of a dead git."""
    due = {f"ask-{w.ask.id}": w.proposal.commit for w in ledger.waiting() if w.proposal}
    for line in _experiments(ledger):
        due |= {f"{line.number}" + (f"-r{a.index}" if a.index else ""): a.commit for a in line.attempts}
    git = Git(root)
    folder = f"refs/deep-loop/{ledger.info.tag}/"
    listed = git.text("for-each-ref", "--format=%(refname) %(objectname)", folder).splitlines()
    found = dict(line.removeprefix(folder).split(" ") for line in listed)
    for name in due.keys() | found.keys():
        if name not in found:
            yield Problem("lost", f"there is no ref {folder}{name}")
        elif name not in due:
            if not name.startswith("person-"):  # a rescued commit of a person's is theirs to remove
                yield Problem("left over", f"nothing in the ledger goes with the ref {folder}{name}")
        elif found[name] != due[name]:
            yield Problem("differs", f"{folder}{name} is at {found[name]}, in the ledger at {due[name]}")
    home = root / git.text("rev-parse", "--git-common-dir")
    for lock in {path for pattern in LOCKS for path in home.glob(pattern)}:
        yield Problem("left over", f"a lock of git's, {lock.relative_to(home)}")
    if others := git.text("worktree", "list", "--porcelain").count("\nworktree "):
        yield Problem("left over", f"{others} worktree(s) beside the person's own")


def _branch(root: Path, ledger: StudyLedger) -> Iterator[Problem]:
    """Every keep and every revision is on the branch once; its editable files are those of the last keep."""
    git, branch = Git(root), ledger.info.branch
    form = "%H%x09%(trailers:key=Deep-Loop-Source,valueonly,separator=%x2C)%x09%s"
    listed = git.text("log", "--first-parent", f"--format={form}", f"{ledger.info.start}..{branch}").splitlines()
    commits = [line.split("\t", 2) for line in listed]
    carried = Counter(commit for commit, source, _ in commits for commit in {commit, source} if commit)
    for keep in (line for line in ledger.closed() if is_keep(line) and line.proposal.idea.kind != BASELINE):
        if carried[keep.commit] != 1:
            kind: Kind = "doubled" if carried[keep.commit] else "lost"
            yield Problem(kind, f"experiment {keep.number} is on {branch} {carried[keep.commit]} times")
    revisions = {revision.commit: revision for revision in ledger.revisions()}
    for commit in revisions.keys() - {commit for commit, *_ in commits}:
        yield Problem("lost", f"the commit of strategy {revisions[commit].version} is not on {branch}")
    for commit, _, subject in commits:
        if re.match(r"meta: v\d+: ", subject) and commit not in revisions:
            yield Problem("doubled", f"{commit[:7]} ({subject}) is no revision that the ledger knows")
    measured = [line for line in ledger.closed() if is_keep(line) or line.proposal.idea.kind == BASELINE]
    settings = config.load(root).task
    workspace = GitWorkspace(
        root, tag=ledger.info.tag, branch=branch, editable=settings.editable, protected=settings.protected
    )
    if measured and workspace.files(workspace.head()) != workspace.files(measured[-1].commit):
        yield Problem("differs", f"{branch} has other editable files than experiment {measured[-1].number}")


def _checkout(root: Path, branch: str) -> Iterator[Problem]:
    """The person's checkout is on the branch, and as it is."""
    git = Git(root)
    if (there := git.text("rev-parse", "--abbrev-ref", "HEAD")) != branch:
        yield Problem("differs", f"the checkout is on {there}, not on {branch}")
    for edit in git.text("status", "--porcelain", "--untracked-files=no").splitlines():
        yield Problem("differs", f"the checkout is not as its commit: {edit.strip()}")


# --- what follows the ledger -----------------------------------------------------------------------


def _table(root: Path, ledger: StudyLedger) -> Iterator[Problem]:
    """results.tsv is what the ledger projects to, byte for byte."""
    with TemporaryDirectory() as scratch:
        projected = Path(scratch, "results.tsv")
        ResultsTable(projected, config.load(root).metric).rewrite(ledger.closed())
        due = projected.read_text(encoding="utf-8").splitlines()
    table = root / "results.tsv"
    found = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    for row, times in (Counter(found) - Counter(due)).items():
        yield Problem("doubled" if row in due else "differs", f"results.tsv has a row {row!r} {times} times too often")
    for row in Counter(due) - Counter(found):
        yield Problem("lost", f"results.tsv lacks the row {row!r}")
    if sorted(found) == sorted(due) and found != due:
        yield Problem("differs", "the rows of results.tsv are in another order")


def _folders(root: Path) -> Iterator[Problem]:
    """No folder of a run or a proposer, no journal and no draft stays behind."""
    state = root / ".deep-loop"
    folders = (path for name in SCRATCH for path in state.glob(f"{name}/*"))
    journals = (root / name for name in JOURNALS if os.path.lexists(root / name))
    for path in (*folders, *journals, *state.glob("heads/.*.new")):
        yield Problem("left over", str(path.relative_to(root)))


def _processes(root: Path, tag: str) -> Iterator[Problem]:
    """Nothing runs: no harness, and no process of any of its runs."""
    if owner := wiring.owner(root):
        yield Problem("left over", f"the harness {owner.pid} runs the study {owner.tag}")
    mark = wiring.uid_of(root, tag) + "-"
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER, "").startswith(mark):
                yield Problem("left over", f"process {process.pid}, {' '.join(process.cmdline())[:200]}")
        except psutil.Error:  # gone, or another user's
            continue


# --- what it came to -------------------------------------------------------------------------------


def story(root: Path, tag: str) -> dict[str, Any]:
    """What the study decided and why, without times, loads, hashes of commits, and runs that counted for nothing."""
    ledger = SqliteLedger.load(root / LEDGER, tag, ML, WallClock(), read_only=True)
    try:
        return {
            "experiments": [_told(experiment) for experiment in _experiments(ledger)],
            "revisions": [replace(revision, commit="", made_at=0.0) for revision in ledger.revisions()],
            "refusals": [(r.ask, r.reason, r.proposal.idea if r.proposal else None) for r in ledger.refusals(ALL)],
            "files": {name: _text(root / name) for name in _tracked(root, ledger.info.branch)},
        }
    finally:
        ledger.dispose()


def _told(experiment: Experiment) -> dict[str, Any]:
    return {
        "number": experiment.number,
        "order": experiment.order,
        "ask": experiment.ask,
        "idea": experiment.proposal.idea,
        "parent": experiment.proposal.parent,
        "fingerprint": experiment.proposal.fingerprint,
        "attempts": len(experiment.attempts),
        "runs": [
            (run.attempt, run.seed, run.sought_by, run.role, _timeless(run.outcome))
            for run in experiment.measurements
            if not isinstance(run.outcome, Interrupted | Disturbed)
        ],
        "decision": experiment.decision,
    }


def _timeless(outcome: Any) -> Any:
    """An outcome without what the machine and the run's folder had to do with it."""
    neutral: dict[str, Any] = {"seconds": 0.0, "load": None}
    if isinstance(outcome, Crashed):
        neutral["tail"] = re.sub(r"[^\s\"']*/runs/[^\s\"'/]+", "FOLDER", outcome.tail)
    named = {field.name for field in fields(outcome)} if outcome is not None else set()
    return replace(outcome, **{name: neutral[name] for name in neutral if name in named}) if named else outcome


def _tracked(root: Path, branch: str) -> list[str]:
    return Git(root).text("ls-tree", "-r", "--name-only", branch).splitlines()


def _text(path: Path) -> str | None:
    """A file of the checkout, without time stamps and what tells how long runs took; None where it is not there."""
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    text = re.sub(rf"^\| (?:{CHEAP}|{HOURLY}) \|.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "WHEN", text)
