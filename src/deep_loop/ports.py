"""What the loop asks of the outside world.

Each Protocol has one contract suite in `deep_loop.testing` that every implementation passes. Values
that cross a port are defined in `core`, or here where only ports speak of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from deep_loop.core.readout import Exit as Exit
from deep_loop.core.record import D, O, P
from deep_loop.core.record import Request as Request
from deep_loop.core.record import Suggestion as Suggestion
from deep_loop.core.taxonomy import NEURAL, Taxonomy

if TYPE_CHECKING:  # needed for their names alone, and quick commands import this
    from concurrent.futures import Future

    from deep_loop.core.budget import Spending
    from deep_loop.core.call import Call, Failure, Purpose, Usage
    from deep_loop.core.cohort import Advice, Dossier, Revision
    from deep_loop.core.earlier import Earlier
    from deep_loop.core.event import Event
    from deep_loop.core.experiment import Experiment, Idea, Proposal
    from deep_loop.core.fate import Offer
    from deep_loop.core.hypothesis import Hypothesis
    from deep_loop.core.lessons import Lesson
    from deep_loop.core.metric import Metric
    from deep_loop.core.record import Ask, Measurement, Record, Refusal, Waiting
    from deep_loop.core.seal import Seals
    from deep_loop.core.strategy import Strategy

Files = Mapping[str, str]  # path relative to the workspace -> text


class Clock(Protocol):
    """Time, so that tests can own it."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...


# --- proposing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terms:
    """What a task allows a change, and a run of it."""

    command: str
    editable: Sequence[str]  # paths or glob patterns
    protected: Sequence[str]
    budget_seconds: float  # what a run gives itself
    timeout_seconds: float  # when it is killed
    kinds: Sequence[str]  # the kinds of change that the outer tier tells apart
    device: str = ""  # what it runs on, such as "NVIDIA H200"; "" where that is not known
    memory_bytes: int | None = None  # that a run may take with all its processes; a GPU's own are not among them
    taxonomy: Taxonomy = NEURAL  # by which names each of `kinds` is known


