"""Looking at a study through its ledger and its logs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deep_loop import config
from deep_loop.adapters.clock import WallClock
from deep_loop.adapters.ledger.sqlite import LEDGER, SqliteLedger, StudyInfo, studies
from deep_loop.adapters.ledger.studies import learned
from deep_loop.adapters.workspace.lock import latest
from deep_loop.core.cohort import Revision
from deep_loop.core.experiment import (
    ML,
    Breached,
    Closing,
    Crashed,
    Disturbed,
    Experiment,
    Interrupted,
    Keep,
    Measured,
    Outcome,
    Proposal,
    Pruned,
    TimedOut,
    claimed,
    is_baseline,
    is_keep,
    kind,
    measured,
    value,
    values,
)
from deep_loop.core.readout import plain, progress
from deep_loop.core.record import Measurement
from deep_loop.core.rules import Rules
from deep_loop.errors import WorkspaceError
from deep_loop.views.imported import is_imported, measured_by, source
from deep_loop.views.money import agents, spent
from deep_loop.views.values import Best, Detail, Overview, Queue, Row, Run, Running

if TYPE_CHECKING:
    from deep_loop.adapters.workspace.git import GitWorkspace
    from deep_loop.adapters.workspace.lock import Owner
    from deep_loop.core.anomaly import Anomaly

PURPOSES: dict[str, str] = {
    "reference": "measured again, now that it was kept",
    "control": "control: has the machine changed?",
    "final": "final value",
    "audit": "audit with clean caches",
    "holdout": "on held-out data",
}
LATEST = 8  # decisions of an overview
PACE = 12  # experiments that the pace is taken from
TAIL_BYTES = 8192  # of a log that is read for the latest progress line
TAIL_LINES = 20  # of a log that a person is shown


# --- which study ---------------------------------------------------------------------------------


def choose(root: Path, tag: str | None, owner: Owner | None = None) -> StudyInfo:
    """The study of that tag; without a tag the one that runs, else the one that ran last.

    Raises WorkspaceError, naming the studies that there are, where there is none such.
    """
    known = {info.tag: info for info in studies(root / LEDGER)}
    last = latest(root)
    ran_last = last.tag if last and last.tag in known else None
    wanted = tag or (owner.tag if owner else None) or ran_last or next(reversed(known), None)
    if wanted is None:
        raise WorkspaceError(f"there is no study in {root} yet", hint="start one: `deep-loop run --tag exp1`")
    if wanted not in known:
        there = f"there are: {', '.join(known)}" if known else "there is none yet"
        raise WorkspaceError(f"there is no study {wanted!r} in {root}", hint=f"{there}; `--tag` chooses one")
    return known[wanted]


@contextmanager
def look(root: Path, tag: str | None = None, owner: Owner | None = None) -> Iterator[Lens]:
    """Look at a study (`choose` says which) for a while; for the thread that opens it."""
    info = choose(root, tag, owner)
    ledger = SqliteLedger.load(root / LEDGER, info.tag, ML, WallClock(), read_only=True)
    try:
        yield Lens(root, measured_by(config.load(root), info), ledger)
    finally:
        ledger.dispose()


# --- looking at it -------------------------------------------------------------------------------


class Lens:
    """One study, looked at again and again: a look reads what is new since the one before."""

    def __init__(self, root: Path, settings: config.Settings, ledger: SqliteLedger[Proposal, Outcome, Closing]) -> None:
        self._root = root
        self._settings = settings
        self._ledger = ledger
        self.metric = settings.metric
        self.tag = ledger.info.tag

    @cached_property
    def _git(self) -> GitWorkspace:
        from deep_loop.adapters.workspace.git import GitWorkspace

        task, info = self._settings.task, self._ledger.info
        return GitWorkspace(
            self._root, tag=info.tag, branch=info.branch, editable=task.editable, protected=task.protected
        )

    @cached_property
    def _source(self) -> str:
        return source(self._root, self._ledger.info)

    @cached_property
    def _learns_from(self) -> tuple[str, ...]:
        return tuple(one.tag for one in learned(self._root / LEDGER, self.tag))

    def overview(self, owner: Owner | None) -> Overview:
        """The study as it stands; `owner` is the harness of this workspace, if one runs."""
        owner = owner if owner and owner.tag == self.tag else None
        last = owner or latest(self._root)  # its flags hold until another run's do
        asked = last if last and last.tag == self.tag else self._settings.study
        imported = is_imported(self._ledger.info)
        interval = asked.meta_interval
        closed = self._ledger.closed()
        counted = [e for e in closed if e.counted]
        limit = len(counted) if imported else asked.max_experiments
        revisions = self._ledger.revisions()
        # A log may keep what it has no value for, or measured by another metric.
        kept = [e for e in closed if is_keep(e) and not (imported and value(e) is None)]
        baseline = next((e for e in reversed(kept) if is_baseline(e)), None)  # by the files that count now
        start = value(baseline) if baseline else None
        study = self._settings.study
        rules = Rules(baseline_runs=study.baseline_runs, reference_runs=study.reference_runs)
        best = _best(kept[-1], rules) if kept else None
        gain = _gain(self._settings, best.value if best else None, start)
        statuses = [e.decision.status for e in counted if e.decision]
        now = time.time()
        began = self._ledger.info.created_at
        pace = _pace(counted, owner.since if owner else began)
        running = self._running(closed, now) if owner else ()
        return Overview(
            tag=self.tag,
            branch=self._ledger.info.branch,
            metric=self.metric.name,
            direction=self.metric.direction.value,
            state=self._state(owner),
            source=self._source,
            learns_from=self._learns_from,
            pid=owner.pid if owner else None,
            experiments=len(counted),
            limit=limit,
            keeps=statuses.count("keep"),
            discards=statuses.count("discard"),
            crashes=statuses.count("crash"),
            baseline=start,
            baseline_held_out=_held_out(baseline),
            incumbent=best,
            gain=gain[0],
            relative_gain=gain[1],
            running=running,
            latest=tuple(self._rows(closed[-1 : -LATEST - 1 : -1], closed)),
            strategy=revisions[-1].version if revisions else 0,
            next_meta=max(0, interval - _since(counted, revisions[-1].seen if revisions else 0)),
            per_hour=3600 / pace if pace else None,
            seconds_left=self._left(limit - len(counted), pace, running) if owner else None,
            elapsed=(now if owner else _last_sign(closed, began)) - began,
            spent=spent(self._ledger.calls(), self._ledger.spending(), self._settings.study, now),
            agents=agents(self._ledger.calls(), closed, now),
        )

    def history(self) -> tuple[Row, ...]:
        """Every experiment: the closed ones in the order of closing, then the open ones."""
        closed = self._ledger.closed()
        return tuple(self._rows([*closed, *self._ledger.opened()], closed))

    def strategies(self) -> tuple[Revision, ...]:
        """Every rewrite of the strategy, oldest first."""
        return tuple(self._ledger.revisions())

    def anomalies(self) -> tuple[Anomaly, ...]:
        """Results that a person should look at, oldest first."""
        from deep_loop.core.anomaly import anomalies, results

        return anomalies(results(self._ledger.closed()), self.metric)

    def hypotheses(self) -> Queue:
        """What became of all that next-hypotheses.md ever held, and how good the predictions were."""
        from deep_loop.views.queue import queue

        return queue(self._ledger, self.metric)

    def experiment(self, number: int) -> Detail:
        """All about one experiment; raises LedgerError where there is none of that number."""
        record = self._ledger.record(number)
        proposal = record.proposal
        commit = record.attempts[-1].commit if record.attempts else proposal.commit
        log = record.measurements[-1].log if record.measurements else None
        return Detail(
            row=next(self._rows([record], self._ledger.closed())),
            branch=self._ledger.info.branch,
            base=proposal.base,
            rationale=proposal.idea.rationale,
            expected=proposal.idea.expected,
            changes=proposal.idea.changes,
            runs=tuple(_run(m) for m in record.measurements),
            diff="" if is_imported(self._ledger.info) else self._git.diff(proposal.base, commit),
            imported=is_imported(self._ledger.info),
            log_tail="\n".join(_tail(self._root / log).rstrip().splitlines()[-TAIL_LINES:]) if log else "",
        )

    def read(self, path: str) -> str | None:
        """A file's text as the study branch has it, or None where it has no such file."""
        return self._git.read(self._git.head(), path)

    # --- parts of the above ----------------------------------------------------------------------

    def _state(self, owner: Owner | None) -> Literal["running", "paused", "stopped", "imported"]:
        if is_imported(self._ledger.info):
            return "imported"
        return "stopped" if owner is None else "paused" if owner.paused else "running"

    def _rows(self, chosen: Sequence[Experiment], closed: Sequence[Experiment]) -> Iterator[Row]:
        known = {e.number: e for e in closed}
        for record in chosen:
            idea, parent = record.proposal.idea, record.proposal.parent
            good = [m.outcome for m in record.measurements if isinstance(m.outcome, Measured)]
            reference = value(known[parent]) if parent in known else None
            gain, relative = _gain(self._settings, value(record), reference)
            yield Row(
                experiment=record.number,
                commit=record.attempts[-1].commit if record.attempts else "",
                status=record.decision.kind if record.decision else "open",
                value=value(record),
                runs=len(values(record)),
                gain=gain,
                relative_gain=relative,
                memory_mb=max((o.memory_mb for o in good if o.memory_mb is not None), default=None),
                seconds=sum(m.outcome.seconds for m in record.measurements if m.outcome),
                title=_line(idea.title),
                kind=kind(record),
                stated_kind=idea.kind,
                proposer=record.proposal.proposer,
                hypothesis=idea.hypothesis,
                parent=parent,
                strategy=record.ask.revision,
                order=record.order,
                opened_at=record.opened_at,
                closed_at=record.closed_at,
                reason=_line(record.decision.reason) if record.decision else "",
            )

    def _running(self, closed: Sequence[Experiment], now: float) -> tuple[Running, ...]:
        """The runs without an outcome: an open line's own, or a replicate of a closed one."""
        pattern = self._settings.task.progress.pattern
        expected = self._expected(closed)
        found = []
        for record in [*closed, *self._ledger.opened()]:
            for run in record.measurements:
                if run.outcome is None and run.ended_at is None:
                    at = progress(_tail(self._root / run.log), pattern)
                    found.append(
                        Running(
                            experiment=record.number,
                            title=_line(record.proposal.idea.title),
                            purpose=_purpose(record, run),
                            slot=run.slot,
                            seed=run.seed,
                            seconds=max(0.0, now - run.started_at),
                            expected=expected,
                            percent=at.percent if at else None,
                            loss=at.loss if at else None,
                        )
                    )
        return tuple(found)

    def _expected(self, closed: Sequence[Experiment]) -> float:
        """Seconds that a run takes: the median of the latest good ones, else the program's own budget."""
        good = [m.outcome.seconds for e in closed[-PACE:] for m in e.measurements if isinstance(m.outcome, Measured)]
        return sorted(good)[len(good) // 2] if good else self._settings.task.budget_seconds

    def _left(self, experiments: int, pace: float | None, running: Sequence[Running]) -> float:
        """Seconds until that many experiments are closed; what runs now has a part of its time behind it."""
        each = pace or self._settings.task.budget_seconds
        behind = max((min(run.seconds, each) for run in running), default=0.0)
        return max(0.0, experiments * each - behind)


def _best(experiment: Experiment, rules: Rules) -> Best:
    title = _line(experiment.proposal.idea.title)
    found = claimed(experiment, rules)
    keep = experiment.decision
    return Best(
        experiment=experiment.number,
        commit=experiment.commit,
        title=title,
        value=found.value if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        runs=found.runs if found else 0,
        label=found.label if found else "provisional",
        held_out=_held_out(experiment),
        seeded=not isinstance(keep, Keep) or keep.seeded,
        suspicious=isinstance(keep, Keep) and keep.suspicious,
    )


def _held_out(experiment: Experiment | None) -> float | None:
    """The mean of its runs on held-out data; None where it has none."""
    found = measured(experiment, "holdout") if experiment else ()
    return sum(found) / len(found) if found else None


def _line(text: str) -> str:
    """Text of an agent on one line, without colours and control characters."""
    return " ".join(plain(text).split())


def _gain(settings: config.Settings, found: float | None, reference: float | None) -> tuple[float | None, float | None]:
    """A value's gain over a reference, in the metric's unit and as a fraction."""
    if found is None or reference is None:
        return None, None
    return settings.metric.gain(found, reference), settings.metric.relative_gain(found, reference)


def _pace(counted: Sequence[Experiment], since: float) -> float | None:
    """Seconds from one closed experiment to the next, lately and since then; None while too few are closed."""
    times = [e.closed_at for e in counted if e.closed_at is not None and e.closed_at >= since][-PACE:]
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 2 else None


def _since(counted: Sequence[Experiment], seen: int) -> int:
    """Experiments that the latest meta-analysis did not see."""
    return sum(1 for e in counted if e.order is not None and e.order > seen)


def _last_sign(closed: Sequence[Experiment], began: float) -> float:
    """When a run last ended, or an experiment was closed."""
    return max(
        (
            moment
            for e in closed
            for moment in (e.closed_at, *(m.ended_at for m in e.measurements))
            if moment is not None
        ),
        default=began,
    )


def _purpose(record: Experiment, run: Measurement[Outcome]) -> str:
    """Why a run is made, in words."""
    match run.role:
        case "reference" if run.sought_by != record.number:
            return f"measured again, to judge experiment {run.sought_by}"
        case "fresh":
            return "again, to see the noise" if is_baseline(record) else "confirmation on a fresh seed"
        case "first":
            return f"repair {run.attempt}" if run.attempt else "first run"
        case role:
            return PURPOSES.get(role, role)


def _run(measurement: Measurement[Outcome]) -> Run:
    found: float | None = None
    memory: float | None = None
    reason = ""
    match measurement.outcome:
        case Measured(value=found, memory_mb=memory):
            pass
        case Disturbed(value=found, reason=reason):
            pass
        case Crashed(reason=reason) | Pruned(reason=reason) | Interrupted(reason=reason) | Breached(reason=reason):
            pass
        case TimedOut(limit_seconds=limit):
            reason = f"killed after {limit:g} s"
    outcome = measurement.outcome
    return Run(
        attempt=measurement.attempt,
        role=measurement.role,
        seed=measurement.seed,
        slot=measurement.slot,
        outcome=outcome.kind if outcome else "running",
        value=found,
        seconds=outcome.seconds if outcome else 0.0,
        memory_mb=memory,
        reason=reason,
        log=measurement.log,
        sought_by=measurement.sought_by,
    )


def _tail(path: Path) -> str:
    """The end of a log, in plain text; empty where there is none (yet, or any more)."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - TAIL_BYTES))
            return plain(log.read().decode("utf-8", "replace"))
    except FileNotFoundError:
        return ""
