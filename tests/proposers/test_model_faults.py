"""What goes wrong outside of the `model` proposer: a failure of the right kind, after as much patience as is fit."""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from model_lab import CANARY, GOOD, SUBMIT, WIDER, brief, copy, proposer
from model_servers import Fails, Hangs, ModelServer, Protocol, Resets, Says, Sends, Turn, Use

from deep_loop.clients.model_client import ModelSettings, check
from deep_loop.core.call import Failure
from deep_loop.errors import ConfigError

both = pytest.mark.parametrize("protocol", ["anthropic", "openai"])
READ = Says([Use("read_file", {"path": "train.py"})])


def failure(server: ModelServer, home: Path, **changes: object) -> Failure:
    """How a proposal fails."""
    answer = proposer(server, home, **changes).propose(brief(), copy(home / "copy"))
    assert answer.idea is None
    assert answer.failure is not None
    assert "\n" not in answer.failure.reason
    return answer.failure


@both
@pytest.mark.parametrize(
    ("turn", "fault", "requests"),
    [
        (Fails(401, "authentication_error"), "setup", 1),
        (Fails(403, "permission_error"), "setup", 1),
        (Fails(404, "not_found_error"), "setup", 1),
        (Fails(400, "invalid_request_error"), "setup", 1),
        (Fails(402, "billing_error"), "quota", 1),
        (Fails(413, "request_too_large"), "limit", 1),
        (Fails(429, "rate_limit_error"), "overloaded", 3),
        (Fails(529, "overloaded_error"), "overloaded", 3),
        (Fails(500), "overloaded", 3),
        (Fails(503), "overloaded", 3),
        (Fails(408), "overloaded", 3),
        (Resets(), "network", 3),
        (Sends(b"<html>please log in</html>", "text/html"), "network", 3),
        (Sends(b"not json"), "network", 3),
        (Sends(b"[]"), "network", 3),
        (Sends(b"{}"), "network", 3),
        (Sends(b"busy", status=502), "overloaded", 3),
        (replace(READ, cut_after=30), "network", 3),
        (replace(READ, cut_after=300), "network", 3),
        (Says(), "nonsense", 6),
        (Says([Use("rm", {"path": "/"})]), "nonsense", 6),
        (Says([Use("read_file", "not json")]), "nonsense", 6),
        (Says([Use("read_file", {"path": 5})]), "nonsense", 6),
        (Says(text="I would rather talk."), "nonsense", 6),
    ],
    ids=lambda value: value.kind if isinstance(value, Fails) else None,
)
def test_every_fault_has_its_kind(tmp_path: Path, protocol: Protocol, turn: Turn, fault: str, requests: int) -> None:
    """Faults that pass are tried again, others are not; nothing is raised."""
    with ModelServer(protocol, [turn]) as server:
        assert failure(server, tmp_path).fault == fault
        assert len(server.got) == requests


@both
@pytest.mark.parametrize("turn", [Fails(429), Fails(529), Fails(500), Resets(), Sends(b"oops")])
def test_a_fault_that_passes_is_survived(tmp_path: Path, protocol: Protocol, turn: Turn) -> None:
    """Two of them before every answer, and the proposal is made all the same."""
    script = [one for answer in GOOD for one in (turn, turn, answer)]
    with ModelServer(protocol, script) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert len(server.got) == 9
    assert sum(usage.requests for usage in answer.usages) == 3


@both
def test_money_spent_before_a_failure_is_told(tmp_path: Path, protocol: Protocol) -> None:
    """The answers before it are paid for."""
    with ModelServer(protocol, [READ, READ, Fails(401)]) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.failure is not None
    assert [(usage.requests, usage.input_tokens) for usage in answer.usages] == [(2, 2000)]


@both
def test_a_hang_ends(tmp_path: Path, protocol: Protocol) -> None:
    """A silent server is asked again after a while, then left alone: it cannot be reached."""
    with ModelServer(protocol, [Hangs()]) as server:
        begun = time.monotonic()
        assert failure(server, tmp_path, request_seconds=0.3, retries=1).fault == "network"
        assert len(server.got) == 2
    assert time.monotonic() - begun < 5


