"""Both files, from the ledger to the workspace."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from deep_loop.adapters.workspace.lock import Owner
from deep_loop.interfaces.report.figure import DARK, draw
from deep_loop.interfaces.report.page import page
from deep_loop.views import look


def write(root: Path, tag: str | None, owner: Owner | None) -> tuple[Path, Path]:
    """Write `progress.png` and `report.html` of a study into its workspace; returns their paths."""
    with look(root, tag, owner) as lens:
        seen, rows, revisions = lens.overview(owner), lens.history(), lens.strategies()
        odd = lens.anomalies()
    light = draw(seen, rows, revisions)
    document = page(seen, rows, revisions, light, draw(seen, rows, revisions, DARK), datetime.now(), odd)
    image, paper = root / "progress.png", root / "report.html"
    image.write_bytes(light)
    paper.write_text(document, encoding="utf-8")
    return image, paper
