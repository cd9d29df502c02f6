"""The machine's clock."""

from __future__ import annotations

import time


class WallClock:
    """Implements `ports.Clock`."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()
