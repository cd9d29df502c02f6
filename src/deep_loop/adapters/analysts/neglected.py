"""Ideas for constants that were never moved, or that matter and were left alone by the last cohort."""

from __future__ import annotations

import math
from collections.abc import Iterator

from deep_loop.adapters.analysts.bench import Bench, Idea, propose
from deep_loop.adapters.analysts.scales import meaning, number, scale_of
from deep_loop.adapters.analysts.words import experiments, percent, plain, size
from deep_loop.core.hypothesis import Target, spell
from deep_loop.knobs import Knob

# Keep rate by kind of change, balanced over the repositories of the logs behind `estimates.FIELD`. It orders
# only what this study has not tried itself.
FIELD = {
    "batch": 0.33,
    "learning-rate": 0.28,
    "schedule": 0.28,
    "optimizer": 0.24,
    "regularization": 0.23,
    "depth-width": 0.22,
    "attention": 0.20,
    "activation": 0.19,
    "norm-residual": 0.15,
    "simplification": 0.14,
    "init": 0.13,
    "embedding": 0.13,
}
FIELD_OTHERWISE = 0.20
LEAST = 0.001  # stands for a usual keep before anything was measured; only the order counts then
NAMED = 6  # experiments that an idea names at most, the latest ones


def return_to(bench: Bench) -> Iterator[Idea]:
    """At most one idea for each constant of the incumbent's files."""
    evidence = bench.evidence
    if evidence.incumbent is None:
        return
    moved: dict[str, list[int]] = {}
    recent = set()
    for trial in evidence.trials:
        for change in trial.changes:
            moved.setdefault(change.name, []).append(trial.number)
            if trial.number in evidence.cohort:
                recent.add(change.name)
    usual = evidence.usual_keep
    for name, knob in bench.knobs.items():
        target = _target(bench, knob)
        matters = bench.importance.get(name, 0.0) * len(bench.importance) >= 1  # more than an average constant
        if target is None or (name in moved and (name in recent or not matters)):
            continue
        kind = evidence.taxonomy.kind_of(name)
        rate = FIELD.get(kind, FIELD_OTHERWISE)
        numbers = tuple(moved.get(name, [evidence.incumbent.number]))[-NAMED:]
        if name in moved:
            why = (
                f"It explains {size(bench.importance[name])} of what moves of constants did to the metric "
                f"({experiments(numbers)}), and the last cohort left it alone."
            )
        else:
            why = (
                f"It was never moved: it still is {knob.source} in experiment {evidence.incumbent.number}, the "
                f"incumbent. In public logs of such studies {size(rate)} of the changes of its kind were kept."
            )
        entry = propose(
            title=f"Try {spell(target)}",
            kind=kind,
            targets=(target,),
            why=why,
            expected=f"open; a usual keep here brings {percent(usual)}" if usual else "open",
            numbers=numbers,
        )
        yield Idea(entry, (usual or LEAST) * rate * bench.weight(name), "neglected")


def _target(bench: Bench, knob: Knob) -> Target | None:
    """An untried choice, the switch's other side, or one step of the scale to either side of a number."""
    if knob.choices:
        return _choice(bench, knob)
    if isinstance(knob.value, bool):
        return Target(knob.name, value=str(not knob.value))
    present = number(knob.source)
    scale = scale_of(knob.name, () if present is None else (present,))
    place = None if present is None else scale.coordinate(present)
    if present is None or place is None:
        return None
    low, high = (bench.allowed(knob.name, scale.value(place + step)) for step in (-scale.unit, scale.unit))
    low, high = float(plain(max(low, 0.0) if present >= 0 else low)), float(plain(high))
    if isinstance(knob.value, int):
        low, high = float(math.floor(low)), float(math.ceil(high))
    return Target(knob.name, low=low, high=high) if low < high else None


def _choice(bench: Bench, knob: Knob) -> Target | None:
    """The first declared choice that no experiment has taken."""
    taken = {meaning(knob.source)}
    for trial in bench.evidence.trials:
        taken.update(meaning(change.after) for change in trial.changes if change.name == knob.name)
    source = next((choice for choice in knob.choices if meaning(choice) not in taken), None)
    return None if source is None else Target(knob.name, value=source)
