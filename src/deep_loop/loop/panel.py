"""Who is asked for the next proposal: the first in order of preference who can think now, or one of a mixture.

Everything is read from the ledger, so that a harness that was killed asks the same as one that was not: who failed
lately is left alone for a while (`core.call.rest`), and who costs more than is left is not asked at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from deep_loop.core.call import PATIENT, Call, Rest, rest
from deep_loop.core.event import AgentBack, AgentDown
from deep_loop.core.mixture import Mixture, choose
from deep_loop.core.seed import derive
from deep_loop.loop.lab import Lab
from deep_loop.loop.purse import Purse


class Panel:
    """The proposers of a study. `mixture` None: in order of preference."""

    def __init__(
        self,
        lab: Lab,
        purse: Purse,
        mixture: Mixture | None = None,
    ) -> None:
        self._lab = lab
        self._purse = purse
        self._mixture = mixture
        self._resting: set[str] = set()  # as it was last looked at

    def next(self, busy: Collection[str]) -> str | None:
        """Whom to ask now, not one of `busy`; None where nobody can think."""
        calls = self._calls()
        affordable = [name for name in self._lab.proposers if self._purse.affords(name)]
        rests = {name: self._rest(name, calls[name]) for name in affordable}
        able = [name for name, rest in rests.items() if rest is None]
        if not able:  # better somebody whose answers are of no use than nobody: its chances end with the study
            able = [name for name, rest in rests.items() if rest is not None and rest.fault in PATIENT]
        free = [name for name in able if name not in busy]
        if self._mixture is None or len(free) < 2:
            return free[0] if free else None
        seed = derive(self._lab.seed, "mixture", self._lab.ledger.asked())
        return choose(self._mixture, free, self._lab.ledger.closed(), seed)

    def lost(self) -> str | None:
        """Why none of them will ever be asked again, where that is so."""
        calls = self._calls()
        if not any(self._purse.affords(name) for name in self._lab.proposers):
            return "what is left of the budget does not pay for another proposal"
        if all(self._never_worked(calls[name]) for name in self._lab.proposers):
            return "; ".join(f"{name}: {_last_words(calls[name])}" for name in self._lab.proposers)
        return None

    def _calls(self) -> Mapping[str, Sequence[Call]]:
        """The calls of each proposer, oldest first."""
        found: dict[str, list[Call]] = {name: [] for name in self._lab.proposers}
        for call in self._lab.ledger.calls():
            if call.agent in found and call.purpose != "advise":
                found[call.agent].append(call)
        return found

    def _rest(self, name: str, calls: Sequence[Call]) -> Rest | None:
        """Why it is left alone, where it is; says so where that has changed."""
        found = rest(calls, self._lab.clock.time())
        if found is None and name in self._resting:
            self._resting.remove(name)
            self._lab.tell(AgentBack(name))
        elif found is not None and name not in self._resting:
            self._resting.add(name)
            self._lab.tell(AgentDown(name, found.reason, found.until))
        return found

    @staticmethod
    def _never_worked(calls: Sequence[Call]) -> bool:
        """Whether it is not set up, and was not from the beginning."""
        ended = [call for call in calls if call.ended_at is not None]
        return bool(ended) and all(call.failure is not None and call.failure.fault == "setup" for call in ended)


def _last_words(calls: Sequence[Call]) -> str:
    return next((call.failure.reason for call in reversed(calls) if call.failure is not None), "never asked")
