"""Those who propose, as the settings of a study name them. Part of the wiring: it names concrete classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deep_loop.config import Settings
    from deep_loop.core.call import Usage
    from deep_loop.ports import Proposer


def names(root: Path, settings: Settings, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Who proposes, in order of preference; `asked` goes over the settings, and "auto" is what this machine has."""
    if asked:
        return tuple(asked)
    wanted = settings.agents.proposers
    if settings.agents.mixture and wanted == "auto":
        return tuple(settings.agents.mixture)
    return ("tuner",) if wanted == "auto" else wanted


def crew(root: Path, settings: Settings, tag: str, named: Sequence[str]) -> Sequence[Proposer]:
    """The proposers of these names; raises ConfigError where one cannot be made."""
    from deep_loop.adapters.proposers.tuner import Tuner

    return [Tuner() for name in named if name == "tuner"]


def allowances(settings: Settings) -> Mapping[str, float]:
    """Dollars that single proposers may spend."""
    agents = settings.agents
    tables = {
        "claude-code": agents.claude_code,
        "codex": agents.codex,
        "opencode": agents.opencode,
        "gemini": agents.gemini,
        "command": agents.command,
        "model": agents.model,
    }
    return {name: table.max_cost_usd for name, table in tables.items() if table.max_cost_usd is not None}


def prices(settings: Settings) -> Callable[[Usage], float | None]:
    """What a usage costs, in dollars."""
    return lambda usage: None
