"""One analysis by a model that works with tools, from the prompt to the revision."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, cast

from pydantic_ai import Agent, ModelRetry, StructuredDict, TextOutput, Tool, ToolOutput, UsageLimits
from pydantic_ai.messages import ModelMessage, ModelResponse

from deep_loop.adapters.analysts import inspection as looking
from deep_loop.adapters.analysts.assistants import Assistants
from deep_loop.adapters.analysts.finish import finish, objection
from deep_loop.adapters.analysts.inspection import Inspection
from deep_loop.adapters.analysts.notebook import Notebook, NotebookError
from deep_loop.adapters.analysts.sessions import Replay
from deep_loop.adapters.analysts.speaker import Hearing, Speaker
from deep_loop.clients.model_talk import client_settings
from deep_loop.core.cohort import Advice, Dossier
from deep_loop.prompts import revision

MISTAKES = 5  # in a row, with one tool or with the revision, before the analysis is over
MAIN = "analysis"
SUBMIT = "Hand in the revision. It is looked over at once; what is wrong with it comes back."

Stated = StructuredDict(dict(revision.SCHEMA), name="revision")


class Inquiry:
    """What an analysis is made of."""

    def __init__(
        self,
        name: str,
        dossier: Dossier,
        inspection: Inspection,
        notebook: Notebook,
        assistants: Assistants,
        replay: Replay,
        max_steps: int,
    ) -> None:
        self._name = name
        self._dossier = dossier
        self._inspection = inspection
        self._notebook = notebook
        self._assistants = assistants
        self._replay = replay
        self._max_steps = max_steps
        self._answers = 0  # of the main conversation, with those before a kill

    async def hold(self, speaker: Speaker, prompt: str, history: Sequence[ModelMessage], before: Hearing) -> Advice:
        """Hold the conversation, or go on with one that was cut off; `before` hears of each request to come."""
        self._answers = sum(isinstance(message, ModelResponse) for message in history)
        self._assistants.resume(history)
        log = self._replay.conversation(MAIN, len(history))

        def hears(messages: Sequence[ModelMessage]) -> None:
            before(messages)
            self._answers += 1

        async with speaker.connected(log, hears) as model:
            agent: Agent[object, Advice] = Agent(
                model,
                output_type=cast(Any, [self._submit(), TextOutput(self._said)]),
                tools=[self._counted(tool, speaker) for tool in self._tools()],
                retries=MISTAKES,
                model_settings=client_settings(speaker.settings),
            )
            left = max(self._max_steps - self._answers, 1)
            result = await agent.run(
                None if history else prompt,
                message_history=list(history) or None,
                usage_limits=UsageLimits(request_limit=left),
            )
            return result.output

    # --- the revision ------------------------------------------------------------------------------

    def _submit(self) -> ToolOutput[Advice]:
        async def submit(statement: Any) -> Advice:
            return self._whole(
                revision.made(statement, self._name, self._dossier.strategy.version + 1, self._dossier.taxonomy)
            )

        submit.__annotations__["statement"] = Stated
        return ToolOutput(_mended(submit), name="submit", description=SUBMIT)

    async def _said(self, text: str) -> Advice:
        """A model that takes to words instead of the tool is understood as well."""
        try:
            return self._whole(
                revision.read(text, self._name, self._dossier.strategy.version + 1, self._dossier.taxonomy)
            )
        except revision.Malformed as error:
            raise ModelRetry(f"Words alone end nothing ({error}): go on with the tools, or `submit`.") from None

    def _whole(self, advice: Advice) -> Advice:
        whole = finish(advice, self._dossier)
        if (why := objection(whole, self._dossier)) is not None:
            raise ModelRetry(f"Not accepted: {why}. Mend that, then submit again.")
        return whole

    # --- tools -------------------------------------------------------------------------------------

    def _tools(self) -> Sequence[Tool[object]]:
        own = (*self._inspection.tools, self.read_notebook, self.note)
        return [*(Tool(tool) for tool in own), *self._assistants.tools(0)]

    async def read_notebook(self, about: str = "") -> str:
        """Read what earlier analyses of this study noted, and this one.

        Args:
            about: Only notes that have all these words; empty for the latest of all.
        """
        return self._inspection.data("the notebook", self._notebook.about(about))

    async def note(self, text: str, experiments: list[int], links: list[str]) -> str:
        """Note a finding for later analyses.

        Args:
            text: What was found, on one line.
            experiments: Numbers of the experiments that it rests on.
            links: How it bears on other notes: `supports n3`, `contradicts n3`, `explains n3`, `replaces n3`.
        """
        self._inspection.known(experiments)
        try:
            made = self._notebook.add(text, experiments, links, self._dossier.strategy.version)
        except NotebookError as error:
            raise ModelRetry(str(error)) from None
        except OSError as error:
            return f"it cannot be written: {error.strerror}"
        return f"noted as n{made.id}"

    def _counted(self, tool: Tool[object], speaker: Speaker) -> Tool[object]:
        """The same tool, whose answers say what is left."""
        function = cast(looking.Tool, tool.function)

        @functools.wraps(function)
        async def counted(*arguments: Any, **named: Any) -> str:
            found = await function(*arguments, **named)
            return f"{found}\n\n{speaker.allowance.left(self._max_steps - self._answers)}"

        return Tool(counted, name=tool.name, takes_ctx=False)


def _mended(submit: Any) -> Any:
    """The function, telling what is malformed to whoever can mend it."""

    @functools.wraps(submit)
    async def mended(statement: Any) -> Advice:
        try:
            found: Advice = await submit(statement)
        except revision.Malformed as error:
            raise ModelRetry(f"Not accepted: {error}. Mend that, then submit again.") from None
        return found

    return mended
