"""Claude Code (`claude -p`).

It runs without prompts for permission: what is not allowed here is denied. It may read its folder and edit the
editable files there, if any; it has no shell unless the settings give it one, which they can only in a sandbox.
Settings, hooks, plugins and servers of the person are left out, their own folder too unless their login is wanted.
"""

from __future__ import annotations

import json
import shlex
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deep_loop.clients.client import Call, ClientSettings, Heard, Order, Said, Station, complaint
from deep_loop.clients.events import Event, events, number, objects, strings, table, words
from deep_loop.clients.failures import diagnose
from deep_loop.core.call import Failure, Usage

NAME = "claude-code"
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")  # any of them will do
CONFIG = "CLAUDE_CONFIG_DIR"

_QUIET = {
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",  # it would wait for them
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",  # what it knows of earlier experiments is the brief's to say
}
_READING = ("Read", "Glob", "Grep")
_EDITING = ("Edit", "Write")
_LIMITS = {"error_max_turns", "error_max_budget_usd"}
_SYNTHETIC = "<synthetic>"  # what it calls the model of its own error messages


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeCodeSettings(ClientSettings):
    """What a person says about Claude Code."""

    program: str = "claude"
    max_turns: int = 40  # of one call
    max_usd: float = 2.0  # of one call, by its own prices; it may overshoot by one response
    retries: int = 3  # of a request, before the call fails
    bash: bool = False  # whether it may run commands; only in a sandbox


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """Implements `client.Dialect`. Without editable files in a call it only reads."""

    settings: ClaudeCodeSettings
    station: Station
    name: str = NAME
    network: bool = True
    litter: Sequence[str] = (".claude/settings.local.json",)

    @property
    def program(self) -> str:
        return self.settings.program

    @property
    def timeout_seconds(self) -> float:
        return self.settings.timeout_seconds

    def order(self, call: Call) -> Order:
        settings = self.settings
        tools = (*_READING, *(_EDITING if call.editable else ()), *(["Bash"] if settings.bash else ()))
        # The prompt is on standard input: as an argument it would be in every list of processes.
        arguments = [
            *(settings.program, "-p", "--output-format", "stream-json", "--verbose"),
            *("--permission-mode", "dontAsk", "--tools", ",".join(tools)),
            *("--settings", json.dumps(self._permissions(call)), "--setting-sources", "", "--strict-mcp-config"),
            *("--max-turns", str(settings.max_turns), "--max-budget-usd", f"{settings.max_usd:g}"),
            *(("--model", settings.model) if settings.model else ()),
            *(("--resume", call.session) if call.session else ("--session-id", _session(call))),
            *settings.arguments,
        ]
        env = {**_QUIET, "CLAUDE_CODE_MAX_RETRIES": str(settings.retries), **self._place()}
        if settings.base_url:
            env["ANTHROPIC_BASE_URL"] = settings.base_url
        if settings.bash:
            env["CLAUDE_CODE_SHELL_PREFIX"] = str(self._shell(call))
        return Order(shlex.join(arguments), env, (Path(env[CONFIG]),) if CONFIG in env else ())

    def _permissions(self, call: Call) -> Mapping[str, Any]:
        """What it may do beyond reading its checkout. A rule for Edit is one for Write too."""
        allowed = [*(f"Edit({_pattern(path)})" for path in call.editable), *(["Bash"] if self.settings.bash else [])]
        return {"permissions": {"allow": allowed, "deny": [f"Edit({_pattern(path)})" for path in call.protected]}}

    def _shell(self, call: Call) -> Path:
        """What runs its commands: its shell need not have its key.

        Its own way to see to that (CLAUDE_CODE_SUBPROCESS_ENV_SCRUB) lays empty files into the checkout.
        """
        script = call.folder.absolute() / "shell"
        unset = " ".join(shlex.quote(name) for name in self.station.keys)
        script.write_text(f'#!/bin/bash\nunset {unset}\nexec /bin/bash -c "$1"\n', encoding="utf-8")
        script.chmod(0o755)
        return script

    def _place(self) -> dict[str, str]:
        """Where its configuration and its sessions are."""
        if not self.settings.login or self.station.home is None:
            return {CONFIG: str(self.station.folder)}
        if sys.platform == "darwin":  # the login is in the keychain, under a name that depends on the variable
            return {"HOME": str(self.station.home)}
        return {CONFIG: str(self.station.home / ".claude")}

    def heard(self, call: Call, said: Said) -> Heard:
        heard = list(events(said.output))
        ended = next((event for event in reversed(heard) if event.get("type") == "result"), None)
        begun: Event = next((event for event in heard if event.get("subtype") == "init"), {})
        text = words(ended or {}, "result") or _last_words(heard)
        whole = Heard(
            text=text,
            usages=_usages(heard, begun, ended),
            session=words(ended or begun, "session_id"),
            denied=tuple(dict.fromkeys(_denied(ended or {}))),
            notices=tuple(_broken_servers(begun)),
        )
        if ended is None:
            failure = complaint(said)
            return replace(whole, failure=failure, lost="already in use" in failure.reason)
        if not ended.get("is_error") and ended.get("subtype") == "success":
            return whole
        complaints = " ".join(strings(ended, "errors")) or text
        failure = _failure(heard, ended, complaints, said.now)
        lost = bool(call.session) and ("No conversation found" in complaints or "prompt is too long" in text.lower())
        return replace(whole, failure=failure, lost=lost)

    def doubt(self, output: str) -> Failure | None:
        return None  # it ends by itself, within its turns and retries


