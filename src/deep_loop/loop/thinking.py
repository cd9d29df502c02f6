"""Calls of proposers: what is handed over to them, and what the ledger keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from deep_loop.core.call import Call, Failure
from deep_loop.core.experiment import Experiment
from deep_loop.core.guard import NOT_TEXT, Rejected
from deep_loop.core.patterns import matches
from deep_loop.core.record import Ask
from deep_loop.errors import WorkspaceError
from deep_loop.loop.baseline import tail
from deep_loop.loop.brief import brief
from deep_loop.loop.lab import Lab
from deep_loop.loop.proposals import Thought
from deep_loop.loop.purse import book
from deep_loop.ports import Answer, Files, Objection

DIED = Failure("stopped", "the harness stopped meanwhile")


@dataclass(slots=True)
class Lent:
    """What a proposer has in its hands."""

    checkout: Path
    call: int


@dataclass(frozen=True, slots=True)
class Desk:
    """Where proposals are thought of: one call at a time for each ask."""

    lab: Lab
    lent: dict[int, Lent] = field(default_factory=dict)  # by ask

    def first(self, ask: Ask) -> Callable[[], Thought]:
        """Brief the ask's proposer; the callable is the thinking, for a worker."""
        lab = self.lab
        proposer, call = lab.proposers[ask.proposer], lab.ledger.call(ask.proposer, "propose", ask)
        told = replace(brief(lab, ask), call=call_id(lab, call))
        if not proposer.anywhere:
            told = replace(told, start=None, start_files={})
        checkout = self._lend(ask, call, told.base, {**told.files, **told.start_files})
        return lambda: Thought(proposer.propose(told, checkout), checkout, told.base, told.parent)

    def objected(self, ask: Ask, thought: Thought, why: Rejected) -> Callable[[], Thought] | None:
        """End a call whose change breaks a rule, and hand that back; None where it came back before."""
        refused = Failure("nonsense", why.reason)
        try:
            changed = self.lab.workspace.collect(thought.checkout)
        except WorkspaceError:  # its folder is beyond use
            changed = {}
        once = self.objection(ask) is not None
        self.back(ask, thought.answer, refused)
        if once:
            return None
        left = {path: text for path, text in changed.items() if text and not text.startswith(NOT_TEXT)}
        mine = {path: text for path, text in left.items() if matches(path, self.lab.task.editable)}
        return self._again(ask, thought.base, mine, Objection("refused", why.reason, idea=thought.answer.idea))

    def crashed(self, experiment: Experiment) -> Callable[[], Thought]:
        """Hand back a change that crashed, with the end of its log."""
        files = self.lab.workspace.files(experiment.commit)
        objection = Objection("crash", tail(experiment), idea=experiment.proposal.idea)
        return self._again(experiment.ask, experiment.commit, files, objection)

    def objection(self, ask: Ask) -> str | None:
        """What its first change was refused for; None where it was not."""
        failures = [call.failure for call in self._calls(ask)]
        return next((failure.reason for failure in failures if failure and failure.fault == "nonsense"), None)

    def back(self, ask: Ask, answer: Answer | None, failure: Failure | None = None) -> None:
        """Note that a call has ended, with an answer or without one, and remove its folder; a second time nothing."""
        lent = self.lent.pop(ask.id, None)
        if lent is None:
            return
        self.lab.workspace.discard(lent.checkout)
        answer = answer or Answer()
        book(self.lab, lent.call, answer.usages, failure or answer.failure, answer.session)

    def _again(self, ask: Ask, base: str, files: Files, objection: Objection) -> Callable[[], Thought]:
        lab = self.lab
        name = mender(lab, ask)
        session = next((call.session for call in reversed(self._calls(ask)) if call.agent == name and call.session), "")
        call = lab.ledger.call(name, "mend", ask)
        told = replace(brief(lab, ask), call=call_id(lab, call))
        checkout = self._lend(ask, call, base, files)
        returned = replace(objection, session=session)
        return lambda: Thought(lab.proposers[name].mend(told, checkout, returned), checkout, base, told.parent)

    def _lend(self, ask: Ask, call: int, base: str, files: Files) -> Path:
        committed = self.lab.workspace.files(base)
        differing = {path: text for path, text in files.items() if text != committed.get(path)}
        checkout = self.lab.workspace.checkout(base, f"ask-{ask.id}", differing)
        self.lent[ask.id] = Lent(checkout, call)
        return checkout

    def _calls(self, ask: Ask) -> list[Call]:
        return [call for call in self.lab.ledger.calls() if call.ask == ask.id]


def mender(lab: Lab, ask: Ask) -> str:
    """Who mends an ask's change: its proposer, or the first one where the harness combined it."""
    return ask.proposer if ask.proposer in lab.proposers else next(iter(lab.proposers))


def call_id(lab: Lab, call: int) -> str:
    """Marks every process of one call; `lab.uid` makes it unique on the machine."""
    return f"{lab.uid}-call-{call}"
