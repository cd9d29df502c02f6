"""Stand-ins for the outside world that do what a test tells them to.

    ManualClock, Recorder              time that a test owns; what observers heard
    ScriptedProposer, ScriptedAnalyst  ideas and advice as functions of what they are told
    InstantExecutor                    a Python function in the place of a process
    Fuse                               sudden death before any call that changes something

They go where the real ones go, through the same ports. Git and the ledger need no stand-in: both are
quick enough to be used for real.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from deep_loop.core.call import Failure, Usage
from deep_loop.core.cohort import Advice, Dossier
from deep_loop.core.event import Event
from deep_loop.core.experiment import Change, Idea
from deep_loop.ports import Answer, Brief, Case, Counsel, Exit, Job, Objection, Slot

T = TypeVar("T")
V = TypeVar("V", bound=Event)

START = 1_790_000_000.0  # seconds since the epoch


class ManualClock:
    """Time that moves by `step` seconds whenever it is read, and where a test sets `now`."""

    def __init__(self, now: float = START, step: float = 0.0) -> None:
        self.now = now
        self.step = step

    def time(self) -> float:
        """Seconds since the epoch."""
        self.now += self.step
        return self.now


class Recorder:
    """An observer that remembers what it heard, and may answer it: `react` is called in the study's thread."""

    def __init__(self, react: Callable[[Event], None] | None = None) -> None:
        self.events: list[Event] = []
        self._react = react

    def hear(self, event: Event) -> None:
        """Remember it, then react."""
        self.events.append(event)
        if self._react:
            self._react(event)

    def heard(self, kind: type[V]) -> list[V]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


# --- proposing and advising ----------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """What a scripted proposer does in its checkout: path -> new text (None: delete it), and what it says."""

    title: str
    files: Mapping[str, str | None]
    kind: str = "other"
    changes: tuple[Change, ...] = ()
    usages: tuple[Usage, ...] = ()
    session: str = ""
    suggestion: int | None = None


class ScriptedProposer:
    """A proposer whose ideas are a function of the brief. The function may raise, and may edit anything.

    `repairs` gets the brief, the checkout's files as they crashed (a function: path -> text) and the log's
    tail, and returns the files to write; without it a crash stands. `corrections` gets the reason of a refusal.
    `asked` holds every brief, oldest first, `objections` all that came back.
    """

    def __init__(
        self,
        edits: Callable[[Brief], Edit | Failure | None],
        repairs: Callable[[Brief, Callable[[str], str], str], Mapping[str, str] | None] | None = None,
        name: str = "scripted",
        corrections: Callable[[Brief, str], Edit | Failure | None] = lambda brief, why: None,
    ) -> None:
        self.name = name
        self.anywhere = True
        self.stopped = threading.Event()
        self.asked: list[Brief] = []
        self._edits = edits
        self._repairs = repairs
        self._corrections = corrections
        self.objections: list[Objection] = []

    def propose(self, brief: Brief, checkout: Path) -> Answer:
        """Do what the script says for this brief."""
        self.asked.append(brief)
        return _answer(self._edits(brief), brief, checkout)

    def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
        """Do what the script says for a crash, or for a refusal, if it says anything."""
        self.objections.append(objection)
        if objection.kind == "refused":
            return _answer(self._corrections(brief, objection.text), brief, checkout)
        if self._repairs is None:
            return Answer()
        files = self._repairs(brief, lambda path: (checkout / path).read_text("utf-8"), objection.text)
        if files is None:
            return Answer()
        _write(checkout, files)
        return Answer(_idea("mended", "other", brief))

    def stop(self) -> None:
        """Remember it, for scripts that want to know."""
        self.stopped.set()


def _answer(said: Edit | Failure | None, brief: Brief, checkout: Path) -> Answer:
    match said:
        case None:
            return Answer()
        case Failure():
            return Answer(failure=said)
        case Edit():
            _write(checkout, said.files)
            idea = replace(_idea(said.title, said.kind, brief, said.changes), suggestion=said.suggestion)
            return Answer(idea, usages=said.usages, session=said.session)


def _idea(title: str, kind: str, brief: Brief, changes: tuple[Change, ...] = ()) -> Idea:
    return Idea(title, kind, f"because the script says so, at ask {brief.ask.id}", changes=changes)


def _write(folder: Path, files: Mapping[str, str | None]) -> None:
    for path, text in files.items():
        place = folder / path
        if text is None:
            place.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")


