"""The analyst that is one request to a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from analysis_lab import CANARY, LOG, REVISION, evidence, one_request

from tests.proposers.model_servers import Fails, Hangs, ModelServer, Protocol, Resets, Says, Sends, Turn

ANSWER = Says(text=f"I looked.\n\n```json\n{json.dumps(REVISION, indent=1)}\n```")


@pytest.mark.parametrize("protocol", ["anthropic", "openai"])
def test_one_request(tmp_path: Path, protocol: Protocol) -> None:
    """Without tools, with all the evidence; the revision is read from the answer."""
    with ModelServer(protocol, [ANSWER]) as server:
        counsel = one_request(server, tmp_path).advise(evidence())
        (got,) = server.got
        told = server.said()
    assert counsel.failure is None and counsel.advice is not None
    assert (counsel.advice.analyst, counsel.advice.summary) == ("model", "favour smaller steps")
    assert not got.json.get("tools")
    for shown in ("Make it better.", "Old prose.", "out of memory", "BATCH_SIZE", "run 3", "LEARNING_RATE = 2e-3"):
        assert shown in told, shown
    (usage,) = counsel.usages
    assert (usage.requests, usage.tokens) == (1, 1050)


@pytest.mark.parametrize(
    ("turn", "fault", "words"),
    [
        (Says(text="Nothing to say."), "nonsense", "no JSON object"),
        (Says(text=json.dumps({**REVISION, "summary": ""})), "nonsense", "summary"),
        (Says(text=json.dumps({**REVISION, "changed": ["By #99."]})), "nonsense", "experiment 99"),
        (Fails(529, "overloaded_error"), "overloaded", "529"),
        (Fails(429, "rate_limit_error", headers={"retry-after": "7200"}), "overloaded", "429"),
        (Fails(500), "overloaded", "500"),
        (Fails(401, "authentication_error"), "setup", "401"),
        (Resets(), "network", ""),
        (Sends(b"<html>"), "network", "cannot be read"),
        (Hangs(), "slow", "not done after 3 s"),
    ],
)
def test_what_goes_wrong_is_a_failure(tmp_path: Path, turn: Turn, fault: str, words: str) -> None:
    """Of the kinds that proposers have, with its reason on one line."""
    limit = {"timeout_seconds": 3.0} if isinstance(turn, Hangs) else {}
    with ModelServer("anthropic", [turn]) as server:
        counsel = one_request(server, tmp_path, **limit).advise(evidence())
    assert counsel.advice is None and counsel.failure is not None
    assert counsel.failure.fault == fault and words in counsel.failure.reason and "\n" not in counsel.failure.reason


def test_money_is_looked_at_before_the_request(tmp_path: Path) -> None:
    """Nothing is sent that cannot be paid."""
    with ModelServer("anthropic", [ANSWER]) as server:
        counsel = one_request(server, tmp_path, max_usd=0.0001).advise(evidence())
        assert not server.got
    assert counsel.failure is not None and counsel.failure.fault == "limit"


def test_keys_stay_at_home(tmp_path: Path) -> None:
    """What a program printed of a key is neither sent nor logged."""
    with ModelServer("anthropic", [ANSWER]) as server:
        one_request(server, tmp_path).advise(evidence(log=f"{LOG}{CANARY}"))
        assert CANARY not in server.said()
    assert not any(CANARY in path.read_text() for path in tmp_path.rglob("*") if path.is_file())
