"""Codex as a proposer, with a stand-in for the client: what it is asked, and what its answers mean."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.proposers.codex import CodexSettings, codex
from deep_loop.core.call import Failure, Usage
from deep_loop.ports import Objection
from deep_loop.testing.proposer_contract import brief, checkout
from tests.proposers.fake_clients import CODEX, KEY, ClientContract, making

NOW = 1_800_000_000.0  # 8:00 on 15 January 2027, UTC


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes proposers by scenario; what they were asked lies in `tmp_path / "client"`."""
    with making(
        tmp_path / "client", CODEX, lambda chosen, at: codex(CodexSettings(**chosen), at, lambda: NOW)
    ) as proposer:
        yield proposer


class TestContract(ClientContract):
    """The contract."""


def asked(tmp_path: Path) -> list[list[str]]:
    """The arguments of every call."""
    return [json.loads(line) for line in (tmp_path / "client" / "arguments").read_text().splitlines()]


def configured(arguments: list[str]) -> dict[str, Any]:
    """The settings that a call was given, as the client reads them."""
    given = [arguments[place + 1] for place, argument in enumerate(arguments) if argument == "-c"]
    return tomllib.loads("\n".join(given))


def environment(tmp_path: Path) -> dict[str, str]:
    return json.loads((tmp_path / "client" / "environment").read_text())


def test_its_sandbox_is_on_and_nothing_is_asked(make: Any, tmp_path: Path) -> None:
    """Commands write to the checkout only; keys are kept from them; the network is not searched."""
    make().propose(brief(), checkout(tmp_path / "checkout"))
    (arguments,) = asked(tmp_path)
    given = configured(arguments)
    assert (given["sandbox_mode"], given["approval_policy"], given["web_search"]) == (
        "workspace-write",
        "never",
        "disabled",
    )
    policy = given["shell_environment_policy"]
    assert {"ANTHROPIC_API_KEY", "*KEY*", "*TOKEN*"} <= set(policy["exclude"])
    assert not any("dangerous" in argument for argument in arguments)
    assert environment(tmp_path)["CODEX_HOME"] == str(tmp_path / "client" / "config")


@pytest.mark.parametrize(
    ("confined", "nested", "mode"),
    [(False, "1", "workspace-write"), (True, "0", "workspace-write"), (True, "1", "danger-full-access")],
)
def test_our_sandbox_takes_its_place_where_two_do_not_go(
    make: Any, tmp_path: Path, confined: bool, nested: str, mode: str
) -> None:
    """Only in ours it goes without its own, and only where it was tried in vain: once."""
    proposer = make(confined=confined, NESTED=nested)
    for place in ("one", "two"):
        assert proposer.propose(brief(), checkout(tmp_path / place)).idea is not None
    calls = asked(tmp_path)
    assert [configured(call)["sandbox_mode"] for call in calls if "exec" in call] == [mode, mode]
    assert [call for call in calls if "sandbox" in call] == ([["sandbox", "--", "true"]] if confined else [])


def test_another_server(make: Any, tmp_path: Path) -> None:
    """It becomes a provider, with the key that there is."""
    settings = {"base_url": "http://127.0.0.1:9/v1", "model": "gpt-5.5", "retries": 1}
    make(settings=settings).propose(brief(), checkout(tmp_path / "checkout"))
    (arguments,) = asked(tmp_path)
    given = configured(arguments)
    assert given["model_provider"] == "deep_loop"
    provider = given["model_providers"]["deep_loop"]
    assert (provider["base_url"], provider["wire_api"]) == ("http://127.0.0.1:9/v1", "responses")
    assert (provider["request_max_retries"], provider["stream_max_retries"]) == (1, 1)
    assert arguments[arguments.index("--model") + 1] == "gpt-5.5"


def test_a_key_by_its_usual_name(make: Any, tmp_path: Path) -> None:
    """`codex exec` looks for a name of its own."""
    make(keys={"OPENAI_API_KEY": KEY}).propose(brief(), checkout(tmp_path / "checkout"))
    assert environment(tmp_path)["CODEX_API_KEY"] == KEY


def test_a_login_is_the_person_s_own_folder_without_their_settings(make: Any, tmp_path: Path) -> None:
    """Only where it is asked for."""
    proposer = make(settings={"login": True}, home=tmp_path / "person")
    proposer.propose(brief(), checkout(tmp_path / "checkout"))
    assert environment(tmp_path)["CODEX_HOME"] == str(tmp_path / "person" / ".codex")
    assert {"--ignore-user-config", "--ignore-rules"} <= set(asked(tmp_path)[0])


