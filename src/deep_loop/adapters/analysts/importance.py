"""Which constants decide about the metric.

Every gain is taken as the sum of what its moves did, plus noise. A move of constant c by x steps does something
drawn from a normal distribution around zero with variance v_c x^2: the more important the constant, the larger
v_c, whether its moves help or hurt. The v_c are found by expectation-maximisation for variance components
(Dempster, Laird and Rubin, JRSS B 39 (1977) 1-38, section 4.4).

Why not the importances of hyperparameter search (fANOVA, PED-ANOVA)? They compare settings, and settings that
come from one hill climb are confounded with progress. On simulated studies with 3 of 12 constants that matter,
PED-ANOVA put 0.19, 0.31 and 0.33 of them into its first three after 24, 60 and 200 experiments (chance: 0.25),
on moves instead of settings no more than 0.33, 0.22 and 0.61, and this 0.77, 0.93 and 1.00.
"""

from __future__ import annotations

import math

from deep_loop.adapters.analysts.evidence import Evidence
from deep_loop.adapters.analysts.scales import number, scale_of

ENOUGH = 12  # measured experiments that moved constants
STEPS = 20  # of expectation-maximisation; the order of the constants settles long before


def importance(evidence: Evidence) -> dict[str, float]:
    """The share of each constant that was moved, summing to 1, largest first; empty while too little is known."""
    rows = _rows(evidence)
    if len(rows) < ENOUGH:
        return {}
    start = math.fsum(gain**2 for _, gain, _ in rows) / len(rows)
    names = sorted({name for sizes, _, _ in rows for name in sizes})
    count = {name: sum(name in sizes for sizes, _, _ in rows) for name in names}
    variances = dict.fromkeys(names, start)
    for _ in range(STEPS if start else 0):
        sums = dict.fromkeys(names, 0.0)
        for sizes, gain, error in rows:
            total = error**2 + math.fsum(variances[name] * size**2 for name, size in sizes.items())
            for name, size in sizes.items():
                pull = variances[name] * size / total if total else 0.0
                sums[name] += (pull * gain) ** 2 + variances[name] * (1 - pull * size)
        variances = {name: sums[name] / count[name] for name in names}
    whole = math.fsum(variances.values())
    ranked = sorted(names, key=lambda name: -variances[name])
    return {name: variances[name] / whole for name in ranked} if whole else {}


def _rows(evidence: Evidence) -> list[tuple[dict[str, float], float, float]]:
    """Of each measured experiment that moved constants: the sizes of its moves, its bounded gain, the gain's error.

    A size is in steps of the constant's scale; a switch, a choice or a tuple moves by one.
    """
    values: dict[str, set[float]] = {}
    for trial in evidence.measured:
        for change in trial.changes:
            found = {number(change.before), number(change.after)} - {None}
            values.setdefault(change.name, set()).update(value for value in found if value is not None)
    scales = {name: scale_of(name, seen) for name, seen in values.items()}
    rows = []
    for trial in evidence.measured:
        sizes: dict[str, float] = {}
        for change in trial.changes:
            before, after = number(change.before), number(change.after)
            scale = scales[change.name]
            start = None if before is None else scale.coordinate(before)
            end = None if after is None else scale.coordinate(after)
            sizes[change.name] = 1.0 if start is None or end is None else abs(end - start) / scale.unit
        sizes = {name: size for name, size in sizes.items() if size > 0}
        if sizes:
            # Where the noise is unknown, an eighth of a typical change stands in for it (see Evidence.clear).
            error = evidence.clear(trial) / 2
            rows.append((sizes, evidence.bounded(trial), error))
    return rows
