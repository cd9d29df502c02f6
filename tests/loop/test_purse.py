"""What is left of a study's money, and who may still be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from laboratory import Laboratory

from deep_loop.core.budget import Budget
from deep_loop.core.call import Usage
from deep_loop.loop.purse import Purse


def purse(root: Path, spent: Mapping[str, float], allowances: Mapping[str, float], max_usd: float | None) -> Purse:
    """That of a study in which proposers spent this much, and `investigator` never was asked."""
    ledger = Laboratory(root).ledger()
    for name, usd in spent.items():
        call = ledger.call(name, "propose", ledger.ask(name, 0))
        ledger.called(call, [Usage("m", 1000)], usd, None, "")
    lab: Any = SimpleNamespace(ledger=ledger)
    return Purse(lab, Budget(max_usd=max_usd), allowances, {"investigator": 1.0})


def test_a_first_analysis_has_a_price(tmp_path: Path) -> None:
    """By its own limit, while nothing else is known; one that costs nothing is always there."""
    rich = purse(tmp_path / "rich", {"codex": 3.0}, {}, 5.0)
    assert rich.affords("investigator", advising=True)
    assert rich.left("investigator") == 2.0
    spent = purse(tmp_path / "spent", {"codex": 5.0}, {}, 5.0)
    assert not spent.affords("investigator", advising=True)
    assert spent.affords("statistics", advising=True)
    assert spent.left("investigator") == 0.0


def test_its_own_allowance_counts_too(tmp_path: Path) -> None:
    """An agent that proposed and analyses has one for both."""
    found = purse(tmp_path / "lab", {"investigator": 3.5}, {"investigator": 4.0}, None)
    assert not found.affords("investigator", advising=True)
    assert found.left("investigator") == 0.5
    assert found.left("statistics") is None