def test_repairs_go_on_with_the_session(make: Any, tmp_path: Path) -> None:
    """Only the objection is told then; a session that is gone is begun anew with everything."""
    proposer = make()
    first = proposer.propose(brief(), checkout(tmp_path / "checkout"))
    again = proposer.mend(brief(), tmp_path / "checkout", Objection("crash", "ZeroDivisionError", first.session))
    gone = proposer.mend(brief(), tmp_path / "checkout", Objection("crash", "ZeroDivisionError", "gone"))
    assert again.idea is not None and gone.idea is not None
    assert again.session == first.session != gone.session
    assert asked(tmp_path)[1][-2:] == [first.session, "-"]
    texts = (tmp_path / "client" / "told").read_text().split("\n=====\n")
    assert ["Find the constants" in text for text in texts[:4]] == [True, False, False, True]


def test_the_last_message_counts(make: Any, tmp_path: Path) -> None:
    """It says more than one; the idea is in the last."""
    idea = make().propose(brief(), checkout(tmp_path / "checkout")).idea
    assert idea is not None and (idea.title, idea.kind) == ("a smaller step", "learning-rate")
    idea = make("prose").propose(brief(), checkout(tmp_path / "other")).idea
    assert idea is not None and (idea.title, idea.kind) == ("Halve the learning rate.", "learning-rate")


def test_nothing_to_propose(make: Any, tmp_path: Path) -> None:
    """Neither an idea nor a failure."""
    answer = make("nothing").propose(brief(), checkout(tmp_path / "checkout"))
    assert (answer.idea, answer.failure) == (None, None)


def record(tmp_path: Path, session: str, *lines: dict[str, Any]) -> None:
    """The client's own record of a session."""
    folder = tmp_path / "client" / "config" / "sessions" / "2026" / "11" / "23"
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / f"rollout-2026-11-23T15-00-34-{session}.jsonl").write_text(text)


def counted(tokens: int) -> dict[str, Any]:
    total = {
        "input_tokens": tokens,
        "cached_input_tokens": tokens // 5,
        "output_tokens": 10,
        "total_tokens": tokens + 10,
    }
    return {"type": "event_msg", "payload": {"type": "token_count", "info": {"total_token_usage": total}}}


def test_usage_is_of_the_call_not_of_the_session(make: Any, tmp_path: Path) -> None:
    """The client counts a session from its beginning, and says so again when it goes on."""
    session = "0123"
    (tmp_path / "client" / "config" / "sessions").mkdir(parents=True)
    (tmp_path / "client" / "config" / "sessions" / session).write_text("1")
    begun = {"type": "event_msg", "payload": {"type": "task_started"}}
    model = {"type": "turn_context", "payload": {"model": "gpt-5.5"}}
    seen = (counted(100), counted(100), counted(200), counted(300))
    record(tmp_path, session, begun, model, counted(100), begun, *seen)
    answer = make().mend(brief(), checkout(tmp_path / "checkout"), Objection("crash", "x", session))
    assert answer.usages == (Usage("gpt-5.5", 200, 0, 40, 0, requests=2),)


def test_usage_without_a_record(make: Any, tmp_path: Path) -> None:
    """What it prints at the end, under the model that was asked for."""
    answer = make(settings={"model": "gpt-5.5"}).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.usages == (Usage("gpt-5.5", 100, 5, 20, 0),)


@pytest.mark.parametrize(
    ("words", "fault", "retry"),
    [
        ("Selected model is at capacity. Please try a different model.", "overloaded", None),
        ("We’re currently experiencing high demand, which may cause temporary errors.", "overloaded", None),
        ("exceeded retry limit, last status: 429 Too Many Requests", "overloaded", None),
        ("unexpected status 401 Unauthorized: bad, url: http://127.0.0.1:4/v1/responses", "setup", None),
        ("Missing environment variable: `OPENAI_API_KEY`.", "setup", None),
        ("stream disconnected before completion: error sending request", "network", None),
        ("You've hit your usage limit. Try again at Jan 17th, 2027 8:00 AM.", "quota", 2 * 86400.0),
        ('{"error": {"type": "invalid_request_error", "message": "too odd"}}', "nonsense", None),
    ],
)
def test_errors_are_told_apart(
    make: Any, tmp_path: Path, words: str, fault: str, retry: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their words alone: there is no code for them."""
    answer = make("error", WORDS=words).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure is not None and answer.idea is None
    assert answer.failure.fault == fault
    assert answer.failure.retry_seconds == (retry and pytest.approx(retry, abs=86400.0))  # wherever the machine is


def test_it_does_not_wait_for_a_network_for_ever(make: Any, tmp_path: Path) -> None:
    """Left alone it would."""
    answer = make("offline").propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure == Failure("network", "Connection failed")


def test_actions_are_limited(make: Any, tmp_path: Path) -> None:
    """It has no such limit itself."""
    answer = make("busy", settings={"max_actions": 5}).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure == Failure("limit", "it took more than 5 actions")


def test_plain_text_is_understood(make: Any, tmp_path: Path) -> None:
    """Some failures come without JSON."""
    answer = make("plain", WORDS="error: unexpected argument '--json' found").propose(
        brief(), checkout(tmp_path / "checkout")
    )
    assert answer.failure == Failure("setup", "error: unexpected argument '--json' found")
