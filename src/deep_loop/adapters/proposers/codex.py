"""Codex (`codex exec`) as a proposer.

Codex has a sandbox of its own for the commands that its agent runs: they write only to the checkout and reach no
network. It works inside of ours too on most machines. Where it does not, ours takes its place; without any of the two
the agent can run nothing.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from deep_loop.adapters.proposers.client import Client
from deep_loop.clients.client import NO_GPU, Call, ClientSettings, Clock, Heard, Order, Said, Station, complaint
from deep_loop.clients.events import Event, events, number, table, words
from deep_loop.clients.failures import diagnose
from deep_loop.core.call import Failure, Usage
from deep_loop.ports import Job

NAME = "codex"
KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")  # either will do
PROVIDER = "deep_loop"  # what we call the server at `base_url`
WAITS = 4  # times in a row that it waits for the network, longer each time: 36 s
TRIAL_SECONDS = 30.0
ACTIONS = frozenset({"command_execution", "file_change", "mcp_tool_call", "web_search"})

_FIXED = (
    'approval_policy="never"',
    'web_search="disabled"',
    "sandbox_workspace_write.exclude_slash_tmp=true",
    "project_doc_max_bytes=0",  # the brief has what the agent is to know
    'history.persistence="none"',
    "analytics.enabled=false",
    "check_for_update_on_startup=false",
)
_SECRET = ("*KEY*", "*TOKEN*", "*SECRET*", "*PASSWORD*")
_TRANSIENT = re.compile(r"Reconnecting\.\.\. (?:\d+/\d+ )?(?:waiting for network )?\((.*)\)\s*", re.DOTALL)
_LOST = re.compile(r"no rollout found|thread/resume failed|no (?:conversation|session) found", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodexSettings(ClientSettings):
    """What a person says about Codex. It has no limits of its own but its context."""

    program: str = "codex"
    max_actions: int = 100  # commands and edits of one call
    retries: int = 3  # of a request to the server at `base_url`, before the call fails


def codex(settings: CodexSettings, station: Station, clock: Clock = time.time) -> Client:
    """The proposer."""
    return Client(_Dialect(settings, station, _Nesting(settings, station)), station, clock)


@dataclass(slots=True)
class _Nesting:
    """Whether the client's sandbox works inside of ours: tried once, when it is first asked."""

    settings: CodexSettings
    station: Station
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _works: bool | None = None

    def works(self, call: Call, env: Mapping[str, str], writes: tuple[Path, ...]) -> bool:
        """As it would be in this call."""
        with self._lock:
            if self._works is None:
                executor = self.station.executor
                job = Job(
                    id=f"{call.id}-{uuid.uuid4().hex[:8]}",
                    command=shlex.join([self.settings.program, "sandbox", "--", "true"]),
                    folder=call.checkout,
                    log=call.log.with_suffix(".sandbox.log"),
                    env={**NO_GPU, **self.station.network, **env},
                    timeout_seconds=TRIAL_SECONDS,
                    writes=(call.folder, *writes),
                )
                exit = executor.start(job, executor.slots[0]).result()
                if exit.interrupted:
                    return True
                self._works = exit.code == 0
            return self._works


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Implements `client.Dialect`."""

    settings: CodexSettings
    station: Station
    nesting: _Nesting
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
        env = {"CODEX_HOME": str(home), "TMPDIR": str(call.temporary.absolute())}
        # Its sandbox needs helpers in its home, which it refuses to put below the folder for temporary files.
        confined = not self.station.confined or self.nesting.works(call, env, (home,))
        given = [
            f'sandbox_mode="{"workspace-write" if confined else "danger-full-access"}"',
            *_FIXED,
            f"shell_environment_policy={{inherit = 'all', exclude = {json.dumps([*self.station.keys, *_SECRET])}}}",
            *self._provider(),
        ]
        arguments = [
            *(settings.program, "exec", *(("resume",) if call.session else ()), "--json"),
            # Neither the person's settings are for it, nor what commands outside of Codex's sandbox may have left.
            *(("--ignore-user-config", "--ignore-rules") if settings.login or not confined else ()),
            *(("--model", settings.model) if settings.model else ()),
            *(part for value in given for part in ("-c", value)),
            *settings.arguments,
            *((call.session,) if call.session else ()),
            "-",
        ]
        return Order(shlex.join(arguments), {**env, **self._key()}, (home,))

    def _home(self) -> Path:
        """Where its login, its sessions and its helpers are."""
        if self.settings.login and self.station.home is not None:
            return self.station.home / ".codex"
        return self.station.folder

    def _provider(self) -> Iterator[str]:
        """The server, where it is not the usual one."""
        if not self.settings.base_url:
            return
        key = next((name for name in KEYS if name in self.station.keys), None)
        yield f'model_provider="{PROVIDER}"'
        fields: dict[str, str | int] = {"name": PROVIDER, "base_url": self.settings.base_url, "wire_api": "responses"}
        fields |= {"request_max_retries": self.settings.retries, "stream_max_retries": self.settings.retries}
        if key:
            fields["env_key"] = key
        elif self.settings.login:
            fields["requires_openai_auth"] = True
        inside = ", ".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
        yield f"model_providers.{PROVIDER}={{{inside}}}"

    def _key(self) -> dict[str, str]:
        """`codex exec` itself looks for one name only."""
        keys = self.station.keys
        own, usual = KEYS
        return {own: keys[usual]} if usual in keys and own not in keys and not self.settings.base_url else {}

    def heard(self, call: Call, said: Said) -> Heard:
        heard = list(events(said.output))
        session = next((words(event, "thread_id") for event in heard if event.get("type") == "thread.started"), "")
        texts = [words(item, "text") for item in _items(heard) if item.get("type") == "agent_message"]
        notes = [words(item, "message") for item in _items(heard) if item.get("type") == "error"]
        whole = Heard(
            text=next((text for text in reversed(texts) if text), ""),
            usages=self._usages(heard, session),
            session=session,
            notices=tuple(note for note in notes if "recorded with model" not in note),
        )
        if any(event.get("type") == "turn.completed" for event in heard):
            return whole
        failure = _failure(heard, said)
        return replace(whole, failure=failure, lost=bool(call.session and _LOST.search(failure.reason)))

    def _usages(self, heard: Sequence[Event], session: str) -> tuple[Usage, ...]:
        """What this call used. What the client prints is of the whole session, and nothing where it was killed."""
        if session and re.fullmatch(r"[\w-]+", session):
            records = sorted((self._home() / "sessions").rglob(f"*{session}.jsonl"))
            if records and (used := _recorded(records[-1], self.settings.model)):
                return used
        sums = [table(event, "usage") for event in heard if event.get("type") == "turn.completed"]
        return (_usage(self.settings.model or "unknown", sums[-1], {}, 1),) if sums else ()

    def doubt(self, output: str) -> Failure | None:
        heard = list(events(output))
        latest = [words(event, "message") for event in heard[-WAITS:] if event.get("type") == "error"]
        if len(latest) == WAITS and all("waiting for network" in message for message in latest):
            return Failure("network", _plain(latest[-1]))
        if sum(item.get("type") in ACTIONS for item in _items(heard)) > self.settings.max_actions:
            return Failure("limit", f"it took more than {self.settings.max_actions} actions")
        return None


def _items(heard: Sequence[Event]) -> list[Event]:
    """What the agent has done and said."""
    return [table(event, "item") for event in heard if event.get("type") == "item.completed"]


def _failure(heard: Sequence[Event], said: Said) -> Failure:
    """Why it did not come to its end. Errors before the last one were passing."""
    ends = [words(table(event, "error"), "message") for event in heard if event.get("type") == "turn.failed"]
    errors = [words(event, "message") for event in heard if event.get("type") == "error"]
    for message in reversed([*errors, *ends]):
        if message:
            return diagnose(_plain(message), said.now)
    return complaint(said)


def _plain(message: str) -> str:
    """A message without what says that it tries again."""
    found = _TRANSIENT.fullmatch(message)
    return found[1] if found else message


def _recorded(record: Path, model: str) -> tuple[Usage, ...]:
    """What the last turn of a session used, by the client's own record of it; nothing where that does not say."""
    before: Event = {}
    total: Event = {}
    requests = 0
    try:
        text = record.read_text("utf-8", errors="replace")
    except OSError:
        return ()
    for line in events(text):
        payload = table(line, "payload")
        if line.get("type") == "turn_context":
            model = words(payload, "model") or model
        elif payload.get("type") == "task_started":
            before, requests = total, 0
        elif payload.get("type") == "token_count" and (counted := table(table(payload, "info"), "total_token_usage")):
            requests += number(counted, "total_tokens") > number(total, "total_tokens")
            total = counted
    if number(total, "total_tokens") <= number(before, "total_tokens"):
        return ()
    return (_usage(model or "unknown", total, before, requests),)


def _usage(model: str, total: Event, before: Event, requests: int) -> Usage:
    def since(name: str) -> int:
        return max(number(total, name) - number(before, name), 0)

    cached, written = since("cached_input_tokens"), since("cache_write_input_tokens")
    return Usage(model, since("input_tokens"), since("output_tokens"), cached, written, max(requests, 1))
