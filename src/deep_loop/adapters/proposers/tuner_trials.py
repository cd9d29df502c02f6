"""What earlier experiments say about the knobs: each one's setting, and how good it was, on one scale.

Experiments start from different bases, and agents change code beside knobs. A trial's *height* makes them
comparable: it is the sum, down its line of descent, of the gains of those steps that moved a knob, each
measured against its own base. A step that changed code alone lifts its descendants' values, not their heights.
Between experiments on the same code, heights differ exactly as the metric does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from deep_loop import knobs
from deep_loop.core.earlier import Earlier
from deep_loop.core.experiment import Change, Crash, Experiment, is_baseline, value, values
from deep_loop.core.history import History
from deep_loop.core.noise import Noise, estimate
from deep_loop.knobs import Knob, KnobError, Layout, Value
from deep_loop.ports import Brief, Files

HINT = 0.01  # standard error of a hint at least, as a fraction of the metric's size: what a bold step may bring
LAYOUTS = 16  # different programs whose layout is remembered, to read their variants quickly


@dataclass(frozen=True, slots=True)
class Setting:
    """The editable files as the tuner sees them: code, and knobs set to something."""

    code: tuple[tuple[str, ...], ...]  # path and text parts of each file; equal means the same code
    knobs: Mapping[str, Knob] = field(compare=False)  # by key
    homes: Mapping[str, tuple[str, Layout]] = field(compare=False)  # path and layout of each knob's file, by key

    def identity(self) -> tuple[object, ...]:
        """Equal for equal code with equal values of all knobs."""
        return self.code, tuple(_typed(knob.value) for knob in self.knobs.values())

    def changed(self, values: Mapping[str, Value]) -> Setting:
        """The setting with these values, by key."""
        changed = {key: replace(self.knobs[key], value=value) for key, value in values.items()}
        return replace(self, knobs={**self.knobs, **changed})

    def moved_from(self, base: Setting) -> frozenset[str]:
        """The keys whose values differ from those in `base`; knobs that only one of them has are code."""
        both = self.knobs.keys() & base.knobs.keys()
        return frozenset(key for key in both if _typed(self.knobs[key].value) != _typed(base.knobs[key].value))

    def rewritten(self, sources: Mapping[str, str]) -> dict[str, str]:
        """The texts of the files that hold these knobs, with the knobs set to these sources."""
        edits: dict[str, dict[str, str]] = {}
        layouts = dict(self.homes.values())
        for key, source in sources.items():
            edits.setdefault(self.homes[key][0], {})[self.knobs[key].name] = source
        return {path: layouts[path].fill(texts) for path, texts in edits.items()}


class Reader:
    """Reads settings, remembering those of commits; holds caches and nothing else."""

    def __init__(self) -> None:
        self._settings: dict[str, Setting] = {}
        self._layouts: list[Layout] = []  # latest first

    def at(self, commit: str, brief: Brief) -> Setting:
        """The setting of a commit that the brief speaks of."""
        if commit not in self._settings:
            self._settings[commit] = self.read(brief.files_at(commit))
        return self._settings[commit]

    def read(self, files: Files) -> Setting:
        """The setting of these files. One that does not parse, or is no Python, counts as code."""
        code: list[tuple[str, ...]] = []
        found: dict[str, Knob] = {}
        homes: dict[str, tuple[str, Layout]] = {}
        for path, text in sorted(files.items()):
            layout = self._layout(text) if path.endswith(".py") else None
            code.append((path, *layout.parts) if layout else (path, text))
            if layout is None:
                continue
            for knob in layout.knobs:
                # Two files may name a knob alike: the first has the plain name, as hypotheses use it.
                key = knob.name if knob.name not in found else f"{path}:{knob.name}"
                found[key], homes[key] = knob, (path, layout)
        return Setting(tuple(code), found, homes)

    def _layout(self, text: str) -> Layout | None:
        for known in self._layouts:
            if fitting := known.fit(text):
                return fitting
        try:
            layout = knobs.parse(text)
        except KnobError:
            return None  # an experiment that broke the syntax: it crashed, and says nothing about knobs
        self._layouts = [layout, *self._layouts[: LAYOUTS - 1]]
        return layout


class State(Enum):
    """What became of a trial."""

    MEASURED = "measured"
    FAILED = "failed"  # crashed, timed out, or stopped as hopeless
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment that moved a knob, or a baseline."""

    setting: Setting
    state: State
    gain: float = 0.0  # over the incumbent, as a fraction of the metric's size; 0 where not measured
    error: float | None = None  # standard error of its own step, in the same unit; None where not measured


@dataclass(frozen=True, slots=True)
class Memory:
    """All that the tuner knows when it is asked."""

    incumbent: Setting
    anchors: Mapping[str, Knob]  # each knob as the study first saw it
    trials: tuple[Trial, ...]
    tried: frozenset[tuple[object, ...]]  # identities of all settings, measured or not
    noise: float  # standard deviation of one run, as a fraction of the metric's size
    doubt: float  # standard error of the incumbent's own value, in the same unit


def recall(brief: Brief, reader: Reader) -> Memory:
    """Read the history. The cost is linear in it, and small for commits that the reader has seen."""
    incumbent = reader.read(brief.files)
    settings = [reader.at(experiment.commit, brief) for experiment in brief.history]
    waiting = [reader.at(proposal.commit, brief) for proposal in brief.pending]
    anchors: dict[str, Knob] = {}
    for setting in (*settings, incumbent):
        for key, knob in setting.knobs.items():
            anchors.setdefault(key, knob)
    size = next((abs(found) for record in brief.history if (found := value(record))), 1.0)  # of the first that is not 0
    history = History(brief.history)
    noise = _noise(history, size)
    closed = _closed(brief, settings, reader, _steps(brief, history, noise, size))
    trials = (*hints(brief.earlier, incumbent), *closed, *(Trial(setting, State.RUNNING) for setting in waiting))
    tried = frozenset(setting.identity() for setting in (*settings, *waiting, incumbent))
    return Memory(incumbent, anchors, trials, tried, noise.sigma / size, _doubt(brief, history, noise) / size)


