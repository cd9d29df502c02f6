"""The experiments of a dossier as a statistician reads them: what was moved, and what it brought.

A gain is relative to the experiment's own parent, so that experiments on different bases can be compared:
0.01 is one per cent better than the code that it started from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from deep_loop.adapters.analysts.estimates import keep_within
from deep_loop.core.cohort import Dossier
from deep_loop.core.earlier import Earlier
from deep_loop.core.experiment import BASELINE, Change, Crash, Experiment, is_keep, kind, moves, value
from deep_loop.core.fate import ended
from deep_loop.core.history import History
from deep_loop.core.metric import Metric
from deep_loop.core.noise import Noise, estimate
from deep_loop.core.screening import is_screening
from deep_loop.core.taxonomy import NEURAL, Taxonomy
from deep_loop.prompts.fence import cut

HORIZON = 12  # experiments that the odds of a keep look ahead
LATEST = 3000  # experiments that become trials; what was before them says little about the code of now
OUTLIER = 3.0  # typical gains; a rash move may lose half of everything and says little about its kind
UNKNOWN = Noise(0.0, 0)  # nothing was repeated: every run counts as much as any other
LONGEST = 200  # characters of a title or a reason: they come from outside
LONGEST_KIND = 40  # characters; an agent names its kinds freely, and they become keys of the strategy


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment that is no baseline."""

    number: int
    parent: int  # the experiment that it started from
    title: str
    kind: str
    changes: tuple[Change, ...]
    gain: float | None  # None where it, or its parent, has no value
    error: float | None  # standard deviation of the gain by noise alone; None where the noise is unknown
    kept: bool
    crashed: bool
    reason: str  # of the decision
    hypothesis: str | None


@dataclass(frozen=True)
class Evidence:
    """All trials in the order of closing, and what an analyst asks of them. Runs of a screening are no trials."""

    metric: Metric
    trials: tuple[Trial, ...]
    cohort: frozenset[int]  # numbers of those since the last revision, baselines left out
    baselines: tuple[Experiment, ...]
    incumbent: Experiment | None
    noise: Noise | None  # of one run, in the metric's unit
    settings: Settings  # experiment -> constants that were ever moved -> source text
    repeats: int  # proposals refused because they were tried before
    refused: int  # all refused proposals
    cohort_repeats: int
    taken: frozenset[str]  # identities of hypotheses that were taken up, by a refused proposal too, or that ended
    taxonomy: Taxonomy = NEURAL
    earlier_still: int = 0  # experiments before those that the trials were made of
    elsewhere: tuple[Earlier, ...] = ()  # what other studies found; none of the figures below counts it

    @cached_property
    def recent(self) -> tuple[Trial, ...]:
        """The cohort's trials."""
        return tuple(trial for trial in self.trials if trial.number in self.cohort)

    @cached_property
    def earlier(self) -> tuple[Trial, ...]:
        """The trials before the cohort."""
        return tuple(trial for trial in self.trials if trial.number not in self.cohort)

    @cached_property
    def since_keep(self) -> int:
        """How many experiments were closed after the last keep."""
        return next((since for since, trial in enumerate(reversed(self.trials)) if trial.kept), len(self.trials))

    @cached_property
    def ahead(self) -> float:
        """The odds of at least one keep in the next `HORIZON` experiments."""
        return keep_within([trial.kept for trial in self.trials], HORIZON)

    @cached_property
    def measured(self) -> tuple[Trial, ...]:
        """The trials that have a gain."""
        return tuple(trial for trial in self.trials if trial.gain is not None)

    @cached_property
    def typical(self) -> float:
        """The median size of a gain or loss; 0 where nothing was measured."""
        return median([abs(trial.gain) for trial in self.measured if trial.gain is not None] or [0.0])

    @cached_property
    def usual_keep(self) -> float:
        """The median gain of the keeps, else half of a typical change: what a good idea may bring here.

        A keep whose parent did better when it was measured again counts no more.
        """
        gains = [trial.gain for trial in self.measured if trial.kept and trial.gain is not None and trial.gain > 0]
        return median(gains) if gains else self.typical / 2

    @cached_property
    def noise_share(self) -> float | None:
        """The noise of one run relative to the incumbent's value."""
        reference = value(self.incumbent) if self.incumbent else None
        return self.noise.sigma / abs(reference) if self.noise and reference else None

    def clear(self, trial: Trial) -> float:
        """How far from zero a gain must be to be told from noise: two standard deviations of it.

        Where the noise is unknown a quarter of a typical change stands in for one.
        """
        return 2 * trial.error if trial.error is not None else self.typical / 4

    def trusted(self, trial: Trial) -> float:
        """The gain drawn towards zero by as much as noise explains gains here (0 where there is none).

        The posterior mean for a normal prior around zero whose variance is that of the gains less the
        noise (Efron and Morris, Stein's estimation rule and its competitors, JASA 68 (1973) 117-130).
        """
        if trial.gain is None:
            return 0.0
        if trial.error is None:
            return trial.gain / 2  # nothing was repeated: half is as good a guess as any
        spread = max(0.0, self._square - trial.error**2)
        return trial.gain * spread / (spread + trial.error**2) if spread else 0.0

    @cached_property
    def _square(self) -> float:
        """Mean square of the bounded gains."""
        gains = [self.bounded(trial) for trial in self.measured]
        return math.fsum(gain**2 for gain in gains) / len(gains) if gains else 0.0

    def bounded(self, trial: Trial) -> float:
        """The gain, cut off at a few typical gains, so that one outlier does not decide about its kind."""
        limit = OUTLIER * self.typical
        return max(-limit, min(limit, trial.gain or 0.0))


