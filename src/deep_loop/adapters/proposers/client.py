"""A coding agent's command-line client as a proposer.

    dialect of     claude_code.py  codex.py  opencode.py  gemini.py  command.py
    unstated.py    an idea for a change that its maker does not explain

How a client is started and understood is in `deep_loop.clients`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from deep_loop import prompts
from deep_loop.adapters.proposers import unstated
from deep_loop.clients.client import Clock, Desk, Dialect, Ended
from deep_loop.clients.client import Station as Station  # for plugins
from deep_loop.clients.failures import one_line
from deep_loop.core.call import Failure
from deep_loop.core.experiment import Idea
from deep_loop.ports import Answer, Brief, Objection


class Client:
    """Implements `ports.Proposer` for any dialect. Safe in several threads at once."""

    anywhere = True

    def __init__(self, dialect: Dialect, station: Station, clock: Clock = time.time) -> None:
        self.name = dialect.name
        self._desk = Desk(dialect, station, clock)

    @property
    def notices(self) -> list[str]:
        """What a person should be told; whoever tells it empties the list."""
        return self._desk.notices

    def propose(self, brief: Brief, checkout: Path) -> Answer:
        """Have the agent edit the checkout and say why."""
        told = prompts.render(brief, "folder")
        answer, lost = self._ask(brief, checkout, told)
        return _both(answer, self._ask(brief, checkout, told)[0]) if lost else answer

    def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
        """Have it mend its change in the session in which it made it, or in a new one where that is gone."""
        before = Answer()
        if objection.session:
            told = prompts.returned(brief, objection, "folder", knows=True)
            before, lost = self._ask(brief, checkout, told, objection.session)
            if not lost:
                return before
        told = prompts.returned(brief, objection, "folder", knows=False)
        return _both(before, self._ask(brief, checkout, told)[0])

    def stop(self) -> None:
        """Interrupt what goes on, and kill it soon; nothing is started afterwards."""
        self._desk.stop()

    def _ask(self, brief: Brief, checkout: Path, told: str, session: str = "") -> tuple[Answer, bool]:
        """One call; whether the session was lost."""
        terms = brief.terms
        ended = self._desk.ask(brief.call, told, checkout, session, editable=terms.editable, protected=terms.protected)
        heard, failure = ended.heard, ended.failure
        idea = None if failure else self._idea(ended, brief, checkout)
        if failure is None and idea is None and not ended.changed and heard.denied:
            why = one_line(self._desk.hide(f"it was not allowed to: {', '.join(heard.denied)}"))
            failure = Failure("nonsense", why)
        return Answer(idea, failure, heard.usages, heard.session), heard.lost

    def _idea(self, ended: Ended, brief: Brief, checkout: Path) -> Idea | None:
        """What it states; where it states nothing, and has changed something, what that tells."""
        text = ended.heard.text
        stated = prompts.read(text, brief)
        if stated is not None or not ended.changed or prompts.declined(text) is not None:
            return stated
        return unstated.idea(self._desk.hide(text), brief, checkout)


def _both(lost: Answer, answer: Answer) -> Answer:
    """An answer, with what the call used whose session was lost."""
    return replace(answer, usages=(*lost.usages, *answer.usages))
