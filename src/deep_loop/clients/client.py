"""A coding agent's command-line client: one call of it is one job of an executor.

What a call is told lies in a folder of its own beside the checkout, where its output goes too; both stay, so that a
person can read what was said.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol
from urllib.parse import unquote

from deep_loop.clients.failures import STOPPED, Secrets, diagnose, one_line
from deep_loop.clients.looks import Look, fitting, look
from deep_loop.clients.programs import located
from deep_loop.core.call import Failure, Usage
from deep_loop.folders import remove
from deep_loop.ports import Executor, Exit, Job

PROMPT, OUTPUT, TEMPORARY = "prompt.md", "output", "tmp"
MOST = 64 * 2**20  # bytes of an output that are read
FILES = 1000  # of a call that are looked through for secrets
WATCHED = 4 * 2**20  # bytes of its end, while the client works
NO_GPU = MappingProxyType({"CUDA_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": ""})
NOT_FOUND = (126, 127)  # exit codes of a shell that cannot run a program, or knows none of that name
Clock = Callable[[], float]  # seconds since the epoch

_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """What a person says about a client; empty is its own default."""

    program: str = ""  # name or path
    model: str = ""
    base_url: str = ""  # of the model's server
    timeout_seconds: float = 900.0
    login: bool = False  # use the person's own folder of the client, and the login in it
    arguments: tuple[str, ...] = ()  # more for its command line


@dataclass(frozen=True, slots=True)
class Station:
    """What a client works with. All of its processes are jobs of `executor`, in that one's first slot."""

    executor: Executor
    folder: Path  # its own, kept from call to call: configuration and sessions
    logs: Path  # of its calls
    keys: Mapping[str, str] = field(default_factory=dict)  # variables that its process gets, by name
    network: Mapping[str, str] = field(default_factory=dict)  # proxies and authorities: `programs.reaching`
    secrets: Sequence[str] = ()  # more values, beside those of `keys`, that are never repeated
    confined: bool = False  # whether the executor has a sandbox
    home: Path | None = None  # the person's, for their own login


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client, as its dialect is told of it."""

    id: str  # marks its processes
    checkout: Path  # where it works
    folder: Path  # of this call alone
    session: str = ""  # to go on with; empty: a new one
    editable: tuple[str, ...] = ()  # patterns of the files in `checkout` that it may change
    protected: tuple[str, ...] = ()  # and of those that it may not

    @property
    def prompt(self) -> Path:
        """The file with what the agent is told; standard input has it too."""
        return self.folder / PROMPT

    @property
    def output(self) -> Path:
        """What it prints."""
        return self.folder / OUTPUT

    @property
    def temporary(self) -> Path:
        """A place for temporary files that is not among everybody's."""
        return self.folder / TEMPORARY

    @property
    def log(self) -> Path:
        """Its standard error; not where the agent could put something else in its place."""
        return self.folder.with_name(f"{self.folder.name}.log")


@dataclass(frozen=True, slots=True)
class Order:
    """How to start a client."""

    command: str  # for `sh`, standard input and output left open
    env: Mapping[str, str] = field(default_factory=dict)
    writes: tuple[Path, ...] = ()  # beside the checkout and the call's own folder


@dataclass(frozen=True, slots=True)
class Said:
    """What a client printed, and how it ended."""

    output: str
    log: str  # its standard error
    code: int | None  # None: it was killed
    now: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Heard:
    """What that means."""

    text: str = ""  # the agent's last words
    usages: tuple[Usage, ...] = ()
    session: str = ""
    failure: Failure | None = None
    lost: bool = False  # the session cannot be used: to be asked again in a new one
    denied: tuple[str, ...] = ()  # what it wanted to do and was not allowed
    notices: tuple[str, ...] = ()  # what a person should know of its set-up


