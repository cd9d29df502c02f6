"""Those who propose, as the settings of a study name them. Part of the wiring: it names concrete classes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from deep_loop.errors import ConfigError
from deep_loop.machine import STATE, home, sandbox

if TYPE_CHECKING:
    from deep_loop.adapters.keys import Keys
    from deep_loop.clients.claude_code import ClaudeCodeSettings
    from deep_loop.clients.client import Station
    from deep_loop.clients.model_client import ModelSettings
    from deep_loop.config import Settings
    from deep_loop.config.agents import Agent, Client
    from deep_loop.core.call import Usage
    from deep_loop.ports import Proposer

TUNER, MODEL, COMMAND = "tuner", "model", "command"
GRACE_SECONDS = 10.0  # that a client has to close up, when it is interrupted
# The model that `model` asks where the settings name none, by the key that there is.
MODELS: Mapping[str, str] = {
    "ANTHROPIC_API_KEY": "anthropic:claude-sonnet-4-6",
    "OPENAI_API_KEY": "openai-responses:gpt-5",
    "GEMINI_API_KEY": "google:gemini-2.5-pro",
    "GOOGLE_API_KEY": "google:gemini-2.5-pro",
}


@dataclass(frozen=True, slots=True)
class Ways:
    """How one coding agent is known on a machine."""

    program: str
    keys: tuple[str, ...]  # variables, any of which lets it in
    login: str  # a file of the person's home, where they have logged in


CLIENTS: Mapping[str, Ways] = {
    "claude-code": Ways(
        "claude",
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        ".claude/.credentials.json",
    ),
    "codex": Ways("codex", ("OPENAI_API_KEY", "CODEX_API_KEY"), ".codex/auth.json"),
    "opencode": Ways(
        "opencode",
        ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"),
        ".local/share/opencode/auth.json",
    ),
    "gemini": Ways("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), ".gemini/oauth_creds.json"),
}


KEYS = frozenset({*MODELS, *(key for ways in CLIENTS.values() for key in ways.keys)})  # that agents are let in by


@dataclass(frozen=True, slots=True)
class Candidate:
    """One who could propose here, or could not."""

    name: str
    usable: bool
    why: str


def candidates(root: Path | None, settings: Settings | None) -> tuple[Candidate, ...]:
    """All that come with deep-loop, in the order of "auto", and whether this machine has what they need."""
    keys = keyring(root)
    clients = [client_candidate(name, ways, settings, keys) for name, ways in CLIENTS.items()]
    tuner = Candidate(TUNER, True, "embedded; needs nothing")
    return *clients, _command(settings), _model(settings, keys), tuner


def names(root: Path, settings: Settings, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Who proposes, in order of preference; `asked` goes over the settings, and "auto" is what this machine has."""
    if asked:
        return tuple(dict.fromkeys(asked))
    wanted = settings.agents.proposers
    if wanted != "auto":
        return tuple(dict.fromkeys(wanted))
    if settings.agents.mixture:
        return tuple(settings.agents.mixture)
    return tuple(one.name for one in candidates(root, settings) if one.usable)


def crew(root: Path, settings: Settings, tag: str, named: Sequence[str]) -> Sequence[Proposer]:
    """The proposers of these names; raises ConfigError where one cannot be made."""
    keys = keyring(root)
    return [_make(name, root, settings, tag, keys) for name in named]


def allowances(settings: Settings) -> Mapping[str, float]:
    """Dollars that single proposers and analysts may spend."""
    tables = _tables(settings)
    return {name: table.max_cost_usd for name, table in tables.items() if table.max_cost_usd is not None}


def prices(settings: Settings) -> Callable[[Usage], float | None]:
    """What a usage costs, in dollars."""
    from deep_loop.adapters.prices import Price, Prices

    agents = settings.agents
    own = {name: Price(p.input, p.output, p.cached, p.written) for name, p in agents.prices.items()}
    asked = ((table.model, table.base_url) for table in (agents.model, agents.investigator))
    return Prices(own, {model: base_url for model, base_url in asked if model and base_url})


# --- who is there --------------------------------------------------------------------------------


