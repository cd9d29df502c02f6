"""Reading programs' texts."""

from __future__ import annotations

import ast
import gc
import inspect
import sys
import threading
from collections.abc import Iterator

import pytest

from deep_loop.core import syntax
from deep_loop.core.syntax import parse


class _Litter:
    """Garbage whose collection runs Python code, so that another thread may get its turn."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(50))


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that take turns as often as they can, and a collector that is always at work."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("restless")
def test_threads_may_parse_at_the_same_time() -> None:
    """CPython 3.11 then raises SystemErrors, some dozens in as many calls as here; none may end a study."""
    text = inspect.getsource(syntax)
    found: list[object] = []

    def work() -> None:
        for _ in range(40):
            _ = [_Litter() for _ in range(20)]
            try:
                found.append(parse(text))
            except SystemError as error:
                found.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert all(isinstance(one, ast.Module) for one in found)
