"""What a study promises in any mode, as tests.

Subclass `StudyContract` in a test module and give it a fixture named `rigs`, a function that sets up a
new study of the mode and returns its `Rig`:

    class TestMyMode(StudyContract):
        @pytest.fixture
        def rigs(self, tmp_path: Path) -> Rigs:
            return lambda plan: MyRig(tmp_path / uuid4().hex, plan)

The mode's own parts under test must be quick and exactly repeatable. The contract kills the harness
between any two calls that change something, starts it again, and compares what came of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from deep_loop.core.event import Closed, Event, Paused, Refused, RunStarted, StudyEnded, StudyStarted
from deep_loop.loop.study import BARREN, Study
from deep_loop.ports import Ledger, Observer
from deep_loop.testing.doubles import Death, Fuse, Recorder
from deep_loop.testing.ledger_contract import check_invariants

PAUSE_SECONDS = 0.6  # longer than the study takes to look twice
RUN_SECONDS = 0.4  # of a run beside which a proposer has the time to think of the next


@dataclass(frozen=True)
class Plan:
    """How a study under test is set up."""

    slots: int = 1
    fails_at: frozenset[int] = frozenset()  # asks at which the proposer raises RuntimeError("no idea")
    ideas: bool = True  # whether the proposer ever has any
    meta_interval: int = 3


class Rig(Protocol):
    """One study, and whatever lies around it."""

    def study(
        self,
        max_units: int | None,
        *,
        observers: Sequence[Observer] = (),
        fuse: Fuse | None = None,
        deadline: float | None = None,
        run_seconds: float = 0.0,
    ) -> Study[Any, Any, Any, Any]:
        """A harness on it, as a process that starts now would build one; the one before is dead or done.

        `fuse` guards every port that changes something; a run takes `run_seconds`.
        """
        ...

    def ledger(self) -> Ledger[Any, Any, Any]:
        """The study's ledger, opened anew for the calling thread."""
        ...

    def most_at_once(self) -> int:
        """How many runs there were at one time."""
        ...

    def account(self) -> Any:
        """All that a resumed study must have in common with an undisturbed one: lines, runs, decisions."""
        ...

    def check(self) -> None:
        """Raise AssertionError unless what follows the ledger (tables, branches) says the same as it does."""
        ...


Rigs = Callable[[Plan], Rig]


