"""How often and how long a channel is asked to take messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds."""

    most: int = 6  # messages in any `window`; more are put together
    window: float = 60.0
    first_wait: float = 1.0  # after the first failure; doubled with each more
    longest_wait: float = 300.0
    given_up: float = 12 * 3600.0  # a message that is older is sent no more
    late: float = 120.0  # a message that is older is sent with its date
    same: float = 600.0  # the same text again within this time is not sent again

    def wait(self, failures: int) -> float:
        """What to wait for after so many failures in a row."""
        return float(min(self.longest_wait, self.first_wait * 2 ** min(failures - 1, 30)))