def keyring(root: Path | None) -> Keys:
    from deep_loop.adapters.keys import Keys

    return Keys(root or Path.cwd(), os.environ)


def client_candidate(name: str, ways: Ways, settings: Settings | None, keys: Keys) -> Candidate:
    if shutil.which(ways.program) is None:
        return Candidate(name, False, f"`{ways.program}` is not on the PATH")
    key = next((key for key in ways.keys if keys.get(key)), None)
    login = cast("Client", _tables(settings)[name]).login if settings else "auto"
    if login is True or (login == "auto" and key is None):
        if _logged_in(ways):
            return Candidate(name, True, "your own login")
        return Candidate(name, False, f"no key ({' or '.join(ways.keys)}), and nobody has logged in")
    if key is None:
        return Candidate(name, False, f"no key: {' or '.join(ways.keys)}")
    return Candidate(name, True, f"{key} ({keys.where(key)})")


def _command(settings: Settings | None) -> Candidate:
    run = settings.agents.command.run if settings else None
    return Candidate(COMMAND, run is not None, f"`{run}`" if run else "[agents.command] run is not set")


def _model(settings: Settings | None, keys: Keys) -> Candidate:
    from deep_loop.clients.model_client import check, lacking

    asked = model_settings(settings, keys)
    if asked is None:
        return Candidate(MODEL, False, f"[agents.model] model is not set, and there is no key: {', '.join(MODELS)}")
    try:
        check(asked)
    except ConfigError as error:
        return Candidate(MODEL, False, f"{error}; {error.hint}")
    missing = lacking(asked, keys.get)
    return Candidate(MODEL, missing is None, missing or asked.model)


def _logged_in(ways: Ways) -> bool:
    place = home()
    return place is not None and (place / ways.login).is_file()


def _tables(settings: Settings) -> Mapping[str, Agent]:
    agents = settings.agents
    return {
        "claude-code": agents.claude_code,
        "codex": agents.codex,
        "opencode": agents.opencode,
        "gemini": agents.gemini,
        COMMAND: agents.command,
        MODEL: agents.model,
        "investigator": agents.investigator,
        "openplanter": agents.openplanter,
    }


# --- making them ---------------------------------------------------------------------------------


def _make(name: str, root: Path, settings: Settings, tag: str, keys: Keys) -> Proposer:
    logs = root / STATE / "logs" / tag / "calls"
    match name:
        case "tuner":
            from deep_loop.adapters.proposers.tuner import Tuner

            return Tuner()
        case "model":
            from deep_loop.adapters.proposers.model import ModelProposer

            asked = model_settings(settings, keys)
            if asked is None:
                raise ConfigError(
                    "the proposer `model` has no model to ask",
                    hint='name one: [agents.model] model = "anthropic:NAME", "ollama:NAME", ...',
                )
            sessions = root / STATE / "agents" / MODEL
            return ModelProposer(asked, key=keys.get, redact=keys.redact, logs=logs, sessions=sessions)
        case "command":
            return _own_command(root, settings, logs, keys)
        case "claude-code" | "codex" | "opencode" | "gemini":
            return _known_client(name, root, settings, logs, keys)
    return _plugin(name, root, settings, logs, keys)


def _plugin(name: str, root: Path, settings: Settings, logs: Path, keys: Keys) -> Proposer:
    """A proposer that another package brings."""
    from deep_loop.plugins import proposers

    factory = proposers().get(name)
    if factory is None:
        raise ConfigError(f"{name!r} is no proposer here", hint="`deep-loop doctor` lists those that there are")
    table = dict(settings.agents.plugins.get(name, {}))
    held = {variable: value for variable in table.pop("env", ()) if (value := keys.get(variable)) is not None}
    return factory(make_station(name, root, settings, logs, keys, (), held), table)


