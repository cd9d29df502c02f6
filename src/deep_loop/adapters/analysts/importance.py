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

from collections.abc import Mapping

from deep_loop.adapters.analysts.evidence import OUTLIER, Evidence, Trial
from deep_loop.adapters.analysts.moved import Moved

ENOUGH = 12  # measured experiments that moved constants
STEPS = 20  # of expectation-maximisation; the order of the constants settles long before


def importance(evidence: Evidence, moved: Mapping[str, Moved]) -> dict[str, float]:
    """The share of each constant that was moved, summing to 1, largest first; empty while too little is known."""
    import numpy as np  # imported here: it takes longer than the rest of a command

    names, rows, column, size = _entries(moved)
    trials = {trial.number: trial for trial in rows}  # the measured experiments that moved constants
    if len(trials) < ENOUGH:
        return {}
    place = {number: place for place, number in enumerate(trials)}
    row, limit = np.array([place[trial.number] for trial in rows]), OUTLIER * evidence.typical
    gain = np.clip([trial.gain or 0.0 for trial in trials.values()], -limit, limit)
    # Where the noise is unknown, an eighth of a typical change stands in for it (see Evidence.clear).
    unknown = evidence.typical / 8
    noise = np.array([unknown if trial.error is None else trial.error for trial in trials.values()]) ** 2
    index, far = np.array(column), np.array(size)
    count = np.bincount(index, minlength=len(names))
    start = float(np.mean(gain**2))
    variances = np.full(len(names), start)
    for _ in range(STEPS if start else 0):
        total = noise + np.bincount(row, variances[index] * far**2, minlength=len(trials))
        whole = total[row]
        pull = np.divide(variances[index] * far, whole, out=np.zeros(len(rows)), where=whole > 0)
        parts = (pull * gain[row]) ** 2 + variances[index] * (1 - pull * far)
        variances = np.bincount(index, parts, minlength=len(names)) / count
    summed = float(variances.sum())
    ranked = sorted(zip(names, variances.tolist(), strict=True), key=lambda item: -item[1])
    return {name: variance / summed for name, variance in ranked} if summed else {}


def _entries(moved: Mapping[str, Moved]) -> tuple[list[str], list[Trial], list[int], list[float]]:
    """The constants, and of each move of a measured experiment: that, the constant's place, and how far it went.

    That is in steps of the constant's scale; a switch, a choice or a tuple moves by one.
    """
    names: list[str] = []
    rows: list[Trial] = []
    column: list[int] = []
    size: list[float] = []
    for name in sorted(moved):
        coordinate, unit = moved[name].scale.coordinate, moved[name].scale.unit
        used = False
        for trial, _, before, after in moved[name].steps:
            if trial.gain is None:
                continue
            start = None if before is None else coordinate(before)
            end = None if after is None else coordinate(after)
            far = 1.0 if start is None or end is None else abs(end - start) / unit
            if far > 0:
                used = True
                rows.append(trial)
                column.append(len(names))
                size.append(far)
        if used:
            names.append(name)
    return names, rows, column, size
