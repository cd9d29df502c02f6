"""One conversation with a model: the tools that it gets, the limits that it has, and the statement that ends it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic_ai import (
    Agent,
    ModelRetry,
    StructuredDict,
    TextOutput,
    Tool,
    ToolOutput,
    UsageLimits,
    capture_run_messages,
)
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model

from deep_loop import prompts
from deep_loop.adapters.proposers.model_tools import Workbench
from deep_loop.clients.model_client import ModelSettings, connect
from deep_loop.clients.model_patience import Meter, PatientModel
from deep_loop.clients.model_talk import client_settings, outcome
from deep_loop.clients.model_transcript import Transcript
from deep_loop.core.call import Failure
from deep_loop.core.experiment import Idea
from deep_loop.core.seed import derive
from deep_loop.ports import Brief

MISTAKES = 5  # in a row, with one tool or with the statement, before the conversation is over
SUBMIT = "Hand in your statement, in your {most}th answer at the latest. The files are taken as they are then."

Statement = StructuredDict(dict(prompts.SCHEMA), name="statement")


@dataclass(frozen=True, slots=True)
class Talk:
    """What came of a conversation."""

    idea: Idea | None
    failure: Failure | None
    messages: Sequence[ModelMessage]


async def hold(
    settings: ModelSettings,
    key: str | None,
    brief: Brief,
    bench: Workbench,
    prompt: str,
    history: Sequence[ModelMessage],
    meter: Meter,
    transcript: Transcript,
) -> Talk:
    """Hold a conversation to its end, good or bad. The meter has what it used even if it is cancelled."""
    chance = random.Random(derive(brief.seed, "model", brief.call))

    async def talk() -> Idea | None:
        async with connect(settings, key) as client:
            patient = PatientModel(client, settings, chance, meter, transcript)
            return await _converse(patient, settings, brief, bench, prompt, history)

    with capture_run_messages() as messages:
        found = await outcome(talk, settings)
    if isinstance(found, Failure):
        return Talk(None, found, messages)
    return Talk(found, None, messages)


async def _converse(
    model: Model, settings: ModelSettings, brief: Brief, bench: Workbench, prompt: str, history: Sequence[ModelMessage]
) -> Idea | None:
    """The model's idea, its change made in the workbench's copy; None where it has nothing to propose."""

    async def submit(statement: Any) -> Idea | None:
        return _stated(json.dumps(statement), brief, bench)

    async def said(text: str) -> Idea | None:
        if prompts.read(text, brief) is None and prompts.declined(text) is None:
            raise ModelRetry("Words alone end nothing: go on with the tools, or hand in your statement with `submit`.")
        return _stated(text, brief, bench)  # a model that takes to words instead of the tool is understood as well

    submit.__annotations__["statement"] = Statement
    about = SUBMIT.format(most=settings.max_requests)
    agent: Agent[object, Idea | None] = Agent(
        model,
        output_type=cast(Any, [ToolOutput(submit, name="submit", description=about), TextOutput(said)]),
        tools=[Tool(tool) for tool in bench.tools],
        retries=MISTAKES,
        model_settings=client_settings(settings),
    )
    limits = UsageLimits(request_limit=settings.max_requests, total_tokens_limit=settings.max_tokens_per_call)
    result = await agent.run(prompt, message_history=list(history) or None, usage_limits=limits)
    return result.output


def _stated(text: str, brief: Brief, bench: Workbench) -> Idea | None:
    """The idea of a statement, if the copy holds a change that goes with it."""
    idea = prompts.read(text, brief)
    if idea is None:
        if prompts.declined(text) is None:
            raise ModelRetry("The statement has neither a title nor a reason why there is nothing to propose.")
        return None
    if objection := bench.objection():
        raise ModelRetry(f"Not accepted: {objection}. Mend that with the tools, then submit again.")
    return idea
