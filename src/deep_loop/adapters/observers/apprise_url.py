"""Apprise: one address for each of the services that people read (Slack, Discord, Telegram, ntfy, e-mail, …).

The library is an extra, imported where a channel is made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Event, get_ident
from typing import Any

from deep_loop.adapters.observers.channel import ChannelError
from deep_loop.adapters.observers.message import Kind, Message, one_line

LOGGER = "apprise"
EXTRA = "Apprise is not installed; it is the extra `notify`: pip install apprise"
TYPES: dict[Kind, str] = {
    "crash": "failure",
    "agent_down": "warning",
    "budget": "warning",
    "plateau": "warning",
    "major_breakthrough": "success",
    "breakthrough": "success",
    "significant_gain": "success",
    "done": "success",
}


class Unusable(ValueError):
    """There is no channel behind an address; the text says why."""


class AppriseUrl:
    """One address. What Apprise sends for it to several targets may reach some of them again when others failed."""

    def __init__(self, url: str) -> None:
        """Raises Unusable where Apprise is not installed, or does not know what to do with the address."""
        if find_spec("apprise") is None:
            raise Unusable(EXTRA)
        import apprise

        asset = apprise.AppriseAsset(
            app_id="deep-loop",
            app_desc="deep-loop",
            storage_mode="memory",
            async_mode=False,  # in our thread, which ends with the process; Apprise's own would be waited for
            service_timeout=0,
        )
        self._apprise: Any = apprise.Apprise(asset=asset)
        with _heard() as said:
            if not self._apprise.add(url):
                raise Unusable("Apprise does not understand this address" + _last(said))
        self.name = "-".join(str(self._apprise[0].service_name).lower().split())  # slack, discord, e-mail, ...

    def send(self, message: Message, stop: Event) -> None:
        """Send the message's text; Apprise has time limits of its own."""
        kind = TYPES.get(message.event, "info")
        with _heard() as said:
            taken = self._apprise.notify(body=message.text, title=message.title, notify_type=kind, body_format="text")
        if not taken:
            raise ChannelError(f"Apprise could not send it{_last(said)}")


class _Ear(logging.Handler):
    """Keeps what one thread logs, so that it is printed nowhere and the last of it can be told, redacted."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.said.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    logger, ear = logging.getLogger(LOGGER), _Ear()
    logger.addHandler(ear)
    try:
        yield ear.said
    finally:
        logger.removeHandler(ear)


def _last(said: list[str]) -> str:
    return f": {one_line(said[-1])}" if said else ""