@both
def test_a_call_has_its_time(tmp_path: Path, protocol: Protocol) -> None:
    """Over all requests and waits together; beyond it the proposer is slow."""
    with ModelServer(protocol, [READ, Hangs()]) as server:
        begun = time.monotonic()
        found = failure(server, tmp_path, timeout_seconds=0.8)
    assert (found.fault, found.reason.endswith("not done after 0.8 s")) == ("slow", True)
    assert time.monotonic() - begun < 3


@both
def test_a_wait_that_the_server_asks_for_is_kept(tmp_path: Path, protocol: Protocol) -> None:
    """The next request comes no sooner."""
    script = [Fails(429, "rate_limit_error", headers={"Retry-After": "1"}), Says([WIDER, SUBMIT])]
    with ModelServer(protocol, script) as server:
        answer = proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert server.got[1].at - server.got[0].at >= 1


@both
def test_a_server_that_asks_for_long_is_left_to_others(tmp_path: Path, protocol: Protocol) -> None:
    """The call ends at once, and says when the server can be asked again."""
    with ModelServer(protocol, [Fails(429, "rate_limit_error", headers={"Retry-After": "3600"})]) as server:
        found = failure(server, tmp_path)
        assert (found.fault, found.retry_seconds) == ("overloaded", 3600)
        assert len(server.got) == 1