def _session(call: Call) -> str:
    """The name of a new session, known before it begins."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, call.folder.name))


def _pattern(path: str) -> str:
    """A pattern of ours as one of Claude Code's, which are those of git."""
    inside = path.removeprefix("./")
    return f"./{inside}**" if inside.endswith("/") else f"./{inside}"


def _failure(heard: Sequence[Event], ended: Event, complaints: str, now: float) -> Failure:
    """Why it ended with an error. Of a server's error the subtype still is "success"."""
    if ended.get("subtype") in _LIMITS:
        return Failure("limit", complaints or "it reached a limit of its own")
    status = ended.get("api_error_status")
    failure = diagnose(complaints or "it failed and said nothing", now, status if isinstance(status, int) else None)
    if ended.get("api_error") == "connection_failed" and failure.fault == "nonsense":
        failure = replace(failure, fault="network")
    for event in reversed(heard):
        limits = table(event, "rate_limit_info")
        if limits.get("status") == "rejected" and (until := number(limits, "resetsAt")):
            return replace(failure, fault="quota", retry_seconds=max(until - now, 1.0))
    return failure


def _last_words(heard: Sequence[Event]) -> str:
    """The latest text of the model."""
    for event in reversed(heard):
        message = table(event, "message") if event.get("type") == "assistant" else {}
        if text := "\n".join(filter(None, (words(block, "text") for block in objects(message, "content")))):
            return text
    return ""


def _usages(heard: Sequence[Event], begun: Event, ended: Event | None) -> tuple[Usage, ...]:
    """What this call used, by model.

    Sums by model are of the whole session where it was resumed, in some versions; newer ones tell the call's own apart,
    and `usage` is always that. Where the call was killed, only the messages tell, and of what came out next to nothing.
    """
    requests = _requests(heard)
    if ended is not None and (own := table(ended, "model_usage_since_last_result")):
        return tuple(_of_model(model, table(own, model), len(requests.get(model, ()))) for model in own)
    by_model = table(ended, "modelUsage") if ended else {}
    sums = tuple(_of_model(model, table(by_model, model), len(requests.get(model, ()))) for model in by_model)
    if ended is None or not table(ended, "usage"):
        return tuple(_of_messages(model, list(messages.values())) for model, messages in requests.items())
    model = words(begun, "model") or next(iter(by_model), "unknown")
    own_sum = _of_messages(model, [table(ended, "usage")], len(requests.get(model, ())))
    return sums if sum(each.tokens for each in sums) <= own_sum.tokens or not own_sum.tokens else (own_sum,)


def _of_model(model: str, used: Event, requests: int) -> Usage:
    cached, written = number(used, "cacheReadInputTokens"), number(used, "cacheCreationInputTokens")
    whole = number(used, "inputTokens") + cached + written
    return Usage(model, whole, number(used, "outputTokens"), cached, written, max(requests, 1))


def _of_messages(model: str, used: Sequence[Event], requests: int = 0) -> Usage:
    cached = sum(number(each, "cache_read_input_tokens") for each in used)
    written = sum(number(each, "cache_creation_input_tokens") for each in used)
    whole = sum(number(each, "input_tokens") for each in used) + cached + written
    made = sum(number(each, "output_tokens") for each in used)
    return Usage(model, whole, made, cached, written, max(requests or len(used), 1))


def _requests(heard: Sequence[Event]) -> dict[str, dict[str, Event]]:
    """The usage of each message, by model and message: one message comes as several events."""
    found: dict[str, dict[str, Event]] = {}
    for event in heard:
        message = table(event, "message") if event.get("type") == "assistant" else {}
        model = words(message, "model")
        if model and model != _SYNTHETIC:
            found.setdefault(model, {})[words(message, "id")] = table(message, "usage")
    return found


def _denied(ended: Event) -> Iterator[str]:
    """What it wanted to do and was not allowed."""
    for denial in objects(ended, "permission_denials"):
        given = table(denial, "tool_input")
        what = words(given, "file_path") or words(given, "command") or words(given, "path")
        yield f"{words(denial, 'tool_name')} {what}".strip()[:80]


def _broken_servers(begun: Event) -> Iterator[str]:
    """Servers of tools that the person configured and that do not work; the run goes on without them."""
    for server in objects(begun, "mcp_servers"):
        if (status := words(server, "status")) not in ("connected", "pending", ""):
            yield f"the MCP server {words(server, 'name')} does not work ({status}): it thinks without it"
