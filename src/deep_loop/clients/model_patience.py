"""A model that is asked again when its server cannot answer now, and whose every answer is counted.

The client's own retries are off: how long to wait, and when to give up and let the next proposer take over, is decided
here, with jitter from the brief's seed.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings as ClientSettings
from pydantic_ai.usage import RequestUsage

from deep_loop.clients.model_client import ModelSettings
from deep_loop.clients.model_faults import RequestFailed, Trouble, trouble
from deep_loop.core.call import Usage

SHORT = 32_000  # tokens of input; above that a provider may charge more for each token of a prompt
CHARACTERS = 3.0  # to a token, where the server does not say what it used: rather too few than too many


class Log(Protocol):
    """Hears what is said: `model_transcript.Transcript`, or another."""

    def told(self, messages: Sequence[ModelMessage]) -> None: ...

    def answered(self, response: ModelResponse) -> None: ...

    def failed(self, reason: str, wait: float | None) -> None: ...


class Meter:
    """What the answers of one call used. Those to short prompts are one sum: the price of a token is the same there."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._short: dict[str, Usage] = {}
        self._long: list[Usage] = []

    def add(self, used: RequestUsage, answered_by: str) -> None:
        """Count one answer."""
        given = max(used.input_tokens, 0)
        cached = min(max(used.cache_read_tokens, 0), given)
        written = min(max(used.cache_write_tokens, 0), given - cached)
        entry = Usage(answered_by, given, max(used.output_tokens, 0), cached, written)
        if entry.input_tokens > SHORT:
            self._long.append(entry)
        else:
            self._short[answered_by] = _sum(self._short.get(answered_by), entry)

    @property
    def usages(self) -> tuple[Usage, ...]:
        """All of it."""
        return (*self._short.values(), *self._long)


class PatientModel(WrapperModel):
    """Raises RequestFailed, and nothing else, where a request came to nothing."""

    def __init__(
        self, wrapped: Model, settings: ModelSettings, chance: random.Random, meter: Meter, transcript: Log
    ) -> None:
        super().__init__(wrapped)
        self._own = settings
        self._chance = chance
        self._meter = meter
        self._transcript = transcript

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ClientSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One answer, however often it has to be asked for."""
        self._transcript.told(messages)
        for made in itertools.count(1):
            try:
                response = _sound(await super().request(messages, model_settings, model_request_parameters))
            except Exception as error:  # a client that is fed nonsense may raise anything: that is a fault outside
                found = trouble(error, self._own.model, answered=bool(self._meter.usages))
                wait = self._wait(found, made)
                self._transcript.failed(found.failure.reason, wait)
                if wait is None:
                    raise RequestFailed(found.failure) from error
                await asyncio.sleep(wait)
            else:
                return self._answered(messages, response)
        raise AssertionError("unreachable")

    def _wait(self, found: Trouble, made: int) -> float | None:
        """Seconds before the same request is made again; None where it is given up."""
        if not found.passing or made > self._own.retries:
            return None
        asked = found.failure.retry_seconds or 0.0
        if asked > self._own.longest_wait:
            return None
        doubled = min(self._own.wait_seconds * 2.0 ** (made - 1), self._own.longest_wait)
        return max(asked, doubled * self._chance.uniform(0.5, 1.0))

    def _answered(self, messages: Sequence[ModelMessage], response: ModelResponse) -> ModelResponse:
        if response.usage.input_tokens <= 0:  # it does not say; a limit must hold all the same
            response = replace(response, usage=_guessed(messages, response))
        # A price in the settings goes by the name there. OpenRouter may have passed the request on to another model.
        passed_on = self._own.provider == "openrouter" and response.model_name
        self._meter.add(response.usage, f"openrouter:{response.model_name}" if passed_on else self._own.model)
        self._transcript.answered(response)
        return response


def _sound(response: ModelResponse) -> ModelResponse:
    """The same response. Clients build it from whatever a server sends; this raises where that has odd types."""
    try:
        ModelMessagesTypeAdapter.validate_json(ModelMessagesTypeAdapter.dump_json([response], warnings="error"))
    except (ValueError, TypeError) as error:  # pydantic's own are ValueErrors
        raise UnexpectedModelBehavior("it is not in the form of its protocol") from error
    return response


def _sum(one: Usage | None, other: Usage) -> Usage:
    if one is None:
        return other
    return Usage(
        model=one.model,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        written_tokens=one.written_tokens + other.written_tokens,
        requests=one.requests + other.requests,
    )


def _guessed(messages: Sequence[ModelMessage], response: ModelResponse) -> RequestUsage:
    """What an answer used, by its length and that of all that was said before."""

    def tokens(said: Sequence[Any]) -> int:
        return int(len(ModelMessagesTypeAdapter.dump_json(list(said))) / CHARACTERS)

    return RequestUsage(input_tokens=tokens(messages), output_tokens=tokens([response]))
