"""Where the labels of points can stand without touching anything: plain geometry, in pixels, y upwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RADII = (7.0, 16.0, 28.0, 42.0, 60.0, 82.0, 108.0, 140.0)  # from the point to the label's nearest corner
GAP = 2.0  # kept free around a label


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether the two share more than a border."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def within(self, other: Box) -> bool:
        """Whether all of it lies in the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )

    def grown(self, by: float) -> Box:
        """The same with a margin."""
        return Box(self.left - by, self.bottom - by, self.right + by, self.top + by)


@dataclass(frozen=True, slots=True)
class Label:
    """A text of that size for a point."""

    x: float
    y: float
    width: float
    height: float


def place(labels: Sequence[Label], obstacles: Sequence[Box], frame: Box, *, down: bool) -> list[Box | None]:
    """A place for each label, the first ones first; None where every candidate is taken.

    No two places meet, none meets an obstacle, and all lie within the frame. A curve that falls from left
    to right leaves free what lies below and to the left of it, so candidates there come first with `down`;
    a rising curve leaves free what lies above.
    """
    taken = list(obstacles)
    found: list[Box | None] = []
    for label in labels:
        free = (
            box
            for box in _candidates(label, down)
            if box.within(frame) and not any(box.grown(GAP).meets(other) for other in taken)
        )
        box = next(free, None)
        found.append(box)
        if box is not None:
            taken.append(box)
    return found


def _candidates(label: Label, down: bool) -> Sequence[Box]:
    """Boxes around a point, near ones first, in the preferred directions first."""
    away, back = (-1, 1) if down else (1, -1)  # upwards or downwards: where the curve leaves room, and where not
    directions = ((-1, away), (1, back), (0, away), (1, away), (-1, back), (0, back))
    return [_box(label, radius, x, y) for radius in RADII for x, y in directions]


def _box(label: Label, radius: float, x: int, y: int) -> Box:
    """The label's box with its nearest corner, or edge where x is 0, `radius` away from the point."""
    step = radius * 0.7 if x else radius
    left = label.x + x * step - (label.width if x < 0 else 0 if x > 0 else label.width / 2)
    bottom = label.y + y * step - (label.height if y < 0 else 0)
    return Box(left, bottom, left + label.width, bottom + label.height)
