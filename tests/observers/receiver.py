"""A server on loopback that takes what is posted to it, and answers as a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 30.0  # seconds that a test waits for what has to come


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float  # of time.monotonic

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What a request gets."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)


class Receiver:
    """`answer` is called with the number of the request, from 1; None never answers.

    A context: it serves between enter and exit.
    """

    def __init__(self, answer: Callable[[int], Answer] | None = lambda number: Answer()) -> None:
        self.got: list[Got] = []
        self._answer = answer
        self._lock = threading.Lock()
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver._lock:
                    receiver.got.append(Got(self.path, headers, body, time.monotonic()))
                    number = len(receiver.got)
                if receiver._answer is None:
                    receiver._over.wait(PATIENCE * 4)
                    return
                answer = receiver._answer(number)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str = "/hook", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}{path}"

    @property
    def told(self) -> list[str]:
        """The texts of what a webhook posted."""
        return [got.json["data"]["text"] for got in self.got]


def eventually(holds: Callable[[], object], what: str = "") -> None:
    """Wait until something holds; a test that waits for too long fails."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, what or "it never came"
        time.sleep(0.01)
