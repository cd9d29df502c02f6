"""Which agents are away: one absence is told once, however often the agent is tried in between."""

from __future__ import annotations

SHORT = 120.0  # seconds; who is away for less is not worth a person's attention
SETTLED = 600.0  # seconds; who is away again within this time has not been back


class Absences:
    """Times are in seconds since the epoch."""

    def __init__(self) -> None:
        self._back_since: dict[str, float | None] = {}  # who was told to be away; None while they are

    def down(self, agent: str, until: float, now: float) -> bool:
        """Take note that an agent is away; returns whether that is worth telling."""
        told = agent in self._back_since
        if not told and 0 <= until - now < SHORT:
            return False
        self._back_since[agent] = None
        return not told

    def back(self, agent: str, now: float) -> None:
        """Take note that an agent is tried again."""
        if agent in self._back_since:
            self._back_since[agent] = now

    def over(self, now: float) -> tuple[str, ...]:
        """Those who have been back for long enough to be told so; each once."""
        found = tuple(a for a, since in self._back_since.items() if since is not None and now - since >= SETTLED)
        for agent in found:
            del self._back_since[agent]
        return found
