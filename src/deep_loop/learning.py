"""What a new study knows of other studies of its workspace. Part of the wiring: it names concrete classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deep_loop.errors import ConfigError

if TYPE_CHECKING:
    from deep_loop.adapters.ledger.studies import Source, StudyInfo
    from deep_loop.core.earlier import Earlier
    from deep_loop.core.lessons import Lesson

STUDIES = 5  # whose lessons are offered, the latest ones


def sources(root: Path, wanted: Sequence[str], info: StudyInfo | None) -> tuple[Source, ...]:
    """The studies that a study learns from: those that it began with, or for a new one those that are wanted.

    Raises ConfigError where a study that is known began without one that is wanted, and for an unknown tag.
    """
    from deep_loop.adapters.ledger.sqlite import LEDGER, studies
    from deep_loop.adapters.ledger.studies import Source, learned

    if info is not None:
        known = learned(root / LEDGER, info.tag)
        if missing := [tag for tag in wanted if tag not in {source.tag for source in known}]:
            raise ConfigError(
                f"the study {info.tag} began without the experiments of {', '.join(missing)}",
                hint="leave --learn-from out to go on with it, or begin a new study with another --tag",
            )
        return known
    there = [one.tag for one in studies(root / LEDGER)]
    if missing := [tag for tag in wanted if tag not in there]:
        raise ConfigError(
            f"there is no study {missing[0]!r} to learn from",
            hint=f"there are: {', '.join(there)}" if there else "`deep-loop import FILE --tag NAME` makes one of a log",
        )
    return tuple(Source(tag, _closed(root, tag)) for tag in dict.fromkeys(wanted))


def earlier(root: Path, found: Sequence[Source]) -> tuple[Earlier, ...]:
    """What these studies found, as far as it counts."""
    return tuple(_earlier(root, source) for source in found)


def lessons(root: Path, tag: str, told: Sequence[Source], until: float) -> tuple[Lesson, ...]:
    """What the latest other studies of this workspace teach, but for those of `told`, which are known in full.

    Only what was closed by `until` (seconds since the epoch) counts: a study that goes on is told what it was told.
    """
    from deep_loop.adapters.ledger.sqlite import LEDGER, studies
    from deep_loop.adapters.ledger.studies import IMPORTED, Source
    from deep_loop.core.lessons import lessons

    known = {tag, *(source.tag for source in told)}
    others = [one for one in studies(root / LEDGER) if one.tag not in known and one.mode in ("ml", IMPORTED)]
    before = [one for one in others if one.created_at <= until][-STUDIES:]
    found = [Source(one.tag, _closed(root, one.tag, until)) for one in reversed(before)]
    return lessons(earlier(root, [source for source in found if source.seen]))


def _earlier(root: Path, source: Source) -> Earlier:
    from deep_loop import config
    from deep_loop.adapters.clock import WallClock
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
    from deep_loop.core.earlier import earlier
    from deep_loop.core.experiment import ML, as_of
    from deep_loop.views.imported import measured_by
    from deep_loop.views.imported import source as described

    ledger = SqliteLedger.load(root / LEDGER, source.tag, ML, WallClock(), read_only=True)
    try:
        metric = measured_by(config.load(root), ledger.info).metric
        words = described(root, ledger.info) or f"a study of this workspace on {ledger.info.branch}"
        return earlier(source.tag, words, metric, as_of(ledger.closed(), source.seen))
    finally:
        ledger.dispose()


def _closed(root: Path, tag: str, until: float = math.inf) -> int:
    from deep_loop.adapters.clock import WallClock
    from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger
    from deep_loop.core.experiment import ML

    ledger = SqliteLedger.load(root / LEDGER, tag, ML, WallClock(), read_only=True)
    try:
        return sum(1 for e in ledger.closed() if e.closed_at is not None and e.closed_at <= until)
    finally:
        ledger.dispose()
