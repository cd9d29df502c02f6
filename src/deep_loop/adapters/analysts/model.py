"""An analyst that is one request to a model's API: all the evidence in a prompt, the revision in the answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from deep_loop.adapters.analysts.casefile import change, results, selected, statistician
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.adapters.analysts.finish import revised
from deep_loop.adapters.analysts.means import Means
from deep_loop.clients import model_client
from deep_loop.clients.model_calls import Calls
from deep_loop.clients.model_client import ModelSettings
from deep_loop.core.call import Failure
from deep_loop.core.seed import derive
from deep_loop.errors import DeepLoopError
from deep_loop.ports import Case, Counsel
from deep_loop.prompts import analysis
from deep_loop.prompts.fence import Fence, end, line

LINE = 300  # characters of a failure's reason
LOG = 1_500  # characters of the end of a log


class ModelAnalyst:
    """Implements `ports.Analyst`. Raises ConfigError where the settings name no model that can be asked here."""

    def __init__(self, settings: ModelSettings, means: Means, max_usd: float, max_tokens: int) -> None:
        model_client.check(settings)
        self.name = "model"
        self._settings = settings
        self._means = means
        self._max = (max_usd, max_tokens)
        self._calls = Calls()

    def advise(self, case: Case) -> Counsel:
        """One request, made again only where its server could not answer."""
        settings, means = self._settings, self._means
        if missing := model_client.lacking(settings, means.key):
            return Counsel(failure=Failure("setup", missing))
        # They import pydantic-ai, which takes a second: not before it is needed.
        from deep_loop.adapters.analysts.limits import Allowance, within
        from deep_loop.adapters.analysts.speaker import Speaker
        from deep_loop.clients.model_talk import outcome
        from deep_loop.clients.model_transcript import Transcript

        max_usd, max_tokens = self._max
        max_usd = within(max_usd, case.usd, means.price)
        allowance = Allowance(means.price, max_usd, max_tokens, settings.timeout_seconds)
        transcript = Transcript(means.logs / f"{case.call or 'call'}.log", means.redact)
        speaker = Speaker(settings, model_client.find_key(settings, means.key), derive(case.seed, "model"), allowance)
        prompt = means.redact(told(case))
        try:
            said = self._calls.run(outcome(lambda: speaker.say(prompt, transcript), settings))
        except asyncio.CancelledError:
            transcript.ended("stopped")
            return Counsel(failure=Failure("stopped", "the harness stopped it"), usages=allowance.usages)
        counsel = _counsel(said, case, self.name)
        if counsel.failure is not None:
            failure = replace(counsel.failure, reason=line(means.redact(counsel.failure.reason), LINE))
            counsel = replace(counsel, failure=failure)
        transcript.ended(counsel.failure.reason if counsel.failure else "a revision")
        return replace(counsel, usages=allowance.usages)

    def stop(self) -> None:
        """Cancel every call under way."""
        self._calls.stop()


def told(case: Case) -> str:
    """The prompt: all the evidence that there is room for."""
    dossier = case.dossier
    evidence = gather(dossier)
    changes = []
    for e in reversed(selected(dossier, evidence)):
        try:
            diff = change(case, e)
        except DeepLoopError:
            continue
        text = f"{diff}\n\nthe end of its log:\n{end(case.log(e.number), LOG)}"
        changes.append((f"experiment {e.number}", text))
    exhibits = analysis.Exhibits(statistician(dossier), results(dossier, evidence).splitlines(), changes)
    return analysis.task(dossier, Fence(case.seed), exhibits, "model")


def _counsel(said: str | Failure, case: Case, name: str) -> Counsel:
    if isinstance(said, Failure):
        return Counsel(failure=said)
    found = revised(said, name, case.dossier)
    return Counsel(failure=Failure("nonsense", found)) if isinstance(found, str) else Counsel(found)