def gather(dossier: Dossier) -> Evidence:
    """Read a dossier once. Only its latest experiments become trials: a long study is read as fast as another."""
    experiments = dossier.experiments
    history = History(experiments)
    parents = {experiment.proposal.parent for experiment in experiments}
    means = {experiment.number: value(experiment) for experiment in experiments if experiment.number in parents}
    noise = estimate(history.groups())
    baselines = tuple(experiment for experiment in experiments if is_baseline(experiment))
    trials = tuple(
        _trial(experiment, dossier.metric, history, noise, means)
        for experiment in experiments[-LATEST:]
        if not is_baseline(experiment) and (is_keep(experiment) or not is_screening(experiment.proposal.idea))
    )
    numbers = frozenset(trial.number for trial in trials)
    prints = {experiment.proposal.fingerprint for experiment in experiments}
    again = [
        "same code as" in refusal.reason or (refusal.proposal is not None and refusal.proposal.fingerprint in prints)
        for refusal in dossier.refusals
    ]
    recent = [refusal.ask.revision >= dossier.strategy.version for refusal in dossier.refusals]
    asked = [refusal.proposal.idea.hypothesis for refusal in dossier.refusals if refusal.proposal]
    named = [experiment.proposal.idea.hypothesis for experiment in experiments]
    return Evidence(
        metric=dossier.metric,
        trials=trials,
        cohort=numbers.intersection(dossier.cohort),
        baselines=baselines,
        incumbent=next((experiment for experiment in reversed(experiments) if is_keep(experiment)), None),
        noise=noise,
        settings=Settings(experiments),
        repeats=sum(again),
        refused=len(again),
        cohort_repeats=sum(a and r for a, r in zip(again, recent, strict=True)),
        taken=frozenset(id for id in (*asked, *named, *ended(dossier.fates)) if id),
        earlier_still=max(0, len(experiments) - LATEST),
        taxonomy=dossier.taxonomy,
        elsewhere=dossier.earlier,
    )


def is_baseline(experiment: Experiment) -> bool:
    """Whether it measures code as a person left it, and so tries nothing."""
    return experiment.proposal.parent is None or experiment.proposal.idea.kind == BASELINE


def numbers(trials: Iterable[Trial]) -> tuple[int, ...]:
    """The experiments' numbers, smallest first."""
    return tuple(sorted({trial.number for trial in trials}))


def _trial(
    experiment: Experiment,
    metric: Metric,
    history: History,
    noise: Noise | None,
    means: Mapping[int, float | None],
) -> Trial:
    proposal = experiment.proposal
    parent = proposal.parent or 0  # a trial has one: without, it would be a baseline
    step, size = history.step(experiment, noise or UNKNOWN), abs(means.get(parent) or 0.0) or 1.0
    gain = metric.gain(step.mean, 0.0) / size if step else None
    error = math.sqrt(step.variance) * noise.sigma / size if step and noise else None
    return Trial(
        number=experiment.number,
        parent=parent,
        title=cut(" ".join(proposal.idea.title.split()), LONGEST),
        kind=" ".join(kind(experiment).split())[:LONGEST_KIND] or "other",
        changes=moves(experiment),
        gain=gain,
        error=error,
        kept=is_keep(experiment),
        crashed=isinstance(experiment.decision, Crash),
        reason=cut(" ".join(experiment.decision.reason.split()), LONGEST) if experiment.decision else "",
        hypothesis=proposal.idea.hypothesis,
    )


class Settings(Mapping[int, Mapping[str, str]]):
    """The constants of each experiment, as far as they were ever moved.

    A constant stands where the nearest ancestor that moved it left it, else where the first experiment that moved it
    found it. Each experiment's are put together when they are asked for: that takes its ancestors alone.
    """

    def __init__(self, experiments: Sequence[Experiment]) -> None:
        self.start: dict[str, str] = {}
        self._moved: dict[int, tuple[Change, ...]] = {}
        self._parent: dict[int, int | None] = {}
        for experiment in experiments:
            moved, number, parent = moves(experiment), experiment.number, experiment.proposal.parent
            self._moved[number] = moved
            self._parent[number] = parent if parent is not None and parent < number else None
            for change in moved:
                self.start.setdefault(change.name, change.before)
        self.parents = frozenset(self._parent.values())  # the experiments that others started from, and None

    def __getitem__(self, number: int) -> Mapping[str, str]:
        found: dict[str, str] = {}
        place: int | None = number
        while place is not None:
            for change in self._moved[place]:
                found.setdefault(change.name, change.after)
            place = self._up(place)
        return {**self.start, **found}

    def _up(self, number: int) -> int | None:
        parent = self._parent[number]
        return parent if parent in self._moved else None

    def __iter__(self) -> Iterator[int]:
        return iter(self._moved)

    def __len__(self) -> int:
        return len(self._moved)

    def steps(self) -> Iterator[tuple[int, int | None, tuple[Change, ...]]]:
        """Each experiment after its parent: its number, the parent's (None where it has none), what it moved."""
        for number in sorted(self._moved):
            yield number, self._up(number), self._moved[number]
