"""An analyst that is the client of a coding agent: it reads a folder with the evidence, and its last message is the
revision.

It changes nothing there, and gets no other place to write to. What it says is read and looked over as any model's is;
a revision that does not hold goes back to it once, where its client can go on with a conversation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deep_loop.adapters.analysts.casefile import laid_out, results, statistician
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.adapters.analysts.finish import revised
from deep_loop.clients.client import Clock, Desk, Dialect, Ended, Station
from deep_loop.clients.failures import one_line
from deep_loop.core.call import Failure, Usage
from deep_loop.core.cohort import Advice
from deep_loop.ports import Case, Counsel
from deep_loop.prompts import analysis
from deep_loop.prompts.fence import Fence

EVERYTHING = ("**",)  # pattern of the files that it may not change
TASK = "task.md"  # what it is told, beside the evidence: for clients that take no long prompt


class Reader:
    """Implements `ports.Analyst` for any dialect."""

    def __init__(
        self, name: str, dialect: Dialect, station: Station, redact: Callable[[str], str], clock: Clock = time.time
    ) -> None:
        self.name = name
        self._station = station
        self._redact = redact
        self._desk = Desk(dialect, station, clock)

    def advise(self, case: Case) -> Counsel:
        """One analysis, and a second try in the same conversation where its revision does not hold."""
        try:
            with laid_out(case, self._station.folder / "cases", self._redact) as folder:
                told = self._redact(self._told(case))
                (folder / TASK).write_text(told, encoding="utf-8", errors="backslashreplace")
                return self._advise(case, folder, told)
        except OSError as error:
            return Counsel(failure=Failure("setup", f"the case cannot be laid out: {error.strerror or error}"))

    def stop(self) -> None:
        """Interrupt what goes on, and kill it soon; nothing is started afterwards."""
        self._desk.stop()

    def _advise(self, case: Case, folder: Path, told: str) -> Counsel:
        ended = self._ask(case, folder, told)
        usages, session = ended.heard.usages, ended.heard.session
        if ended.failure is not None:
            return Counsel(failure=ended.failure, usages=usages, session=session)
        found = self._read(case, ended.heard.text)
        if isinstance(found, str) and session:
            ended = self._ask(case, folder, analysis.returned(found), session)
            usages = (*usages, *ended.heard.usages)
            if ended.failure is not None:
                return Counsel(failure=ended.failure, usages=usages, session=session)
            found = self._read(case, ended.heard.text)
        return self._counsel(found, usages, session)

    def _ask(self, case: Case, folder: Path, told: str, session: str = "") -> Ended:
        return self._desk.ask(case.call, told, folder, session, protected=EVERYTHING)

    def _read(self, case: Case, text: str) -> Advice | str:
        """The revision, or what is wrong with it."""
        return revised(text, self.name, case.dossier)

    def _counsel(self, found: Advice | str, usages: tuple[Usage, ...], session: str) -> Counsel:
        if isinstance(found, str):
            failure = Failure("nonsense", one_line(self._desk.hide(found)))
            return Counsel(failure=failure, usages=usages, session=session)
        return Counsel(replace(found, analyst=self.name), usages=usages, session=session)

    def _told(self, case: Case) -> str:
        dossier = case.dossier
        exhibits = analysis.Exhibits(statistician(dossier), results(dossier, gather(dossier)).splitlines())
        return analysis.task(dossier, Fence(case.seed), exhibits, "folder")
