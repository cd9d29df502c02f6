"""Making many values at once without looking for cycles among them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection while the block lasts, which should be a second at most.

    CPython looks for cycles whenever some hundred containers were made. Where ten thousand experiments become values
    without any, that is half of the time; Mercurial does the same where it builds large tables (`util.nogc`).
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
