"""The real clients, in a place of their own, with a scripted model server in the place of their provider."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest

from deep_loop.adapters.executors import bubblewrap
from deep_loop.adapters.executors.local import LocalExecutor
from deep_loop.adapters.executors.places import Places
from deep_loop.adapters.executors.sandbox import choose
from deep_loop.clients import programs
from deep_loop.clients.client import Station
from deep_loop.ports import Slot
from tests.clients.model_server import Handler, Turn
from tests.clients.wires import Request, Say

ROOT = Path(__file__).parents[2]
KEY = "sk-dummy-key-000111222333"
STATEMENT = """\
I halved the learning rate.

```json
{"title": "Halve the learning rate", "kind": "learning-rate", "rationale": "It is too large.", "expected": "+1 %",
 "probability": 0.3, "hypothesis": null, "suggestion": null, "nothing": null}
```
"""


def client(name: str) -> str:
    """The path of a client; skips the test, aloud, where it is not installed."""
    found = (ROOT / ".clients").resolve() / "node_modules" / ".bin" / name
    if not found.exists():
        pytest.skip(f"{name} is not installed: scripts/clients.sh all", allow_module_level=True)
    return str(found)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a client works in a test."""

    station: Station
    folder: Path

    def said(self) -> str:
        """All that was kept of its calls."""
        files = sorted(path for path in self.station.logs.rglob("*") if path.is_file())
        return "\n".join(path.read_text(errors="replace") for path in files)


@contextmanager
def desk(
    folder: Path, program: str, *, sandbox: bool, key: str, environ: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Desk]:
    """A desk whose processes end with it. The person's home is empty, and holds nothing of the client.

    `environ` says which proxies and authorities the machine has.
    """
    if sandbox and (why := bubblewrap.missing()):
        pytest.skip(why)
    home = folder / "home"
    home.mkdir(parents=True)
    executor = LocalExecutor(
        [Slot("thinking")],
        sandbox=choose("bubblewrap") if sandbox else None,
        places=Places(home=home, read=programs.places([program], environ)),
        grace_seconds=3.0,
    )
    try:
        network = programs.reaching(environ)
        station = Station(
            executor, folder / "config", folder / "logs", {key: KEY}, network, confined=sandbox, home=home
        )
        yield Desk(station, folder)
    finally:
        executor.stop()


def script(*turns: Turn) -> Handler:
    """A model that says one after the other, and its statement ever after."""
    left = iter(turns)
    return lambda request: next(left, [Say(STATEMENT)])


def halving(
    folder: Path, edit: Callable[[Path, str, str], Turn], read: Callable[[Path], Turn] | None = None
) -> Handler:
    """A model that halves the learning rate and says so, in whatever checkout below `folder` the client works in.

    `edit` replaces a text by another in a file; `read` comes before it, where a client asks for that.
    """
    checkouts = re.compile(re.escape(str(folder)) + r"/(?:[\w-]+/)*(?:checkout|first|second)\b")

    def answer(request: Request) -> Turn:
        found = checkouts.search(json.dumps(request.body))
        assert found, "the client does not say where it works"
        file = Path(found[0]) / "train.py"
        if request.latest is None and read is not None:
            return read(file)
        if request.latest is None or ("LEARNING_RATE" in request.latest and "uccessful" not in request.latest):
            rate = file.read_text().partition("LEARNING_RATE = ")[2].partition(" ")[0]
            return edit(file, f"LEARNING_RATE = {rate}", f"LEARNING_RATE = {float(rate) / 2:g}")
        return [Say(STATEMENT)]

    return answer


def nap() -> str:
    """A command that sleeps for very long, and is no other test's."""
    return f"sleep {10**6 + secrets.randbelow(10**6)}"


def processes(of: str) -> list[psutil.Process]:
    """The processes with this command line, or with the mark of this job."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cmdline() == of.split() or process.environ().get("DEEP_LOOP_RUN") == of:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
