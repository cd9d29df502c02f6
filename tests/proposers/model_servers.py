"""Scripted model servers on loopback, in four protocols (`model_wires`), with the faults that real ones have."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from tests.proposers.model_wires import WIRES, Says, Wire
from tests.proposers.model_wires import Protocol as Protocol
from tests.proposers.model_wires import Use as Use

PATIENCE = 60.0  # seconds that a hanging answer hangs at most


@dataclass(frozen=True)
class Fails:
    """An error in the protocol's own form."""

    status: int
    kind: str = "api_error"  # "overloaded_error", "rate_limit_error", "insufficient_quota", ...
    words: str = "scripted"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sends:
    """A body as it is, whatever it means."""

    body: bytes
    type: str = "application/json"
    status: int = 200


@dataclass(frozen=True)
class Hangs:
    """Takes the request and never answers."""


@dataclass(frozen=True)
class Resets:
    """Takes the request and resets the connection."""


Turn = Says | Fails | Sends | Hangs | Resets


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    json: Any
    at: float  # of time.monotonic


class ModelServer:
    """`script` is a list of turns, or is called with the number of the request, from 1. A list's last turn stays.

    A context: it serves between enter and exit.
    """

    def __init__(
        self,
        protocol: Protocol,
        script: Sequence[Turn] | Callable[[int], Turn],
        *,
        also: Mapping[str, Any] = MappingProxyType({}),  # put into every good answer that is not streamed
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.protocol = protocol
        self.got: list[Got] = []
        self._script = script
        self._also = also
        self._lock = threading.Lock()
        self._over = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._secure = tls is not None
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """As the client of the protocol expects it."""
        root = f"http{'s' if self._secure else ''}://127.0.0.1:{self.port}"
        return f"{root}/v1" if self.protocol in ("openai", "responses") else root

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def said(self, number: int = -1) -> str:
        """All that one request says, as text."""
        return json.dumps(self.got[number].json, ensure_ascii=False)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers.get("Content-Length", 0))))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            self.got.append(Got(handler.path, headers, body, time.monotonic()))
            number = len(self.got)
        wire = WIRES[self.protocol](body)
        if not handler.path.endswith(wire.path):
            return _answer(handler, 404, wire.error("not_found_error", handler.path))
        if problem := wire.problem():
            return _answer(handler, 400, wire.error("invalid_request_error", problem))
        turn = self._script(number) if callable(self._script) else self._script[min(number, len(self._script)) - 1]
        return self._turn(handler, wire, turn)

    def _turn(self, handler: BaseHTTPRequestHandler, wire: Wire, turn: Turn) -> None:
        match turn:
            case Says() if wire.body.get("stream"):
                events = "".join(wire.stream(turn)).encode()
                _answer(handler, 200, events, {"Content-Type": "text/event-stream"}, cut_after=turn.cut_after)
            case Says():
                message = {**wire.message(turn), **self._also}
                _answer(handler, 200, json.dumps(message).encode(), cut_after=turn.cut_after)
            case Fails(status, kind, words, headers):
                _answer(handler, status, wire.error(kind, words), headers)
            case Sends(sent, type, status):
                _answer(handler, status, sent, {"Content-Type": type})
            case Hangs():
                self._over.wait(PATIENCE)
                handler.close_connection = True
            case Resets():
                linger = struct.pack("ii", 1, 0)  # closing then sends RST
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                handler.connection.close()
                handler.close_connection = True


def _answer(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    cut_after: int | None = None,
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:cut_after])
    handler.close_connection = cut_after is not None
