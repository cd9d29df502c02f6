"""A whole study proposed by a model over each protocol, with what goes wrong in a night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from model_lab import CANARY, STATEMENT, settings
from model_servers import Fails, Hangs, ModelServer, Protocol, Says, Turn, Use

from deep_loop.adapters.prices import Price, Prices
from deep_loop.adapters.proposers.model import ModelProposer
from deep_loop.adapters.proposers.tuner import Tuner
from deep_loop.core.call import Failure
from deep_loop.core.experiment import is_keep
from deep_loop.testing.doubles import Death, Fuse
from tests.loop.laboratory import FILES, Laboratory

# Constants far enough apart that a change of one applies after a change of another.
APART = "".join(f"{name} = 1.0\n\n\n\n\n\n" for name in "ABCD") + "print('val_bpb:', A + B + C + D + NOISE)\n"
PRICES = Prices({"claude-sonnet-4-6": Price(3.0, 15.0), "gpt-5": Price(3.0, 15.0)})


class Mind:
    """What the model answers, by what it is told: the same brief gets the same again, after a kill too."""

    def __init__(self) -> None:
        self.server: ModelServer | None = None
        self._plans: dict[str, int] = {}

    def __call__(self, number: int) -> Turn:
        assert self.server is not None
        messages = [json.dumps(message) for message in self.server.got[number - 1].json["messages"]]
        opening = max(n for n, text in enumerate(messages) if "Propose one experiment" in text or "came back" in text)
        said = sum('"role": "assistant"' in text for text in messages[opening:])
        if "it crashed" in messages[opening]:
            assert "ZeroDivisionError" in messages[opening]
            return Says([_edit("B = 1.0 / 0", "B = 0.9"), _submit("a smaller B")])
        plan = self._plans.setdefault(messages[opening], len(self._plans) + 1)
        match plan, said:
            case 1, 0:
                return Says([Use("write_file", {"path": "prepare.py", "text": "TIME_BUDGET = 200\n"})])
            case 1, 1:
                assert "prepare.py is protected" in messages[-1]
                return Says([_edit("A = 1.0", "A = 0.9"), _submit("a smaller A")])
            case 2, _:
                return Says([_edit("B = 1.0", "B = 1.0 / 0"), _submit("B by division")])
            case 3, _:
                return Hangs()
            case 4, _:
                return Says([_edit("C = 1.0", "C = 1.1"), _submit("a larger C")])
            case _:
                return Fails(529, "overloaded_error")


class BeforeMending(Fuse):
    """The harness dies when a crash is about to go back to the model: a call that no ask came before."""

    def burn(self, name: str) -> None:
        if name == "call" and self.calls[-1] != "ask":
            self.at = 1
        super().burn(name)


def _edit(old: str, new: str) -> Use:
    return Use("edit_file", {"path": "train.py", "old": f"{old}\n", "new": f"{new}\n"})


def _submit(title: str) -> Use:
    return Use("submit", {**STATEMENT, "title": title})


def _model(server: ModelServer, root: Path) -> ModelProposer:
    """A proposer as a new process would make it: nothing is kept but what lies in the workspace."""
    chosen = settings(server, timeout_seconds=1.5, retries=1)
    folder = root / ".deep-loop"
    redact: Any = lambda text: text.replace(CANARY, "***")  # noqa: E731
    return ModelProposer(
        chosen, key={"LAB_KEY": CANARY}.get, redact=redact, logs=folder / "calls", sessions=folder / "sessions"
    )


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["anthropic", "openai"])
def test_six_experiments_whatever_happens(tmp_path: Path, protocol: Protocol) -> None:
    """A refused edit, a crash mended after the harness died, a hang, and a storm that the tuner takes over in."""
    mind = Mind()
    with ModelServer(protocol, mind) as server:
        mind.server = server
        lab = _lab(server, tmp_path / "lab")
        with pytest.raises(Death, match="before call"):
            lab.study(6, fuse=BeforeMending()).run()
        assert [len(e.attempts) for e in lab.ledger().opened()] == [1]
        again = _lab(server, tmp_path / "lab", made=lab)
        again.study(6).run()
    closed = [e for e in again.ledger().closed() if e.counted]
    assert [e.proposal.proposer for e in closed] == ["model"] * 3 + ["tuner"] * 3
    assert [e.proposal.idea.title for e in closed[:3]] == ["a smaller A", "B by division", "a larger C"]
    assert [is_keep(e) for e in closed[:3]] == [True, True, False]
    assert [len(e.attempts) for e in closed[:3]] == [1, 2, 1]
    assert "B = 0.9" in again.at(closed[1].commit, "train.py")
    assert again.at("HEAD", "prepare.py") == "TIME_BUDGET = 2"
    again.check()
    calls = [call for call in again.ledger().calls() if call.agent == "model"]
    faults = [call.failure.fault for call in calls if call.failure]
    assert {"slow", "overloaded"} <= set(faults)
    good = [call for call in calls if call.failure is None and call.usages]
    assert {call.purpose for call in good} == {"propose", "mend"}
    assert all(call.usd and call.usd > 0 and call.session for call in good)
    assert Failure("overloaded", f"{settings(server).model}: 529 scripted") in [call.failure for call in calls]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


def _lab(server: ModelServer, root: Path, made: Laboratory | None = None) -> Laboratory:
    """A study of the model and the tuner; with `made`, another process's view of the same."""
    proposers = [_model(server, root), Tuner()]
    if made is None:
        return Laboratory(root, files={**FILES, "train.py": APART}, proposers=proposers, price=PRICES)
    made._own = proposers
    return made