class Dialect(Protocol):
    """The ways of one client."""

    @property
    def name(self) -> str: ...

    @property
    def program(self) -> str:
        """What has to be installed; empty where nobody can say."""
        ...

    @property
    def timeout_seconds(self) -> float: ...

    @property
    def network(self) -> bool: ...

    @property
    def litter(self) -> Sequence[str]:
        """Patterns of files that it leaves behind in the checkout, and nobody wants."""
        ...

    def order(self, call: Call) -> Order: ...

    def heard(self, call: Call, said: Said) -> Heard: ...

    def doubt(self, output: str) -> Failure | None:
        """Asked every second with the end of what it printed so far: why it should not go on."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a call."""

    heard: Heard
    failure: Failure | None = None
    changed: bool = False  # whether anything in its folder is different now, but for its litter


class Desk:
    """Lets a client work: one call of it is one job. Safe in several threads at once."""

    def __init__(self, dialect: Dialect, station: Station, clock: Clock = time.time) -> None:
        self.notices: list[str] = []  # what a person should be told; whoever tells it empties the list
        self._dialect = dialect
        self._station = station
        self._clock = clock
        self._stopped = threading.Event()
        self._known: set[str] = set()  # notices that were given
        self._secrets = Secrets([*station.keys.values(), *station.secrets, *_passwords(station.network)])

    def ask(
        self,
        id: str,
        told: str,
        checkout: Path,
        session: str = "",
        *,
        editable: Sequence[str] = (),
        protected: Sequence[str] = (),
    ) -> Ended:
        """One call in a folder. `id` marks its processes; `editable` and `protected` are patterns of files there."""
        if self._stopped.is_set():
            return Ended(Heard(), STOPPED)
        if self._dialect.program and located(self._dialect.program) is None:
            why = f"{self._dialect.program} is not installed, or not on the PATH"
            return Ended(Heard(), Failure("setup", why))
        try:
            folder = _new_folder(self._station.logs, id)
            call = Call(id, checkout, folder, session, tuple(editable), tuple(protected))
            call.prompt.write_text(told, encoding="utf-8")
            before = look(checkout)
            exit, doubt = self._run(call, self._dialect.order(call), before)
            heard = self._heard(call, exit)
            with contextlib.suppress(OSError):  # litter at worst
                remove(call.temporary)
            changed = self._sweep(checkout, before)
        except OSError as error:
            why = self._clean(f"{self._dialect.name} cannot be started: {error}")
            return Ended(Heard(), Failure("setup", why))
        self._notice(heard.notices)
        failure = self._failure(exit, doubt, heard)
        if failure is STOPPED:
            heard = replace(heard, lost=False)
        return Ended(heard, failure, changed)

    def stop(self) -> None:
        """Interrupt what goes on, and kill it soon; nothing is started afterwards."""
        self._stopped.set()
        self._station.executor.stop()

    def hide(self, text: str) -> str:
        """The text without secrets."""
        return self._secrets.hide(text)

    def _run(self, call: Call, order: Order, before: Look) -> tuple[Exit, Failure | None]:
        """Run the client to its end; why it was ended early, where it was in doubt."""
        doubts: list[Failure] = []

        def hopeless(_: str) -> str | None:
            found = self._dialect.doubt(_text(call.output, WATCHED))
            if found is not None:
                doubts.append(found)
            return found.reason if found else None

        station = self._station
        job = Job(
            id=call.id,
            command=f"{{ {order.command}\n}} < {_quoted(call.prompt)} > {_quoted(call.output)}",
            folder=call.checkout,
            log=call.log,
            env={**NO_GPU, **station.network, **station.keys, **order.env},
            timeout_seconds=self._dialect.timeout_seconds,
            hopeless=hopeless,
            network=self._dialect.network,
            writes=(call.folder, *order.writes),
            courteous=True,
            protected=tuple(call.checkout / path for path in fitting(before, call.protected)),
        )
        running = station.executor.start(job, station.executor.slots[0])
        if self._stopped.is_set():  # meanwhile
            station.executor.stop()
        exit = running.result()
        return exit, doubts[0] if doubts and exit.pruned else None

    def _heard(self, call: Call, exit: Exit) -> Heard:
        """What the client said, once no secret is left in what it wrote."""
        for file in (call.output, call.log, *_written(call.folder)):
            self._scrub(file)
        said = Said(_text(call.output, MOST), self._secrets.hide(exit.text), exit.code, self._clock())
        return self._dialect.heard(call, said)

    def _failure(self, exit: Exit, doubt: Failure | None, heard: Heard) -> Failure | None:
        """Why the call brought nothing."""
        if exit.interrupted or self._stopped.is_set():
            return STOPPED
        if doubt is not None:
            return self._cleaned(doubt)
        if exit.timed_out:
            return Failure("slow", f"it was not done after {self._dialect.timeout_seconds:g} s")
        if exit.problem is not None:
            return Failure("setup", self._clean(exit.problem))
        if exit.code in NOT_FOUND and not heard.text:
            return Failure("setup", self._clean(_last_line(exit.text) or "its program is not installed"))
        return self._cleaned(heard.failure) if heard.failure else None

    def _sweep(self, checkout: Path, before: Look) -> bool:
        """Remove the client's litter; whether anything else has changed."""
        after = look(checkout)
        litter = {path for path in fitting(after, self._dialect.litter) if path not in before}
        for path in litter:
            (checkout / path).unlink(missing_ok=True)
        return {path: seen for path, seen in after.items() if path not in litter} != before

    def _scrub(self, file: Path) -> None:
        """Take the secrets out of a file that the client wrote. Links are left alone, and never followed."""
        content = _read(file, MOST)
        cleaned = self._secrets.hide_known(content)
        if cleaned != content:
            number, new = tempfile.mkstemp(dir=self._station.logs)  # where the agent could not lay a link
            with os.fdopen(number, "wb") as opened:
                opened.write(cleaned)
            Path(new).replace(file)

    def _notice(self, notices: Sequence[str]) -> None:
        for words in notices:
            if words not in self._known:
                self._known.add(words)
                self.notices.append(f"{self._dialect.name}: {self._clean(words)}")

    def _clean(self, text: str) -> str:
        return one_line(self._secrets.hide(text))

    def _cleaned(self, failure: Failure) -> Failure:
        return replace(failure, reason=self._clean(failure.reason) or "it says nothing")


