"""Logs of other systems into a study of a workspace. Part of the wiring: it names concrete classes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deep_loop.errors import DeepLoopError, WorkspaceError

if TYPE_CHECKING:
    from deep_loop.adapters.ledger.imports import Batch, Log
    from deep_loop.adapters.ledger.studies import StudyInfo
    from deep_loop.core.experiment import Closing, Outcome, Proposal
    from deep_loop.core.metric import Metric
    from deep_loop.foreign.layout import Wishes
    from deep_loop.foreign.reading import Reading

LARGEST = 256 * 1024 * 1024  # bytes of one log
GENERIC = frozenset(("results", "result", "autoresearch", "autoresearch-results", "experiments", "log", "logs", "runs"))


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one file."""

    path: Path
    reading: Reading
    new: int  # experiments that the study did not have yet
    known: int  # those that it had: the file was imported before, whole or as far as it went then


@dataclass(frozen=True, slots=True)
class Intake:
    """What came of an import, or would come of it."""

    tag: str
    study: str  # "new", "grows" or "unchanged"
    files: Sequence[Imported]

    @property
    def new(self) -> int:
        """Experiments that were entered."""
        return sum(file.new for file in self.files)


def take_in(root: Path, paths: Sequence[Path], tag: str | None, wishes: Wishes, *, dry: bool = False) -> Intake:
    """Read the files and enter their experiments into one imported study, all of them or none.

    Without a tag the study is called after the first file. What was imported before is not entered again: a log that
    has grown since brings its new rows. Raises WorkspaceError for a file that is no log, for one of another metric than
    the study's, and where the tag is that of a study that was run here.
    """
    from deep_loop import config
    from deep_loop.adapters.clock import WallClock
    from deep_loop.adapters.ledger.imports import enter, logs
    from deep_loop.adapters.ledger.sqlite import LEDGER, studies, upgrade
    from deep_loop.adapters.workspace.git import GitWorkspace
    from deep_loop.core.experiment import ML

    task = config.load(root).task
    ledger, named = root / LEDGER, tag or tag_of(paths[0])
    workspace = GitWorkspace(
        root, tag=named, branch=f"deep-loop/{named}", editable=task.editable, protected=task.protected
    )
    upgrade(ledger)
    info = next((known for known in studies(ledger) if known.tag == named), None)
    reader = _Reader(wishes, _metric(info, named), list(logs(ledger, named)))
    found = [reader.read(path) for path in paths]
    if info is not None and tag is None and any(file.known == 0 for file in found):
        raise WorkspaceError(
            f"there is an imported study {named!r} already, of another log",
            hint=f"name this one: `--tag NAME`; or add to that one: `--tag {named}`",
        )
    if reader.batches and not dry:
        clock = WallClock()
        workspace.keep_out_of_git()
        enter(ledger, info or _info(named, reader, clock.time()), ML, reader.batches, clock)
    study = "new" if info is None else "grows" if reader.batches else "unchanged"
    return Intake(named, study, found)


def tag_of(path: Path) -> str:
    """What a study is called after its log: the file's name, or its folder's where that says more."""
    stem = path.stem if path.stem.casefold() not in GENERIC else path.absolute().parent.name or path.stem
    return re.sub(r"[^A-Za-z0-9]+", "-", stem).casefold()[:40].strip("-") or "imported"


@dataclass
class _Reader:
    """Reads one file after the other, as parts of one study."""

    wishes: Wishes
    metric: Metric | None  # the study's, once it has one
    known: list[Log]
    batches: list[Batch[Proposal, Outcome, Closing]] = field(default_factory=list)

    def read(self, path: Path) -> Imported:
        """What a file holds; what of it the study does not have yet becomes a batch."""
        from deep_loop.adapters.ledger.imports import Batch, Log
        from deep_loop.foreign.experiments import experiments

        data = _bytes(path)
        before = next((log for log in self.known if _begins_with(data, log)), None)
        reading = _reading(path, data, self._wishes(before))
        self._same_metric(path, reading)
        first = before.first if before else sum(log.units for log in self.known)
        units = experiments(reading, path.name, first)
        fresh = [unit for unit in units if before is None or unit.line > before.last]
        had = len(units) - len(fresh)
        if before is not None:
            self._same_log(path, before, had, grown=bool(fresh))
        if fresh:
            digest = hashlib.sha256(data).hexdigest()
            log = Log(path.name, digest, len(data), first, len(units), units[-1].line if units else 0)
            self.batches.append(Batch(log, fresh, before))
            self.known = [*(one for one in self.known if one is not before), log]
        return Imported(path, reading, len(fresh), had)

    def _wishes(self, before: Log | None) -> Wishes:
        """What a person says; a log that was imported is read with the metric that was found then."""
        if before is None or self.metric is None or self.wishes.metric is not None:
            return self.wishes
        direction = self.wishes.direction or self.metric.direction
        return replace(self.wishes, metric=self.metric.name, direction=direction)

    def _same_metric(self, path: Path, reading: Reading) -> None:
        self.metric = self.metric or reading.metric
        if reading.measured and reading.metric != self.metric:
            raise WorkspaceError(
                f"{path} measures {_told(reading.metric)}, and the study {_told(self.metric)}",
                hint="import it under another `--tag`, or say what it measures with --metric and --direction",
            )

    def _same_log(self, path: Path, before: Log, had: int, *, grown: bool) -> None:
        if had != before.units:
            raise WorkspaceError(
                f"{path} gave {before.units} experiments when it was imported, and the same lines give {had} now",
                hint="to read it in another way, import it under another `--tag`",
            )
        if grown and before is not self.known[-1]:
            raise WorkspaceError(
                f"{path} has grown since it was imported, and another log was imported after it",
                hint="import it under another `--tag`",
            )


def _metric(info: StudyInfo | None, tag: str) -> Metric | None:
    """The metric of an imported study; None where there is none yet. Raises where the tag is taken otherwise."""
    from deep_loop.core.metric import Direction, Metric
    from deep_loop.views.imported import is_imported

    if info is None:
        return None
    if not is_imported(info):
        raise WorkspaceError(
            f"{tag!r} is a study that was run here: nothing is imported into it", hint="choose another `--tag`"
        )
    measured = json.loads(info.settings)["task"]["metric"]
    return Metric(measured["name"], Direction(measured["direction"]))


def _info(tag: str, reader: _Reader, now: float) -> StudyInfo:
    from deep_loop.adapters.ledger.studies import IMPORTED, StudyInfo
    from deep_loop.views.imported import described

    assert reader.metric is not None  # a file was read
    settings = described(reader.metric, sum(len(batch.units) for batch in reader.batches))
    return StudyInfo(tag, IMPORTED, f"deep-loop/{tag}", 0, settings, "", now)


def _told(metric: Metric) -> str:
    return f"{metric.name} ({metric.direction.value})"


def _begins_with(data: bytes, log: Log) -> bool:
    """Whether the log that was imported is these bytes, or their beginning."""
    return log.size <= len(data) and hashlib.sha256(data[: log.size]).hexdigest() == log.digest


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise WorkspaceError(f"{path} is larger than {LARGEST >> 20} MB", hint="cut it into parts")
        return path.read_bytes()
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be read: {error.strerror}", hint="see that it is a file of yours"
        ) from error


def _reading(path: Path, data: bytes, wishes: Wishes) -> Reading:
    from deep_loop.foreign.reading import read

    try:
        return read(data, wishes)
    except DeepLoopError as error:
        raise WorkspaceError(f"{path}: {error}", hint=error.hint) from error
