"""What every section of a brief is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deep_loop.ports import Brief
from deep_loop.prompts.account import Account
from deep_loop.prompts.fence import Fence

Way = Literal["folder", "tools"]  # how the agent works: in a folder with its own tools, or by the tools that we give it


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of everything is told."""

    rationale: int  # characters of each one
    log: int  # characters of the end of the incumbent's log
    shown: int  # near misses whose change is shown line by line
    entries: int  # of each list: hypotheses, suggestions, near misses, causes of crashes, refusals, constants
    values: int  # of each constant


# From all that helps to what must be; a brief takes the first one that leaves room for the latest experiments.
LEVELS = (Detail(500, 1500, 3, 12, 12), Detail(200, 600, 1, 8, 6), Detail(80, 0, 0, 4, 4))


@dataclass(frozen=True, slots=True)
class Told:
    """A brief on its way to text."""

    brief: Brief
    way: Way
    account: Account
    fence: Fence
    detail: Detail
    tokens: int  # of the whole; long texts get a share of it