def complaint(said: Said) -> Failure:
    """The failure of a client that ended badly and left no more than words on standard error."""
    words = _last_line(said.log) or _last_line(said.output)
    return diagnose(words or f"it ended with code {said.code} and said nothing", said.now)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _new_folder(logs: Path, call: str) -> Path:
    """A folder for one call that was not there before."""
    logs.mkdir(parents=True, exist_ok=True)
    name = call.replace(os.sep, "-") or "call"
    for attempt in range(1, 10_000):
        folder = logs / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        (folder / TEMPORARY).mkdir()
        return folder
    raise OSError(f"too many folders of {name} in {logs}")


def _written(folder: Path) -> list[Path]:
    """What else a client left in its call's own folder, such as its sessions; its temporary files go anyway."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) != folder / TEMPORARY]
        found += (Path(place, name) for name in names)
    return found[:FILES]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path.absolute()))


def _text(file: Path, most: int) -> str:
    return _read(file, most).decode(errors="replace")


def _read(file: Path, most: int) -> bytes:
    """The end of a file; nothing where there is none, or where somebody put something else in its place."""
    try:
        number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(number, "rb") as opened:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return b""
        opened.seek(max(opened.seek(0, os.SEEK_END) - most, 0))
        return opened.read(most)


def _passwords(network: Mapping[str, str]) -> list[str]:
    """The passwords in the addresses of proxies, as they stand and decoded."""
    found = [match[1] for value in network.values() if (match := _PASSWORD.search(value))]
    return [form for password in found for form in (password, unquote(password))]
