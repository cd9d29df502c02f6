"""What a study may spend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a study; None is no limit."""

    max_units: int | None = None  # counted units, over all of the study's sittings
    deadline: float | None = None  # seconds since the epoch; of this sitting

    def full(self, counted: int) -> str | None:
        """Why no further unit may begin, where that is so; those begun are carried to their decision."""
        if self.max_units is not None and counted >= self.max_units:
            return f"{counted} of {self.max_units} experiments are done"
        return None

    def late(self, now: float, estimate: float) -> str | None:
        """Why no further run may start, where that is so: it would end after the deadline."""
        if self.deadline is not None and now + estimate > self.deadline:
            return "the time is up"
        return None
