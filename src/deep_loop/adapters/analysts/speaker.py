"""A model that takes part in an analysis: asked again where it could not answer, and never beyond the allowance."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings as ClientSettings

from deep_loop.adapters.analysts.limits import Allowance
from deep_loop.clients.model_client import ModelSettings, connect
from deep_loop.clients.model_faults import RequestFailed
from deep_loop.clients.model_patience import CHARACTERS, Log, PatientModel
from deep_loop.clients.model_talk import client_settings
from deep_loop.core.call import Failure, Usage

Hearing = Callable[[Sequence[ModelMessage]], None]


@dataclass(frozen=True, slots=True)
class Speaker:
    """One model. What it uses is counted by the allowance."""

    settings: ModelSettings
    key: str | None
    seed: int  # of the jitter of its waits
    allowance: Allowance

    @asynccontextmanager
    async def connected(self, log: Log, before: Hearing = lambda messages: None) -> AsyncIterator[Model]:
        """The model for one conversation; `before` hears of each request that is about to be made."""
        name = self.settings.model
        async with connect(self.settings, self.key) as client:
            meter = self.allowance.meter(name)
            patient = PatientModel(client, self.settings, random.Random(self.seed), meter, log)
            yield _LimitedModel(patient, name, self.allowance, before)

    async def say(self, prompt: str, log: Log) -> str:
        """One question and one answer, without tools. Raises what `model_talk.outcome` understands."""
        async with self.connected(log) as model:
            agent = Agent(model, output_type=str, retries=0, model_settings=client_settings(self.settings))
            return (await agent.run(prompt)).output


class _LimitedModel(WrapperModel):
    """Raises RequestFailed in the place of a request that would go over the allowance."""

    def __init__(
        self,
        wrapped: Model,
        name: str,
        allowance: Allowance,
        before: Hearing,
    ) -> None:
        """`name` is the model's, as prices know it; `before` hears of each request that is about to be made."""
        super().__init__(wrapped)
        self._named = name
        self._allowance = allowance
        self._before = before

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ClientSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One answer, if it can be paid."""
        self._before(messages)
        tokens = _estimate(messages, model_request_parameters)
        if (why := self._allowance.objection(Usage(self._named, tokens))) is not None:
            raise RequestFailed(Failure("limit", f"{self._named}: {why}"))
        return await super().request(messages, model_settings, model_request_parameters)


def _estimate(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> int:
    """Tokens of a request, rather too few than too many: what is cached is cheaper, and nothing is stopped for want of
    money that is there."""
    tools: Iterable[object] = [*parameters.function_tools, *parameters.output_tools]
    written = len(ModelMessagesTypeAdapter.dump_json(list(messages))) + len(json.dumps([str(tool) for tool in tools]))
    return int(written / CHARACTERS / 2)