@dataclass(frozen=True, slots=True)
class Brief:
    """What a proposer is told. Everything in it is as of the ask, never newer."""

    ask: Ask
    seed: int  # derived from the study's seed and the ask; all of a proposer's randomness comes from it
    metric: Metric
    base: str  # commit that the change is made on
    parent: int | None  # the incumbent experiment that `base` carries
    files: Files  # the editable files at `base`
    program: str  # program.md: problem statement and strategy
    strategy: Strategy
    hypotheses: Sequence[Hypothesis]  # ranked, best first
    history: Sequence[Experiment]  # closed ones, in the order of closing
    pending: Sequence[Proposal]  # asked earlier and not closed yet: running, or waiting for a slot
    refusals: Sequence[Refusal[Proposal]]  # the latest, oldest first
    files_at: Callable[[str], Files]  # the editable files of any commit above; safe in any thread
    terms: Terms
    call: str = ""  # marks every process of this call
    constitution: str = ""  # CLAUDE.md: what a proposer may do and may not
    suggestions: Sequence[Suggestion] = ()  # a person's, not yet taken up; oldest first
    noise: float | None = None  # standard deviation of one run, in the metric's unit
    drought: int | None = None  # experiments since the last keep, where there are so many that a bold change is due
    start: int | None = None  # another experiment than `parent`, whose files lie in the checkout
    start_files: Files = field(default_factory=dict)  # those
    log: Callable[[int], str] = lambda number: ""  # the end of an experiment's latest log; safe in any thread
    earlier: Sequence[Earlier] = ()  # what other studies found: hints, and nothing to be compared with
    lessons: Sequence[Lesson] = ()  # what other studies of the workspace teach, that it was not asked to learn from


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a proposer's change comes back to it."""

    kind: Literal["crash", "refused"]
    text: str  # the end of the log, or the rule that it breaks
    session: str = ""  # what the proposer called the session in which it made the change
    idea: Idea | None = None  # what it said of the change


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call. Neither idea nor failure: there is nothing to propose now, or to mend."""

    idea: Idea | None = None
    failure: Failure | None = None
    usages: tuple[Usage, ...] = ()
    session: str = ""  # by which a later call goes on with this one


class Proposer(Protocol):
    """Thinks of one change at a time. Runs in a worker thread; keeps no state that a restart would miss.

    What goes wrong in the world outside is a `Failure`, not an exception.
    """

    name: str
    anywhere: bool  # whether it may find other files in its checkout than the incumbent's (`Brief.start`)

    def propose(self, brief: Brief, checkout: Path) -> Answer:
        """Edit the editable files under `checkout` (a repository of its own, at `brief.base`) and say why."""
        ...

    def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
        """Mend a change of its own: `checkout` has the editable files as it left them, at the same path as before.

        An answer without an idea lets the objection stand.
        """
        ...

    def stop(self) -> None:
        """End soon what goes on in other threads: their answers say "stopped". Nothing is asked afterwards."""
        ...


# --- running -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slot:
    """One place to run: a share of the CPU, or one or more GPUs."""

    name: str  # "cpu0", "gpu0", "gpu0+gpu1"
    env: Mapping[str, str] = field(default_factory=dict)  # e.g. CUDA_VISIBLE_DEVICES
    machine: str = ""  # host and kind of device, "lab3, NVIDIA H200"
    cpus: tuple[int, ...] = ()  # cores that its runs are pinned to; empty: any
    devices: tuple[str, ...] = ()  # what its runs have to themselves on the machine, by names that all studies use


@dataclass(frozen=True, slots=True)
class Job:
    """One process tree to run to its end."""

    id: str  # marks every process of the run, so that leftovers can be found
    command: str  # for `sh -c`, started in `folder`
    folder: Path
    log: Path  # standard output and error together
    env: Mapping[str, str]  # added to the executor's allow-listed environment
    timeout_seconds: float  # wall clock; then SIGTERM, a grace, SIGKILL to the whole tree
    hopeless: Callable[[str], str | None] | None = None  # asked now and then, in another thread, with the log's end
    network: bool = False  # whether it needs the network; a sandbox cuts it off otherwise
    writes: tuple[Path, ...] = ()  # places outside of `folder` that it may write to, a sandbox or not
    channel: Path | None = None  # a file that the evaluator may append to; its text comes back as `Exit.channel`
    holdout: bool = False  # whether it may see the held-out data, which a sandbox hides from all other runs
    courteous: bool = False  # it is interrupted (SIGINT) and given a moment before it is killed
    clean: bool = False  # caches that runs may write to are empty for this one
    protected: tuple[Path, ...] = ()  # files in `folder` that it cannot write to, where a sandbox can see to it


class Executor(Protocol):
    """Runs jobs in slots, each under a supervisor that outlives neither the job nor the harness.

    A job that calls itself hopeless is killed like one that is stopped, and resolves as pruned.
    """

    slots: Sequence[Slot]
    notices: list[str]  # what a person should be told; whoever tells it empties the list

    def start(self, job: Job, slot: Slot) -> Future[Exit]:
        """Start it as soon as nobody else has the slot's devices. The future never raises; the log is then complete."""
        ...

    def stop(self) -> None:
        """Kill every running job's whole tree; their futures resolve as interrupted."""
        ...

    def sweep(self, ids: Sequence[str]) -> int:
        """Kill what an earlier harness left behind of these job ids; returns how many processes."""
        ...


# --- git ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HumanChange:
    """What a person did to the study branch since the harness last looked."""

    kind: str  # "program" (program.md, committed now as `human: ...`), "code" (editable or protected), "other"
    commit: str
    paths: tuple[str, ...]


