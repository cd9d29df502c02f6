"""What an experiment costs does not grow with the study, and looking costs little."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledger_shelves import ML, ML_SAMPLES, TickingClock, study

from deep_loop.adapters.ledger.sqlite import SqliteLedger


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of a study with 800 closed lines, written without waiting for the disk."""
    path = tmp_path_factory.mktemp("cost") / "ledger.db"
    ledger = SqliteLedger.create(path, study("long"), ML, TickingClock())
    ledger._database._connection.execute("PRAGMA synchronous = OFF")
    for _ in range(800):
        experiment(ledger)
    ledger.dispose()
    return path


def experiment(ledger: SqliteLedger[Any, Any, Any]) -> None:
    """All the calls that one experiment makes, with another's replicate and a request; the first is refused once."""
    if not ledger.counted():
        ledger.refuse(ledger.ask("tuner", 0), "a duplicate", ML_SAMPLES.proposals[0])
    ask = ledger.ask("tuner", 0)
    ledger.propose(ask, ML_SAMPLES.proposals[1])
    ledger.waiting()
    ledger.refusals(8)
    number = ledger.open(ask, ML_SAMPLES.proposals[1], counted=True).number
    ledger.attempt(number, "abc")
    ledger.end(ledger.start(number, 1, number, "cpu0", "log").id, ML_SAMPLES.outcomes[0])
    ledger.end(ledger.start(max(number - 1, 0), 1, number, "cpu0", "log").id, ML_SAMPLES.outcomes[0])
    ledger.opened()
    ledger.close(number, ML_SAMPLES.decisions[1])
    ledger.closed()
    ledger.unsettled()
    ledger.settled(number)
    ledger.record(number)
    ledger.counted()
    ledger.request("pause", {})
    for request in ledger.requests():
        ledger.serve(request.id, "done")


def steps(ledger: SqliteLedger[Any, Any, Any], call: Callable[[], object]) -> int:
    """How many instructions of its virtual machine SQLite runs for a call: exact, the same on every machine."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    connection = ledger._database._connection
    connection.set_progress_handler(tick, 1)
    call()
    connection.set_progress_handler(None, 1)
    return count


def test_an_experiment_costs_the_same_at_the_end(path: Path, tmp_path: Path) -> None:
    """SQLite does no more for the 801st experiment than for the tenth, give or take a tenth."""
    young = SqliteLedger.create(tmp_path / "young.db", study("young"), ML, TickingClock())
    for _ in range(9):
        experiment(young)
    young.closed()
    at_first = steps(young, lambda: experiment(young))
    old = SqliteLedger.load(path, "long", ML, TickingClock())
    old.closed()
    at_last = steps(old, lambda: experiment(old))
    young.dispose()
    old.dispose()
    assert at_last < 1.1 * at_first


def test_reading_again_reads_only_what_is_new(path: Path) -> None:
    """`closed` costs by what changed: nothing new, one line more, a closed line's replicate."""
    ledger = SqliteLedger.load(path, "long", ML, TickingClock())
    everything = steps(ledger, ledger.closed)
    idle = steps(ledger, ledger.closed)
    experiment(ledger)
    one_more = steps(ledger, ledger.closed)
    ledger.end(ledger.start(700, 1, 3, "cpu0", "log").id, ML_SAMPLES.outcomes[0])
    replicate = steps(ledger, ledger.closed)
    assert ledger.closed() is ledger.closed()
    ledger.dispose()
    assert idle < 40
    assert one_more < everything / 100
    assert replicate < everything / 100


def test_looking_needs_no_schema(path: Path) -> None:
    """Listing studies and counting lines imports none of the heavy libraries."""
    program = f"""
import sys
from pathlib import Path
from deep_loop.adapters.ledger.sqlite import SqliteLedger, studies
from deep_loop.core.experiment import ML
path = Path({str(path)!r})
(info,) = studies(path)
ledger = SqliteLedger.load(path, info.tag, ML, None, read_only=True)
assert ledger.counted() >= 800 and ledger.info == info
ledger.dispose()
heavy = {{"pydantic", "numpy", "scipy", "pandas", "asyncio"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)
