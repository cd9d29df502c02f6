"""`deep-loop doctor`: what this machine has, and what will be used of it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from deep_loop import config
from deep_loop.adapters.executors.sandbox import Protection
from deep_loop.adapters.executors.slots import Gpu
from deep_loop.crews import Candidate
from deep_loop.interfaces.cli import options, words

AGENTS = ("claude", "codex", "opencode", "gemini", "aider")
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")
PATIENCE = 20.0  # seconds for a program to tell its version


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was looked for on the PATH."""

    name: str
    path: str | None
    version: str | None  # the first line of what `--version` printed; null where it printed nothing in time


@dataclass(frozen=True, slots=True)
class Outlet:
    """A channel of the notifications."""

    name: str
    usable: bool
    why: str  # it is or is not; never an address


@dataclass(frozen=True, slots=True)
class Use:
    """What a study in this workspace would use; outside of one, what the defaults choose."""

    proposers: tuple[str, ...]
    candidates: tuple[Candidate, ...]  # all who could propose, or could not, and why
    analysts: tuple[str, ...]
    advisers: tuple[Candidate, ...]  # all who could analyse, or could not, and why
    slots: tuple[str, ...]
    machine: str  # host and kind of device
    cpus: tuple[tuple[int, ...], ...]  # cores that each slot's runs are pinned to; empty: any
    crowding: str | None  # what a person should know where slots share cores
    protections: tuple[Protection, ...]  # of runs
    awake: str | None  # what asks the system not to sleep while a study runs
    channels: tuple[Outlet, ...]  # by which a person is told, besides notify.log


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has. Sizes in MB (2^20 bytes)."""

    python: str
    git: Program
    cores: int  # that this process may use
    load: float  # over the last minute
    memory_mb: int
    free_memory_mb: int
    free_disk_mb: int  # where the workspace is
    gpus: tuple[Gpu, ...]
    agents: tuple[Program, ...]
    keys: dict[str, bool]  # names of environment variables: set or not, never what they hold
    bubblewrap: Program
    bubblewrap_fails: str | None  # why it cannot be used
    landlock: int | None  # version of the kernel's interface
    tmux: Program
    workspace: str | None
    use: Use


@click.command()
@click.option(
    "--workspace", type=click.Path(path_type=Path), metavar="DIR", help="By default the nearest one upwards, if any."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(workspace: Path | None, as_json: bool) -> None:
    """Tell what this machine has - git, GPUs, agents, keys, sandbox, disk - and what will be used."""
    root = options.find_workspace(workspace) if workspace else config.find(Path.cwd())
    found = examine(root)
    if as_json:
        options.print_json(found)
        return
    for label, text in lines(found):
        click.echo(f"{label:<12} {text}".rstrip())


def examine(root: Path | None) -> Machine:
    """Look at the machine, and at the workspace where there is one; changes nothing.

    Raises what `config.load` raises.
    """
    import psutil

    from deep_loop.adapters.executors import bubblewrap, landlock
    from deep_loop.adapters.executors.slots import gpus

    with ThreadPoolExecutor() as pool:  # some agents take a second to tell their version
        names = ("git", "bwrap", "tmux", *AGENTS)
        programs = dict(zip(names, pool.map(find, names), strict=True))
    found = gpus()
    memory = psutil.virtual_memory()
    return Machine(
        python=f"{platform.python_version()} ({sys.executable})",
        git=programs["git"],
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        memory_mb=memory.total >> 20,
        free_memory_mb=memory.available >> 20,
        free_disk_mb=shutil.disk_usage(root or Path.cwd()).free >> 20,
        gpus=found,
        agents=tuple(programs[name] for name in AGENTS),
        keys={name: bool(os.environ.get(name)) for name in KEYS},
        bubblewrap=programs["bwrap"],
        bubblewrap_fails=bubblewrap.missing(),
        landlock=landlock.version(),
        tmux=programs["tmux"],
        workspace=str(root) if root else None,
        use=_use(root, config.load(root) if root else None, found),
    )


def find(name: str) -> Program:
    """Look a program up on the PATH and ask for its version."""
    path = shutil.which(name)
    if path is None:
        return Program(name, None, None)
    flag = "-V" if name == "tmux" else "--version"
    try:
        told = subprocess.run(
            [path, flag],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            encoding="utf-8",
            errors="replace",
        )
    except (subprocess.TimeoutExpired, OSError):
        return Program(name, path, None)
    first = (told.stdout or told.stderr).strip().splitlines()[:1]
    return Program(name, path, first[0] if first else None)


def _use(root: Path | None, settings: config.Settings | None, found: tuple[Gpu, ...]) -> Use:
    from deep_loop import council, crews, machine
    from deep_loop.adapters.executors.awake import asker
    from deep_loop.adapters.executors.slots import crowding, detect_slots
    from deep_loop.interfaces.cli.notify import channels

    slots = machine.slots(settings) if settings else detect_slots("auto", 1 if found else 0)
    command = asker()
    candidates = crews.candidates(root, settings)
    proposers = crews.names(root, settings) if root and settings else tuple(c.name for c in candidates if c.usable)
    return Use(
        proposers=proposers,
        candidates=candidates,
        analysts=council.names(root, settings, proposers),
        advisers=council.candidates(root, settings),
        slots=tuple(slot.name for slot in slots),
        machine=slots[0].machine,
        cpus=tuple(slot.cpus for slot in slots),
        crowding=crowding(slots),
        protections=machine.protections(settings),
        awake=Path(command[0]).name if command and (settings is None or settings.study.keep_awake) else None,
        channels=tuple(Outlet(one.name, one.channel is not None, one.why) for one in channels(root, settings).found),
    )


def lines(found: Machine) -> Iterator[tuple[str, str]]:
    """What was found, as labelled lines."""
    yield "python", found.python
    yield "git", _program(found.git)
    yield "cpu", f"{words.plural(found.cores, 'core')}, load {found.load:.2f}"
    yield "memory", f"{found.memory_mb / 1024:.1f} GB, {found.free_memory_mb / 1024:.1f} GB free"
    yield "disk", f"{found.free_disk_mb / 1024:.1f} GB free"
    yield "gpus", "; ".join(map(_gpu, found.gpus)) or "none"
    here = [agent for agent in found.agents if agent.path]
    for place, agent in enumerate(here):
        yield "" if place else "agents", f"{agent.name}: {_program(agent)}"
    if not here:
        yield "agents", f"none of {', '.join(AGENTS)}; none is needed"
    yield "keys", "; ".join(f"{name} {'is set' if there else 'not set'}" for name, there in found.keys.items())
    landlock_found = f"Landlock version {found.landlock}" if found.landlock else "no Landlock"
    works = f", but {found.bubblewrap_fails}" if found.bubblewrap.path and found.bubblewrap_fails else ""
    yield "sandbox", f"bubblewrap {_program(found.bubblewrap)}{works}; {landlock_found}"
    for place, each in enumerate(found.use.protections):
        yield "" if place else "runs", f"{'yes' if each.holds else 'NO ':<3} {each.name} ({each.why})"
    for place, outlet in enumerate(found.use.channels):
        yield "" if place else "notify", f"{'yes' if outlet.usable else 'NO ':<3} {outlet.name} ({outlet.why})"
    if not found.use.channels:
        yield "notify", "no channel but notify.log; [notify] in deep-loop.toml names others"
    yield "tmux", _program(found.tmux)
    yield "workspace", found.workspace or "none here; `deep-loop init PATH` makes one"
    for place, one in enumerate(found.use.candidates):
        yield "" if place else "proposers", f"{'yes' if one.usable else 'NO ':<3} {one.name} ({one.why})"
    for place, one in enumerate(found.use.advisers):
        yield "" if place else "analysts", f"{'yes' if one.usable else 'NO ':<3} {one.name} ({one.why})"
    yield "will use", f"{', '.join(found.use.proposers)} to propose, in this order"
    yield "", f"{', '.join(found.use.analysts)} to analyse, in this order"
    pinned = [
        f"{name} on cores {_cores(cpus)}" if cpus else name
        for name, cpus in zip(found.use.slots, found.use.cpus, strict=True)
    ]
    yield "", f"{words.plural(len(pinned), 'slot')}: {', '.join(pinned)}; {found.use.machine}"
    if found.use.crowding:
        yield "", found.use.crowding
    yield "", f"{found.use.awake} keeps the system awake" if found.use.awake else "nothing keeps the system from sleep"


def _gpu(gpu: Gpu) -> str:
    memory = f", {gpu.memory_mb / 1024:.0f} GB" if gpu.memory_mb is not None else ""
    return f"{gpu.index}: {gpu.name}{memory}"


def _program(program: Program) -> str:
    return program.version or "found, version unknown" if program.path else "not found"


def _cores(cpus: tuple[int, ...]) -> str:
    """Numbers of cores, ranges put together: 1-7,9."""
    parts: list[list[int]] = []
    for cpu in cpus:
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
