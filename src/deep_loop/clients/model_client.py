"""Which API a model is asked through, at which address and with which key.

A model is named `PROVIDER:NAME`. The provider's client is imported when it is needed: that takes a second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deep_loop.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

Lookup = Callable[[str], str | None]  # a key by the name of its variable

EXTRA = "model"
OLLAMA = "http://127.0.0.1:11434/v1"  # where Ollama listens unless it is told otherwise
NO_KEY = "no-key"  # what is sent where the settings name none: the clients insist on one


@dataclass(frozen=True, slots=True)
class Api:
    """How one provider is reached."""

    package: str  # of its client
    keys: tuple[str, ...]  # variables that may hold its key, the first one that does
    must: bool = True  # whether it answers to nobody without a key


APIS: Mapping[str, Api] = MappingProxyType(
    {
        "anthropic": Api("anthropic", ("ANTHROPIC_API_KEY",)),
        "openai": Api("openai", ("OPENAI_API_KEY",)),
        "openai-responses": Api("openai", ("OPENAI_API_KEY",)),
        "google": Api("google.genai", ("GOOGLE_API_KEY", "GEMINI_API_KEY")),
        "openrouter": Api("openai", ("OPENROUTER_API_KEY",)),
        "ollama": Api("openai", ("OLLAMA_API_KEY",), must=False),
        "openai-compatible": Api("openai", (), must=False),
    }
)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What the person says of the model, and how patient we are with it."""

    model: str  # "anthropic:NAME" and the like, see `APIS`
    base_url: str | None = None  # None: the provider's own
    key_env: str | None = (
        None  # the variable that holds its key; None: the provider's own, and no key with a `base_url`
    )
    timeout_seconds: float = 900.0  # of one call, with all its requests and waits
    max_requests: int = 40  # answers of the model in one call
    max_tokens_per_call: int = 400_000  # in and out; a call ends after the answer that goes over it
    max_tokens_per_answer: int | None = None  # None: the provider's own
    temperature: float | None = None  # None: the provider's own
    request_seconds: float = 300.0  # of silence, after which a request is given up and made again
    retries: int = 5  # of one request
    wait_seconds: float = 1.0  # before the first of them; doubled with each more
    longest_wait: float = 60.0  # a server that asks for a longer one is left alone

    @property
    def provider(self) -> str:
        """The part before the colon."""
        return self.model.partition(":")[0]

    @property
    def name(self) -> str:
        """The model's name, as its provider knows it."""
        return self.model.partition(":")[2]


def check(settings: ModelSettings) -> None:
    """Raise ConfigError where no such model can be asked; looks at nothing but the settings and what is installed."""
    api = APIS.get(settings.provider)
    if api is None or not settings.name:
        raise ConfigError(
            f"{settings.model!r} names no model that can be asked",
            hint=f"write PROVIDER:NAME with one of the providers {', '.join(APIS)}",
        )
    if settings.provider == "openai-compatible" and not settings.base_url:
        raise ConfigError(f"{settings.model} has no address", hint="give `base_url`, such as http://127.0.0.1:8000/v1")
    if settings.provider == "openrouter" and "/" not in settings.name:
        raise ConfigError(
            f"{settings.model} names no model of OpenRouter", hint="write openrouter:VENDOR/NAME, as OpenRouter does"
        )
    if settings.base_url is not None:
        address = urlsplit(settings.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ConfigError(f"base_url: {settings.base_url!r} is no address", hint="write http(s)://HOST[:PORT][/v1]")
        if address.password is not None:
            raise ConfigError("base_url: it has a password in it", hint="name the variable with the key in `key_env`")
    if not all(_installed(package) for package in ("pydantic_ai", api.package)):
        raise ConfigError(
            f"{settings.model} needs packages that are not installed", hint=f'pip install "deep-loop[{EXTRA}]"'
        )


def variables(settings: ModelSettings) -> tuple[str, ...]:
    """The variables that may hold the model's key.

    A provider's own key goes to the provider alone: to any other address goes the one that the settings name.
    """
    if settings.key_env is not None:
        return (settings.key_env,)
    return () if settings.base_url is not None else APIS[settings.provider].keys


def find_key(settings: ModelSettings, lookup: Lookup) -> str | None:
    """The model's key, or None where there is none."""
    return next((key for variable in variables(settings) if (key := lookup(variable))), None)


def lacking(settings: ModelSettings, lookup: Lookup) -> str | None:
    """Why the model cannot be asked for want of a key; None where it can, as far as that tells."""
    wanted = variables(settings)
    if not wanted or find_key(settings, lookup) is not None:
        return None
    if settings.key_env is None and not APIS[settings.provider].must:
        return None
    return f"there is no key for {settings.model}: {' or '.join(wanted)} is not set"


def connect(settings: ModelSettings, key: str | None) -> Model:
    """The model behind its client. To be entered as a context, which closes the connections.

    Proxies and certificate authorities come from the environment: HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR.
    """
    address, name = settings.base_url, settings.name
    key = key or NO_KEY
    match settings.provider:
        case "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            return AnthropicModel(name, provider=AnthropicProvider(api_key=key, base_url=address))
        case "google":
            from pydantic_ai.models.google import GoogleModel
            from pydantic_ai.providers.google import GoogleProvider

            return GoogleModel(name, provider=GoogleProvider(api_key=key, base_url=address))
        case _:
            return _openai(settings, key)


def _openai(settings: ModelSettings, key: str) -> Model:
    """One of the many that speak OpenAI's protocols."""
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    address, name = settings.base_url, settings.name
    match settings.provider:
        case "openrouter":
            from pydantic_ai.models.openrouter import OpenRouterModel
            from pydantic_ai.providers.openrouter import OpenRouterProvider

            router = OpenRouterProvider(api_key=key)
            if address is not None:
                router.client.base_url = address
            return OpenRouterModel(name, provider=router)
        case "ollama":
            from pydantic_ai.models.ollama import OllamaModel
            from pydantic_ai.providers.ollama import OllamaProvider

            address = address or os.environ.get("OLLAMA_BASE_URL", OLLAMA)
            return OllamaModel(name, provider=OllamaProvider(base_url=address, api_key=key))
        case "openai-responses":
            return OpenAIResponsesModel(name, provider=OpenAIProvider(base_url=address, api_key=key))
        case "openai" if address is None:
            return OpenAIChatModel(name, provider=OpenAIProvider(api_key=key))
        case _:  # what OpenAI alone understands is not asked of others
            assert address is not None
            provider = OpenAICompatibleProvider("openai-compatible", base_url=address, api_key=key)
            return OpenAIChatModel(name, provider=provider)


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # a part of its path
        return False
