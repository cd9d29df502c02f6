"""One meta-analysis: evidence -> draft -> review -> commit. Judged later, by what its cohort brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from deep_loop.core import cohort, hypothesis, strategy
from deep_loop.core.cohort import Advice, Dossier, Revision
from deep_loop.core.event import Revised, Warned
from deep_loop.core.experiment import Experiment, Keep, as_of, is_imported, is_keep, value
from deep_loop.core.history import History
from deep_loop.core.noise import estimate
from deep_loop.loop.baseline import revision
from deep_loop.loop.brief import HYPOTHESES, PROGRAM, strategy_of
from deep_loop.loop.lab import Lab
from deep_loop.loop.person import watch
from deep_loop.ports import Analyst, Files

PROCESS_LOG = "process_log.md"
COMMITS = 200  # of the study branch's log, shown to an analyst
REFUSALS = 200
NOISES = 3.0  # a gain over this many times the noise is significant
ASKED = "asked for"  # the reason, where a person wants one


@dataclass(frozen=True, slots=True)
class Call:
    """A moment that calls for a meta-analysis: when `seen` experiments were closed, and why."""

    seen: int
    reason: str


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

    def recover(self) -> Revised | None:
        """Record a revision whose commit is on the branch, where the harness died before it could."""
        lab, revisions, closed = self._lab, self._lab.ledger.revisions(), self._lab.ledger.closed()
        if not closed:
            return None
        head, version = lab.workspace.head(), revision(lab) + 1
        start = f"meta: v{version}: "
        summary = next((s.removeprefix(start) for s in lab.workspace.subjects(COMMITS) if s.startswith(start)), None)
        known = revisions[-1].commit if revisions else closed[0].commit
        # The branch may have begun with another study's strategy: a new entry of the log tells whose it is.
        if summary is None or self._entries(head, version) == self._entries(known, version):
            return None
        call = self._call() or Call(len(closed), ASKED)
        lab.ledger.revise(
            Revision(version, head, call.seen, call.reason, self._analyst.name, summary, lab.clock.time())
        )
        hypotheses = hypothesis.parse(lab.workspace.read(head, HYPOTHESES) or "")
        return Revised(version, summary, len(hypotheses))

    def due(self) -> str | None:
        """After every `interval` experiments, and right after a significant improvement."""
        call = self._call()
        return call.reason if call else None

    def think(self, reason: str) -> Callable[[], Advice]:
        """Freeze the evidence for the analyst: what called for it, or all there is where a person did."""
        call = self._call()
        seen = call.seen if call and call.reason == reason else len(self._lab.ledger.closed())
        dossier = self._gather(reason, seen)
        self._dossier = dossier
        return lambda: self._analyst.advise(dossier)

    def adopt(self, advice: Advice) -> Revised | Warned:
        """Commit the advice as the next version, unless somebody changed program.md meanwhile."""
        lab, dossier = self._lab, self._dossier
        assert dossier is not None
        watch(lab)
        head = lab.workspace.head()
        now = lab.workspace.read(head, PROGRAM) or ""
        version = revision(lab) + 1
        try:
            after = strategy.render(dossier.program, advice.strategy)
        except strategy.StrategyError as error:
            return self._drop(str(error))
        objection = strategy.review(dossier.program, now, after, version=version)
        if objection:
            return self._drop(objection)
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
        self._wait()
        return Warned(f"the meta-analysis failed: {type(error).__name__}: {error}; the strategy stays as it is")

    def _drop(self, objection: str) -> Warned:
        """Leave the strategy as it is, and wait for another cohort: the same evidence may bring the same draft."""
        self._wait()
        return Warned(f"the meta-analysis was dropped: {objection}")

    def _wait(self) -> None:
        self._failed_at = len(self._lab.ledger.closed())

    def _gather(self, reason: str, seen: int) -> Dossier:
        """The evidence as it was when `seen` experiments were closed; the texts as they are now."""
        lab = self._lab
        head = lab.workspace.head()
        program = lab.workspace.read(head, PROGRAM) or ""
        closed = as_of(lab.ledger.closed(), seen)
        last_ask = max((e.ask.id for e in closed), default=0)
        incumbent = next((e for e in reversed(closed) if is_keep(e)), None)
        return Dossier(
            reason=reason,
            metric=lab.task.metric,
            min_gain=lab.task.rules.min_gain,
            experiments=closed,
            cohort=tuple(e.number for e in closed[self._reviewed() :] if e.counted),
            refusals=tuple(r for r in lab.ledger.refusals(REFUSALS) if r.ask.id < last_ask),
            strategy=replace(strategy_of(program), version=revision(lab)),
            hypotheses=hypothesis.parse(lab.workspace.read(head, HYPOTHESES) or ""),
            files=self._files(incumbent, head),
            commits=lab.workspace.subjects(COMMITS),
            program=program,
            earlier=lab.earlier,
        )

    def _files(self, incumbent: Experiment | None, head: str) -> Files:
        """The incumbent's editable files; none of an imported one, whose code is not at hand."""
        if incumbent is not None and is_imported(incumbent):
            return {}
        return self._lab.workspace.files(incumbent.commit if incumbent else head)

    def _entries(self, commit: str, version: int) -> int:
        """How many entries the process log has for a version, as of a commit."""
        return (self._lab.workspace.read(commit, PROCESS_LOG) or "").count(f"\n## v{version} · ")

    def _reviewed(self) -> int:
        """How many of the closed experiments the last revision knew."""
        revisions = self._lab.ledger.revisions()
        return revisions[-1].seen if revisions else 0

    def _call(self) -> Call | None:
        """The first moment since the last revision that calls for another.

        It is found in the ledger alone, whenever it is looked for: a harness that died over an analysis, or was at
        another one, still makes this one, and from the same evidence.
        """
        closed = self._lab.ledger.closed()
        since = max(self._reviewed(), self._failed_at)
        fresh = 0
        for seen, experiment in enumerate(closed[since:], start=since + 1):
            fresh += experiment.counted
            if experiment.counted and self._is_significant(experiment, closed[:seen]):
                return Call(seen, f"a significant improvement, experiment {experiment.number}")
            if fresh >= self._interval:
                return Call(seen, f"{fresh} experiments")
        return None

    def _is_significant(self, experiment: Experiment, known: Sequence[Experiment]) -> bool:
        """A gain over `NOISES` times the noise, or over the relative threshold where that is unknown."""
        if not isinstance(experiment.decision, Keep):
            return False
        noise = estimate(History(known).groups())
        gain = experiment.decision.gain
        if noise is not None and noise.sigma > 0:
            return gain > NOISES * noise.sigma
        reached = value(experiment)
        return reached is not None and gain > self._significant * abs(reached)