def hints(earlier: Sequence[Earlier], incumbent: Setting) -> Iterator[Trial]:
    """What other studies say about the incumbent's knobs: one trial for each value that was reached there.

    Along a study's moves of one constant, and of nothing else, their gains are summed: what lies between its values and
    the incumbent's own is a gain or loss that a move may bring here, if the incumbent's value was stood at there. It is
    as uncertain as it is large: other code, other hardware. Such a setting was not tried *here*.
    """
    for source in earlier:
        levels: dict[str, dict[Value, float]] = {}
        for finding in source.findings:
            if len(finding.changes) == 1 and finding.gain is not None:
                _climb(levels.setdefault(finding.changes[0].name, {}), finding.changes[0], finding.gain)
        for name, found in levels.items():
            knob = incumbent.knobs.get(name)
            if knob is None or knob.value not in found:
                continue
            for there, level in found.items():
                if there != knob.value and _alike(there, knob.value):
                    gain = level - found[knob.value]
                    yield Trial(incumbent.changed({name: there}), State.MEASURED, gain, max(abs(gain), HINT))


def _climb(levels: dict[Value, float], change: Change, gain: float) -> None:
    """Put the gain of one move on top of the level that it started from; a value's last level counts."""
    try:
        before, after = knobs.evaluate(change.before), knobs.evaluate(change.after)
    except KnobError:
        return  # a text of another system's: it names no value
    levels[after] = levels.setdefault(before, 0.0) + gain


def _alike(one: Value, other: Value) -> bool:
    """Whether a knob that holds the one could hold the other."""
    if isinstance(other, bool | str | tuple) or isinstance(one, bool | str | tuple):
        return type(one) is type(other)
    return isinstance(other, float) or isinstance(one, int)


def _closed(brief: Brief, settings: Sequence[Setting], reader: Reader, steps: Mapping[int, _Step]) -> Iterator[Trial]:
    """The trials that the closed experiments make."""
    moves = [_moves(record, setting, brief, reader) for record, setting in zip(brief.history, settings, strict=True)]
    heights = _heights(brief, {record.number: moved for record, moved in zip(brief.history, moves, strict=True)}, steps)
    level = heights.get(brief.parent, 0.0) if brief.parent is not None else 0.0
    for record, setting, moved in zip(brief.history, settings, moves, strict=True):
        number = record.number
        if not moved and record.proposal.parent is not None:
            continue  # code alone: the outcome says nothing about the knobs
        if isinstance(record.decision, Crash) or number not in heights:
            yield Trial(setting, State.FAILED)
        else:
            yield Trial(setting, State.MEASURED, heights[number] - level, steps[number].error)


def _moves(record: Experiment, setting: Setting, brief: Brief, reader: Reader) -> bool:
    """Whether an experiment moved a knob of its base."""
    return record.proposal.parent is not None and bool(setting.moved_from(reader.at(record.proposal.base, brief)))


@dataclass(frozen=True, slots=True)
class _Step:
    """What an experiment gained over its own base, and its standard error, as fractions of the metric's size."""

    gain: float
    error: float


def _steps(brief: Brief, history: History, noise: Noise, size: float) -> dict[int, _Step]:
    """The step of each measured experiment; a baseline gains nothing, as well as it was measured."""
    found: dict[int, _Step] = {}
    for record in brief.history:
        if is_baseline(record) and values(record):
            found[record.number] = _Step(0.0, noise.sigma / len(values(record)) ** 0.5 / size)
        elif (step := history.step(record, noise)) is not None:
            gain = brief.metric.gain(step.mean, 0.0)
            found[record.number] = _Step(gain / size, noise.sigma * step.variance**0.5 / size)
    return found


def _heights(brief: Brief, moves: Mapping[int, bool], steps: Mapping[int, _Step]) -> dict[int, float]:
    """Each measured experiment's height, as a fraction of the metric's size; parents have lower numbers."""
    heights: dict[int, float] = {}
    for record in sorted(brief.history, key=lambda record: record.number):
        number, parent = record.number, record.proposal.parent
        if number in steps:
            step = steps[number].gain if moves[number] else 0.0
            heights[number] = step + (heights.get(parent, 0.0) if parent is not None else 0.0)
    return heights


def _doubt(brief: Brief, history: History, noise: Noise) -> float:
    """The standard error of the incumbent's own value, of what it does not share with its candidates' seeds."""
    incumbent = next((record for record in brief.history if record.number == brief.parent), None)
    runs = len(history.worth(incumbent)) if incumbent is not None else 0
    return noise.own / math.sqrt(max(runs, 1))


def _noise(history: History, size: float) -> Noise:
    """The noise of one run, drawn towards 0.2 % of the metric by two degrees of freedom while repeats are few."""
    usual, freedom = 0.002 * size, 2
    found = estimate(history.groups()) or Noise(usual, 0)
    squares = found.sigma**2 * found.freedom + usual**2 * freedom
    return replace(found, sigma=(squares / (found.freedom + freedom)) ** 0.5)


def _typed(value: Value) -> object:
    """A value to compare by: True is not 1, and 1 is not 1.0, since programs tell them apart."""
    if isinstance(value, tuple):
        return tuple(_typed(item) for item in value)
    return type(value).__name__, value
