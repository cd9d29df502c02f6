"""Claude Code as a proposer."""

from __future__ import annotations

import time

from deep_loop.adapters.proposers.client import Client
from deep_loop.clients.claude_code import ClaudeCode, ClaudeCodeSettings
from deep_loop.clients.client import Clock, Station
from deep_loop.errors import ConfigError


def claude_code(settings: ClaudeCodeSettings, station: Station, clock: Clock = time.time) -> Client:
    """The proposer. Raises ConfigError where it is to have a shell and there is no sandbox."""
    if settings.bash and not station.confined:
        raise ConfigError(
            "[agents.claude-code] bash = true, but there is no sandbox for its commands here",
            hint="set it to false, or install bubblewrap: `deep-loop doctor` tells what is missing",
        )
    return Client(ClaudeCode(settings, station), station, clock)
