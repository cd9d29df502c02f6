"""This machine, as the settings of a study use it. Part of the wiring: it names concrete classes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deep_loop.adapters.executors.local import LocalExecutor
    from deep_loop.adapters.executors.meter import Limits
    from deep_loop.adapters.executors.sandbox import Protection, Sandbox
    from deep_loop.config import Settings
    from deep_loop.ports import Slot

STATE = ".deep-loop"  # of a workspace
MEMORY_SHARE = 0.9  # of the machine's, for one run; the harness and the system need the rest
DISK_SHARE = 0.5  # of what is free, for one run; the ledger and the logs need the rest


def slots(settings: Settings, wanted: int | None = None) -> tuple[Slot, ...]:
    """The slots that a study with these settings runs in; `wanted` goes over them. Raises ConfigError."""
    from deep_loop.adapters.executors.slots import detect_slots, gpus

    per_run = settings.task.gpus_per_run
    return detect_slots(wanted or settings.study.slots, (1 if gpus() else 0) if per_run == "auto" else per_run)


def executor(root: Path, settings: Settings, tag: str, slots: Sequence[Slot]) -> LocalExecutor:
    """What runs a study's jobs here; raises ConfigError where the sandbox that is asked for is missing."""
    from deep_loop.adapters.executors.lease import Leases, shared_folder
    from deep_loop.adapters.executors.local import LocalExecutor
    from deep_loop.adapters.executors.places import Places
    from deep_loop.adapters.executors.slots import crowding

    task, wanted = settings.task, settings.study.sandbox
    fence = sandbox(settings)
    made = LocalExecutor(
        slots,
        sandbox=fence,
        places=Places(
            home=home(),
            workspace=root.resolve(),
            read=(*_places(root, task.read), *(root / link for link in task.link)),
            caches=tuple(_places(root, task.caches)),
            hidden=tuple(place for pattern in task.holdout.files for place in root.glob(pattern)),
        ),
        network=task.network,
        limits=limits(root, settings),
        leases=Leases(shared_folder(os.environ), f"{tag} in {root}"),
        scratch_root=root.resolve() / STATE / "tmp",
        passed=task.env,
    )
    if (words := crowding(slots)) is not None:
        made.notices.append(words)
    if fence is None and wanted != "off":
        made.notices.append("this machine has no sandbox for runs: they may do what you may do (`deep-loop doctor`)")
    return made


def sandbox(settings: Settings) -> Sandbox | None:
    """What keeps runs and agents in their place; raises ConfigError where the one that is asked for is missing."""
    from deep_loop.adapters.executors.sandbox import choose

    return choose(settings.study.sandbox)


def protections(settings: Settings | None) -> tuple[Protection, ...]:
    """What holds for runs with these settings, or with the defaults, on this machine. Raises ConfigError."""
    from deep_loop.adapters.executors.sandbox import protections

    if settings is None:
        return protections("auto", network=False)
    return protections(settings.study.sandbox, network=settings.task.network)


def prepared(root: Path, settings: Settings) -> tuple[Path, ...]:
    """Where the task's preparation may write: it is the person's own program, and works in their home."""
    own = home()
    return (root.resolve() / STATE / "env", *_places(root, settings.task.read), *((own,) if own else ()))


def home() -> Path | None:
    """The person's home, where there is one."""
    home = Path.home().resolve()
    return home if home.is_dir() else None


def _places(root: Path, texts: Sequence[str]) -> Iterator[Path]:
    """Places of the settings: absolute, in the person's home, or relative to the workspace."""
    for text in texts:
        yield (root / Path(text).expanduser()).resolve()


def limits(root: Path, settings: Settings) -> Limits:
    """What a run may take of this machine."""
    import psutil

    from deep_loop.adapters.executors.meter import GIB, Limits

    task = settings.task
    memory = MEMORY_SHARE * psutil.virtual_memory().total if task.memory_gb is None else task.memory_gb * GIB
    disk = DISK_SHARE * shutil.disk_usage(root).free if task.disk_gb is None else task.disk_gb * GIB
    return Limits(int(memory), task.processes, int(disk), task.open_files)
