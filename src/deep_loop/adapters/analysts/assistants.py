"""Sub-tasks: a question goes to a cheaper model with the same tools, and its report to a judge that fails closed."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic_ai import Agent, ModelRetry, TextOutput, Tool, ToolOutput, UsageLimits
from pydantic_ai.messages import ModelMessage, ToolReturnPart

from deep_loop.adapters.analysts.inspection import Inspection
from deep_loop.adapters.analysts.sessions import Replay
from deep_loop.adapters.analysts.speaker import Speaker
from deep_loop.clients.model_talk import client_settings, outcome
from deep_loop.core.call import Failure
from deep_loop.core.metric import Metric
from deep_loop.prompts import analysis
from deep_loop.prompts.fence import Fence, cut, line

DELEGATE = "delegate"
SUBTASKS = 8  # of one analysis, whatever their depth
MISTAKES = 3  # in a row, with one tool
QUESTION, REPORT = 4_000, 20_000  # characters
UNREADABLE = "the judge gave no verdict that can be read"

_FENCED = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said."""

    accepted: bool
    reason: str


def verdict(text: str) -> Verdict:
    """Accepted only by an object whose `accepted` is true and which says why, with nothing around it but a fence."""
    words = text.strip()
    fenced = _FENCED.fullmatch(words)
    try:
        found = json.loads(fenced[1] if fenced else words, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return Verdict(False, UNREADABLE)
    if not isinstance(found, dict) or found.keys() != {"accepted", "reason"}:
        return Verdict(False, UNREADABLE)
    reason = found["reason"]
    if not isinstance(reason, str) or not reason.strip() or not isinstance(found["accepted"], bool):
        return Verdict(False, UNREADABLE)
    return Verdict(found["accepted"], line(reason, 300))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object that says one thing twice says nothing."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)


@dataclass
class Assistants:
    """Who answers the questions of one analysis."""

    speaker: Speaker
    inspection: Inspection
    fence: Fence
    metric: Metric
    replay: Replay
    steps: int  # answers of one conversation
    max_depth: int
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def resume(self, history: Sequence[ModelMessage]) -> None:
        """Count the questions that were handed on before the analysis was cut off."""
        parts = [part for message in history for part in message.parts]
        answered = sum(isinstance(part, ToolReturnPart) and part.tool_name == DELEGATE for part in parts)
        self._numbers = itertools.count(1 + answered)

    def tools(self, depth: int) -> Sequence[Tool[object]]:
        """`delegate`, for one who works at this depth (0: the analysis itself); nothing where it would be too deep."""
        if depth >= self.max_depth:
            return ()

        async def delegate(question: str, criteria: str) -> str:
            """Hand a question to an assistant; its report comes back if a judge finds that it meets the criteria.

            Args:
                question: All that the assistant needs to know: it has the tools, and no part of this conversation.
                criteria: What the report must have to be accepted, such that it can be told from the report alone.
            """
            return await self._delegate(question, criteria, depth + 1)

        return (Tool(delegate, name=DELEGATE),)

    async def _delegate(self, question: str, criteria: str, depth: int) -> str:
        if not question.strip() or not criteria.strip():
            raise ModelRetry("give a question and the criteria of its answer")
        number = next(self._numbers)
        if number > SUBTASKS:
            return f"refused: {SUBTASKS} questions were handed on already; answer this one yourself"
        question, criteria, name = cut(question, QUESTION), cut(criteria, QUESTION), f"task-{number}"
        report = await outcome(lambda: self._answer(question, criteria, depth, name), self.speaker.settings)
        if isinstance(report, Failure):
            return self.inspection.data("there is no report; why", line(report.reason, 300))
        report = cut(report, REPORT)
        asked = analysis.judgement(self.fence, question, criteria, report)
        log = self.replay.conversation(f"judge-{number}")
        said = await outcome(lambda: self.speaker.say(asked, log), self.speaker.settings)
        judged = Verdict(False, UNREADABLE) if isinstance(said, Failure) else verdict(said)
        self.replay.write(name, "judged", {"accepted": judged.accepted, "reason": judged.reason})
        if not judged.accepted:
            return self.inspection.data("the report was not accepted; what the judge says", judged.reason)
        return self.inspection.data("an accepted report", report)

    async def _answer(self, question: str, criteria: str, depth: int, name: str) -> str:
        """The assistant's report."""

        async def report(text: str) -> str:
            """Hand in the report: all that was asked for, tables and figures too, as text."""
            if not text.strip():
                raise ModelRetry("the report is empty")
            return text

        prompt = analysis.subtask(self.metric, self.fence, question, criteria, self.steps)
        async with self.speaker.connected(self.replay.conversation(name)) as model:
            agent: Agent[object, str] = Agent(
                model,
                output_type=cast(Any, [ToolOutput(report, name="report"), TextOutput(report)]),
                tools=[*(Tool(tool) for tool in self.inspection.tools), *self.tools(depth)],
                retries=MISTAKES,
                model_settings=client_settings(self.speaker.settings),
            )
            result = await agent.run(prompt, usage_limits=UsageLimits(request_limit=self.steps))
            return result.output
