"""A person's own command: it gets the message as JSON on its standard input, and in its environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event

from deep_loop.adapters.observers import program
from deep_loop.adapters.observers.message import Message, payload

SECONDS = 30.0


class Command:
    """Run once for each message, without a shell, in the workspace."""

    name = "command"

    def __init__(self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self._arguments = tuple(arguments)
        self._folder = folder
        self._environ = environ

    def send(self, message: Message, stop: Event) -> None:
        """Nothing of the message becomes a part of the command line."""
        told = {
            "DEEP_LOOP_EVENT": message.event,
            "DEEP_LOOP_TEXT": message.text,
            "DEEP_LOOP_SAFE_TEXT": message.safe,
            "DEEP_LOOP_STUDY": message.study,
            "DEEP_LOOP_VALUE": message.value,
            "DEEP_LOOP_EXPERIMENTS": message.experiments,
        }
        environ = {**self._environ, **{name: str(value) for name, value in told.items() if value is not None}}
        given = json.dumps(payload(message), ensure_ascii=False).encode()
        program.call(self._arguments, environ, stop, seconds=SECONDS, given=given, folder=self._folder)
