"""Several processes at one file, and processes that die."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import ledger_writer
from ledger_shelves import ML, TickingClock, study

from deep_loop.adapters.ledger.sqlite import SqliteLedger, studies
from deep_loop.testing.ledger_contract import check_invariants

HAMMER = """
import sys
from pathlib import Path
from ledger_shelves import ML, TickingClock
from deep_loop.adapters.ledger.sqlite import SqliteLedger
ledger = SqliteLedger.load(Path(sys.argv[1]), "exp1", ML, TickingClock())
for index in range(50):
    print(ledger.request("meta", {"from": sys.argv[2], "index": str(index)}))
ledger.dispose()
"""
CREATOR = """
import sys
from pathlib import Path
from ledger_shelves import ML, TickingClock, study
from deep_loop.adapters.ledger.sqlite import SqliteLedger
sys.stdin.read()
SqliteLedger.create(Path(sys.argv[1]), study(sys.argv[2]), ML, TickingClock()).dispose()
"""


def python(*arguments: str) -> subprocess.Popen[str]:
    """Another process, which finds the tests' own modules beside this one."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_requests_of_two_processes_all_arrive(tmp_path: Path) -> None:
    """Two processes insert while the owner writes and serves: each request is seen once, in each sender's order."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger.create(path, study("exp1"), ML, TickingClock())
    senders = [python("-c", HAMMER, str(path), name) for name in ("a", "b")]
    served: list[tuple[int, str, int]] = []
    while len(served) < 100:
        ended = all(sender.poll() is not None for sender in senders)
        new = ledger.requests()
        for request in new:
            served.append((request.id, request.payload["from"], int(request.payload["index"])))
            ledger.serve(request.id, "done")
            ledger.ask("tuner", 0)
        assert new or not ended, f"only {len(served)} requests arrived"
    told = {int(line) for sender in senders for line in sender.communicate()[0].split()}
    assert [sender.returncode for sender in senders] == [0, 0]
    ids = [id for id, _, _ in served]
    assert ids == sorted(told) and len(told) == 100
    for name in ("a", "b"):
        assert [index for _, sender, index in served if sender == name] == list(range(50))
    assert ledger.requests() == ()
    assert len(ledger.waiting()) == 100
    ledger.dispose()


def test_two_processes_create_studies_at_once(tmp_path: Path) -> None:
    """Whoever comes first makes the file; both studies are in it."""
    path = tmp_path / "folder" / "ledger.db"
    creators = [python("-c", CREATOR, str(path), name) for name in ("a", "b", "c")]
    for creator in creators:
        assert creator.stdin is not None
        creator.stdin.close()
    for creator in creators:
        assert creator.stdout is not None
        creator.stdout.close()
        assert creator.wait() == 0
    assert {info.tag for info in studies(path)} == {"a", "b", "c"}


def killed(path: Path, lines: int) -> Sequence[list[str]]:
    """Let the writer tell that many lines, kill it in the midst of what it does then; returns all it told."""
    with python(ledger_writer.__file__, str(path)) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().split() for _ in range(lines)]
        process.kill()
        rest = process.stdout.read()
    return [*told, *(line.split() for line in rest.rpartition("\n")[0].splitlines())]


def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    """After SIGKILL at any point the ledger is consistent, and holds all that a returned call had put in."""
    path = tmp_path / "ledger.db"
    dice = random.Random(5)
    for _ in range(6):
        told = killed(path, dice.randrange(1, 60))
        ledger = SqliteLedger.load(path, "exp1", ML, TickingClock())
        check_invariants(ledger)
        lines = {record.number: record for record in [*ledger.closed(), *ledger.opened()]}
        runs = {m.id: m for record in lines.values() for m in record.measurements}
        asks = {r.ask.id for r in lines.values()} | {w.ask.id for w in ledger.waiting()}
        unsettled = {record.number for record in ledger.unsettled()}
        for what, *words in told:
            number = int(words[0]) if words else 0
            match what:
                case "ready":
                    pass
                case "ask":
                    assert number in asks
                case "open":
                    assert number in lines
                case "start":
                    assert number in runs
                case "end":
                    assert runs[number].outcome is not None
                case "close":
                    assert lines[number].order is not None
                case "settled":
                    assert number not in unsettled
                case _:
                    raise AssertionError(what)
        ledger.dispose()
