"""Any program that edits files as a proposer: aider, a script of one's own.

It is started in its checkout with the brief on standard input, and in the file that DEEP_LOOP_BRIEF names; what it
prints last is its statement. It is told everything anew each time. What it may do is for the sandbox to say: give it as
few keys as it needs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from deep_loop.adapters.proposers.client import Client
from deep_loop.clients.client import Call, Clock, Heard, Order, Said, Station, complaint
from deep_loop.core.call import Failure

NAME = "command"
BRIEF = "DEEP_LOOP_BRIEF"  # names the file with what it is told
MOST = 100_000  # characters of what it prints at the end that may be its statement


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSettings:
    """What a person says about their program."""

    run: str  # command for `sh`
    timeout_seconds: float = 900.0
    network: bool = True
    litter: tuple[str, ...] = (".aider*", ".aider*/**")  # what it leaves behind in its checkout


def command(settings: CommandSettings, station: Station, clock: Clock = time.time) -> Client:
    """The proposer."""
    return Client(_Dialect(settings), station, clock)


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Implements `client.Dialect`."""

    settings: CommandSettings
    name: str = NAME
    program: str = ""  # a shell decides

    @property
    def timeout_seconds(self) -> float:
        return self.settings.timeout_seconds

    @property
    def network(self) -> bool:
        return self.settings.network

    @property
    def litter(self) -> Sequence[str]:
        return self.settings.litter

    def order(self, call: Call) -> Order:
        return Order(self.settings.run, {BRIEF: str(call.prompt.absolute())})

    def heard(self, call: Call, said: Said) -> Heard:
        if said.code != 0:
            return Heard(failure=complaint(said))
        return Heard(text=said.output[-MOST:])

    def doubt(self, output: str) -> Failure | None:
        return None
