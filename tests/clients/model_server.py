"""A model server on loopback whose model is a Python function.

    with ModelServer(handler) as server:
        ...  # a client with http://127.0.0.1:PORT as its base address (`server.url`)

The handler gets each request that offers tools and answers with a turn: words and uses of tools, or a `Fail`, a `Hang`
or a `Reset`. Requests without tools (a title for the session) are answered "ok" and counted apart.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from tests.clients.wires import Request, Say, Use, Wire, wire

COUNTED = {"input_tokens": 123, "totalTokens": 123}


@dataclass(frozen=True, slots=True)
class Fail:
    """An HTTP error."""

    status: int
    message: str = "scripted"
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer, until the server closes or the client goes."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is cut."""


Turn = Sequence[Say | Use] | Fail | Hang | Reset
Handler = Callable[[Request], Turn]


class ModelServer:
    """Serves from entering to leaving it. `requests` are those that the handler got, `others` the rest.

    What the handler raises is raised again on leaving.
    """

    def __init__(self, handler: Handler, certificate: tuple[Path, Path] | None = None) -> None:
        """With a certificate (its file, its key's) it speaks TLS."""
        self.requests: list[Request] = []
        self.others: list[Request] = []
        self.closing = threading.Event()
        self._handler = handler
        self._failures: list[Exception] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Bound", (_Connection,), {"owner": self}))
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._failures and error is None:
            raise self._failures[0]

    def turn(self, request: Request) -> tuple[Turn, int]:
        """What to answer, and the answer's number. One at a time, so that a handler may count."""
        with self._lock:
            (self.requests if request.tools else self.others).append(request)
            number = len(self.requests) + len(self.others)
            try:
                return (self._handler(request) if request.tools else [Say("ok")]), number
            except Exception as error:
                self._failures.append(error)
                raise


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went is none of ours; what the handler raises is kept elsewhere."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ModelServer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error."""

    def do_GET(self) -> None:
        self._json({"object": "list", "data": [], "models": []}, 200 if "/models" in self.path else 404)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body, path = self._body(), self.path.partition("?")[0]
        speaks = wire(path)
        if speaks is None:
            counts = path.endswith(("/count_tokens", ":countTokens"))
            self._json(COUNTED if counts else {"error": {"message": f"no such path: {path}"}}, 200 if counts else 404)
            return
        request = speaks.request(path, {name.lower(): value for name, value in self.headers.items()}, body)
        turn, number = self.owner.turn(request)
        match turn:
            case Fail(status, message, kind, headers):
                self._json(speaks.error(status, message, kind), status, headers)
            case Hang():
                self._hang()
            case Reset():
                self._reset()
            case parts:
                self._answer(speaks, request, parts, number)

    def _answer(self, speaks: Wire, request: Request, parts: Sequence[Say | Use], number: int) -> None:
        if not (request.body.get("stream") or "stream" in request.path):
            self._json(speaks.plain(request.model, parts, number), 200)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for name, data in speaks.events(request.model, parts, number):
            text = data if isinstance(data, str) else json.dumps(data)
            self.wfile.write(f"{f'event: {name}' + chr(10) if name else ''}data: {text}\n\n".encode())
        self.wfile.flush()

    def _hang(self) -> None:
        self.connection.settimeout(0.1)
        while not self.owner.closing.is_set():
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _body(self) -> dict[str, Any]:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            raw = b""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            raw = gzip.decompress(raw)
        found = json.loads(raw) if raw else {}
        return found if isinstance(found, dict) else {}

    def _json(self, content: Mapping[str, Any], status: int, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
