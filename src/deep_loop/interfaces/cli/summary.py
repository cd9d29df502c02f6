"""What `run` says when it ends: what came of it, where it lies, what to type next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from deep_loop.interfaces.cli import words
from deep_loop.views import Overview


def lines(seen: Overview, reason: str, workspace: Path, analyses: int) -> Iterator[str]:
    """The summary of a study that stands still now; `analyses` counts its meta-analyses."""
    done = words.plural(seen.experiments, "experiment")
    yield f"study {seen.tag}: {reason}"
    yield ""
    yield (
        f"  {done} in {words.duration(seen.elapsed)}: {words.counts(seen)}; "
        f"{words.plural(analyses, 'meta-analysis', 'meta-analyses')}"
    )
    if seen.incumbent:
        best = seen.incumbent
        yield (
            f"  {seen.metric} {words.value(seen.baseline)} -> {words.value(best.value)}, "
            f"{words.gain(seen.gain, seen.relative_gain)}"
        )
        yield f"  {words.claim(best)}"
        if best.held_out is not None:
            yield f"  held-out data: {words.value(seen.baseline_held_out)} -> {words.value(best.held_out)}"
        yield f"  incumbent #{best.experiment} {best.commit[:7]} {best.title}"
    yield f"  workspace {workspace}, on branch {seen.branch}"
    yield ""
    yield "next:"
    command = words.command()
    if Path.cwd() != workspace and workspace not in Path.cwd().parents:
        yield f"  cd {shlex.quote(os.path.relpath(workspace))}"
    best_number = seen.incumbent.experiment if seen.incumbent else 0
    yield f"  {command} status"
    yield f"  {command} history"
    yield f"  {command} show {best_number}"
    yield f"  {command} report"
    yield f"  {command} run --tag {seen.tag} --max-experiments {_more(seen.experiments)}"


def _more(done: int) -> int:
    """A limit that lets the study go on."""
    return max(2 * done, 24)
