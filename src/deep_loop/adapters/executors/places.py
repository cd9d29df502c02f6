"""What a run may see and write, place by place; a sandbox makes it so.

the system             is there to read
/tmp, /run             are its own, and empty
the person's home      is not there, but for programs, `read` and `caches`
the workspace          is not there, but for the task's prepared environment
its folder, its home   are there to write; protected files to read
`hidden`               is not there, whatever else is said
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from deep_loop.ports import Job

TEMPORARY = Path("/tmp")
VOLATILE = (TEMPORARY, Path("/run"))  # other people's temporary files and sockets
SEARCHED = ("PATH", "LD_LIBRARY_PATH")  # variables whose folders a run is shown
RESOLVER = Path("/etc/resolv.conf")  # often a link into /run


class Access(IntEnum):
    """What can be done with a place and all below it; of two rules for one place the higher one holds."""

    NONE = 0
    READ = 1
    WRITE = 2


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a study, absolute. What is not named here a run sees as any program does, to read."""

    home: Path | None = None  # the person's
    workspace: Path | None = None
    read: tuple[Path, ...] = ()
    caches: tuple[Path, ...] = ()  # written by runs, and found again by later ones
    hidden: tuple[Path, ...] = ()  # kept from every run


NOWHERE = Places()


@dataclass(frozen=True, slots=True)
class Layer:
    """One place. The deepest layer around a path decides about it."""

    path: Path  # without links in it
    access: Access
    source: Path | None = None  # what stands there instead; None: what is there


@dataclass(frozen=True, slots=True)
class View:
    """All that one run sees. Layers come outermost first."""

    folder: Path
    layers: tuple[Layer, ...]
    network: bool


def view(places: Places, job: Job, scratch: Path, env: Mapping[str, str], *, network: bool) -> View:
    """What a job sees; `scratch` holds its home and its temporary files (`scratch.py`), `env` is its environment."""
    folder = job.folder.resolve()
    given: dict[Path, Layer] = {}

    def put(path: Path, access: Access, source: Path | None = None) -> None:
        path = path.resolve()
        if path not in given or access > given[path].access:
            given[path] = Layer(path, access, source)

    closed = [path.resolve() for path in _closed(places)]
    for path in closed:
        put(path, Access.NONE)
    for path in (*_programs(env, closed), *places.read):
        put(path, Access.READ)
    if network:
        put(RESOLVER, Access.READ)
    for index, path in enumerate(places.caches):
        put(path, Access.WRITE, empty(scratch, index) if job.clean else None)
    put(TEMPORARY, Access.WRITE, scratch / "tmp")
    for path in (*job.writes, scratch, folder):
        put(path, Access.WRITE)
    for path in map(Path.resolve, job.protected):
        if path.is_relative_to(folder):  # not a link to somewhere else
            given[path] = Layer(path, Access.READ)
    hidden = {path.resolve() for path in places.hidden}
    layers = [layer for layer in given.values() if hidden.isdisjoint((layer.path, *layer.path.parents))]
    layers += [Layer(path, Access.NONE) for path in hidden]
    return View(folder, tuple(_telling(layers)), network)


def _telling(layers: Iterable[Layer]) -> Iterator[Layer]:
    """The layers that are there and say something new, outermost first."""
    told: dict[Path, Layer] = {}
    for layer in sorted(layers, key=lambda layer: len(layer.path.parts)):
        around = next((told[parent] for parent in layer.path.parents if parent in told), None)
        says_the_same = layer.access == (around.access if around else Access.READ)
        moved = layer.source or (around and around.source)
        if not (layer.source or layer.path).exists() or (says_the_same and not moved):
            continue
        told[layer.path] = layer
        yield layer


def empty(scratch: Path, index: int) -> Path:
    """Where the empty folder is that stands for a cache in a clean run."""
    return scratch / "clean" / str(index)


def at_home(places: Places, job: Job) -> bool:
    """Whether a job works in the person's own home, as a task's preparation does."""
    return places.home is not None and places.home in job.writes


def out_of_sight(places: Places, path: Path) -> bool:
    """Whether a place lies in the person's home, and runs are not shown it."""
    if places.home is None or not path.is_relative_to(places.home):
        return False
    return not any(path.is_relative_to(place) for place in (*places.read, *places.caches))


def _closed(places: Places) -> Iterator[Path]:
    yield from VOLATILE
    if places.home is not None and places.home.resolve() != Path("/"):
        yield places.home
    if places.workspace is not None:
        yield places.workspace
        yield places.workspace / ".deep-loop"  # both also where the workspace itself is shown, as an interpreter's home
        yield from _repository(places.workspace)


def _repository(workspace: Path) -> Iterator[Path]:
    """Where the workspace's history is: in a linked worktree `.git` is a file that says where."""
    git = workspace / ".git"
    yield git
    if git.is_file():
        own = workspace / git.read_text(encoding="utf-8", errors="replace").removeprefix("gitdir:").strip()
        common = own / "commondir"
        yield own
        if common.is_file():
            yield own / common.read_text(encoding="utf-8").strip()


def _programs(env: Mapping[str, str], closed: Sequence[Path]) -> Iterator[Path]:
    """Where programs are that a run can be expected to need: ours, the task's, and what is on the search path.

    A folder on the search path that holds a closed place is too much to show.
    """
    roots = [Path(sys.prefix), Path(sys.base_prefix)]
    if prepared := env.get("UV_PROJECT_ENVIRONMENT"):
        roots.append(Path(prepared))
    for folder in (Path(text) for name in SEARCHED for text in env.get(name, "").split(os.pathsep)):
        if not folder.is_absolute() or any(place.is_relative_to(folder.resolve()) for place in closed):
            continue
        yield folder
        if (folder.parent / "pyvenv.cfg").exists() or (folder.parent / "conda-meta").exists():
            roots.append(folder.parent)
    for root in roots:
        yield root
        interpreter = (root / "bin" / "python").resolve()
        if interpreter.parent.name == "bin":
            yield interpreter.parent.parent
