"""Gemini CLI (`gemini`) as a proposer.

A policy that is written for each call says what it may do: read the checkout and edit the editable files. It has no
shell.
"""

from __future__ import annotations

import json
import re
import shlex
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deep_loop.adapters.proposers.client import Client
from deep_loop.clients.client import Call, ClientSettings, Clock, Heard, Order, Said, Station
from deep_loop.clients.events import Event, events, number, table, words
from deep_loop.clients.failures import diagnose
from deep_loop.core.call import Failure, Fault, Usage

NAME = "gemini"
KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")  # either will do
READING = ("read_file", "read_many_files", "list_directory", "glob", "grep_search", "search_file_content")
EDITING = ("replace", "write_file")
LOST = "Error resuming session"

_CODES: Mapping[int, Fault] = {41: "setup", 44: "setup", 52: "setup", 53: "limit"}  # exit codes of its own
_STATUS = re.compile(r"^\s*(?:status|code): ([45]\d\d)\b", re.MULTILINE)
_CHATTER = ("Warning", "Ripgrep", "Attempt ", "Loaded cached")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiSettings(ClientSettings):
    """What a person says about Gemini CLI. With `login` its own settings hold, for turns and retries too."""

    program: str = "gemini"
    max_turns: int = 40  # of one call
    retries: int = 2  # of a request, before the call fails


def gemini(settings: GeminiSettings, station: Station, clock: Clock = time.time) -> Client:
    """The proposer."""
    return Client(_Dialect(settings, station), station, clock)


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Implements `client.Dialect`."""

    settings: GeminiSettings
    station: Station
    name: str = NAME
    network: bool = True
    litter: Sequence[str] = ()

    @property
    def program(self) -> str:
        return self.settings.program

    @property
    def timeout_seconds(self) -> float:
        return self.settings.timeout_seconds

    def order(self, call: Call) -> Order:
        settings, home = self.settings, self._home()
        policy = call.folder.absolute() / "policy.toml"
        policy.write_text(_policy(call), encoding="utf-8")
        if not settings.login:
            self._configure(home)
        arguments = [
            *(settings.program, "--output-format", "stream-json", "--policy", str(policy)),
            *("--skip-trust", "--extensions", "none"),
            *(("--model", settings.model) if settings.model else ()),
            *(("--resume", call.session) if call.session else ("--session-id", _session(call))),
            *settings.arguments,
        ]
        env = {"GEMINI_CLI_HOME": str(home), "NO_COLOR": "1"}
        if settings.base_url:
            env["GOOGLE_GEMINI_BASE_URL"] = settings.base_url
        keys = self.station.keys
        own, other = KEYS
        if other in keys and own not in keys:
            env[own] = keys[other]
        return Order(shlex.join(arguments), env, (home / ".gemini" if settings.login else home,))

    def _home(self) -> Path:
        """Where the folder `.gemini` is, with its settings and its sessions."""
        if self.settings.login and self.station.home is not None:
            return self.station.home
        return self.station.folder.absolute()

    def _configure(self, home: Path) -> None:
        """Write its settings, where they are not so already: it takes limits and the kind of login from there only."""
        content = json.dumps(
            {
                "security": {"auth": {"selectedType": "gemini-api-key"}},
                "general": {"enableAutoUpdate": False, "maxAttempts": self.settings.retries + 1},
                "model": {"maxSessionTurns": self.settings.max_turns},
                "privacy": {"usageStatisticsEnabled": False},
                "hooksConfig": {"enabled": False},
            }
        )
        place = home / ".gemini" / "settings.json"
        if not place.exists() or place.read_text("utf-8") != content:
            place.parent.mkdir(parents=True, exist_ok=True)
            new = place.with_name(f"{place.name}.{uuid.uuid4().hex}")
            new.write_text(content, encoding="utf-8")
            new.replace(place)

    def heard(self, call: Call, said: Said) -> Heard:
        heard = list(events(said.output))
        ended = next((event for event in reversed(heard) if event.get("type") == "result"), None)
        whole = Heard(
            text=_last_words(heard),
            usages=_usages(ended or {}),
            session=next((words(event, "session_id") for event in heard if event.get("type") == "init"), ""),
            denied=tuple(dict.fromkeys(_denied(heard))),
        )
        if ended is not None and ended.get("status") == "success":
            return whole
        lost = LOST in said.log if call.session else "already" in said.log and ended is None and not heard
        return replace(whole, failure=_failure(ended, said), lost=lost)

    def doubt(self, output: str) -> Failure | None:
        return None  # it ends by itself, within its turns and retries


def _session(call: Call) -> str:
    """The name of a new session, known before it begins."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, call.folder.name))


