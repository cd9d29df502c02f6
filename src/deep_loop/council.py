"""Those who advise, as the settings of a study name them. Part of the wiring: it names concrete classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deep_loop import machine
from deep_loop.crews import (
    CLIENTS,
    GRACE_SECONDS,
    MODEL,
    TUNER,
    Candidate,
    claude_settings,
    client_candidate,
    keyring,
    make_station,
    model_settings,
    prices,
)
from deep_loop.errors import ConfigError
from deep_loop.machine import STATE, home, sandbox

if TYPE_CHECKING:
    from deep_loop.adapters.analysts.means import Bench, Means
    from deep_loop.adapters.analysts.openplanter import OpenPlanterSettings
    from deep_loop.adapters.keys import Keys
    from deep_loop.clients.model_client import ModelSettings
    from deep_loop.config import Settings
    from deep_loop.ports import Analyst

STATISTICS, INVESTIGATOR, OPENPLANTER, CLAUDE = "statistics", "investigator", "openplanter", "claude-code"
AUTO = (OPENPLANTER, INVESTIGATOR, CLAUDE, STATISTICS)  # in order of preference
# The cheaper model beside one of the same provider, where the settings name none.
SMALL: Mapping[str, str] = {
    "anthropic": "anthropic:claude-haiku-4-5",
    "openai": "openai:gpt-5-mini",
    "openai-responses": "openai-responses:gpt-5-mini",
    "google": "google:gemini-2.5-flash",
}
NO_SANDBOX = "it has a shell, and there is no sandbox for it here"


def candidates(root: Path | None, settings: Settings | None) -> tuple[Candidate, ...]:
    """All that come with deep-loop, and whether this machine has what they need."""
    keys = keyring(root)
    return (
        _openplanter(settings, keys),
        _investigator(settings, keys),
        client_candidate(CLAUDE, CLIENTS[CLAUDE], settings, keys),
        _model(settings, keys),
        Candidate(STATISTICS, True, "embedded; needs nothing"),
    )


def names(
    root: Path | None, settings: Settings | None, proposers: Sequence[str], asked: Sequence[str] = ()
) -> tuple[str, ...]:
    """Who advises, in order of preference; `asked` goes over the settings.

    "auto" is what this machine has. Where the tuner alone proposes nobody is to be paid, and `statistics` advises.
    """
    if asked:
        return tuple(dict.fromkeys(asked))
    wanted = settings.agents.analysts if settings else "auto"
    if wanted != "auto":
        return tuple(dict.fromkeys(wanted))
    if set(proposers) <= {TUNER}:
        return (STATISTICS,)
    usable = {one.name for one in candidates(root, settings) if one.usable}
    return tuple(name for name in AUTO if name in usable)


def council(root: Path, settings: Settings, tag: str, named: Sequence[str]) -> Sequence[Analyst]:
    """The analysts of these names; raises ConfigError where one cannot be made."""
    keys = keyring(root)
    return [_make(name, root, settings, tag, keys) for name in named]


def advances(settings: Settings) -> Mapping[str, float]:
    """Dollars that the first analysis of each may cost: its own limit; OpenPlanter has none, and gets another one's."""
    own = settings.agents.investigator.max_usd_per_analysis
    claude = settings.agents.claude_code.max_usd_per_call
    return {OPENPLANTER: own, INVESTIGATOR: own, MODEL: own, CLAUDE: claude}


# --- who is there --------------------------------------------------------------------------------


def _openplanter(settings: Settings | None, keys: Keys) -> Candidate:
    from deep_loop.adapters.analysts.openplanter import program
    from deep_loop.adapters.executors.sandbox import choose
    from deep_loop.clients.programs import located

    if located(program()) is None:
        return Candidate(OPENPLANTER, False, f"`{program()}` is not installed: ./setup.sh --with-openplanter")
    if (sandbox(settings) if settings else choose("auto")) is None:
        return Candidate(OPENPLANTER, False, NO_SANDBOX)
    try:
        asked = _planter_settings(settings, keys)
    except ConfigError as error:
        return Candidate(OPENPLANTER, False, str(error))
    variable = asked.provider[1]
    if keys.get(variable) is None:
        return Candidate(OPENPLANTER, False, f"no key: {variable}")
    return Candidate(OPENPLANTER, True, f"{asked.model}, {variable} ({keys.where(variable)})")


