"""What happens, in sentences: a line per event where there is no terminal, and the notes of the live view."""

from __future__ import annotations

import sys
import time
from typing import TextIO, assert_never

from deep_loop.core.event import (
    AgentBack,
    AgentDown,
    BudgetSpent,
    Closed,
    Confirmed,
    Event,
    MetaStarted,
    Paused,
    Refused,
    Revised,
    RunStarted,
    StudyEnded,
    StudyStarted,
    Warned,
)
from deep_loop.core.experiment import value
from deep_loop.interfaces.cli import words


def sentence(event: Event) -> str:
    """One line that says what happened."""
    match event:
        case StudyStarted(tag=tag, resumed=resumed):
            return f"study {tag} {'goes on' if resumed else 'begins'}"
        case Refused(proposer=proposer, reason=reason):
            return f"a proposal of {proposer} was refused: {reason}"
        case RunStarted(unit=unit, title=title, slot=slot, purpose=purpose):
            return f"#{unit} runs on {slot}: {title} ({purpose})"
        case Closed(record=record):
            decision = record.decision
            status, reason = (decision.status, decision.reason) if decision else ("open", "")
            return f"#{record.number} {status} {words.value(value(record))} {record.proposal.idea.title}: {reason}"
        case Confirmed(record=record, standing=found):
            return f"#{record.number} {words.standing(found)}: {record.proposal.idea.title}"
        case MetaStarted(reason=reason):
            return f"meta-analysis: {reason}"
        case Revised(version=version, summary=summary, hypotheses=hypotheses):
            return f"strategy v{version}: {summary} ({words.plural(hypotheses, 'hypothesis', 'hypotheses')})"
        case Warned(text=text):
            return f"warning: {text}"
        case Paused(paused=paused):
            return "paused" if paused else "going on"
        case BudgetSpent(share=share, what=what):
            return f"{share * 100:.0f} % of {what} is spent"
        case AgentDown(agent=agent, reason=reason, until=until):
            return f"{agent} is down until {_clock(until)}: {reason}"
        case AgentBack(agent=agent):
            return f"{agent} is asked again"
        case StudyEnded(reason=reason):
            return f"the study ends: {reason}"
    assert_never(event)


def _clock(at: float) -> str:
    """A moment (seconds since the epoch) by the local clock, with its date where that is not today's."""
    form = "%H:%M" if time.localtime(at)[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M"
    return time.strftime(form, time.localtime(at))


class Lines:
    """An observer that writes one plain line per event. As a context it does nothing more."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def hear(self, event: Event) -> None:
        """Write it at once, with the time of day."""
        print(f"{time.strftime('%H:%M:%S')} {sentence(event)}", file=self._stream, flush=True)