def _policy(call: Call) -> str:
    """Rules of what it may do; of those that fit the one with the highest priority holds."""
    folder = str(call.checkout.absolute())
    rules = [
        {"toolName": "*", "decision": "deny", "priority": 100},
        {"toolName": list(READING), "decision": "allow", "priority": 200},
    ]
    for decision, priority, patterns in (("allow", 300, call.editable), ("deny", 400, call.protected)):
        for path in (f"{start}{_regex(pattern)}" for pattern in patterns for start in ("", f"{_literal(folder)}/")):
            given = f'"file_path":"{path}"'
            rules.append({"toolName": list(EDITING), "argsPattern": given, "decision": decision, "priority": priority})
    return "\n".join(_rule(rule) for rule in rules)


def _rule(rule: Mapping[str, object]) -> str:
    """A table of TOML: its strings and lists are JSON's."""
    return "[[rule]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in rule.items())


def _regex(pattern: str) -> str:
    """A pattern of ours as a regular expression for a path in JSON; without groups, which the client may refuse."""
    inside = pattern.removeprefix("./")
    inside = f"{inside}**" if inside.endswith("/") else inside
    meaning = {"**": r'[^"]*', "**/": r'[^"]*', "*": r'[^/"]*', "?": r'[^/"]'}
    return "".join(meaning.get(part) or _literal(part) for part in re.split(r"(\*\*/?|\*|\?)", inside))


def _literal(text: str) -> str:
    """What matches this text in JSON."""
    return re.escape(json.dumps(text, ensure_ascii=False)[1:-1])


def _failure(ended: Event | None, said: Said) -> Failure:
    """Why it did not come to its end: its exit code, its server's status, its words."""
    error = table(ended or {}, "error")
    lines = [line.strip() for line in said.log.splitlines() if line.strip()]
    complaints = [line for line in lines if not line.startswith(_CHATTER)]
    text = words(error, "message") or next(iter(complaints), f"it ended with code {said.code} and said nothing")
    text = text.removeprefix("[API Error: ").rstrip("]")
    statuses = _STATUS.findall(said.log)
    failure = diagnose(text, said.now, int(statuses[-1]) if statuses else None)
    if words(error, "type") == "FatalTurnLimitedError":
        return replace(failure, fault="limit")
    own = _CODES.get(said.code or 0)
    return replace(failure, fault=own) if own else failure


def _last_words(heard: Sequence[Event]) -> str:
    """What the model said after the last use of a tool; it comes in pieces."""
    pieces: list[str] = []
    for event in heard:
        if event.get("type") == "tool_result":
            pieces.clear()
        elif event.get("type") == "message" and event.get("role") == "assistant":
            pieces.append(words(event, "content"))
    return "".join(pieces)


def _usages(ended: Event) -> tuple[Usage, ...]:
    """What the call used, by model; it says so only at its end."""
    models = table(table(ended, "stats"), "models")
    found = []
    for model in models:
        used = table(models, model)
        whole, every = number(used, "input_tokens"), number(used, "total_tokens")
        if every:
            made = max(every - whole, number(used, "output_tokens"))  # thoughts are counted in the total alone
            found.append(Usage(model, whole, made, min(number(used, "cached"), whole)))
    return tuple(found)


def _denied(heard: Sequence[Event]) -> Iterator[str]:
    """What it wanted to do and was not allowed."""
    wanted: dict[str, str] = {}
    for event in heard:
        if event.get("type") == "tool_use":
            given = table(event, "parameters")
            wanted[words(event, "tool_id")] = f"{words(event, 'tool_name')} {words(given, 'file_path')}".strip()
        elif words(table(event, "error"), "type") == "policy_violation":
            yield wanted.get(words(event, "tool_id"), "something")[:80]
