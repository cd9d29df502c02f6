"""The investigator: an analyst that is a model with tools, in the manner of OpenPlanter.

inquiry        one analysis: the tools, and the revision that ends it      <- read next
inspection     what it may look at: the case's folder, SQL, git, programs in a sandbox
notebook       findings that outlast an analysis
assistants     sub-tasks for a cheaper model, and the judge of their reports
limits         money, tokens and time, looked at before each request; speaker asks under them
sessions       the replay log, and what is gone on with after a kill
finish         the revision made whole, and looked over

An analysis that was cut off goes on where it was: the evidence that it was made from names its session.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deep_loop.adapters.analysts.casefile import laid_out, results, statistician
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.adapters.analysts.means import Bench, Means
from deep_loop.adapters.analysts.notebook import Notebook
from deep_loop.clients import model_client
from deep_loop.clients.model_calls import Calls
from deep_loop.clients.model_client import ModelSettings
from deep_loop.core.call import Failure
from deep_loop.core.seed import derive
from deep_loop.ports import Case, Counsel
from deep_loop.prompts import analysis
from deep_loop.prompts.fence import Fence, line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic_ai.messages import ModelMessage

    from deep_loop.adapters.analysts.limits import Allowance
    from deep_loop.adapters.analysts.sessions import Session
    from deep_loop.core.cohort import Advice

LINE = 300  # characters of a failure's reason
PASSING = frozenset({"quota", "overloaded", "network", "stopped"})  # faults after which a session is gone on with


@dataclass(frozen=True, slots=True)
class InvestigatorSettings:
    """What the person says of it."""

    model: ModelSettings
    small: ModelSettings  # answers sub-tasks, and judges their reports
    max_steps: int = 40  # answers of one conversation: the analysis itself, or a sub-task
    max_depth: int = 1  # of sub-tasks; 0: none
    max_usd: float = 1.0  # of one analysis with its sub-tasks and judges
    max_tokens: int = 2_000_000


class Investigator:
    """Implements `ports.Analyst`. Raises ConfigError where the settings name no models that can be asked here."""

    def __init__(self, settings: InvestigatorSettings, means: Means, bench: Bench | str) -> None:
        """A text in the place of a `bench`, a sandbox where programs run, says why there is none."""
        for each in (settings.model, settings.small):
            model_client.check(each)
        self.name = "investigator"
        self._settings = settings
        self._means = means
        self._bench = bench
        self._calls = Calls()

    @property
    def runs_programs(self) -> bool:
        """Whether there is a place where its programs run."""
        return isinstance(self._bench, Bench)

    def advise(self, case: Case) -> Counsel:
        """One analysis, or the rest of one that was cut off."""
        settings, means = self._settings, self._means
        for each in (settings.model, settings.small):
            if missing := model_client.lacking(each, means.key):
                return Counsel(failure=Failure("setup", missing))
        try:
            with laid_out(case, means.folder / "cases", means.redact, fenced=False) as folder:
                counsel = self._investigate(case, folder)
        except OSError as error:
            return Counsel(failure=Failure("setup", f"the case cannot be laid out: {error.strerror or error}"))
        if counsel.failure is None:
            return counsel
        reason = line(means.redact(counsel.failure.reason), LINE)
        return replace(counsel, failure=replace(counsel.failure, reason=reason))

    def stop(self) -> None:
        """Cancel every call under way, and what it runs."""
        self._calls.stop()
        if isinstance(self._bench, Bench):
            self._bench.executor.stop()

    def _investigate(self, case: Case, folder: Path) -> Counsel:
        # They import pydantic-ai, which takes a second: not before it is needed.
        from deep_loop.adapters.analysts.limits import Allowance, within
        from deep_loop.adapters.analysts.sessions import Session, Sessions

        settings, means = self._settings, self._means
        sessions = Sessions(means.folder / "sessions", means.redact)
        prompt = means.redact(self._prompt(case))
        name = hashlib.sha256(prompt.encode(errors="replace")).hexdigest()[:16]
        before = sessions.find(name) or Session([], (), ())
        allowance = Allowance(
            means.price,
            within(settings.max_usd, case.usd, means.price, before.booked),
            settings.max_tokens,
            settings.model.timeout_seconds,
            before.usages,
        )
        latest = before

        def remember(session: Session) -> None:
            nonlocal latest
            latest = session
            sessions.keep(name, session)

        try:
            found = self._calls.run(self._converse(case, folder, prompt, before, allowance, remember))
        except asyncio.CancelledError:
            found = Failure("stopped", "the harness stopped it")
        usages = (*before.unbooked, *allowance.usages)
        if isinstance(found, Failure):
            if found.fault in PASSING and latest.messages:
                sessions.keep(name, Session(latest.messages, (*before.usages, *allowance.usages), ()))
            else:
                sessions.drop(name)
            return Counsel(failure=found, usages=usages, session=name)
        sessions.drop(name)
        return Counsel(found, usages=usages, session=name)

    async def _converse(
        self,
        case: Case,
        folder: Path,
        prompt: str,
        before: Session,
        allowance: Allowance,
        remember: Callable[[Session], None],
    ) -> Advice | Failure:
        """The conversation with all that takes part in it; its state is remembered before each request."""
        from deep_loop.adapters.analysts.assistants import Assistants
        from deep_loop.adapters.analysts.inquiry import Inquiry
        from deep_loop.adapters.analysts.inspection import Inspection
        from deep_loop.adapters.analysts.sessions import Replay, Session
        from deep_loop.adapters.analysts.speaker import Speaker
        from deep_loop.clients.model_talk import outcome

        settings, means, fence = self._settings, self._means, Fence(case.seed)
        replay = Replay(means.logs / f"{case.call or 'call'}.jsonl", means.redact)

        def speaker(asked: ModelSettings) -> Speaker:
            return Speaker(asked, model_client.find_key(asked, means.key), derive(case.seed, asked.model), allowance)

        def hears(messages: Sequence[ModelMessage]) -> None:
            used = allowance.usages
            remember(Session(list(messages), (*before.usages, *used), (*before.unbooked, *used)))

        inspection = Inspection(case, folder, fence, means.redact, self._bench)
        small = speaker(settings.small)
        steps, depth = settings.max_steps, settings.max_depth
        helpers = Assistants(small, inspection, fence, case.dossier.metric, replay, steps, depth)
        notebook = Notebook(means.folder / "notebook.jsonl", means.redact)
        inquiry = Inquiry(self.name, case.dossier, inspection, notebook, helpers, replay, steps)
        big = speaker(settings.model)
        return await outcome(lambda: inquiry.hold(big, prompt, before.messages, hears), settings.model)

    def _prompt(self, case: Case) -> str:
        settings, dossier = self._settings, case.dossier
        exhibits = analysis.Exhibits(statistician(dossier), results(dossier, gather(dossier)).splitlines())
        return analysis.task(
            dossier,
            Fence(case.seed),
            exhibits,
            "tools",
            steps=settings.max_steps,
            delegates=settings.max_depth > 0,
        )
