"""OpenClaw: a model with a shell is told what has happened.

It gets the harness's own words and numbers alone. A title, a reason or an error may have been written by an agent that
experiments here, and would be read as an instruction there.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event

from deep_loop.adapters.observers import program
from deep_loop.adapters.observers.message import Message

PROGRAM = "openclaw"
SECONDS = 60.0  # a cold start of its client takes several

_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)
_PREFIXES = ("OPENCLAW_", "LC_", "XDG_")


class OpenClaw:
    """`openclaw system event --text … --mode now`, with the variables that it needs and no others."""

    name = PROGRAM

    def __init__(self, path: str, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = {n: v for n, v in environ.items() if n in _NAMES or n.startswith(_PREFIXES)}

    def send(self, message: Message, stop: Event) -> None:
        """Wake it with the message's safe text."""
        text = f"{message.title}: {message.safe}"
        arguments = (self._path, "system", "event", "--text", text, "--mode", "now")
        program.call(arguments, self._environ, stop, seconds=SECONDS)