class ScriptedAnalyst:
    """An analyst whose advice is a function of the dossier. `dossiers` holds all that it was given."""

    def __init__(self, advise: Callable[[Dossier], Advice], name: str = "scripted") -> None:
        self.name = name
        self.dossiers: list[Dossier] = []
        self._advise = advise

    def advise(self, case: Case) -> Counsel:
        """Do what the script says for this dossier."""
        self.dossiers.append(case.dossier)
        return Counsel(self._advise(case.dossier))

    def stop(self) -> None:
        """It is never at it for long."""


# --- running -------------------------------------------------------------------------------------

Program = Callable[[Job], "Exit | str"]  # how a job ends; a text is the log of a run that ended well


class InstantExecutor:
    """An executor that calls a Python function where another starts a process.

    The function runs at once, in the thread that starts the job, so it sees the job's folder as it is then.
    A job that calls its own log hopeless ends as pruned.
    The future resolves at once, or `seconds` later, or, with `held`, not before `release`.
    """

    def __init__(
        self,
        program: Program,
        *,
        slots: int = 1,
        seconds: float = 0.0,
        held: Callable[[Job], bool] | None = None,
        machine: str = "",
    ) -> None:
        self.slots: Sequence[Slot] = tuple(Slot(f"slot{index}", machine=machine) for index in range(slots))
        self.notices: list[str] = []
        self.jobs: list[Job] = []  # all that were started, oldest first
        self.swept: list[str] = []  # job ids that were to be cleared away
        self.most = 0  # runs at one time
        self._program = program
        self._seconds = seconds
        self._held = held
        self._running: dict[str, tuple[Future[Exit], Exit]] = {}
        self._lock = threading.Lock()

    def start(self, job: Job, slot: Slot) -> Future[Exit]:
        """Run the function; the log is written as a process would have left it."""
        self.jobs.append(job)
        for place in job.writes:
            place.mkdir(parents=True, exist_ok=True)
        said = self._program(job)
        ended = Exit(0, 1.0, said) if isinstance(said, str) else said
        if job.channel is not None and job.channel.is_file():
            ended = replace(ended, channel=job.channel.read_text("utf-8"))
        if job.hopeless and job.hopeless(ended.text):
            ended = Exit(None, ended.seconds, ended.text, pruned=True)
        job.log.parent.mkdir(parents=True, exist_ok=True)
        job.log.write_text(ended.text, encoding="utf-8")
        future: Future[Exit] = Future()
        with self._lock:
            self._running[job.id] = (future, ended)
            self.most = max(self.most, len(self._running))
        if self._held and self._held(job):
            return future
        if self._seconds:
            timer = threading.Timer(self._seconds, self.release, [job.id])
            timer.daemon = True  # it may have been stopped long ago
            timer.start()
        else:
            self.release(job.id)
        return future

    def release(self, id: str | None = None) -> None:
        """Let one job end, or all that run; one that has ended already is fine. From any thread."""
        with self._lock:
            ids = list(self._running) if id is None else [id]
            ending = [self._running.pop(one) for one in ids if one in self._running]
        for future, ended in ending:
            future.set_result(ended)

    def stop(self) -> None:
        """End what runs as interrupted."""
        with self._lock:
            ending = list(self._running.values())
            self._running.clear()
        for future, _ in ending:
            future.set_result(Exit(None, 1.0, "", interrupted=True))

    def sweep(self, ids: Sequence[str]) -> int:
        """Remember the ids; a function leaves no process behind."""
        self.swept += ids
        return 0


# --- dying ---------------------------------------------------------------------------------------


class Death(BaseException):
    """The harness is gone from here on; nothing in it may catch this."""


@dataclass
class Fuse:
    """Counts the calls that change something, over all ports that it guards, and dies before call `at`.

    `at` None never dies: such a run tells how many calls there are (`len(fuse.calls)`).
    """

    at: int | None = None  # 1 is the first call
    calls: list[str] = field(default_factory=list)  # names of those that were made or died before

    def guard(self, port: T, *changing: str) -> T:
        """The same port with these methods counted."""
        return cast(T, _Guarded(port, frozenset(changing), self))

    def burn(self, name: str) -> None:
        """Count one call; raises Death in its place where its turn has come, and ever after."""
        self.calls.append(name)
        if self.at is not None and len(self.calls) >= self.at:
            raise Death(f"before {name}, call {len(self.calls)}")


class _Guarded:
    """A port whose changing calls burn down a fuse."""

    def __init__(self, port: object, changing: frozenset[str], fuse: Fuse) -> None:
        self._port, self._changing, self._fuse = port, changing, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in self._changing:
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.burn(name)
            return found(*arguments, **named)

        return call
