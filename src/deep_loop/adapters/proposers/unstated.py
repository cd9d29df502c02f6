"""An idea for a change whose proposer does not say what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deep_loop.clients.looks import fitting, look
from deep_loop.core.experiment import Change, Idea
from deep_loop.ports import Brief, Files

TITLE = 120  # characters
RATIONALE = 2000
OTHER = "other"


def idea(text: str, brief: Brief, checkout: Path) -> Idea:
    """An idea from a last message that is no statement, and from the change itself."""
    changed = _changed(brief, checkout)
    moves = moved(brief.files, changed)
    kind = brief.terms.taxonomy.kind_of(moves[0].name) if moves else OTHER
    title = _first_line(text) or ", ".join(f"{move.name} {move.before} -> {move.after}" for move in moves)
    return Idea(
        title=_cut(title or f"changes {', '.join(changed) or 'nothing that is editable'}", TITLE),
        kind=kind if kind in brief.terms.kinds else OTHER,
        rationale=_cut(" ".join(text.split()), RATIONALE),
        changes=moves,
    )


def _changed(brief: Brief, checkout: Path) -> dict[str, str]:
    """The editable files that differ from the base, as they are now."""
    found = {}
    for path in sorted(fitting(look(checkout), brief.terms.editable)):
        place = checkout / path
        if place.is_file() and not place.is_symlink():
            text = place.read_bytes().decode(errors="replace")
            if text != brief.files.get(path):
                found[path] = text
    return found


def moved(before: Files, changed: Mapping[str, str]) -> tuple[Change, ...]:
    """The constants that a change moves; none where it changes anything else."""
    from deep_loop import knobs  # libcst is slow to load, and most changes are stated

    found: list[Change] = []
    for path, text in changed.items():
        try:
            layout = knobs.parse(before.get(path, ""))
        except knobs.KnobError:
            return ()
        new = layout.fit(text)
        if new is None:
            return ()
        pairs = zip(layout.knobs, new.knobs, strict=True)
        found += [Change(old.name, old.source, knob.source) for old, knob in pairs if old.source != knob.source]
    return tuple(found)


def _first_line(text: str) -> str:
    """The first line that says something, without the marks of Markdown."""
    lines = (line.strip().lstrip("#>*-` ").rstrip("`* ") for line in text.splitlines())
    return next((" ".join(line.split()) for line in lines if any(c.isalnum() for c in line)), "")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
