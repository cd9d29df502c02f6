"""What tests of analysts that use a model start from: a case, a revision, and analysts that ask a scripted server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from analyst_studies import FILE, dossier, experiment

from deep_loop.adapters.analysts.investigator import Investigator, InvestigatorSettings
from deep_loop.adapters.analysts.means import Bench, Means
from deep_loop.adapters.analysts.model import ModelAnalyst
from deep_loop.adapters.executors import bubblewrap
from deep_loop.adapters.executors.local import LocalExecutor
from deep_loop.adapters.executors.places import Places
from deep_loop.adapters.executors.sandbox import choose
from deep_loop.adapters.prices import Price, Prices
from deep_loop.clients.model_client import ModelSettings
from deep_loop.core.cohort import Dossier
from deep_loop.core.experiment import Change
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.ports import Case, Files, Slot
from tests.proposers.model_servers import ModelServer, Says, Use

CANARY = "sk-canary-7f3a9b2c4d5e6f70"
BIG, SMALL = "claude-sonnet-4-6", "claude-haiku-4-5"
PRICES = Prices({name: Price(3.0, 15.0) for name in (BIG, SMALL, "gpt-5", "gpt-5-mini")})
PROGRAM = (
    "# Problem\n\nMake it better.\n\n<!-- strategy:begin -->\n**Strategy v1**\n\nOld prose.\n<!-- strategy:end -->\n"
)
NOWHERE = "this machine has no sandbox"
LOG = "step 1\nloss 3.2\nval_bpb: 1.9\n"

REVISION: Mapping[str, Any] = {
    "summary": "favour smaller steps",
    "worked": [{"text": "A smaller LEARNING_RATE helped.", "experiments": [1], "claim": "kept"}],
    "failed": [{"text": "A deeper net crashed.", "experiments": [3], "claim": "crashed"}],
    "changed": ["More weight on learning-rate, by experiment 1."],
    "hypotheses": [
        {
            "title": "Halve LEARNING_RATE again",
            "kind": "learning-rate",
            "set": "LEARNING_RATE = 2.5e-4",
            "rationale": "Experiment 1 gained by it.",
            "expected": "+0.4 %",
            "evidence": [1],
            "probability": 0.4,
        }
    ],
    "strategy": {
        "prose": "Go on with smaller steps.",
        "weights": [{"kind": "learning-rate", "weight": 2.0}],
        "ranges": [{"constant": "LEARNING_RATE", "low": 0.0001, "high": 0.0005}],
        "combinations": [],
    },
}
SUBMIT = Use("submit", REVISION)
DONE = Says([SUBMIT])


def evidence(log: str = LOG, **changes: Any) -> Case:
    """Four experiments: a baseline, a keep, a discard and a crash."""
    rate = Change("LEARNING_RATE", "1e-3", "5e-4")
    tried = [
        experiment(0, [2.0, 2.01, 1.99], parent=None, kept=True),
        experiment(1, [1.9, 1.9], changes=[rate], kept=True),
        experiment(2, [2.2], parent=1, changes=[Change("BATCH_SIZE", "2**7", "2**8")]),
        experiment(3, [], parent=1, changes=[Change("DEPTH", "4", "8")]),
    ]
    told = replace(dossier(tried), program=PROGRAM, commits=("meta: v1: old", "start"), **changes)
    codes = {f"commit{number}": FILE.replace("1e-3", f"{number}e-3") for number in range(1, 4)}

    def files_at(commit: str) -> Files:
        return {"train.py": codes.get(commit, FILE)}

    return Case(told, seed=11, call="uid-call-1", files_at=files_at, log=lambda number: f"{log}\nrun {number}")


def planted(told: Dossier) -> Dossier:
    """The same with a hypothesis of a person's."""
    return replace(told, hypotheses=(Hypothesis("h-mine", "Try rope", "attention", (), "a hunch", ""),))


def means(home: Path, key: Mapping[str, str] | None = None) -> Means:
    """What an analyst works with, below `home`."""
    known = {"LAB_KEY": CANARY} if key is None else key
    return Means(known.get, lambda text: text.replace(CANARY, "***"), PRICES, home / "logs", home / "own")


def asked(server: ModelServer, *, small: bool = False, **changes: Any) -> ModelSettings:
    """How to ask a scripted server, without patience for what a test does not wait for."""
    names = ("claude-haiku-4-5", "gpt-5-mini") if small else ("claude-sonnet-4-6", "gpt-5")
    name = f"anthropic:{names[0]}" if server.protocol == "anthropic" else f"openai:{names[1]}"
    quick = {"timeout_seconds": 120.0, "request_seconds": 60.0, "retries": 2, "wait_seconds": 0.01}
    return ModelSettings(**{"model": name, "base_url": server.base_url, "key_env": "LAB_KEY", **quick, **changes})


def investigator(
    server: ModelServer,
    home: Path,
    bench: Bench | str = NOWHERE,
    given: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Investigator:
    """An investigator; `given` goes to how its models are asked."""
    told = dict(given or {})
    settings = InvestigatorSettings(asked(server, **told), asked(server, small=True, **told), **changes)
    return Investigator(settings, means(home), bench)


def one_request(server: ModelServer, home: Path, max_usd: float = 1.0, **changes: Any) -> ModelAnalyst:
    """The analyst that asks once."""
    return ModelAnalyst(asked(server, **changes), means(home), max_usd, 1_000_000)


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Where programs run, in bubblewrap; skips the test where there is none."""
    if why := bubblewrap.missing():
        pytest.skip(why)
    (folder / "home").mkdir(parents=True)
    executor = LocalExecutor(
        [Slot("investigator")], sandbox=choose("bubblewrap"), places=Places(home=folder / "home"), grace_seconds=1.0
    )
    try:
        yield Bench(executor, folder / "logs")
    finally:
        executor.stop()
