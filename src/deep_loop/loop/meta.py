"""One meta-analysis: evidence -> draft -> review -> commit. Judged later, by what its cohort brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from deep_loop.core import cohort, hypothesis, strategy
from deep_loop.core.cohort import Advice, Dossier, Revision
from deep_loop.core.event import AnyRecord, Revised, Warned
from deep_loop.core.experiment import Experiment, Keep, value, values
from deep_loop.core.noise import pooled
from deep_loop.loop.baseline import revision
from deep_loop.loop.brief import HYPOTHESES, PROGRAM, strategy_of
from deep_loop.loop.lab import Lab
from deep_loop.loop.person import watch
from deep_loop.ports import Analyst

PROCESS_LOG = "process_log.md"
COMMITS = 200  # of the study branch's log, shown to an analyst
REFUSALS = 200
NOISES = 3.0  # a gain over this many times the noise is significant


class Meta:
    """ML mode's outer tier."""

    def __init__(self, lab: Lab, analyst: Analyst, interval: int, significant: float) -> None:
        """`interval` counts experiments; `significant` is a relative gain, used where the noise is unknown."""
        self._lab = lab
        self._analyst = analyst
        self._interval = interval
        self._significant = significant
        self._dossier: Dossier | None = None
        self._failed_at = 0  # experiments closed when the last analysis failed

    def due(self, record: AnyRecord | None) -> str | None:
        """After every `interval` experiments, and right after a significant improvement."""
        fresh = [e for e in self._cohort() if (e.order or 0) > self._failed_at]
        if record is not None and record.counted and self._is_significant(record):
            return f"a significant improvement, experiment {record.number}"
        return f"{len(fresh)} experiments" if len(fresh) >= self._interval else None

    def think(self, reason: str) -> Callable[[], Advice]:
        """Freeze the evidence for the analyst."""
        dossier = self._gather(reason)
        self._dossier = dossier
        return lambda: self._analyst.advise(dossier)

    def adopt(self, advice: Advice) -> Revised | Warned:
        """Commit the advice as the next version, unless somebody changed program.md meanwhile."""
        lab, dossier = self._lab, self._dossier
        assert dossier is not None
        watch(lab)
        head = lab.workspace.head()
        now = lab.workspace.read(head, PROGRAM) or ""
        after = strategy.render(dossier.program, advice.strategy)
        version = revision(lab) + 1
        objection = strategy.review(dossier.program, now, after, version=version)
        if objection:
            return Warned(f"the meta-analysis was dropped: {objection}")
        made_at = lab.clock.time()
        when = datetime.fromtimestamp(made_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        log = lab.workspace.read(head, PROCESS_LOG) or "# Process log\n"
        files = {
            PROGRAM: after,
            HYPOTHESES: hypothesis.render(advice.hypotheses),
            PROCESS_LOG: f"{log.rstrip()}\n\n{cohort.entry(advice, dossier, version, when).strip()}\n",
        }
        commit = lab.workspace.write(files, f"meta: v{version}: {advice.summary}\n")
        seen = len(dossier.experiments)
        lab.ledger.revise(Revision(version, commit, seen, dossier.reason, advice.analyst, advice.summary, made_at))
        return Revised(version, advice.summary, len(advice.hypotheses))

    def failed(self, error: BaseException) -> Warned:
        """Wait for another cohort before trying again."""
        self._failed_at = len(self._lab.ledger.closed())
        return Warned(f"the meta-analysis failed: {type(error).__name__}: {error}; the strategy stays as it is")

    def _gather(self, reason: str) -> Dossier:
        lab = self._lab
        head = lab.workspace.head()
        program = lab.workspace.read(head, PROGRAM) or ""
        incumbent = lab.incumbent()
        return Dossier(
            reason=reason,
            metric=lab.task.metric,
            min_gain=lab.task.min_gain,
            experiments=tuple(lab.ledger.closed()),
            cohort=tuple(e.number for e in self._cohort()),
            refusals=tuple(lab.ledger.refusals(REFUSALS)),
            strategy=replace(strategy_of(program), version=revision(lab)),
            hypotheses=hypothesis.parse(lab.workspace.read(head, HYPOTHESES) or ""),
            files=lab.workspace.files(incumbent.commit if incumbent else head),
            commits=lab.workspace.subjects(COMMITS),
            program=program,
        )

    def _cohort(self) -> list[Experiment]:
        """Counted experiments closed since the evidence of the last revision."""
        revisions = self._lab.ledger.revisions()
        seen = revisions[-1].seen if revisions else 0
        return [e for e in self._lab.ledger.closed()[seen:] if e.counted]

    def _is_significant(self, experiment: AnyRecord) -> bool:
        """A gain over `NOISES` times the noise, or over the relative threshold where that is unknown."""
        if not isinstance(experiment.decision, Keep):
            return False
        noise = pooled(values(e) for e in self._lab.ledger.closed())
        gain = experiment.decision.gain
        if noise is not None and noise.sigma > 0:
            return gain > NOISES * noise.sigma
        reached = value(experiment)
        return reached is not None and gain > self._significant * abs(reached)
