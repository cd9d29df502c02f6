"""What keeps a run in its place, by what this machine has for that: bubblewrap, else Landlock, else nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from deep_loop.adapters.executors import bubblewrap, fence, landlock
from deep_loop.adapters.executors.bubblewrap import Bubblewrap
from deep_loop.adapters.executors.fence import Landlock
from deep_loop.adapters.executors.places import View
from deep_loop.errors import ConfigError

Wanted = Literal["auto", "bubblewrap", "landlock", "off"]


class Sandbox(Protocol):
    """One way to keep a run in its place."""

    name: str
    monitored: bool  # whether its first process stays outside, and must not be asked to end
    temporary: str | None  # where a run finds its place for temporary files; None: where that is

    def wrap(self, view: View, command: Sequence[str], status: int) -> list[str]:
        """The command line that runs `command` so that it sees `view`.

        It writes JSON with the key "exit-code" to the open file `status` if it came so far as to start it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Protection:
    """One thing that is promised of runs, and whether it holds on this machine."""

    name: str
    holds: bool
    why: str  # what makes it hold, or why it does not


def choose(wanted: Wanted) -> Sandbox | None:
    """The sandbox to use: the best there is for "auto", None for "off" and where there is none.

    Raises ConfigError where the one that is named does not work here.
    """
    if wanted == "off":
        return None
    gone = {"bubblewrap": bubblewrap.missing(), "landlock": fence.missing()}
    if wanted != "auto" and (why := gone[wanted]):
        raise ConfigError(
            f'[study] sandbox = "{wanted}", but {why}',
            hint='set it to "auto" for the best that this machine has, or mend that: `deep-loop doctor` looks again',
        )
    if wanted == "bubblewrap" or (wanted == "auto" and not gone["bubblewrap"]):
        return Bubblewrap()
    return None if gone["landlock"] else Landlock()


def protections(wanted: Wanted, *, network: bool) -> tuple[Protection, ...]:
    """What holds for the runs of a study with these settings on this machine, in the order of weight.

    Raises ConfigError as `choose` does.
    """
    chosen = choose(wanted)
    linux = sys.platform == "linux"
    reasons = (bubblewrap.missing(), fence.missing())
    none = '[study] sandbox = "off"' if wanted == "off" else "; ".join(reason for reason in reasons if reason)
    by = (
        {"bubblewrap": "bubblewrap", "landlock": f"Landlock version {landlock.version()}"}[chosen.name]
        if chosen
        else ""
    )
    if chosen and chosen.name == "landlock":
        by += f" ({reasons[0]})"
    contained = isinstance(chosen, Bubblewrap)
    return (
        Protection("no key or token in its environment", True, "an allow-list"),
        Protection("own home and temporary files", True, "made for each run"),
        Protection("writes only to its folders and declared caches", bool(chosen), by or none),
        Protection("no view of the ledger, other runs, your home", bool(chosen), by or none),
        _network(chosen, by or none, asked=network),
        Protection("protected files cannot be written", contained, by if contained else "needs bubblewrap"),
        _processes(contained=contained, linux=linux),
        Protection("limits on memory and processes", linux, "counted while it runs" if linux else "needs Linux"),
        Protection("limits on disk and open files", True, "counted while it runs"),
    )


def _network(chosen: Sandbox | None, why: str, *, asked: bool) -> Protection:
    name = "no network"
    if asked:
        return Protection(name, False, "[task] network = true")
    if chosen is None or chosen.name == "bubblewrap":
        return Protection(name, chosen is not None, why)
    known = landlock.version() or 0
    if known < landlock.NETWORK_VERSION:
        return Protection(name, False, f"{why}: it knows the network from version {landlock.NETWORK_VERSION} on")
    return Protection(name, True, f"{why}; TCP only")


def _processes(*, contained: bool, linux: bool) -> Protection:
    why = "a process namespace" if contained else "a subreaper" if linux else "its process group and its mark only"
    return Protection("nothing of it outlives it", contained or linux, why)
