"""What every analyst promises, as tests.

Subclass it in your tests and give one fixture; pytest does the rest:

    class TestMine(AnalystContract):
        @pytest.fixture
        def analyst(self) -> Analyst:
            return MyAnalyst()

Two more are worth giving: `slow`, whose analyses take minutes, to see that it can be stopped, and `broken`, whose
world outside fails (its server is down, its program is not there). The tests that need them are skipped without them.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from deep_loop.core import review, strategy
from deep_loop.core.cohort import Dossier
from deep_loop.core.experiment import (
    BASELINE,
    Change,
    Closing,
    Crash,
    Crashed,
    Discard,
    Experiment,
    Idea,
    Keep,
    Measured,
    Outcome,
    Proposal,
)
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.metric import Metric
from deep_loop.core.record import Ask, Attempt, Measurement, Record
from deep_loop.core.strategy import Strategy
from deep_loop.ports import Analyst, Case, Counsel

PATIENCE_SECONDS = 60.0  # for what must happen soon, on a machine that may be very busy
LONGEST_REASON = 500  # characters
TRAIN = "LEARNING_RATE = 0.1\nDEPTH = 4\n"
PROGRAM = (
    "# A curve\n\nMake `val_bpb` small.\n\n<!-- strategy:begin -->\n**Strategy v2**\n\nOld.\n<!-- strategy:end -->\n"
)
PLANTED = Hypothesis("h-mine", "Try rope", "attention", (), "a hunch", "")


def experiment(number: int, values: Sequence[float], decision: Closing, change: Change | None = None) -> Experiment:
    """One closed experiment on the baseline; the baseline itself where it changes nothing."""
    runs: list[Outcome] = [Measured(value, 2.0) for value in values] or [Crashed("out of memory", 1.0)]
    idea = Idea(f"{change.name} to {change.after}", "other", "why", changes=(change,)) if change else None
    return Record(
        number=number,
        ask=Ask(number + 1, "contract", number, 0),
        proposal=Proposal(
            idea or Idea("baseline", BASELINE, ""),
            "contract",
            "0" * 40,
            0 if change else None,
            f"{number:040}",
            f"print{number}",
        ),
        counted=change is not None,
        opened_at=float(number),
        attempts=(Attempt(0, f"{number:040}", float(number)),),
        measurements=tuple(
            Measurement(
                10 * number + i, number, 0, i, number, "fresh" if i else "first", "", "cpu0", "log", 0.0, 1.0, run
            )
            for i, run in enumerate(runs)
        ),
        decision=decision,
        closed_at=float(number + 1),
        order=number + 1,
    )


def case(**others: Any) -> Case:
    """A small study: a keep, a discard and a crash after the baseline. `others` are fields of the dossier."""
    tried = (
        experiment(0, [2.0, 2.01, 1.99], Keep("baseline", 0.0)),
        experiment(1, [1.9, 1.9], Keep("better", 0.1), Change("LEARNING_RATE", "0.1", "0.05")),
        experiment(2, [2.2], Discard("worse"), Change("DEPTH", "4", "3")),
        experiment(3, [], Crash("out of memory"), Change("DEPTH", "4", "64")),
    )
    told = Dossier(
        reason="3 experiments",
        metric=Metric("val_bpb"),
        min_gain=0.0,
        experiments=tried,
        cohort=(1, 2, 3),
        refusals=(),
        strategy=Strategy(2, prose="Old."),
        hypotheses=(PLANTED,),
        files={"train.py": TRAIN},
        commits=("meta: v2: old", "start"),
        program=PROGRAM,
    )
    call = f"contract-{uuid.uuid4().hex[:12]}-call-1"
    return Case(
        replace(told, **others), 7, call, lambda commit: {"train.py": TRAIN}, lambda number: f"log of {number}\n"
    )


def young() -> Case:
    """A study that has its baseline alone."""
    return case(experiments=(experiment(0, [2.0], Keep("baseline", 0.0)),), cohort=(), hypotheses=())


class AnalystContract:
    """Subclass it with fixtures; see the head of this file."""

    @pytest.fixture
    def analyst(self) -> Analyst:
        """One that can advise."""
        raise NotImplementedError("give the fixture `analyst`")

    @pytest.fixture
    def slow(self) -> Analyst | None:
        """One whose analysis takes minutes."""
        return None

    @pytest.fixture
    def broken(self) -> Analyst | None:
        """One whose world outside fails."""
        return None

    def test_advice_that_holds(self, analyst: Analyst) -> None:
        """In its own name, as the next version, and the harness has nothing against it."""
        asked = case()
        counsel = analyst.advise(asked)
        assert counsel.failure is None
        advice = counsel.advice
        assert advice is not None and advice.analyst == analyst.name
        assert review.objection(advice, asked.dossier) is None
        after = strategy.render(PROGRAM, replace(advice.strategy, version=3))
        assert strategy.review(PROGRAM, PROGRAM, after, version=3) is None

    def test_what_a_person_planted_stays(self, analyst: Analyst) -> None:
        """On top, until somebody takes it up."""
        advice = analyst.advise(case()).advice
        assert advice is not None and advice.hypotheses[0] == PLANTED

    def test_probabilities_are_some(self, analyst: Analyst) -> None:
        """Where it predicts, from 0 to 1."""
        advice = analyst.advise(case()).advice
        assert advice is not None
        assert all(h.probability is None or 0 <= h.probability <= 1 for h in advice.hypotheses)

    def test_the_same_case_twice(self, analyst: Analyst) -> None:
        """A harness that was killed may ask again with what it asked with before."""
        asked = case()
        for _ in range(2):
            counsel = analyst.advise(asked)
            assert counsel.failure is None and counsel.advice is not None

    def test_a_study_that_has_only_begun(self, analyst: Analyst) -> None:
        """It says what can be said, or why it cannot; it raises nothing."""
        asked = young()
        counsel = analyst.advise(asked)
        assert (counsel.advice is None) is (counsel.failure is not None)
        assert counsel.advice is None or review.objection(counsel.advice, asked.dossier) is None

    def test_what_it_used_adds_up(self, analyst: Analyst) -> None:
        """No count is negative, what came from or went into a cache is part of the input, and the model has a name."""
        for usage in analyst.advise(case()).usages:
            assert usage.model and usage.requests >= 1
            assert min(usage.output_tokens, usage.cached_tokens, usage.written_tokens) >= 0
            assert usage.input_tokens >= usage.cached_tokens + usage.written_tokens

    def test_it_can_be_stopped(self, slow: Analyst | None) -> None:
        """What goes on in another thread ends soon, as stopped; nothing is begun afterwards."""
        if slow is None:
            pytest.skip("no fixture `slow`")
        with ThreadPoolExecutor(1) as pool:
            begun = threading.Event()

            def think() -> Counsel:
                begun.set()
                return slow.advise(case())

            thinking = pool.submit(think)
            begun.wait(PATIENCE_SECONDS)
            time.sleep(1.0)  # so that it is well under way
            assert not thinking.done()
            slow.stop()
            counsel = thinking.result(PATIENCE_SECONDS)
        for found in (counsel, slow.advise(case())):
            assert found.advice is None
            assert found.failure is not None and found.failure.fault == "stopped"

    def test_stop_when_nothing_goes_on(self, analyst: Analyst) -> None:
        """It changes nothing, twice."""
        analyst.stop()
        analyst.stop()

    def test_what_fails_outside_is_no_exception(self, broken: Analyst | None) -> None:
        """It is a failure with one line that says why."""
        if broken is None:
            pytest.skip("no fixture `broken`")
        counsel = broken.advise(case())
        assert counsel.advice is None
        assert counsel.failure is not None and counsel.failure.fault != "stopped"
        assert 0 < len(counsel.failure.reason) <= LONGEST_REASON and "\n" not in counsel.failure.reason
