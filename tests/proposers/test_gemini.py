"""Gemini CLI as a proposer, with a stand-in for the client: what it is asked, and what its answers mean."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.proposers.gemini import GeminiSettings, gemini
from deep_loop.core.call import Failure, Usage
from deep_loop.ports import Objection
from deep_loop.testing.proposer_contract import brief, checkout
from tests.proposers.fake_clients import GEMINI, KEY, ClientContract, making


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes proposers by scenario; what they were asked lies in `tmp_path / "client"`."""
    with making(
        tmp_path / "client", GEMINI, lambda chosen, at: gemini(GeminiSettings(**chosen), at, lambda: 0.0)
    ) as proposer:
        yield proposer


class TestContract(ClientContract):
    """The contract."""


def environment(tmp_path: Path) -> dict[str, str]:
    return json.loads((tmp_path / "client" / "environment").read_text())


def decided(rules: list[dict[str, Any]], tool: str, path: str) -> str:
    """What the policy decides about a file."""
    given = json.dumps({"file_path": path, "content": "x"}, separators=(",", ":"))
    fitting = [
        rule
        for rule in rules
        if (rule["toolName"] == "*" or tool in rule["toolName"]) and re.search(rule.get("argsPattern", ""), given)
    ]
    return max(fitting, key=lambda rule: rule["priority"])["decision"]


def test_it_may_do_what_the_task_allows_and_no_more(make: Any, tmp_path: Path) -> None:
    """The policy of the call allows to read, and to edit the editable files."""
    told, place = brief(), checkout(tmp_path / "a (b) checkout")
    terms = replace(told.terms, editable=("train.py", "./lib/", "conf/*.toml"), protected=("lib/fixed.py",))
    make().propose(replace(told, terms=terms), place)
    rules = tomllib.loads((tmp_path / "client" / "logs" / told.call / "policy.toml").read_text())["rule"]
    unsafe = re.compile(r"\([^)]*[*+?{].*\)[*+?{]")  # what the client itself takes for too costly to look for
    assert not any(unsafe.search(rule.get("argsPattern", "")) for rule in rules)
    for path in ("train.py", f"{place}/train.py", "lib/deep/er.py", "conf/a.toml"):
        assert decided(rules, "replace", path) == "allow", path
    for path in ("prepare.py", "other/train.py", "train.pyc", "lib/fixed.py", "conf/deep/a.toml", "/etc/train.py"):
        assert decided(rules, "write_file", path) == "deny", path
    assert decided(rules, "read_file", "prepare.py") == "allow"
    assert decided(rules, "run_shell_command", "train.py") == "deny"


def test_its_settings_are_ours(make: Any, tmp_path: Path) -> None:
    """Turns and retries are told in a file of its own home."""
    make(settings={"max_turns": 7, "retries": 1}).propose(brief(), checkout(tmp_path / "checkout"))
    home = Path(environment(tmp_path)["GEMINI_CLI_HOME"])
    assert home == tmp_path / "client" / "config"
    written = json.loads((home / ".gemini" / "settings.json").read_text())
    assert (written["model"]["maxSessionTurns"], written["general"]["maxAttempts"]) == (7, 2)


def test_a_login_is_the_person_s_with_their_settings(make: Any, tmp_path: Path) -> None:
    """Only where it is asked for; nothing of it is written."""
    proposer = make(settings={"login": True}, home=tmp_path / "person")
    proposer.propose(brief(), checkout(tmp_path / "checkout"))
    assert environment(tmp_path)["GEMINI_CLI_HOME"] == str(tmp_path / "person")
    assert not (tmp_path / "person" / ".gemini" / "settings.json").exists()


def test_a_key_by_its_other_name(make: Any, tmp_path: Path) -> None:
    """The client looks for one only."""
    make(keys={"GOOGLE_API_KEY": KEY}).propose(brief(), checkout(tmp_path / "checkout"))
    assert environment(tmp_path)["GEMINI_API_KEY"] == KEY


def test_repairs_go_on_with_the_session(make: Any, tmp_path: Path) -> None:
    """A session that is gone is begun anew with everything."""
    proposer = make()
    first = proposer.propose(brief(), checkout(tmp_path / "checkout"))
    again = proposer.mend(brief(), tmp_path / "checkout", Objection("crash", "ZeroDivisionError", first.session))
    gone = proposer.mend(brief(), tmp_path / "checkout", Objection("crash", "ZeroDivisionError", "gone"))
    assert again.session == first.session != gone.session
    assert gone.idea is not None
    texts = (tmp_path / "client" / "told").read_text().split("\n=====\n")
    assert ["Find the constants" in text for text in texts[:4]] == [True, False, False, True]


def test_usage_counts_thoughts(make: Any, tmp_path: Path) -> None:
    """They are in the total alone."""
    answer = make().propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.usages == (Usage("gemini-2.5-pro", 100, 18, 20),)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"message": "[API Error: Overloaded]", "log": "_ApiError: x\n  status: 503\n}"}, "overloaded"),
        ({"message": "[API Error: slow]", "log": "  status: 429"}, "overloaded"),
        ({"message": '[API Error: {"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}]'}, "setup"),
        ({"message": "[API Error: no]", "log": "  status: 403"}, "setup"),
        ({"message": "[API Error: nope]", "log": "ModelNotFoundError: nope\n  code: 404"}, "setup"),
        ({"message": "[API Error: exception TypeError: fetch failed sending request]"}, "network"),
        ({"type": "FatalTurnLimitedError", "message": "Reached max session turns for this session."}, "limit"),
    ],
)
def test_errors_are_told_apart(make: Any, tmp_path: Path, error: dict[str, Any], fault: str) -> None:
    """By what standard error says of the server's status, else by their words."""
    answer = make("error", RESULT=json.dumps(error)).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure is not None and answer.failure.fault == fault


@pytest.mark.parametrize(
    ("code", "words", "fault"),
    [
        (41, "When using Gemini API, you must specify the GEMINI_API_KEY environment variable.\nUpdate it.", "setup"),
        (52, "odd settings", "setup"),
        (7, "odd", "nonsense"),
    ],
)
def test_plain_text_is_understood(make: Any, tmp_path: Path, code: int, words: str, fault: str) -> None:
    """Its exit codes say more than its words; the first of those counts that is no chatter."""
    answer = make("plain", WORDS=words, CODE=str(code)).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure == Failure(fault, words.partition("\n")[0])  # type: ignore[arg-type]


def test_what_was_denied_is_said_where_nothing_came_of_it(make: Any, tmp_path: Path) -> None:
    """The client itself calls that a success."""
    answer = make("denied").propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure == Failure("nonsense", "it was not allowed to: replace prepare.py")
