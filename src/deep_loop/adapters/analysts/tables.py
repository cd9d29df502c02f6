"""The evidence as an SQLite database, made from a dossier and from nothing else.

It is not a copy of the ledger: that one holds values on held-out data, which nobody who advises may see, and more
that is none of an analyst's business. What a dossier lacks cannot be in here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from deep_loop.adapters.analysts.evidence import Evidence
from deep_loop.core.cohort import Dossier
from deep_loop.core.experiment import (
    AFTER,
    JUDGED,
    Breached,
    Crashed,
    Disturbed,
    Experiment,
    Measured,
    Outcome,
    Pruned,
    is_baseline,
    kind,
    moves,
    value,
)
from deep_loop.core.hypothesis import spell
from deep_loop.core.record import Measurement

Row = Mapping[str, Any]

SHOWN = frozenset((*JUDGED, *AFTER))  # roles of runs; those on held-out data are in none of them

# table -> its columns, with what they hold where the name does not say it; the README of a case repeats them
TABLES: Mapping[str, Mapping[str, str]] = {
    "experiments": {
        "number": "INTEGER",
        "parent": "INTEGER -- the experiment that it started from; null for a baseline",
        "status": "TEXT -- keep, discard or crash",
        "reason": "TEXT -- why the harness decided so",
        "value": "REAL -- the metric's mean over the runs that say best what it is worth; null where none was good",
        "gain": "REAL -- relative to the parent, noise and seeds taken into account; above 0 is better",
        "error": "REAL -- standard deviation of the gain by noise alone",
        "cohort": "INTEGER -- 1 where it was recorded since the last revision",
        "kind": "TEXT -- of change, as the diff tells it where it does",
        "stated_kind": "TEXT -- as the proposer stated it",
        "title": "TEXT",
        "proposer": "TEXT",
        "rationale": "TEXT",
        "expected": "TEXT",
        "hypothesis": "TEXT -- identity of the hypothesis that it took up",
        "attempts": "INTEGER -- 1 and one more for each repair",
        "revision": "INTEGER -- version of the strategy that it followed",
        "opened_at": "REAL -- seconds since the epoch",
        "closed_at": "REAL",
        "git_commit": "TEXT",
    },
    "runs": {
        "experiment": "INTEGER",
        "attempt": "INTEGER -- 0 is the first",
        "role": "TEXT -- first, fresh, audit, reference, control or final",
        "seed": "INTEGER",
        "outcome": "TEXT -- measured, crashed, timed_out, pruned, interrupted, breached or disturbed",
        "value": "REAL",
        "seconds": "REAL",
        "memory_mb": "REAL",
        "reason": "TEXT -- of a run that was not measured",
        "machine": "TEXT",
        "run": "INTEGER -- names it in `numbers` and `curves`",
    },
    "numbers": {"run": "INTEGER", "name": "TEXT -- as the program printed it", "value": "REAL"},
    "curves": {"run": "INTEGER", "percent": "REAL -- of the run", "loss": "REAL"},
    "changes": {
        "experiment": "INTEGER",
        "name": "TEXT -- a constant of the program",
        "before": "TEXT",
        "after": "TEXT",
    },
    "refusals": {"ask": "INTEGER", "proposer": "TEXT", "reason": "TEXT", "kind": "TEXT", "title": "TEXT"},
    "hypotheses": {
        "rank": "INTEGER",
        "id": "TEXT",
        "title": "TEXT",
        "kind": "TEXT",
        "targets": "TEXT -- what it sets",
        "expected": "TEXT",
        "probability": "REAL -- of a keep, as predicted",
        "evidence": "TEXT -- numbers of experiments, as JSON",
    },
}


def write(path: Path, dossier: Dossier, evidence: Evidence, redact: Callable[[str], str]) -> None:
    """Make the database, its texts without keys. Raises OSError where the disk does not take it."""

    def clean(row: Row) -> Row:
        return {name: redact(value) if isinstance(value, str) else value for name, value in row.items()}

    try:
        with closing(sqlite3.connect(path)) as db, db:
            for table, columns in TABLES.items():
                kinds = (f"{name} {what.partition(' ')[0]}" for name, what in columns.items())
                db.execute(f"CREATE TABLE {table} ({', '.join(kinds)})")
            for table, rows in (
                ("experiments", _experiments(dossier, evidence)),
                ("runs", (row for e in dossier.experiments for row in runs(e))),
                ("numbers", _numbers(dossier)),
                ("curves", _curves(dossier)),
                ("changes", _changes(dossier)),
                ("refusals", _refusals(dossier)),
                ("hypotheses", _hypotheses(dossier)),
            ):
                places = ", ".join(f":{name}" for name in TABLES[table])
                db.executemany(f"INSERT INTO {table} VALUES ({places})", map(clean, rows))
    except sqlite3.Error as error:
        raise OSError(f"evidence.db cannot be written: {error}") from error


def runs(experiment: Experiment) -> Iterator[Row]:
    """The runs of an experiment that an analyst may see, oldest first."""
    for run in _shown(experiment):
        outcome = run.outcome
        yield {
            "experiment": experiment.number,
            "attempt": run.attempt,
            "role": run.role,
            "seed": str(run.seed),  # may be beyond SQLite's integers
            "outcome": outcome.kind if outcome else "running",
            "value": outcome.value if isinstance(outcome, Measured | Disturbed) else None,
            "seconds": getattr(outcome, "seconds", None),
            "memory_mb": outcome.memory_mb if isinstance(outcome, Measured) else None,
            "reason": outcome.reason if isinstance(outcome, Crashed | Pruned | Breached | Disturbed) else None,
            "machine": run.machine,
            "run": run.id,
        }


def _shown(experiment: Experiment) -> Iterator[Measurement[Outcome]]:
    return (run for run in experiment.measurements if run.role in SHOWN)


def _experiments(dossier: Dossier, evidence: Evidence) -> Iterator[Row]:
    trials = {trial.number: trial for trial in evidence.trials}
    for e in dossier.experiments:
        proposal, trial = e.proposal, trials.get(e.number)
        yield {
            "number": e.number,
            "parent": None if is_baseline(e) else proposal.parent,
            "status": e.decision.status if e.decision else "open",
            "reason": e.decision.reason if e.decision else "",
            "value": value(e),
            "gain": trial.gain if trial else None,
            "error": trial.error if trial else None,
            "cohort": int(e.number in dossier.cohort),
            "kind": kind(e),
            "stated_kind": proposal.idea.kind,
            "title": proposal.idea.title,
            "proposer": proposal.proposer,
            "rationale": proposal.idea.rationale,
            "expected": proposal.idea.expected,
            "hypothesis": proposal.idea.hypothesis,
            "attempts": len(e.attempts),
            "revision": e.ask.revision,
            "opened_at": e.opened_at,
            "closed_at": e.closed_at,
            "git_commit": e.commit,
        }


def _numbers(dossier: Dossier) -> Iterator[Row]:
    for run, outcome in _measured(dossier):
        for name, number in outcome.numbers.items():
            yield {"run": run, "name": name, "value": number}


def _curves(dossier: Dossier) -> Iterator[Row]:
    for run, outcome in _measured(dossier):
        for percent, loss in outcome.curve:
            yield {"run": run, "percent": percent, "loss": loss}


def _measured(dossier: Dossier) -> Iterator[tuple[int, Measured]]:
    for experiment in dossier.experiments:
        for run in _shown(experiment):
            if isinstance(run.outcome, Measured):
                yield run.id, run.outcome


def _changes(dossier: Dossier) -> Iterator[Row]:
    for e in dossier.experiments:
        for change in moves(e):
            yield {"experiment": e.number, "name": change.name, "before": change.before, "after": change.after}


def _refusals(dossier: Dossier) -> Iterator[Row]:
    for refusal in dossier.refusals:
        idea = refusal.proposal.idea if refusal.proposal else None
        yield {
            "ask": refusal.ask.id,
            "proposer": refusal.ask.proposer,
            "reason": refusal.reason,
            "kind": idea.kind if idea else None,
            "title": idea.title if idea else None,
        }


def _hypotheses(dossier: Dossier) -> Iterator[Row]:
    for rank, entry in enumerate(dossier.hypotheses, start=1):
        yield {
            "rank": rank,
            "id": entry.id,
            "title": entry.title,
            "kind": entry.kind,
            "targets": "; ".join(spell(target) for target in entry.targets),
            "expected": entry.expected,
            "probability": entry.probability,
            "evidence": json.dumps(entry.evidence),
        }
