"""Proposers that other packages bring: entry points of the group `deep_loop.proposers`.

    [project.entry-points."deep_loop.proposers"]
    my-proposer = "my_package:make"

An entry point names a factory, `make(station, settings)`. It gets what deep-loop lends a proposer (`Station`: an
executor for its processes, a folder of its own, the keys that its settings name in `env`) and the table
`[agents.plugins.my-proposer]` of deep-loop.toml, but for `env`. It returns a `ports.Proposer` with the entry point's
name, and raises ConfigError for a setting that it does not understand. What else a proposer promises is in
`deep_loop.testing.proposer_contract`.

Nothing of a plugin is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from deep_loop.errors import ConfigError, DeepLoopError

if TYPE_CHECKING:
    from deep_loop.clients.client import Station
    from deep_loop.ports import Proposer

GROUP = "deep_loop.proposers"

Factory = Callable[["Station", Mapping[str, Any]], "Proposer"]


def proposers() -> Mapping[str, Factory]:
    """The factories of the plugins that are installed, by name. Calling one imports its plugin.

    A factory raises ConfigError where its plugin cannot be imported, or makes no proposer.
    """
    return {entry.name: partial(_made, entry) for entry in entry_points(group=GROUP)}


def _made(entry: EntryPoint, station: Station, settings: Mapping[str, Any]) -> Proposer:
    """The proposer of an entry point."""
    try:
        proposer: Proposer = entry.load()(station, settings)
    except DeepLoopError:
        raise
    except Exception as error:  # somebody else's code: what is wrong with it is said, not shown as ours
        raise _broken(entry, f"{type(error).__name__}: {error}") from error
    missing = [part for part in ("propose", "mend", "stop", "anywhere") if not hasattr(proposer, part)]
    if missing or getattr(proposer, "name", None) != entry.name:
        why = f"it has no `{missing[0]}`" if missing else f"its name is {getattr(proposer, 'name', None)!r}"
        raise _broken(entry, why)
    return proposer


def _broken(entry: EntryPoint, why: str) -> ConfigError:
    package = entry.dist.name if entry.dist else entry.value
    return ConfigError(
        f"the proposer {entry.name} of {package} cannot be used: {why}",
        hint=f'mend or update {package}, or take "{entry.name}" out of [agents] proposers',
    )
