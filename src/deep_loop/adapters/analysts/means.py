"""What analysts that ask a model's API work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deep_loop.clients.model_client import Lookup
from deep_loop.core.call import Usage
from deep_loop.ports import Executor


@dataclass(frozen=True, slots=True)
class Means:
    """What one of them is lent.

    `key` finds a key by the name of its variable, `redact` takes keys out of a text, `price` is in dollars. Logs go to
    `logs`, a file a call; what outlasts a call goes to `folder`.
    """

    key: Lookup
    redact: Callable[[str], str]
    price: Callable[[Usage], float | None]
    logs: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a model's programs run: jobs of `executor`, whose sandbox has no network."""

    executor: Executor
    logs: Path  # of its runs; not where a program could put something in their place