class Workspace(Protocol):
    """The person's repository. All calls but `files` come from the owner's thread."""

    root: Path
    notices: list[str]  # what a person should be told; whoever tells it empties the list

    def head(self) -> str:
        """The study branch's commit."""
        ...

    def files(self, commit: str) -> Files:
        """The editable files at a commit; safe in any thread, cached."""
        ...

    def code(self, commit: str) -> Files:
        """The source files of any kind at a commit, protected ones and others too; data are left out."""
        ...

    def protected(self, commit: str) -> Mapping[str, str]:
        """The protected files at a commit: path -> what tells its content from any other."""
        ...

    def read(self, commit: str, path: str) -> str | None:
        """One file's text at a commit, or None where it is not there."""
        ...

    def parent(self, commit: str) -> str | None:
        """The commit that another was made on; None for a repository's first one."""
        ...

    def subjects(self, limit: int) -> tuple[str, ...]:
        """Subjects of the study branch's latest commits, newest first."""
        ...

    def checkout(self, commit: str, name: str, texts: Files = MappingProxyType({})) -> Path:
        """A new folder outside the person's checkout: a repository of its own with one commit, for a proposer.

        The same name gets the same path, and what was there before is gone. `texts` lie over the commit's files.
        """
        ...

    def collect(self, checkout: Path) -> Mapping[str, str | None]:
        """What differs in a proposer's folder from its one commit: path -> new text, None where deleted.

        Binary content comes as text with undecodable bytes replaced; ignored files do not count.
        """
        ...

    def commit(self, base: str, files: Files, message: str) -> str:
        """A commit on `base` with these files replaced. Moves no branch; kept reachable by `keep_reachable`."""
        ...

    def keep_reachable(self, name: str, commit: str | None) -> None:
        """Point `refs/deep-loop/<tag>/<name>` at a commit, or remove it (None)."""
        ...

    def reachable(self) -> Sequence[str]:
        """The names that `keep_reachable` has given and not taken back."""
        ...

    def reapply(self, commit: str, onto: str) -> Files | None:
        """The editable files of `commit`'s change made on `onto` instead; None where it does not apply cleanly."""
        ...

    def folder(self, commit: str, name: str, texts: Files = MappingProxyType({}), *, holdout: bool = False) -> Path:
        """A new run folder with the commit's files and the task's links; not a repository.

        `texts` go in the place of the commit's. Held-out data are there only for a holdout run.
        """
        ...

    def seal(self, folder: Path, commit: str) -> Seals:
        """The seals of the commit's protected files as they lie in a run folder now."""
        ...

    def edited(self) -> frozenset[str]:
        """Editable and protected files of the person's checkout that differ from what is committed."""
        ...

    def put_back(self, paths: Iterable[str], why: str) -> None:
        """Bring protected ones among these files of the person's checkout back to what is committed.

        What was found is kept beside; a notice says so, and names those of them that are not protected.
        """
        ...

    def discard(self, folder: Path) -> None:
        """Remove a checkout or a run folder."""
        ...

    def settle(self, number: int, commit: str, message: str) -> str:
        """Extend the branch by a keep and bring the person's checkout along; returns the new head.

        Idempotent: a keep that is on the branch already changes nothing.
        """
        ...

    def write(self, files: Files, message: str, on: str) -> str | None:
        """Commit these files on the branch (`meta: ...`) and bring the checkout along; returns the new head.

        None where the branch is not at `on` any more: nothing is written over what a person committed meanwhile.
        """
        ...

    def sync(self) -> Sequence[HumanChange]:
        """See what a person did: commit an edited program.md as `human: ...`, report commits not ours."""
        ...

    def recover(self) -> None:
        """Clear folders, locks and temporary indexes that a dead harness left."""
        ...


# --- remembering -------------------------------------------------------------------------------