def _investigator(settings: Settings | None, keys: Keys) -> Candidate:
    asked = _asked(settings, keys)
    if asked is None:
        return Candidate(INVESTIGATOR, False, "[agents.investigator] model is not set, and there is no key")
    why = _hindrance(asked, keys)
    small = _small(settings, asked)
    programs = "" if _benchless(settings) is None else ", and without programs of its own"
    return Candidate(INVESTIGATOR, why is None, why or f"{asked.model}, with {small.model} for sub-tasks{programs}")


def _model(settings: Settings | None, keys: Keys) -> Candidate:
    asked = model_settings(settings, keys)
    if asked is None:
        return Candidate(MODEL, False, "[agents.model] model is not set, and there is no key")
    why = _hindrance(asked, keys)
    return Candidate(MODEL, why is None, why or f"{asked.model}; one request, only where it is named")


def _hindrance(asked: ModelSettings, keys: Keys) -> str | None:
    """Why a model cannot be asked here."""
    from deep_loop.clients.model_client import check, lacking

    try:
        check(asked)
    except ConfigError as error:
        return f"{error}; {error.hint}"
    return lacking(asked, keys.get)


# --- making them ---------------------------------------------------------------------------------


def _make(name: str, root: Path, settings: Settings, tag: str, keys: Keys) -> Analyst:
    match name:
        case "statistics":
            from deep_loop.adapters.analysts.statistics import StatisticsAnalyst

            return StatisticsAnalyst()
        case "investigator":
            from deep_loop.adapters.analysts.investigator import Investigator, InvestigatorSettings

            own, asked = settings.agents.investigator, _needed(_asked(settings, keys), name)
            told = InvestigatorSettings(
                asked,
                _small(settings, asked),
                max_steps=own.max_steps,
                max_depth=own.max_depth,
                max_usd=own.max_usd_per_analysis,
                max_tokens=own.max_tokens_per_analysis,
            )
            return Investigator(told, _means(name, root, settings, tag, keys), _bench(root, settings, tag))
        case "model":
            from deep_loop.adapters.analysts.model import ModelAnalyst

            limits, asked = settings.agents.investigator, _needed(model_settings(settings, keys), name)
            means = _means(name, root, settings, tag, keys)
            return ModelAnalyst(asked, means, limits.max_usd_per_analysis, limits.max_tokens_per_analysis)
        case "claude-code" | "openplanter":
            return _reader(name, root, settings, tag, keys)
    raise ConfigError(f"{name!r} is no analyst here", hint="`deep-loop doctor` lists those that there are")


def _reader(name: str, root: Path, settings: Settings, tag: str, keys: Keys) -> Analyst:
    """The client of an agent, which reads a folder."""
    from deep_loop.adapters.analysts.openplanter import OpenPlanter
    from deep_loop.adapters.analysts.reader import Reader
    from deep_loop.clients.claude_code import ClaudeCode
    from deep_loop.clients.client import Dialect

    logs, place = _logs(root, tag), f"analyst-{name}"
    if name == CLAUDE:
        ways, told = CLIENTS[name], replace(claude_settings(settings, keys), bash=False)
        held = {} if told.login else {key: value for key in ways.keys if (value := keys.get(key)) is not None}
        station = make_station(place, root, settings, logs, keys, [ways.program], held)
        dialect: Dialect = ClaudeCode(told, station)
        return Reader(name, dialect, station, keys.redact)
    asked = _planter_settings(settings, keys)
    variable = asked.provider[1]
    held = {variable: value} if (value := keys.get(variable)) is not None else {}
    station = make_station(place, root, settings, logs, keys, [asked.program], held)
    if not station.confined:
        raise ConfigError(
            f"the analyst openplanter cannot be used: {NO_SANDBOX}",
            hint="install bubblewrap (`deep-loop doctor` tells what is missing), or take it out of [agents] analysts",
        )
    return Reader(name, OpenPlanter(asked), station, keys.redact)