def _known_client(name: str, root: Path, settings: Settings, logs: Path, keys: Keys) -> Proposer:
    """The client of a coding agent."""
    ways = CLIENTS[name]
    own = cast("Client", _tables(settings)[name])
    login = uses_login(own, ways, keys)
    held = {} if login else {key: value for key in ways.keys if (value := keys.get(key)) is not None}
    station = make_station(name, root, settings, logs, keys, [ways.program], held)
    said = _client_settings(own, login)
    match name:
        case "codex":
            from deep_loop.adapters.proposers.codex import CodexSettings, codex

            return codex(CodexSettings(**said), station)
        case "opencode":
            from deep_loop.adapters.proposers.opencode import OpenCodeSettings, opencode

            return opencode(OpenCodeSettings(**said), station)
        case "gemini":
            from deep_loop.adapters.proposers.gemini import GeminiSettings, gemini

            return gemini(GeminiSettings(**said), station)
    from deep_loop.adapters.proposers.claude_code import claude_code

    return claude_code(claude_settings(settings, keys), station)


def claude_settings(settings: Settings, keys: Keys) -> ClaudeCodeSettings:
    """What the person says about Claude Code."""
    from deep_loop.clients.claude_code import ClaudeCodeSettings

    own = settings.agents.claude_code
    said = _client_settings(own, uses_login(own, CLIENTS["claude-code"], keys))
    return ClaudeCodeSettings(**said, max_turns=own.max_turns, max_usd=own.max_usd_per_call, bash=own.bash)


def _client_settings(own: Client, login: bool) -> dict[str, Any]:
    """What the person says about any client."""
    return {
        "model": own.model or "",
        "base_url": own.base_url or "",
        "timeout_seconds": own.timeout_seconds,
        "login": login,
    }


def _own_command(root: Path, settings: Settings, logs: Path, keys: Keys) -> Proposer:
    """The person's own program."""
    from deep_loop.adapters.proposers.command import CommandSettings, command

    own = settings.agents.command
    if own.run is None:
        raise ConfigError("the proposer `command` has no command", hint="say it in [agents.command] run")
    held = {name: value for name in own.env if (value := keys.get(name)) is not None}
    station = make_station(COMMAND, root, settings, logs, keys, own.run.split()[:1], held)
    return command(CommandSettings(run=own.run, timeout_seconds=own.timeout_seconds, network=own.network), station)


def uses_login(own: Client, ways: Ways, keys: Keys) -> bool:
    """Whether a client uses the person's own login: where they say so, or where there is one and no key."""
    if own.login != "auto":
        return own.login
    return _logged_in(ways) and not any(keys.get(key) for key in ways.keys)


def make_station(
    name: str,
    root: Path,
    settings: Settings,
    logs: Path,
    keys: Keys,
    programs: Sequence[str],
    held: Mapping[str, str],
) -> Station:
    """What a client works with: an executor of its own, in a sandbox where there is one, its folders and its keys."""
    from deep_loop.adapters.executors.local import LocalExecutor
    from deep_loop.adapters.executors.places import Places
    from deep_loop.clients.client import Station
    from deep_loop.clients.programs import places, reaching
    from deep_loop.ports import Slot

    fence = sandbox(settings)
    folder = root.resolve() / STATE / "agents" / name
    folder.mkdir(parents=True, exist_ok=True)
    executor = LocalExecutor(
        [Slot(name)],
        sandbox=fence,
        places=Places(home=home(), workspace=root.resolve(), read=places(programs, os.environ)),
        scratch_root=root.resolve() / STATE / "tmp",
        grace_seconds=GRACE_SECONDS,
    )
    return Station(
        executor=executor,
        folder=folder,
        logs=logs,
        keys=held,
        network=reaching(os.environ),
        secrets=keys.known(),
        confined=fence is not None,
        home=home(),
    )


def model_settings(settings: Settings | None, keys: Keys) -> ModelSettings | None:
    """The model to ask: the one that the settings name, else one that there is a key for."""
    from deep_loop.clients.model_client import ModelSettings

    own = settings.agents.model if settings else None
    name = own.model if own else None
    if name is None:
        name = next((model for key, model in MODELS.items() if keys.get(key)), None)
    if name is None:
        return None
    if own is None:
        return ModelSettings(name)
    return ModelSettings(
        name,
        base_url=own.base_url,
        key_env=own.key_env,
        timeout_seconds=own.timeout_seconds,
        max_requests=own.max_requests,
        max_tokens_per_call=own.max_tokens_per_call,
        temperature=own.temperature,
    )
