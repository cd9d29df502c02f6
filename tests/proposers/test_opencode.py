"""opencode as a proposer, with a stand-in for the client: what it is asked, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.proposers.opencode import OpenCodeSettings, opencode
from deep_loop.core.call import Failure, Usage
from deep_loop.ports import Objection
from deep_loop.testing.proposer_contract import brief, checkout
from tests.proposers.fake_clients import KEY, OPENCODE, ClientContract, making


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes proposers by scenario; what they were asked lies in `tmp_path / "client"`."""
    with making(
        tmp_path / "client",
        OPENCODE,
        lambda chosen, at: opencode(OpenCodeSettings(**{"model": "lab/one", **chosen}), at, lambda: 0.0),
    ) as proposer:
        yield proposer


class TestContract(ClientContract):
    """The contract."""


def environment(tmp_path: Path) -> dict[str, str]:
    return json.loads((tmp_path / "client" / "environment").read_text())


def test_it_may_do_what_the_task_allows_and_no_more(make: Any, tmp_path: Path) -> None:
    """Everything else is denied, and the person's settings are not read."""
    told = brief()
    told = replace(told, terms=replace(told.terms, editable=("train.py", "./lib/"), protected=("lib/fixed.py",)))
    make().propose(told, checkout(tmp_path / "checkout"))
    rules = json.loads(environment(tmp_path)["OPENCODE_CONFIG_CONTENT"])["permission"]
    assert next(iter(rules.items())) == ("*", "deny")
    assert {name for name, rule in rules.items() if rule == "allow"} == {"read", "glob", "grep", "list"}
    assert list(rules["edit"].items()) == [
        ("*", "deny"),
        ("train.py", "allow"),
        ("lib/*", "allow"),
        ("lib/fixed.py", "deny"),
    ]
    assert environment(tmp_path)["XDG_CONFIG_HOME"].startswith(str(tmp_path / "client" / "config"))
    assert environment(tmp_path)["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"


def test_another_server(make: Any, tmp_path: Path) -> None:
    """It becomes a provider; the key is named, not written."""
    make(settings={"base_url": "http://127.0.0.1:9/v1"}).propose(brief(), checkout(tmp_path / "checkout"))
    written = environment(tmp_path)["OPENCODE_CONFIG_CONTENT"]
    provider = json.loads(written)["provider"]["deep_loop"]
    assert provider["options"] == {"baseURL": "http://127.0.0.1:9/v1", "apiKey": "{env:ANTHROPIC_API_KEY}"}
    assert list(provider["models"]) == ["one"]
    assert KEY not in written
    arguments = json.loads((tmp_path / "client" / "arguments").read_text().splitlines()[0])
    assert arguments[arguments.index("--model") + 1] == "deep_loop/one"


def test_a_login_is_the_person_s(make: Any, tmp_path: Path) -> None:
    """Only where it is asked for; the settings stay ours."""
    proposer = make(settings={"login": True}, home=tmp_path / "person")
    proposer.propose(brief(), checkout(tmp_path / "checkout"))
    variables = environment(tmp_path)
    assert variables["XDG_DATA_HOME"] == str(tmp_path / "person" / ".local" / "share")
    assert variables["XDG_CONFIG_HOME"].startswith(str(tmp_path / "client" / "config"))


def test_repairs_go_on_with_the_session(make: Any, tmp_path: Path) -> None:
    """A session that is gone is begun anew with everything."""
    proposer = make()
    first = proposer.propose(brief(), checkout(tmp_path / "checkout"))
    again = proposer.mend(brief(), tmp_path / "checkout", Objection("crash", "ZeroDivisionError", first.session))
    gone = proposer.mend(brief(), tmp_path / "checkout", Objection("crash", "ZeroDivisionError", "ses_gone"))
    assert again.session == first.session != gone.session
    assert gone.idea is not None
    texts = (tmp_path / "client" / "told").read_text().split("\n=====\n")
    assert ["Find the constants" in text for text in texts[:4]] == [True, False, False, True]


def test_usage_counts_everything_that_goes_in(make: Any, tmp_path: Path) -> None:
    """With what came from the cache and went into it; thoughts go out; its own cost is ignored."""
    answer = make().propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.usages == (Usage("lab/one", 100, 10, 20, 10, requests=1),)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"name": "APIError", "data": {"message": "Overloaded", "statusCode": 529}}, "overloaded"),
        ({"name": "APIError", "data": {"message": "badkey", "statusCode": 401}}, "setup"),
        (
            {
                "name": "APIError",
                "data": {
                    "message": "slow",
                    "statusCode": 429,
                    "responseBody": '{"error": {"type": "insufficient_quota", "message": "pay"}}',
                },
            },
            "quota",
        ),
        ({"name": "APIError", "data": {"message": "Cannot connect to API: The socket connection closed"}}, "network"),
        ({"name": "ProviderAuthError", "data": {"message": "log in"}}, "setup"),
        ({"name": "UnknownError", "data": {"message": "Unexpected server error. Check server logs."}}, "overloaded"),
    ],
)
def test_errors_are_told_apart(make: Any, tmp_path: Path, error: dict[str, Any], fault: str) -> None:
    """By the server's status, else by their words."""
    answer = make("error", RESULT=json.dumps(error)).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure is not None and answer.failure.fault == fault


def test_turns_are_limited(make: Any, tmp_path: Path) -> None:
    """It has no such limit itself."""
    answer = make("busy", settings={"max_turns": 5}).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure == Failure("limit", "it took more than 5 turns")


def test_what_was_denied_is_said_where_nothing_came_of_it(make: Any, tmp_path: Path) -> None:
    """The client itself goes on."""
    answer = make("denied").propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure == Failure("nonsense", "it was not allowed to: edit prepare.py")
