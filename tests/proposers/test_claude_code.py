"""Claude Code as a proposer, with a stand-in for the client: what it is asked, and what its answers mean."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deep_loop.adapters.proposers.claude_code import claude_code
from deep_loop.clients.claude_code import ClaudeCodeSettings
from deep_loop.core.call import Failure, Usage
from deep_loop.core.experiment import Change
from deep_loop.errors import ConfigError
from deep_loop.ports import Answer, Objection
from deep_loop.testing.proposer_contract import brief, checkout
from tests.proposers.fake_clients import CLAUDE, KEY, ClientContract, making

RESET = 1_900_000_000


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """Makes proposers by scenario; what they were asked lies in `tmp_path / "client"`."""
    with making(
        tmp_path / "client",
        CLAUDE,
        lambda chosen, at: claude_code(ClaudeCodeSettings(**chosen), at, lambda: RESET - 100.0),
    ) as proposer:
        yield proposer


class TestContract(ClientContract):
    """The contract."""


def asked(tmp_path: Path) -> list[list[str]]:
    """The arguments of every call."""
    return [json.loads(line) for line in (tmp_path / "client" / "arguments").read_text().splitlines()]


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def failed(make: Any, tmp_path: Path, scenario: str, **others: Any) -> Failure:
    """What a scenario fails with."""
    answer: Answer = make(scenario, **others).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.idea is None
    assert answer.failure is not None
    return answer.failure


def test_it_may_do_what_the_task_allows_and_no_more(make: Any, tmp_path: Path) -> None:
    """Everything else is denied without a question: no shell, no settings and servers of the person."""
    make().propose(brief(), checkout(tmp_path / "checkout"))
    (arguments,) = asked(tmp_path)
    assert option(arguments, "--permission-mode") == "dontAsk"
    assert option(arguments, "--tools") == "Read,Glob,Grep,Edit,Write"
    rules = json.loads(option(arguments, "--settings"))["permissions"]
    assert rules == {"allow": ["Edit(./train.py)"], "deny": ["Edit(./prepare.py)"]}
    assert option(arguments, "--setting-sources") == ""
    assert "--strict-mcp-config" in arguments
    assert not any("dangerous" in argument for argument in arguments)


def test_a_shell_only_in_a_sandbox(make: Any, tmp_path: Path) -> None:
    """Where there is none, the setting is refused with a hint."""
    with pytest.raises(ConfigError, match="no sandbox"):
        make(settings={"bash": True})
    make(settings={"bash": True}, confined=True).propose(brief(), checkout(tmp_path / "checkout"))
    (arguments,) = asked(tmp_path)
    assert option(arguments, "--tools").endswith(",Bash")
    assert "Bash" in json.loads(option(arguments, "--settings"))["permissions"]["allow"]


def test_what_it_is_told_comes_by_standard_input(make: Any, tmp_path: Path) -> None:
    """The brief is no argument, and it is kept beside what was said."""
    told = brief()
    make().propose(told, checkout(tmp_path / "checkout"))
    given = (tmp_path / "client" / "told").read_text()
    assert "val_bpb" in given
    assert given.startswith((tmp_path / "client" / "logs" / told.call / "prompt.md").read_text())
    assert not any("val_bpb" in argument for argument in asked(tmp_path)[0])


def test_limits_and_model_are_the_settings(make: Any, tmp_path: Path) -> None:
    """Turns, money, model, server and further arguments reach the client."""
    settings = {"model": "opus", "max_turns": 7, "max_usd": 0.25, "base_url": "http://127.0.0.1:9", "retries": 1}
    make(settings={**settings, "arguments": ("--effort", "low")}).propose(brief(), checkout(tmp_path / "checkout"))
    (arguments,) = asked(tmp_path)
    named = {name: option(arguments, name) for name in ("--model", "--max-turns", "--max-budget-usd", "--effort")}
    assert named == {"--model": "opus", "--max-turns": "7", "--max-budget-usd": "0.25", "--effort": "low"}
    variables = json.loads((tmp_path / "client" / "environment").read_text())
    assert variables["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:9"
    assert variables["CLAUDE_CODE_MAX_RETRIES"] == "1"
    assert variables["CLAUDE_CONFIG_DIR"] == str(tmp_path / "client" / "config")


def test_a_login_is_the_person_s_own_folder(make: Any, tmp_path: Path) -> None:
    """Only where it is asked for."""
    proposer = make(settings={"login": True}, home=tmp_path / "person")
    proposer.propose(brief(), checkout(tmp_path / "checkout"))
    variables = json.loads((tmp_path / "client" / "environment").read_text())
    assert variables["CLAUDE_CONFIG_DIR"] == str(tmp_path / "person" / ".claude")


def test_a_session_per_proposal_that_repairs_go_on_with(make: Any, tmp_path: Path) -> None:
    """Its name follows from the call; in it only the objection is told, elsewhere the whole brief too."""
    told = brief()
    proposer = make()
    first = proposer.propose(told, checkout(tmp_path / "checkout"))
    assert first.session == str(uuid.uuid5(uuid.NAMESPACE_OID, told.call))
    again = proposer.mend(brief(), tmp_path / "checkout", Objection("crash", "ZeroDivisionError", first.session))
    assert again.session == first.session
    assert option(asked(tmp_path)[1], "--resume") == first.session
    gone = proposer.mend(brief(), tmp_path / "checkout", Objection("crash", "ZeroDivisionError", "gone"))
    assert gone.idea is not None and gone.session not in ("gone", first.session)
    texts = (tmp_path / "client" / "told").read_text().split("\n=====\n")
    assert ["Find the constants" in text for text in texts[:4]] == [True, False, False, True]
    assert ["ZeroDivisionError" in text for text in texts[:4]] == [False, True, True, True]


def test_usage_counts_everything_that_goes_in(make: Any, tmp_path: Path) -> None:
    """With what came from the cache and went into it; the client's own cost is ignored."""
    answer = make().propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.usages == (Usage("opus", 100, 7, 80, 10, requests=1),)


