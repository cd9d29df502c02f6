"""One experiment, from proposal to recorded decision.

Read this file first. `study.py` repeats it, many at a time where there are slots for it.

    think, take      a proposer edits a checkout of its own; the guard reviews what changed
    begin            the line is opened, the commit gets its ref
    start, finish    a run; its log becomes an outcome; the evidence becomes a decision
    close            the line first, then git and results.tsv

A kill between any two lines does no harm: `recover` goes on from what the ledger holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from deep_loop.core.call import PATIENT, Failure
from deep_loop.core.decide import decide
from deep_loop.core.event import Closed, RunStarted
from deep_loop.core.experiment import Closing, Crash, Discard, Experiment, Keep, Measure, Proposal, is_baseline
from deep_loop.core.guard import Rejected
from deep_loop.core.readout import Exit
from deep_loop.core.record import Ask, Waiting
from deep_loop.core.screening import is_screening
from deep_loop.loop import baseline, person, proposals, recovery, repair, runs, upkeep
from deep_loop.loop.evidence import gather
from deep_loop.loop.lab import Lab
from deep_loop.loop.load import looked_at
from deep_loop.loop.panel import Panel
from deep_loop.loop.proposals import Thought
from deep_loop.loop.thinking import Desk
from deep_loop.loop.trial import Trial, judge, lay_out
from deep_loop.loop.unit import Again, Fate, Mend, Run
from deep_loop.ports import Slot


@dataclass(frozen=True, slots=True)
class _Running:
    """What is kept of a run until it ends."""

    measurement: int
    seed: int
    trial: Trial


Step = Run | Mend[Thought] | Closed


class ExperimentUnit:
    """ML mode's unit of work; every call but the thinking comes from the study's one thread."""

    def __init__(self, lab: Lab, panel: Panel) -> None:
        self.lab = lab
        self._panel = panel
        self._desk = Desk(lab)
        self._running: dict[Run, _Running] = {}

    def whom(self, busy: Collection[str]) -> str | None:
        """Whom to ask for the next proposal."""
        return self._panel.next(busy)

    def knows(self, proposer: str) -> bool:
        """Whether it is one of the study's proposers."""
        return proposer in self.lab.proposers

    def lost(self) -> str | None:
        """Why no proposer will ever be asked again."""
        return self._panel.lost()

    def think(self, ask: Ask) -> Callable[[], Thought]:
        """Brief the proposer; the returned thinking is done by a worker."""
        return self._desk.first(ask)

    def take(self, ask: Ask, thought: Thought) -> Fate | Again[Thought]:
        """Take what the proposer changed, and nothing else, if the guard accepts it; once it may think again."""
        failure, idea = thought.answer.failure, thought.answer.idea
        if failure is not None:
            self._desk.back(ask, thought.answer)
            if failure.fault == "stopped":
                return "excused"  # it is asked again when the study goes on
            proposals.refuse(self.lab, ask, f"{ask.proposer}: {failure.reason}")
            return "refused" if failure.fault in PATIENT else "excused"
        if idea is None:
            why = self._desk.objection(ask) or "nothing to propose"
            self._desk.back(ask, thought.answer, Failure("nonsense", why))
            proposals.refuse(self.lab, ask, why)
            return "refused"
        reviewed = proposals.collect(self.lab, thought)
        if isinstance(reviewed, Rejected):
            if (think := self._desk.objected(ask, thought, reviewed)) is not None:
                return Again(think)
            proposals.refuse(self.lab, ask, reviewed.reason)
            return "refused"
        self._desk.back(ask, thought.answer)
        proposals.wait(self.lab, ask, idea, thought.base, thought.parent, reviewed)
        if idea.suggestion is not None:
            self.lab.ledger.take_up(idea.suggestion, ask)
        return "waits"

    def give_up(self, ask: Ask, reason: str) -> None:
        """Nobody will answer it, for instance because the proposer failed: the ask ends, the study goes on."""
        self._desk.back(ask, None, Failure("nonsense", reason))
        proposals.refuse(self.lab, ask, reason)

    def begin(self, waiting: Waiting[Proposal]) -> Run | None:
        """Open the experiment's line, on the incumbent of now; None where the change no longer fits."""
        assert waiting.proposal is not None
        proposal = proposals.follow(self.lab, waiting.ask, waiting.proposal)
        if proposal is None:
            return None
        return self._enter(self.lab.ledger.open(waiting.ask, proposal, counted=True))

    def start(self, run: Run, slot: Slot) -> Future[Exit]:
        """Run the experiment's commit, in a folder of its own, with the run's seed."""
        lab = self.lab
        experiment = lab.ledger.record(run.unit)
        log = f".deep-loop/logs/{lab.tag}/{run.unit:04d}-{len(experiment.measurements)}.log"
        seed = runs.seed(lab, run)
        screened = is_screening(experiment.proposal.idea)  # a run that loses is as much worth to it as one that gains
        measurement = lab.ledger.start(run.unit, seed, run.sought_by, slot.name, log, run.role, slot.machine)
        trial = lay_out(
            lab,
            experiment.commit,
            f"{lab.tag}-{measurement.id}",
            seed,
            log=log,
            words=f"experiment {run.unit}",
            id=recovery.job_id(lab, measurement.id),
            role=run.role,
            hopeless=lab.doubter(experiment, seed) if run.role in ("first", "fresh") and not screened else None,
        )
        self._running[run] = _Running(measurement.id, seed, trial)
        lab.tell(RunStarted(run.unit, run.sought_by, run.title, slot.name, run.purpose))
        return lab.executor.start(trial.job, slot)

    def finish(self, run: Run, result: Exit) -> Step | None:
        """Turn the log and the exit into an outcome, record it, and see what the evidence asks for."""
        lab = self.lab
        running = self._running.pop(run)
        outcome = looked_at(lab, run.unit, running.seed, judge(lab, running.trial, result))
        lab.ledger.end(running.measurement, outcome)
        seeker = lab.ledger.record(run.sought_by)
        if seeker.decision is None:
            return self._advance(seeker)
        upkeep.tell(lab, seeker, run.role)
        return None

    def mended(self, unit: int, thought: Thought | None) -> Step | None:
        """Take a repair as the experiment's next attempt, or let the crash stand."""
        experiment = self.lab.ledger.record(unit)
        repaired = proposals.collect(self.lab, thought) if thought else Rejected("the repair failed")
        answer = thought.answer if thought else None
        objection = Failure("nonsense", repaired.reason) if isinstance(repaired, Rejected) else None
        self._desk.back(experiment.ask, answer, objection if answer is None or answer.idea else None)
        if answer is not None and answer.failure is not None and answer.failure.fault == "stopped":
            return None  # it is mended when the study goes on
        if isinstance(repaired, Rejected):
            return self._close(experiment, Crash(baseline.why(experiment)))
        return runs.own(repair.add_attempt(self.lab, experiment, repaired.files), "first", "repair")

    def _enter(self, experiment: Experiment) -> Run:
        """Give an opened line its ref and its first attempt; the same again after a kill."""
        proposals.number(self.lab, experiment)
        self.lab.ledger.attempt(experiment.number, experiment.proposal.commit)
        return runs.own(self.lab.ledger.record(experiment.number), "first", "first run")

    def _advance(self, experiment: Experiment) -> Step:
        """Decide on the evidence so far."""
        lab = self.lab
        if not is_baseline(experiment) and not lab.comparable(experiment):
            return self._close(experiment, Discard("protected files were changed meanwhile: nothing to compare with"))
        decision = decide(gather(lab, experiment))
        if isinstance(decision, Measure):
            return runs.asked_for(lab, experiment, decision)
        if isinstance(decision, Crash) and repair.may_be_tried(lab, experiment):
            return Mend(experiment.number, self._desk.crashed(experiment))
        return self._close(experiment, decision)

    def _close(self, experiment: Experiment, decision: Closing) -> Closed:
        """Close the line, then let git and results.tsv follow."""
        lab = self.lab
        if isinstance(decision, Keep) and not lab.seeding(experiment.commit).verified:
            decision = replace(decision, reason=f"{decision.reason}; seed-unverified", seeded=False)
        closed = lab.ledger.close(experiment.number, decision)
        recovery.settle(lab, closed)
        if lab.results.lost():
            lab.results.rewrite(lab.ledger.closed())
        else:
            lab.results.append(closed)
        lab.tell(Closed(closed))
        upkeep.tell_exact(lab, closed)
        if not closed.counted and isinstance(decision, Crash) and lab.incumbent() is None:
            raise baseline.failed(lab, closed)
        return Closed(closed)

    def recover(self) -> Sequence[Step]:
        """Bring what a dead harness left into order, and open experiments back to where they were."""
        recovery.tidy(self.lab)
        person.catch_up(self.lab)
        person.tell_notices(self.lab)
        return [self._advance(e) if e.attempts else self._enter(e) for e in self.lab.ledger.opened()]

    def foundation(self) -> Run | None:
        """Begin a baseline where the code as it stands was never measured."""
        opened = baseline.due(self.lab)
        return self._enter(opened) if opened else None

    def upkeep(self, *, final: bool) -> Run | None:
        """A run of the incumbent that no proposal asked for, if one is due."""
        wanted = upkeep.due(self.lab, final=final)
        return runs.own(*wanted) if wanted else None

    def watch(self) -> bool:
        """Take note of what a person did; True where that may call for a new baseline."""
        return person.watch(self.lab)

    def estimate(self) -> float:
        """Seconds that the next run is expected to take."""
        return self.lab.estimate()

    def halt(self) -> None:
        """Stop every run at once."""
        self.lab.executor.stop()

    def hush(self) -> None:
        """Stop every proposer."""
        for proposer in self.lab.proposers.values():
            proposer.stop()
