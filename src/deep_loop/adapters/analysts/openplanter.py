"""OpenPlanter (`openplanter-agent`), the real one: an agent with a shell, sub-tasks and a judge of its own.

It runs in a sandbox or not at all, since nothing else keeps its shell from the ledger, the repository and the home of
the person. It ends with code 0 even where its model's server could not be reached: then its answer is a "Model error".
"""

from __future__ import annotations

import re
import shlex
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from deep_loop.adapters.analysts.reader import TASK
from deep_loop.clients.client import Call, Heard, Order, Said, complaint
from deep_loop.clients.events import Event, events, number, words
from deep_loop.clients.failures import diagnose
from deep_loop.clients.programs import located
from deep_loop.core.call import Failure, Usage
from deep_loop.errors import ConfigError

NAME = "openplanter"
PROGRAM = "openplanter-agent"
OWN = Path(".openplanter", "bin", PROGRAM)  # where `setup.sh --with-openplanter` puts it, beside our environment
SESSIONS = "sessions"
READ = "60000"  # characters of one look at a file
# provider of ours -> its own, and the variable that holds the key
PROVIDERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "anthropic": ("anthropic", "ANTHROPIC_API_KEY"),
        "openai": ("openai", "OPENAI_API_KEY"),
        "openai-responses": ("openai", "OPENAI_API_KEY"),
        "openrouter": ("openrouter", "OPENROUTER_API_KEY"),
    }
)
_TRACE = "trace> "
_ERROR = re.compile(r"^Model error\b.*", re.MULTILINE)
_ENDED = ("Step budget exhausted", "Time limit exceeded", "Task cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPlanterSettings:
    """What a person says about OpenPlanter."""

    model: str  # PROVIDER:NAME
    program: str = PROGRAM
    base_url: str = ""  # of the model's server, with its /v1
    timeout_seconds: float = 1800.0
    max_steps: int = 60  # of one conversation
    max_depth: int = 2  # of sub-tasks

    @property
    def provider(self) -> tuple[str, str]:
        """Its own name of the provider, and the variable with the key. Raises ConfigError."""
        found = PROVIDERS.get(self.model.partition(":")[0])
        if found is None or not self.model.partition(":")[2]:
            raise ConfigError(
                f"[agents.openplanter] model: {self.model!r} names no model that OpenPlanter can ask",
                hint=f"write PROVIDER:NAME with one of the providers {', '.join(PROVIDERS)}",
            )
        return found


def program() -> str:
    """Its path, or its name where it is not installed."""
    beside = Path(sys.prefix).parent / OWN
    return PROGRAM if located(PROGRAM) is not None or not beside.is_file() else str(beside)


@dataclass(frozen=True, slots=True)
class OpenPlanter:
    """Implements `client.Dialect`."""

    settings: OpenPlanterSettings
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
        settings = self.settings
        # Its task is an argument, which every list of processes shows, and which may not be long.
        arguments = [
            *(settings.program, "--headless", "--workspace", ".", "--recursive", "--acceptance-criteria"),
            *("--task", f"Read {TASK} in the workspace, all of it, and do what it asks for."),
            *("--provider", settings.provider[0], "--model", settings.model.partition(":")[2]),
            *(("--base-url", settings.base_url) if settings.base_url else ()),
            *("--max-steps", str(settings.max_steps), "--max-depth", str(settings.max_depth)),
            *("--session-id", uuid.uuid5(uuid.NAMESPACE_OID, call.folder.name).hex),
        ]
        env = {
            "OPENPLANTER_SESSION_DIR": str((call.folder / SESSIONS).absolute()),
            "OPENPLANTER_MAX_SOLVE_SECONDS": str(int(settings.timeout_seconds)),
            "OPENPLANTER_MAX_OBS_CHARS": READ,  # else it reads its task in pieces
            "OPENPLANTER_MAX_FILE_CHARS": READ,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return Order(shlex.join(arguments), env)

    def heard(self, call: Call, said: Said) -> Heard:
        text = _answer(said.output)
        usages = tuple(_usages(call.folder / SESSIONS, self.settings.model))
        return Heard(text=text, usages=usages, failure=_failure(text, said))

    def doubt(self, output: str) -> Failure | None:
        return None  # it ends by itself, within its steps and its time


def _answer(output: str) -> str:
    """What it prints after the last line of its trace: that may quote anything."""
    rows = output.splitlines()
    last = max((place for place, row in enumerate(rows) if row.startswith(_TRACE)), default=-1)
    return "\n".join(rows[last + 1 :]).strip()


def _failure(text: str, said: Said) -> Failure | None:
    if said.code != 0:
        return complaint(said)
    if (found := _ERROR.search(text)) is not None:
        return diagnose(found[0], said.now)
    if text.startswith(_ENDED):
        return Failure("limit", text.partition("\n")[0])
    return None


def _usages(sessions: Path, model: str) -> Iterator[Usage]:
    """What its replay logs say of tokens, by model; the judge of its sub-tasks is in none of them."""
    provider = model.partition(":")[0]
    totals: dict[str, list[int]] = {}
    for log in sorted(sessions.rglob("replay.jsonl")):
        models: dict[str, str] = {}
        for event in events(_text(log)):
            conversation = words(event, "conversation_id")
            if event.get("type") == "header":
                models[conversation] = words(event, "model")
            elif event.get("type") == "call":
                _add(totals.setdefault(models.get(conversation) or model.partition(":")[2], [0, 0, 0]), event)
    for name, (given, made, requests) in totals.items():
        yield Usage(f"{provider}:{name}", given, made, requests=requests)


def _add(total: list[int], event: Event) -> None:
    total[0] += number(event, "input_tokens")
    total[1] += number(event, "output_tokens")
    total[2] += 1


def _text(log: Path) -> str:
    try:
        return "" if log.is_symlink() else log.read_text("utf-8", errors="replace")
    except OSError:
        return ""
