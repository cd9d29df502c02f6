"""The probability that a hypothesis is kept, by `deep_loop.core.prospect`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from deep_loop.adapters.analysts.bench import Bench
from deep_loop.adapters.analysts.evidence import Trial
from deep_loop.adapters.analysts.scales import number
from deep_loop.core.experiment import Change
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.likeness import words
from deep_loop.core.prospect import Prospect, Tried, chances, moves

DIGITS = 2  # of a probability; the evidence gives no more
LATEST = 1000  # experiments that are precedents


def with_chances(bench: Bench, hypotheses: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    """The same entries; those without a probability get one."""
    past = [tried(trial) for trial in bench.evidence.trials[-LATEST:]]
    found = chances(past, [ahead(bench, entry) for entry in hypotheses])
    return tuple(
        replace(entry, probability=round(chance, DIGITS)) if entry.probability is None else entry
        for entry, chance in zip(hypotheses, found, strict=True)
    )


def tried(trial: Trial) -> Tried:
    """An experiment as a precedent."""
    return Tried(prospect(trial.title, trial.kind, trial.changes), trial.kept, trial.crashed, trial.gain)


def ahead(bench: Bench, entry: Hypothesis) -> Prospect:
    """A hypothesis as a change of the code as it stands; a range counts by its middle."""
    changes = []
    for target in entry.targets:
        before = bench.present(target.name)
        after = target.value if target.value is not None else repr(((target.low or 0.0) + (target.high or 0.0)) / 2)
        changes.append(Change(target.name, before if before is not None else "", after))
    return prospect(entry.title, entry.kind, changes)


def prospect(title: str, kind: str, changes: Iterable[Change]) -> Prospect:
    """Title, kind and changes as words and directions; a change that the title does not spell adds its own words."""
    changes = tuple(changes)
    spelled = " ".join(f"{change.name} {change.after}" for change in changes)
    sources = {source: number(source) for change in changes for source in (change.before, change.after)}
    return Prospect(words(f"{title} {spelled}", kind), moves(changes, sources))
