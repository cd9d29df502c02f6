"""opencode (`opencode run`) as a proposer.

Rules of its own say what it may do: read the checkout, edit the editable files, nothing else. What is not allowed is
denied without a question, as nobody is there to answer one.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deep_loop.adapters.proposers.client import Client
from deep_loop.clients.client import Call, ClientSettings, Clock, Heard, Order, Said, Station, complaint
from deep_loop.clients.events import Event, events, number, table, words
from deep_loop.clients.failures import diagnose
from deep_loop.core.call import Failure, Usage

NAME = "opencode"
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY", "OPENCODE_API_KEY")
PROVIDER = "deep_loop"  # what we call the server at `base_url`
LOST = "Session not found"
READING = ("read", "glob", "grep", "list")

_QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    "OPENCODE_DISABLE_CLAUDE_CODE": "1",
    "OPENCODE_DISABLE_SHARE": "1",
}
_XDG = {"XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share", "XDG_STATE_HOME": ".local/state"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCodeSettings(ClientSettings):
    """What a person says about opencode. `model` is PROVIDER/NAME; at a `base_url` of one's own the name counts."""

    program: str = "opencode"
    max_turns: int = 40  # of one call


def opencode(settings: OpenCodeSettings, station: Station, clock: Clock = time.time) -> Client:
    """The proposer."""
    return Client(_Dialect(settings, station), station, clock)


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Implements `client.Dialect`."""

    settings: OpenCodeSettings
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
        model = self._model()
        arguments = [
            *(self.settings.program, "run", "--format", "json", "--pure"),
            *(("--model", model) if model else ()),
            *(("--session", call.session) if call.session else ()),
            *self.settings.arguments,
        ]
        folder = self.station.folder.absolute()
        env = {name: str(folder / place) for name, place in _XDG.items()}
        env |= {
            **_QUIET,
            "XDG_CACHE_HOME": str(folder / ".cache"),
            "OPENCODE_CONFIG_CONTENT": json.dumps(self._config(call)),
        }
        writes: tuple[Path, ...] = (folder,)
        if self.settings.login and self.station.home is not None:
            env["XDG_DATA_HOME"] = str(self.station.home / _XDG["XDG_DATA_HOME"])
            writes = (folder, Path(env["XDG_DATA_HOME"]) / "opencode")
        return Order(shlex.join(arguments), env, writes)

    def _model(self) -> str:
        name = self.settings.model
        return f"{PROVIDER}/{name.rpartition('/')[2]}" if self.settings.base_url and name else name

    def _config(self, call: Call) -> Mapping[str, Any]:
        """Its settings. Of several rules that fit the last one holds."""
        edits = {"*": "deny", **{_pattern(path): "allow" for path in call.editable}}
        edits |= {_pattern(path): "deny" for path in call.protected}
        allowed = {"*": "deny", **dict.fromkeys(READING, "allow"), "edit": edits, "external_directory": "deny"}
        config = {"autoupdate": False, "share": "disabled", "snapshot": False, "permission": allowed}
        return {**config, "provider": self._provider()} if self.settings.base_url else config

    def _provider(self) -> Mapping[str, Any]:
        """A server that speaks OpenAI's Chat Completions."""
        key = next((name for name in (*KEYS, *self.station.keys) if name in self.station.keys), None)
        options = {"baseURL": self.settings.base_url, **({"apiKey": f"{{env:{key}}}"} if key else {})}
        name = self._model().partition("/")[2]
        models = {name: {"name": name}} if name else {}
        return {PROVIDER: {"npm": "@ai-sdk/openai-compatible", "name": PROVIDER, "options": options, "models": models}}

    def heard(self, call: Call, said: Said) -> Heard:
        heard = list(events(said.output))
        steps = [table(event, "part") for event in heard if event.get("type") == "step_finish"]
        whole = Heard(
            text=_last_words(heard),
            usages=_usages(steps, self.settings.model or "unknown"),
            session=next((words(event, "sessionID") for event in heard if words(event, "sessionID")), ""),
            denied=tuple(dict.fromkeys(_denied(heard))),
        )
        if steps and words(steps[-1], "reason") == "stop":
            return whole
        errors = [table(event, "error") for event in heard if event.get("type") == "error"]
        if not errors and said.code == 0:
            return whole
        failure = _failure(errors[-1], said.now) if errors else complaint(said)
        return replace(whole, failure=failure, lost=bool(call.session) and LOST in failure.reason)

    def doubt(self, output: str) -> Failure | None:
        turns = sum(event.get("type") == "step_start" for event in events(output))
        if turns > self.settings.max_turns:
            return Failure("limit", f"it took more than {self.settings.max_turns} turns")
        return None


def _pattern(path: str) -> str:
    """A pattern of ours as one of opencode's, whose `*` spans folders too: the harness looks again at what changed."""
    inside = path.removeprefix("./")
    return f"{inside}*" if inside.endswith("/") else inside


def _failure(error: Event, now: float) -> Failure:
    """What an error of the client says, with the status of its server."""
    data = table(error, "data")
    status = data.get("statusCode")
    said = words(data, "message") or words(error, "name")
    inside = f"{said} {words(data, 'responseBody')}" if isinstance(status, int) and status == 429 else said
    failure = diagnose(inside, now, status if isinstance(status, int) else None)
    if words(error, "name") == "ProviderAuthError":
        failure = replace(failure, fault="setup")
    return failure


def _last_words(heard: Sequence[Event]) -> str:
    """The texts of the last message."""
    texts = [table(event, "part") for event in heard if event.get("type") == "text"]
    last = words(texts[-1], "messageID") if texts else ""
    return "\n".join(words(text, "text") for text in texts if words(text, "messageID") == last)


def _usages(steps: Sequence[Event], model: str) -> tuple[Usage, ...]:
    """All steps of the call together: a step is one request."""
    if not steps:
        return ()
    counted = [table(step, "tokens") for step in steps]
    cached = sum(number(table(each, "cache"), "read") for each in counted)
    written = sum(number(table(each, "cache"), "write") for each in counted)
    whole = sum(number(each, "input") for each in counted) + cached + written
    made = sum(number(each, "output") + number(each, "reasoning") for each in counted)
    return (Usage(model, whole, made, cached, written, len(steps)),)


def _denied(heard: Sequence[Event]) -> Iterator[str]:
    """What it wanted to do and was not allowed."""
    for event in heard:
        part = table(event, "part") if event.get("type") == "tool_use" else {}
        state = table(part, "state")
        if "prevents you from using" in words(state, "error"):
            yield f"{words(part, 'tool')} {words(table(state, 'input'), 'filePath')}".strip()[:80]