def test_waits_double_with_jitter_from_the_seed(tmp_path: Path) -> None:
    """The same brief waits the same; another one differs, so that not all come back at once."""

    def waits(home: Path, seed: int) -> list[float]:
        with ModelServer("openai", [Fails(529)]) as server:
            told = brief(seed=seed)
            proposer(server, home, retries=4, wait_seconds=0.04).propose(told, copy(home / "copy"))
        log = (home / "logs" / "uid-call-1.log").read_text()
        assert log.count("given up") == 1
        return [b.at - a.at for a, b in zip(server.got, server.got[1:], strict=False)]

    one, same, other = (waits(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    for number, wait in enumerate(one):
        assert 0.02 * 2**number <= wait <= 0.04 * 2**number + 0.25
    assert max(abs(a - b) for a, b in zip(one, same, strict=True)) < 0.1
    assert len(one) == len(other) == 4


@both
def test_limits_end_a_call(tmp_path: Path, protocol: Protocol) -> None:
    """Of answers exactly, of tokens after the answer that goes over, of one answer's length."""
    with ModelServer(protocol, [READ]) as server:
        assert failure(server, tmp_path, max_requests=4).fault == "limit"
        assert len(server.got) == 4
    with ModelServer(protocol, [replace(READ, input=9000)]) as server:
        assert failure(server, tmp_path, max_tokens_per_call=20_000).fault == "limit"
        assert len(server.got) == 3  # one answer more than fits
    with ModelServer(protocol, [Says(text="And so", full=True)]) as server:
        assert failure(server, tmp_path).fault in ("limit", "nonsense")


def test_a_quota_is_told_from_a_rate(tmp_path: Path) -> None:
    """OpenAI says 429 to both; for one of them waiting does not help."""
    with ModelServer("openai", [Fails(429, "insufficient_quota")]) as server:
        assert failure(server, tmp_path).fault == "quota"
    with ModelServer("anthropic", [Fails(400, "invalid_request_error", "Your credit balance is too low")]) as server:
        assert failure(server, tmp_path).fault == "quota"


@both
def test_a_conversation_that_is_rejected_is_the_models_fault(tmp_path: Path, protocol: Protocol) -> None:
    """A 400 after good answers does not mean that the settings are wrong."""
    with ModelServer(protocol, [READ, Fails(400, "invalid_request_error")]) as server:
        assert failure(server, tmp_path).fault == "nonsense"


def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    """A server that is not there is a fault of the network."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with ModelServer("openai", [READ]) as server:
            assert failure(server, tmp_path, base_url=f"http://127.0.0.1:{port}/v1").fault == "network"


def test_without_a_key_nothing_is_asked(tmp_path: Path) -> None:
    """A missing key is a fault of the setup that names the variable; it is looked for again at the next call."""
    held: dict[str, str] = {}
    with ModelServer("openai", [Says([WIDER, SUBMIT])]) as server:
        asked = proposer(server, tmp_path, key=held.get)
        first = asked.propose(brief(), copy(tmp_path / "copy"))
        assert first.failure is not None
        assert (first.failure.fault, "LAB_KEY" in first.failure.reason, server.got) == ("setup", True, [])
        held["LAB_KEY"] = CANARY
        assert asked.propose(brief(), copy(tmp_path / "copy")).idea is not None


@both
def test_no_body_whatsoever_raises(tmp_path: Path, protocol: Protocol) -> None:
    """Good answers with a part changed at random: an idea or a failure, never an exception."""
    chance = random.Random(7)
    with ModelServer(protocol, [Says([WIDER, SUBMIT], text="words")]) as good:
        proposer(good, tmp_path).propose(brief(), copy(tmp_path / "copy"))
    spoil = _spoiler(protocol, chance)
    faults = set()
    with ModelServer(protocol, lambda number: spoil()) as server:
        asked = proposer(server, tmp_path, retries=0, max_requests=3)
        for _ in range(25):
            answer = asked.propose(brief(), copy(tmp_path / "copy"))
            faults.add(answer.failure.fault if answer.failure else "idea")
    assert faults <= {"idea", "network", "nonsense", "limit", "overloaded"}
    assert len(faults) > 1


def _spoiler(protocol: Protocol, chance: random.Random) -> Callable[[], Turn]:
    """Bodies that are nearly right."""
    odd = [None, [], {}, 0, -5, 1e400, "", "x", [None], {"a": 1}, True, "\ud800", 2**70]
    if protocol == "openai":
        call = {"id": "c", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "train.py"}'}}
        whole: object = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-5",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {"role": "assistant", "content": "hi", "tool_calls": [call]},
                }
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10},
        }
    else:
        block = {"type": "tool_use", "id": "t", "name": "read_file", "input": {}}
        usage = {"input_tokens": 5, "output_tokens": 1}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [], "usage": usage}
        whole = [
            {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": '{"path": "train.py"}'},
            },
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ]

    def spoilt() -> Turn:
        body = json.loads(json.dumps(whole))
        node, key = chance.choice(list(_nodes(body)))
        if chance.random() < 0.3 and isinstance(node, dict):
            del node[key]
        else:
            node[key] = chance.choice(odd)
        if protocol == "openai":
            return Sends(json.dumps(body).encode())
        events = "".join(f"event: {_name(event)}\ndata: {json.dumps(event)}\n\n" for event in body)
        return Sends(events.encode(errors="replace"), "text/event-stream")

    return spoilt


def _name(event: object) -> str:
    return str(event.get("type", "none")) if isinstance(event, dict) else "none"


def _nodes(value: object):  # type: ignore[no-untyped-def]
    """Every place in a JSON value: the container, and the key or index."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _nodes(value[key])


def test_words_of_a_server_are_harmless(tmp_path: Path) -> None:
    """A failure's reason is one line that a terminal can show, and so is the log."""
    with ModelServer("openai", [Fails(401, words="\x1b[2J\x07gone\nwith " + "x" * 5000)]) as server:
        found = failure(server, tmp_path)
    assert found.reason.isprintable()
    assert len(found.reason) <= 300
    assert "\x1b" not in (tmp_path / "logs" / "uid-call-1.log").read_text()


@pytest.mark.parametrize("package", ["pydantic_ai", "anthropic"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any study begins, not at its first call."""
    monkeypatch.setitem(sys.modules, package, None)  # as Python marks a package that cannot be imported
    with pytest.raises(ConfigError) as raised:
        check(ModelSettings("anthropic:claude-sonnet-4-6"))
    assert raised.value.hint == 'pip install "deep-loop[model]"'


def test_what_the_settings_cannot_mean_is_said_at_once(tmp_path: Path) -> None:
    """No provider, no name, no address: an error with a hint, before any study begins."""
    for settings, words in (
        (ModelSettings("gpt-5"), "names no model"),
        (ModelSettings("openia:gpt-5"), "names no model"),
        (ModelSettings("openai:"), "names no model"),
        (ModelSettings("openai-compatible:x"), "has no address"),
        (ModelSettings("openrouter:gpt-5"), "names no model of OpenRouter"),
        (ModelSettings("openai:x", base_url="127.0.0.1:80"), "is no address"),
        (ModelSettings("openai:x", base_url="https://me:secret@example.org/v1"), "has a password in it"),
    ):
        with pytest.raises(ConfigError, match=words) as raised:
            check(settings)
        assert raised.value.hint
        assert "secret" not in str(raised.value)
