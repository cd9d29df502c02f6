"""What a channel is: a way to a person, or to a program, that a message goes."""

from __future__ import annotations

from threading import Event
from typing import Protocol

from deep_loop.adapters.observers.message import Message


class ChannelError(Exception):
    """A channel did not take a message; the text says why, in a few words.

    `lasting`: the same message will not go through later either. `wait`: seconds after which the other side wants to
    be asked again, where it said so.
    """

    def __init__(self, why: str, *, lasting: bool = False, wait: float | None = None) -> None:
        super().__init__(why)
        self.lasting = lasting
        self.wait = wait


class Channel(Protocol):
    """One way out. It is called from one thread at a time."""

    name: str  # what a person calls it; without secrets

    def send(self, message: Message, stop: Event) -> None:
        """Hand a message over. May take a while, but always ends; sooner where `stop` is set, if it can.

        Raises ChannelError.
        """
        ...
