"""An agent's statement of its hypothesis, read from its last message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deep_loop.core.experiment import Idea
from deep_loop.ports import Brief

SCHEMA: Mapping[str, Any] = {}  # JSON schema of the statement, for clients that can be held to one


def read(text: str, brief: Brief) -> Idea | None:
    """The idea that a last message states; None where it states none, or says that there is nothing to propose."""
    raise NotImplementedError
