"""Calls under way, each in an event loop of its own thread, that another thread can end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Calls:
    """Runs coroutines for threads that wait for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._going: dict[asyncio.AbstractEventLoop, asyncio.Task[Any]] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises; CancelledError where `stop` was called, before or meanwhile."""
        loop = asyncio.new_event_loop()
        task = loop.create_task(work)
        with self._lock:
            self._going[loop] = task
            if self._stopped:
                task.cancel()
        try:
            return loop.run_until_complete(task)
        finally:
            with self._lock:
                del self._going[loop]
            # Not asyncio.Runner: that waits for threads too, such as one that looks up a name of a dead network.
            for left in asyncio.all_tasks(loop):
                left.cancel()
                loop.run_until_complete(asyncio.wait([left]))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def stop(self) -> None:
        """Cancel what is under way, and whatever begins later."""
        with self._lock:
            self._stopped = True
            for loop, task in self._going.items():
                loop.call_soon_threadsafe(task.cancel)