class StudyContract:
    """The promises of `loop.study.Study` with a mode's unit. Needs a fixture `rigs`."""

    units = 4  # of the study that is killed again and again

    def deaths(self, calls: Sequence[str]) -> Sequence[int]:
        """Before which of the undisturbed study's changing calls (1 is the first) to die: before each."""
        return range(1, len(calls) + 1)

    def test_the_budget_is_kept_over_all_sittings(self, rigs: Rigs) -> None:
        """As many counted units as allowed, numbered without gaps; a larger budget goes on from there."""
        rig = rigs(Plan())
        heard = Recorder()
        assert rig.study(3, observers=[heard]).run() == "3 of 3 experiments are done"
        assert rig.ledger().counted() == 3
        assert not rig.ledger().opened()
        assert rig.study(3).run() == "3 of 3 experiments are done"
        assert rig.study(5, observers=[heard]).run() == "5 of 5 experiments are done"
        assert rig.ledger().counted() == 5
        check_invariants(rig.ledger())
        rig.check()
        assert [event.resumed for event in heard.heard(StudyStarted)] == [False, True]

    def test_a_death_between_any_two_steps_does_no_harm(self, rigs: Rigs) -> None:
        """Whenever the harness dies, the next one reaches the same lines, runs and decisions; nothing is run twice."""
        undisturbed, whole = rigs(Plan()), Fuse()
        undisturbed.study(self.units, fuse=whole).run()
        expected = undisturbed.account()
        for step in self.deaths(whole.calls):
            rig, fuse = rigs(Plan()), Fuse(step)
            with pytest.raises(Death):
                rig.study(self.units, fuse=fuse).run()
            rig.study(self.units).run()
            died = f"died before call {step}, {fuse.calls[step - 1]}"
            assert rig.account() == expected, died
            check_invariants(rig.ledger())
            rig.check()

    def test_many_deaths_in_a_row_do_no_harm(self, rigs: Rigs) -> None:
        """A harness that dies again and again still arrives, at the same place."""
        undisturbed = rigs(Plan())
        undisturbed.study(self.units).run()
        rig, ended, lives = rigs(Plan()), None, 0
        while ended is None:
            lives += 1
            try:
                ended = rig.study(self.units, fuse=Fuse(12 + lives % 5)).run()
            except Death:
                assert lives < 500, "it never arrives"
        assert lives > 3
        assert rig.account() == undisturbed.account()
        rig.check()

    def test_a_stop_lets_what_runs_end(self, rigs: Rigs) -> None:
        """After a request to stop nothing new starts; it is answered, and the next harness goes on."""
        rig = rigs(Plan())
        once = _Once(Closed, lambda: rig.ledger().request("stop", {}))
        assert rig.study(5, observers=[Recorder(once)]).run() == "stopped by request"
        assert rig.ledger().answer(once.result) == "stopping as soon as what runs has ended"
        assert rig.ledger().counted() < 5
        assert rig.study(5).run() == "5 of 5 experiments are done"
        check_invariants(rig.ledger())

    def test_an_interruption_kills_what_runs(self, rigs: Rigs) -> None:
        """An interrupted run leaves its line open, and the next harness makes it again with the same result."""
        rig, undisturbed = rigs(Plan()), rigs(Plan())
        undisturbed.study(3).run()
        study = rig.study(3, observers=[Recorder(_Once(RunStarted, lambda: study.interrupt()))], run_seconds=60.0)
        assert study.run() == "interrupted"
        assert rig.ledger().opened()
        rig.study(3).run()
        assert rig.account() == undisturbed.account()

    def test_nothing_starts_in_a_pause(self, rigs: Rigs) -> None:
        """Between a pause and the word to go on no run starts; then the study goes on as if nothing had been."""
        rig, undisturbed = rigs(Plan()), rigs(Plan())
        undisturbed.study(4).run()
        pause = _Once(Closed, lambda: rig.ledger().request("pause", {}))
        resume = _Once(Paused, threading.Timer(PAUSE_SECONDS, lambda: rig.ledger().request("resume", {})).start)
        heard = Recorder()
        assert rig.study(4, observers=[Recorder(pause), Recorder(resume), heard]).run() == "4 of 4 experiments are done"
        pauses = [place for place, event in enumerate(heard.events) if isinstance(event, Paused)]
        assert len(pauses) == 2
        assert not any(isinstance(event, RunStarted) for event in heard.events[pauses[0] : pauses[1]])
        assert rig.ledger().answer(pause.result) == "paused; what runs now runs to its end"
        assert rig.account() == undisturbed.account()

    def test_advice_is_given_when_asked_for(self, rigs: Rigs) -> None:
        """A request for a meta-analysis is answered with what came of it, and recorded."""
        rig = rigs(Plan(meta_interval=1000))
        once = _Once(Closed, lambda: rig.ledger().request("meta", {}))
        rig.study(4, observers=[Recorder(once)]).run()
        assert [revision.reason for revision in rig.ledger().revisions()] == ["asked for"]
        assert (rig.ledger().answer(once.result) or "").startswith("strategy v1: ")

    def test_advice_comes_after_every_cohort(self, rigs: Rigs) -> None:
        """The outer tier is heard after every `meta_interval` units."""
        rig = rigs(Plan(meta_interval=2))
        rig.study(4).run()
        assert [revision.version for revision in rig.ledger().revisions()] == [1, 2]

    def test_a_request_that_nobody_knows_is_answered(self, rigs: Rigs) -> None:
        """Nobody waits for ever for an answer."""
        rig = rigs(Plan())
        rig.study(1).run()
        request = rig.ledger().request("dance", {})
        rig.study(2).run()
        assert rig.ledger().answer(request) == "nobody here knows how to dance"

    def test_every_slot_is_used(self, rigs: Rigs) -> None:
        """With two slots two run at a time, never more; with one slot one."""
        for slots in (1, 2):
            rig = rigs(Plan(slots=slots))
            assert rig.study(4, run_seconds=RUN_SECONDS).run() == "4 of 4 experiments are done"
            assert rig.most_at_once() == slots
            check_invariants(rig.ledger())
            rig.check()

    def test_a_proposer_that_fails_is_refused(self, rigs: Rigs) -> None:
        """A failure while thinking ends its ask, is logged with its reason, and costs no number."""
        rig, heard = rigs(Plan(fails_at=frozenset({2, 3}))), Recorder()
        assert rig.study(3, observers=[heard]).run() == "3 of 3 experiments are done"
        assert all(refused.reason.endswith("failed: RuntimeError: no idea") for refused in heard.heard(Refused))
        assert {refused.ask.id for refused in rig.ledger().refusals(100)} == {2, 3}
        check_invariants(rig.ledger())
        rig.check()

    def test_a_proposer_without_ideas_ends_the_study(self, rigs: Rigs) -> None:
        """After many refusals in a row the study ends, and says why."""
        rig, heard = rigs(Plan(ideas=False)), Recorder()
        reason = rig.study(3, observers=[heard]).run()
        assert reason == f"{BARREN} proposals in a row were refused, the last one because: nothing to propose"
        assert len(rig.ledger().refusals(100)) == BARREN
        assert heard.events[-1] == StudyEnded(reason)

    def test_no_run_starts_that_would_end_too_late(self, rigs: Rigs) -> None:
        """Past the deadline nothing starts; the study can go on another day."""
        rig = rigs(Plan())
        assert rig.study(3, deadline=0.0).run() == "the time is up"
        assert not rig.ledger().closed()
        assert rig.study(3).run() == "3 of 3 experiments are done"


class _Once:
    """Reacts to the first event of a kind; `result` is what the reaction returned."""

    def __init__(self, kind: type[Event], reaction: Callable[[], Any]) -> None:
        self._kind, self._reaction = kind, reaction
        self._done = False
        self.result: Any = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, self._kind) and not self._done:
            self._done = True
            self.result = self._reaction()
