"""A brief as text."""

from __future__ import annotations

from typing import Literal

from deep_loop.ports import Brief, Objection

TOKENS = 24_000  # of a whole brief; the editable files come on top where the agent cannot read them itself

Way = Literal["folder", "tools"]  # how the agent works: in a folder with its own tools, or by the tools that we give it


def render(brief: Brief, way: Way, tokens: int = TOKENS) -> str:
    """All that an agent is told when it is asked for a proposal."""
    raise NotImplementedError


def returned(brief: Brief, objection: Objection, way: Way, *, knows: bool) -> str:
    """What an agent is told when its change comes back. `knows`: it goes on in the session in which it made it."""
    raise NotImplementedError