class Ledger(Protocol[P, O, D]):
    """The truth about one study. Every call is one transaction, durable when it returns."""

    def ask(self, proposer: str, revision: int, seen: int | None = None) -> Ask:
        """Take the next place in the order of proposals; `seen` is how many closed lines it knows (None: all)."""
        ...

    def propose(self, ask: Ask, proposal: P) -> None:
        """Answer an ask; the proposal now waits for a slot. Replaces an earlier answer."""
        ...

    def refuse(self, ask: Ask, reason: str, proposal: P | None) -> None:
        """End an ask without a unit."""
        ...

    def waiting(self) -> Sequence[Waiting[P]]:
        """Asks that neither a unit nor a refusal has ended, oldest first."""
        ...

    def refusals(self, limit: int) -> Sequence[Refusal[P]]:
        """The latest refusals, oldest first."""
        ...

    def open(self, ask: Ask, proposal: P, *, counted: bool) -> Record[P, O, D]:
        """Open the next line (0, 1, 2, ...) for an ask. Opening an ask twice returns its line."""
        ...

    def attempt(self, number: int, commit: str) -> int:
        """Add an attempt to an open line; returns its index. The last attempt's own commit adds nothing."""
        ...

    def start(
        self, number: int, seed: int, sought_by: int, slot: str, log: str, role: str = "first", machine: str = ""
    ) -> Measurement[O]:
        """Note that a run of the line's last attempt starts."""
        ...

    def end(self, measurement: int, outcome: O) -> None:
        """Note a run's outcome; raises LedgerError where it has one already."""
        ...

    def close(self, number: int, decision: D) -> Record[P, O, D]:
        """Close an open line, giving it its place in the order; raises LedgerError where it is closed."""
        ...

    def settled(self, number: int) -> None:
        """Note that git and the projections have followed the closed line."""
        ...

    def unsettled(self) -> Sequence[Record[P, O, D]]:
        """Closed lines not yet settled, in the order of closing."""
        ...

    def record(self, number: int) -> Record[P, O, D]:
        """One line; raises LedgerError where there is none."""
        ...

    def opened(self) -> Sequence[Record[P, O, D]]:
        """Open lines, by number."""
        ...

    def closed(self) -> Sequence[Record[P, O, D]]:
        """All closed lines in the order of closing. Amortised: a call reads only what is new."""
        ...

    def counted(self) -> int:
        """How many counted lines there are, open ones included."""
        ...

    def revise(self, revision: Revision, offers: Sequence[Offer] = ()) -> None:
        """Remember a rewrite of the strategy, with the hypotheses that it adds or changes, by their identities."""
        ...

    def offers(self) -> Sequence[Offer]:
        """What next-hypotheses.md ever held, in the order in which it was first there."""
        ...

    def revisions(self) -> Sequence[Revision]:
        """All of them, oldest first."""
        ...

    def asked(self) -> int:
        """How many asks there were."""
        ...

    def call(self, agent: str, purpose: Purpose, ask: Ask | None) -> int:
        """Note that somebody begins to think; returns the call's id."""
        ...

    def called(
        self, call: int, usages: Sequence[Usage], usd: float | None, failure: Failure | None, session: str = ""
    ) -> None:
        """Note what came of a call; raises LedgerError where that is known already."""
        ...

    def calls(self) -> Sequence[Call]:
        """All of them, oldest first. Amortised: a call reads only what is new."""
        ...

    def spending(self) -> Spending:
        """What all ended calls and runs took. Amortised like `calls`."""
        ...

    def suggest(self, text: str) -> Suggestion:
        """Keep what a person wants tried (any process may)."""
        ...

    def suggestions(self) -> Sequence[Suggestion]:
        """Those not taken up yet, oldest first."""
        ...

    def take_up(self, suggestion: int, ask: Ask) -> None:
        """Note that an ask's proposal follows a suggestion; a second time changes nothing."""
        ...

    def request(self, kind: str, payload: Mapping[str, str]) -> int:
        """Ask something of the owner (any process may); returns the request's id."""
        ...

    def requests(self) -> Sequence[Request]:
        """Those not served yet, oldest first."""
        ...

    def serve(self, request: int, answer: str) -> None:
        """Mark one as served, with an answer in words."""
        ...

    def answer(self, request: int) -> str | None:
        """What was answered to a request; None while it is not served."""
        ...


R = TypeVar("R", contravariant=True)  # a mode's whole record


class Results(Protocol[R]):
    """A table for people, projected from the ledger (results.tsv, knowledge_index.tsv)."""

    def append(self, record: R) -> None:
        """Add one closed line. Cost does not grow with the table."""
        ...

    def lost(self) -> bool:
        """Whether somebody took the table away since it was last written: then it is to be rewritten."""
        ...

    def rewrite(self, records: Sequence[R]) -> None:
        """Make the whole table anew, atomically; a table that says the same already is left alone."""
        ...


# --- the outer tier and those who listen ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """What an analyst works on, as it was when the analysis was called for."""

    dossier: Dossier
    seed: int  # derived from the study's seed and the number of the analysis
    call: str = ""  # marks every process of this call
    # The editable files of an experiment's commit, and the end of its latest log; both are safe in any thread.
    files_at: Callable[[str], Files] = lambda commit: MappingProxyType({})
    log: Callable[[int], str] = lambda number: ""
    usd: float | None = None  # dollars that are left for it; None: no limit


@dataclass(frozen=True, slots=True)
class Counsel:
    """What came of one call of an analyst: advice, or a failure."""

    advice: Advice | None = None
    failure: Failure | None = None
    usages: tuple[Usage, ...] = ()
    session: str = ""  # by which a person finds what was said


class Analyst(Protocol):
    """Reads the evidence and drafts the next strategy. Runs in a worker thread.

    What goes wrong in the world outside is a `Failure`, not an exception.
    """

    name: str

    def advise(self, case: Case) -> Counsel:
        """One analysis. What it says is a draft: the harness reviews it."""
        ...

    def stop(self) -> None:
        """End soon what goes on in other threads: their answers say "stopped". Nothing is asked afterwards."""
        ...


class Observer(Protocol):
    """Hears what happens. Must return at once; a failure here never touches the study."""

    def hear(self, event: Event) -> None: ...
