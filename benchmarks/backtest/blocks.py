"""The task: a log frozen after k = 20, 40, … experiments, and which of the next 20 are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.backtest.logs import Log, Row
from deep_loop.core.prospect import Tried

STEP = 20  # experiments


@dataclass(frozen=True, slots=True)
class Block:
    """One log at one moment."""

    log: Log
    seen: int  # experiments that are known
    ahead: tuple[Row, ...]  # of the next ones, those whose descriptions do not state their outcome

    @property
    def past(self) -> list[Tried]:
        """What is known, oldest first."""
        return [row.tried for row in self.log.rows[: self.seen]]

    @property
    def kept(self) -> list[bool]:
        """What is to be predicted."""
        return [row.tried.kept for row in self.ahead]


def blocks(logs: Sequence[Log]) -> Iterator[Block]:
    """All blocks of the logs whose descriptions were written before the run; a log's last block may be shorter."""
    for log in logs:
        for seen in range(STEP, len(log.rows), STEP) if log.before else ():
            ahead = tuple(row for row in log.rows[seen : seen + STEP] if not row.states_outcome)
            if ahead:
                yield Block(log, seen, ahead)
