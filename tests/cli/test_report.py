"""progress.png and report.html."""

from __future__ import annotations

import re
import struct
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_study import Planted, small

from deep_loop.core.metric import Direction
from deep_loop.interfaces.report.figure import DPI, SIZE, Point, _scale
from deep_loop.interfaces.report.labels import Box, Label, place
from deep_loop.interfaces.report.page import page
from deep_loop.interfaces.report.write import write
from deep_loop.views import look

FRAME = Box(0, 0, 600, 400)
pixels = st.floats(min_value=0, max_value=1)
labels = st.builds(
    lambda x, y, w: Label(x * FRAME.right, y * FRAME.top, 10 + 150 * w, 12), x=pixels, y=pixels, w=pixels
)


@given(st.lists(labels, max_size=25), st.booleans())
def test_labels_never_touch(chosen: list[Label], down: bool) -> None:
    """No two overlap, none covers an obstacle, all lie in the frame; the first label always finds room."""
    obstacles = [Box(label.x, label.y, label.x, label.y).grown(4) for label in chosen]
    places = place(chosen, obstacles, FRAME, down=down)
    found = [box for box in places if box is not None]
    assert len(places) == len(chosen)
    for number, box in enumerate(found):
        assert box.within(FRAME)
        assert not any(box.meets(other) for other in obstacles)
        assert not any(box.meets(other) for other in found[number + 1 :])
    assert len(chosen) != 1 or places[0] is not None


def size(image: bytes) -> tuple[int, int]:
    """A PNG's width and height in pixels."""
    assert image.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", image[16:24])
    return width, height


def test_both_files_are_written_and_stand_alone(tmp_path: Path) -> None:
    """The figure has its size; the page holds the figure twice, refers to nothing outside, and has no script."""
    small(tmp_path)
    image, paper = write(tmp_path, None, None)
    assert (image.name, paper.name) == ("progress.png", "report.html")
    assert size(image.read_bytes()) == (SIZE[0] * DPI, SIZE[1] * DPI)
    text = paper.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 2
    assert not re.search(r'(?:src|href)="(?!data:)', text) and "<script" not in text and "url(" not in text
    assert text.count("<tr class=") == 4


def test_titles_of_any_kind_are_drawn_and_escaped(tmp_path: Path) -> None:
    """Markup, formulas and foreign scripts are text, in the figure and on the page."""
    study = Planted(tmp_path)
    study.baseline(2.5)
    study.keep("<script>alert(1)</script> & $x_{1$ \u65e5\u672c\u8a9e \\frac", 2.4)
    _, paper = write(tmp_path, None, None)
    text = paper.read_text(encoding="utf-8")
    assert "<script" not in text and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; $x_{1$" in text


def test_a_study_without_results_still_has_a_report(tmp_path: Path) -> None:
    """An empty frame, no error; so have one with a baseline only and one that only crashed."""
    study = Planted(tmp_path, direction=Direction.MAXIMIZE)
    write(tmp_path, None, None)
    study.baseline(0.5)
    write(tmp_path, None, None)
    study.crash("HEADS 4 -> 0")
    image, _ = write(tmp_path, None, None)
    assert size(image.read_bytes())[0] == SIZE[0] * DPI


def test_the_page_says_when_it_was_made(tmp_path: Path) -> None:
    """And what came of the study, in numbers."""
    small(tmp_path)
    with look(tmp_path) as lens:
        made = datetime(2026, 11, 22, 7, 12)
        text = page(lens.overview(None), lens.history(), lens.strategies(), b"light", b"dark", made)
    for part in (
        "as of 2026-11-22 07:12",
        "2.500000",
        "2.400000",
        "+4.00 %",
        "wider pays",
        "ValueError: no such width",
    ):
        assert part in text, part


@pytest.mark.parametrize("direction", list(Direction))
def test_lucky_runs_are_in_the_picture(tmp_path: Path, direction: Direction) -> None:
    """A run that looked better than all that is claimed is shown where it lies; only worse ones may be beyond."""
    sign = 1 if direction is Direction.MINIMIZE else -1
    study = Planted(tmp_path, direction=direction)
    study.baseline(5.0)
    study.keep("a", 5.0 - sign * 0.1)
    study.discard("lucky", 5.0 - sign * 0.9)
    study.discard("bad", 5.0 + sign * 3.0)
    with look(tmp_path) as lens:
        rows, seen = lens.history(), lens.overview(None)
    points = [Point(place, row.value, row) for place, row in enumerate(rows) if row.value is not None]
    scale = _scale(seen, points, points[:2])
    assert scale is not None
    assert [scale.shows(point.y) for point in points] == [True, True, True, False]