def _needed(asked: ModelSettings | None, name: str) -> ModelSettings:
    if asked is None:
        raise ConfigError(
            f"the analyst `{name}` has no model to ask",
            hint='name one: [agents.investigator] model = "anthropic:NAME", or [agents.model] model, or have a key',
        )
    return asked


def _asked(settings: Settings | None, keys: Keys) -> ModelSettings | None:
    """The model that investigates: its own, else that of [agents.model], else one that there is a key for."""
    from deep_loop.clients.model_client import ModelSettings

    own = settings.agents.investigator if settings else None
    if own is None or own.model is None:
        found = model_settings(settings, keys)
        return replace(found, timeout_seconds=own.timeout_seconds) if found and own else found
    return ModelSettings(own.model, base_url=own.base_url, key_env=own.key_env, timeout_seconds=own.timeout_seconds)


def _small(settings: Settings | None, asked: ModelSettings) -> ModelSettings:
    """The cheaper one; where the settings name none and the endpoint is a person's own, the same."""
    own = settings.agents.investigator.small_model if settings else None
    usual = SMALL.get(asked.provider, asked.model) if asked.base_url is None else asked.model
    return replace(asked, model=own or usual)


def _planter_settings(settings: Settings | None, keys: Keys) -> OpenPlanterSettings:
    """What OpenPlanter is told. Raises ConfigError where there is no model that it can ask."""
    from deep_loop.adapters.analysts.openplanter import PROVIDERS, OpenPlanterSettings, program

    own = settings.agents.openplanter if settings else None
    model = own.model if own else None
    if model is None:
        usual = model_settings(None, keys)
        model = usual.model if usual and usual.provider in PROVIDERS else None
    if model is None:
        raise ConfigError(
            "[agents.openplanter] model is not set, and there is no key of a provider that it knows",
            hint='name one, such as "anthropic:NAME", and have its key',
        )
    if own is None:
        return OpenPlanterSettings(model=model, program=program())
    return OpenPlanterSettings(
        model=model,
        program=program(),
        base_url=own.base_url or "",
        timeout_seconds=own.timeout_seconds,
        max_steps=own.max_steps,
        max_depth=own.max_depth,
    )


def _means(name: str, root: Path, settings: Settings, tag: str, keys: Keys) -> Means:
    from deep_loop.adapters.analysts.means import Means

    folder = root.resolve() / STATE / "agents" / f"analyst-{name}" / tag
    return Means(keys.get, keys.redact, prices(settings), _logs(root, tag), folder)


def _bench(root: Path, settings: Settings, tag: str) -> Bench | str:
    """Where the investigator's programs run, or why nowhere."""
    from deep_loop.adapters.analysts.means import Bench
    from deep_loop.adapters.executors.local import LocalExecutor
    from deep_loop.adapters.executors.places import Places
    from deep_loop.ports import Slot

    if why := _benchless(settings):
        return why
    hidden = tuple(place for pattern in settings.task.holdout.files for place in root.glob(pattern))
    executor = LocalExecutor(
        [Slot(INVESTIGATOR)],
        sandbox=sandbox(settings),
        places=Places(home=home(), workspace=root.resolve(), hidden=hidden),
        limits=machine.limits(root, settings),
        scratch_root=root.resolve() / STATE / "tmp",
        grace_seconds=GRACE_SECONDS,
    )
    return Bench(executor, _logs(root, tag))


def _benchless(settings: Settings | None) -> str | None:
    """Why a model's programs are not run."""
    from deep_loop.adapters.executors.sandbox import choose

    if settings is not None and not settings.agents.investigator.python:
        return "the person does not want programs to be run ([agents.investigator] python)"
    try:
        fence = sandbox(settings) if settings else choose("auto")
    except ConfigError as error:
        return str(error)
    if fence is None:
        return "this machine has no sandbox, and a model's program runs in nothing less"
    if fence.name != "bubblewrap":  # Landlock knows TCP alone, and older kernels not even that
        return "a model's program runs without a network, and only bubblewrap closes all of it"
    return None


def _logs(root: Path, tag: str) -> Path:
    return root.resolve() / STATE / "logs" / tag / "calls"