def test_a_change_without_a_statement_is_described_by_itself(make: Any, tmp_path: Path) -> None:
    """The last message's first line is the title; kind and moves come from the change."""
    idea = make("prose").propose(brief(), checkout(tmp_path / "checkout")).idea
    assert idea is not None
    assert (idea.title, idea.kind) == ("Halve the learning rate", "learning-rate")
    assert idea.changes == (Change("LEARNING_RATE", "0.1", "0.05"),)


def test_nothing_to_propose(make: Any, tmp_path: Path) -> None:
    """Neither an idea nor a failure."""
    answer = make("nothing").propose(brief(), checkout(tmp_path / "checkout"))
    assert (answer.idea, answer.failure) == (None, None)
    assert answer.usages


def test_its_own_litter_is_no_change(make: Any, tmp_path: Path) -> None:
    """A file of settings that it leaves behind is removed."""
    place = checkout(tmp_path / "checkout")
    assert make("litter").propose(brief(), place).idea is not None
    assert not (place / ".claude" / "settings.local.json").exists()


@pytest.mark.parametrize(
    ("result", "fault", "retry"),
    [
        ({"api_error_status": 529, "result": "API Error: 529 Overloaded."}, "overloaded", None),
        ({"api_error_status": 500, "result": "API Error: 500 boom"}, "overloaded", None),
        ({"api_error_status": 401, "result": "Failed to authenticate. API Error: 401 bad"}, "setup", None),
        ({"api_error_status": 403, "result": "Failed to authenticate. API Error: 403 no"}, "setup", None),
        ({"api_error_status": 404, "result": "There's an issue with the selected model (x)."}, "setup", None),
        ({"api_error_status": 429, "result": "API Error: Request rejected (429) · rate limit"}, "overloaded", None),
        ({"api_error_status": 400, "result": "Credit balance is too low"}, "quota", None),
        ({"api_error_status": 400, "result": "Prompt is too long"}, "limit", None),
        ({"api_error_status": None, "result": "Not logged in · Please run /login"}, "setup", None),
        ({"api_error": "connection_failed", "result": "API Error: it went away"}, "network", None),
        (
            {
                "api_error_status": 429,
                "result": "You've hit your 5-hour limit · resets 4:54pm (UTC)",
                "rate_limit_info": {"status": "rejected", "resetsAt": RESET},
            },
            "quota",
            RESET,
        ),
        ({"subtype": "error_max_turns", "errors": ["Reached maximum number of turns (3)"]}, "limit", None),
        ({"subtype": "error_max_budget_usd", "errors": ["Reached maximum budget ($0.01)"]}, "limit", None),
    ],
)
def test_errors_are_told_apart(
    make: Any, tmp_path: Path, result: dict[str, Any], fault: str, retry: float | None
) -> None:
    """An error of the server comes with the subtype "success"."""
    answer = make("error", RESULT=json.dumps(result)).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.idea is None
    assert (answer.failure.fault, answer.failure.retry_seconds) == (fault, 100.0 if retry else None)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("error: unknown option '--tools'", "setup"),
        ("--dangerously-skip-permissions cannot be used with root/sudo privileges", "setup"),
        ("Error: connect ECONNREFUSED 127.0.0.1:9", "network"),
    ],
)
def test_plain_text_is_understood(make: Any, tmp_path: Path, words: str, fault: str) -> None:
    """Some failures come without JSON."""
    failure = failed(make, tmp_path, "plain", WORDS=words)
    assert (failure.fault, failure.reason) == (fault, words)


def test_what_was_denied_is_said_where_nothing_came_of_it(make: Any, tmp_path: Path) -> None:
    """The client itself calls that a success."""
    failure = failed(make, tmp_path, "denied")
    assert failure == Failure("nonsense", "it was not allowed to: Edit prepare.py")


def test_a_time_out(make: Any, tmp_path: Path) -> None:
    """It is slow, and what it used by then is known."""
    answer = make("hang", settings={"timeout_seconds": 2.0}).propose(brief(), checkout(tmp_path / "checkout"))
    assert answer.failure == Failure("slow", "it was not done after 2 s")
    assert answer.usages == (Usage("opus", 100, 1, 80, 10),)


def test_a_broken_server_of_tools_is_told_once(make: Any, tmp_path: Path) -> None:
    """The client goes on without it, and says so in passing."""
    proposer = make(SERVERS=json.dumps([{"name": "wiki", "status": "failed"}, {"name": "fine", "status": "connected"}]))
    for place in ("one", "two"):
        assert proposer.propose(brief(), checkout(tmp_path / place)).idea is not None
    assert proposer.notices == ["claude-code: the MCP server wiki does not work (failed): it thinks without it"]


def test_keys_are_nowhere(make: Any, tmp_path: Path) -> None:
    """Not in a reason, a log, an output or a prompt."""
    failure = failed(make, tmp_path, "plain", WORDS=f"invalid x-api-key {KEY} at http://127.0.0.1")
    assert failure == Failure("setup", "invalid x-api-key *** at http://127.0.0.1")
    for file in (tmp_path / "client" / "logs").rglob("*"):
        assert file.is_dir() or KEY not in file.read_text()
