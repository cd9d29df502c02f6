"""The `model` proposer: any model with an API, working with a small set of tools in a copy of its own.

model_client       the providers, their addresses and keys
model_agent        one conversation, from the brief to the statement
model_tools        what a model may do in its copy; model_search finds things for it
model_patience     asks again, and counts what is used
model_faults       what went wrong, and whose fault it is
model_transcript   what was said: the log, and the session that a mend goes on with
model_calls        ends what goes on in other threads

Nothing is kept in memory between calls: a mend goes on from the session's file, in another process too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deep_loop import prompts
from deep_loop.clients import model_client
from deep_loop.clients.model_calls import Calls
from deep_loop.clients.model_client import Lookup, ModelSettings
from deep_loop.core.call import Failure
from deep_loop.ports import Answer, Brief, Objection
from deep_loop.prompts.fence import line

LINE = 300  # characters of a failure's reason


class ModelProposer:
    """Implements `ports.Proposer`. Safe in several threads at once.

    `key` finds a key by the name of its variable; it is asked at every call, so that one that comes later is found.
    `redact` takes keys out of a text. Logs go to `logs`, conversations to go on with to `sessions`, a file a call.
    Raises ConfigError where the settings name no model that can be asked here.
    """

    anywhere = True

    def __init__(
        self,
        settings: ModelSettings,
        *,
        key: Lookup,
        redact: Callable[[str], str],
        logs: Path,
        sessions: Path,
        name: str = "model",
    ) -> None:
        model_client.check(settings)
        self.name = name
        self._settings = settings
        self._key = key
        self._redact = redact
        self._logs = logs
        self._sessions = sessions
        self._calls = Calls()

    def propose(self, brief: Brief, checkout: Path) -> Answer:
        """Tell the model the whole brief, and let it change the copy."""
        return self._call(brief, checkout, "", lambda known: prompts.render(brief, "tools"))

    def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
        """Go on in the session of the change, or tell the whole brief where that is lost."""
        return self._call(
            brief,
            checkout,
            objection.session,
            lambda known: prompts.returned(brief, objection, "tools", knows=known),
        )

    def stop(self) -> None:
        """Cancel every call under way."""
        self._calls.stop()

    def _call(self, brief: Brief, checkout: Path, session: str, told: Callable[[bool], str]) -> Answer:
        """One conversation; `told` makes its opening words, given whether the session is known."""
        if missing := model_client.lacking(self._settings, self._key):
            return Answer(failure=Failure("setup", missing))
        # They import pydantic-ai, which takes a second: not before it is needed.
        from deep_loop.adapters.proposers.model_agent import hold
        from deep_loop.adapters.proposers.model_tools import Workbench
        from deep_loop.clients.model_patience import Meter
        from deep_loop.clients.model_transcript import Sessions, Transcript

        sessions = Sessions(self._sessions, self._redact)
        history = sessions.find(session)
        meter = Meter(self._settings.model)
        transcript = Transcript(self._logs / f"{brief.call or 'call'}.log", self._redact, history or ())
        bench = Workbench(brief, checkout, self._redact)
        prompt = self._redact(told(history is not None))
        key = model_client.find_key(self._settings, self._key)
        try:
            talk = self._calls.run(hold(self._settings, key, brief, bench, prompt, history or (), meter, transcript))
        except asyncio.CancelledError:
            transcript.ended("stopped")
            return Answer(failure=Failure("stopped", "the harness stopped it"), usages=meter.usages)
        if talk.failure is not None:
            failure = replace(talk.failure, reason=line(self._redact(talk.failure.reason), LINE))
            transcript.ended(failure.reason)
            return Answer(failure=failure, usages=meter.usages)
        transcript.ended(talk.idea.title if talk.idea else "nothing to propose")
        kept = sessions.keep(brief.call, talk.messages) if talk.idea else ""
        return Answer(idea=talk.idea, usages=meter.usages, session=kept)
