"""A process for the tests to kill: runs experiments on a ledger until it dies, telling each call that returned."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ledger_shelves import ML, ML_SAMPLES, TickingClock, study

from deep_loop.adapters.ledger.sqlite import SqliteLedger, studies


def tell(*words: Any) -> None:
    """One line, handed to the kernel before the next call begins."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def write(path: Path) -> None:
    """Begin the study, or go on with it, for ever."""
    known = [info.tag for info in studies(path)]
    clock = TickingClock()
    ledger = (
        SqliteLedger.load(path, "exp1", ML, clock) if known else SqliteLedger.create(path, study("exp1"), ML, clock)
    )
    tell("ready")
    while True:
        ask = ledger.ask("tuner", 0)
        tell("ask", ask.id)
        ledger.propose(ask, ML_SAMPLES.proposals[1])
        number = ledger.open(ask, ML_SAMPLES.proposals[1], counted=True).number
        tell("open", number)
        ledger.attempt(number, "abc")
        run = ledger.start(number, 1, number, "cpu0", "log").id
        tell("start", run)
        ledger.end(run, ML_SAMPLES.outcomes[0])
        tell("end", run)
        ledger.close(number, ML_SAMPLES.decisions[0])
        tell("close", number)
        ledger.settled(number)
        tell("settled", number)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
