"""What a person may set about how a study judges."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Numbers of runs, and how sure a keep must be. `core.decide` says what they do."""

    min_gain: float = 0.0  # in the metric's unit; a smaller gain is none
    false_keeps: float = 0.5  # allowed to a study, expected, at most: `core.allowance`
    planned: int = 100  # experiments that this is meant for
    baseline_runs: int = 3  # of the code as it stands, before anything is proposed
    reference_runs: int = 4  # of an incumbent, made after it was kept; its value counts as confirmed from then on
    control_interval: int = 20  # experiments between two runs of the incumbent that show how the machine drifts
    final_runs: int = 8  # of the incumbent, at the end
    most_runs: int = 16  # fresh ones of one change
    margin: float | None = 1.0  # sigma that a simplification may be worse by; None keeps none
    bound: float | None = None  # a value that the task holds for impossible to better
    max_load: float | None = 1.0  # cores that others may keep busy beyond the usual before a run counts as disturbed


DEFAULT = Rules()
