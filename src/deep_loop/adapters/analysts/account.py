"""The findings in words and figures. A finding names the experiments that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

from deep_loop.adapters.analysts.elsewhere import said
from deep_loop.adapters.analysts.estimates import Shrunken, wilson
from deep_loop.adapters.analysts.evidence import HORIZON, Evidence, Trial, numbers
from deep_loop.adapters.analysts.profiles import Region
from deep_loop.adapters.analysts.scales import number
from deep_loop.adapters.analysts.words import experiments, percent, plain, rate, size, span
from deep_loop.core.cohort import Dossier, Finding
from deep_loop.core.experiment import is_keep, value
from deep_loop.core.floor import Setting, floor
from deep_loop.core.strategy import Strategy
from deep_loop.prompts.fence import cut

STALE = 10  # experiments without a keep before a plateau is spoken of
PLATEAU = 0.6  # odds of a keep within the horizon below which it is one
NAMED = 4  # single experiments, or kinds, in one list
SUBJECT = 200  # characters of the subject of a person's commit


def worked(evidence: Evidence, gains: Shrunken, by_constant: Shrunken, found: Sequence[Region]) -> tuple[Finding, ...]:
    """What helped: keeps of the cohort, kinds and constants that stand out, clear regions."""
    keeps = sorted((t for t in evidence.recent if t.kept), key=lambda t: (-(t.gain or 0.0), t.number))
    singles = [Finding(_single(t), (t.number,), "kept") for t in keeps[:NAMED]]
    clear = [Finding(_region(r), tuple(r.numbers)) for r in found]
    return (*singles, *_outstanding(evidence, gains, by_constant, 1), *clear)


def failed(evidence: Evidence, gains: Shrunken, by_constant: Shrunken) -> tuple[Finding, ...]:
    """What did not: clear losses and crashes of the cohort, kinds and constants that stand out below."""
    cohort = evidence.recent
    discarded = [t for t in cohort if not t.kept and not t.crashed]
    losses = [t for t in discarded if t.gain is not None and t.gain < -evidence.clear(t)]
    losses.sort(key=lambda t: (t.gain or 0.0, t.number))
    singles = [Finding(_single(t), (t.number,), "discarded") for t in losses[:NAMED]]
    crashes = [t for t in cohort if t.crashed][:NAMED]
    broken = [
        Finding(f"{t.title}: crashed, {t.reason} (experiment {t.number})", (t.number,), "crashed") for t in crashes
    ]
    return (*singles, *broken, *_outstanding(evidence, gains, by_constant, -1))


def changed(dossier: Dossier, after: Strategy, gains: Shrunken, hypotheses: int) -> tuple[str, ...]:
    """What the new strategy changes, and why; and what a person changed meanwhile."""
    before = dossier.strategy
    lines = _people(dossier.commits)
    moved = [
        f"{kind} {before.weights.get(kind, 1.0):g} to {weight:g}"
        for kind, weight in sorted(after.weights.items())
        if weight != before.weights.get(kind, 1.0)
    ]
    if moved:
        why = f"their gains differ, p = {gains.p:.2g}" if gains.p <= 0.05 else "gains alone leave it undetermined"
        lines.append(f"Weights: {', '.join(moved)} ({why}; keep rates count beside them).")
    for name, (low, high) in sorted(after.ranges.items()):
        if before.ranges.get(name) != (low, high):
            lines.append(f"Range of {name}: {plain(low)} to {plain(high)}, where its better values lie.")
    lines += [f"Range of {name}: dropped, no longer clear." for name in sorted(before.ranges.keys() - after.ranges)]
    new = [group for group in after.combinations if group not in before.combinations]
    lines += [f"To be combined: {experiments(group)}, near misses on different constants." for group in new]
    lines.append(f"{hypotheses} hypotheses wait in next-hypotheses.md." if hypotheses != 1 else "One hypothesis waits.")
    return tuple(lines)


def prose(evidence: Evidence, gains: Shrunken, found: Sequence[Region], importance: Mapping[str, float]) -> str:
    """The strategy's own words: short, for an agent that is about to propose."""
    if evidence.incumbent is None or not evidence.trials:
        return "Nothing can be told yet: no experiment beside the baseline was closed."
    lines = [_standing(evidence), *said(evidence.elsewhere)]
    if not evidence.measured:
        crashed = [t for t in evidence.trials if t.crashed]
        lines.append(
            f"Nothing can be told yet: nothing was measured, and {experiments(numbers(crashed))} crashed."
            if crashed
            else "Nothing can be told yet: nothing was measured."
        )
        return "\n".join(f"- {line}" for line in lines)
    kinds = [finding.text for sign in (1, -1) for finding in _kinds(evidence, gains, sign)]
    lines += kinds or [f"Which kind of change pays best is undetermined (p = {gains.p:.2g})."]
    leading = [name for name, share in importance.items() if share * len(importance) >= 1.5][:3]
    if leading:
        lines.append(
            f"Of the constants that were moved, {', '.join(leading)} decide most: {_moving(evidence, leading)}."
        )
    lines += [_region(r) for r in found]
    lines.append(_outlook(evidence))
    return "\n".join(f"- {line}" for line in lines)


def summary(evidence: Evidence, gains: Shrunken, found: Sequence[Region], hypotheses: int) -> str:
    """One line of at most 60 characters: what was found."""
    if not evidence.measured:
        return "nothing can be told yet"
    tail = f"; {hypotheses} to try" if hypotheses else ""
    best = [kind for kind in gains.groups if gains.differs(kind) > 0]
    best.sort(key=lambda kind: -gains.groups[kind].mid)
    if best:
        said = f"favour {best[0]}"
    elif _plateau(evidence):
        said = f"no keep in {evidence.since_keep} experiments"
    elif found:
        said = f"narrow {found[0].name}"
    elif keeps := [t for t in evidence.recent if t.kept]:
        said = f"{len(keeps)} of {len(evidence.recent)} kept, no kind stands out"
    else:
        said = "no kind stands out"
    return said[: 60 - len(tail)] + tail


def table(evidence: Evidence, dossier: Dossier) -> tuple[tuple[str, str, str], ...]:
    """Metric, value over the whole study, and how the cohort differs from what was before it."""
    groups = (evidence.trials, evidence.recent, evidence.earlier)
    metric = dossier.metric
    best = value(evidence.incumbent) if evidence.incumbent else None
    was = _value_before(evidence, dossier)
    first = next((value(b) for b in reversed(evidence.baselines) if value(b) is not None), None)
    rows = [
        ("experiments", _count(evidence), f"+{len(evidence.recent)}"),
        _row("kept", *([trial.kept for trial in trials] for trials in groups)),
        _row("crashed", *([trial.crashed for trial in trials] for trials in groups)),
        (
            "proposals refused as repeats",
            rate(wilson(evidence.repeats, len(evidence.trials) + evidence.refused)),
            f"+{evidence.cohort_repeats}",
        ),
        (
            f"best {metric.name}",
            "none yet" if best is None else f"{best:.6f}",
            "" if best is None or was is None else percent(metric.relative_gain(best, was)),
        ),
    ]
    if best is not None and first is not None:
        rows.append(("gain over the baseline", percent(metric.relative_gain(best, first)), ""))
    if evidence.noise is not None and evidence.noise_share is not None:
        rows.append(("noise of one run", size(evidence.noise_share), f"from {evidence.noise.freedom} repeats"))
    elif (near := floor(_settings(evidence))) is not None:
        rows.append(("noise of one run, at most about", size(near[0]), f"from {near[1]} close values; none repeated"))
    rows.append(("experiments since the last keep", str(evidence.since_keep), ""))
    rows.append((f"odds of a keep in the next {HORIZON}", f"{100 * _odds(evidence):.0f} %", ""))
    return tuple(rows)


# --- parts -----------------------------------------------------------------------------------------


def _row(name: str, every: Sequence[bool], cohort: Sequence[bool], before: Sequence[bool]) -> tuple[str, str, str]:
    """A rate with its interval, and the cohort's rate less the earlier one, in points."""
    shift = ""
    if cohort and before:
        shift = f"{100 * (sum(cohort) / len(cohort) - sum(before) / len(before)):+.0f} points"
    return name, rate(wilson(sum(every), len(every))), shift


def _count(evidence: Evidence) -> str:
    """How many there are, and how many of them the rows below it are about."""
    trials, before = len(evidence.trials), evidence.earlier_still
    return f"{trials + before}; the latest {trials} from here on" if before else str(trials)


def _odds(evidence: Evidence) -> float:
    return evidence.ahead


def _settings(evidence: Evidence) -> list[Setting]:
    """The good runs that changed one constant to a number."""
    return [
        Setting(trial.parent, trial.changes[0].name, goal, trial.gain)
        for trial in evidence.measured
        if len(trial.changes) == 1 and trial.gain is not None and (goal := number(trial.changes[0].after)) is not None
    ]


def _plateau(evidence: Evidence) -> bool:
    return evidence.since_keep >= STALE and _odds(evidence) < PLATEAU


def _standing(evidence: Evidence) -> str:
    """Where the study stands: incumbent, its value, its lead over the latest baseline."""
    incumbent = evidence.incumbent
    best = value(incumbent) if incumbent else None
    first = next((b for b in reversed(evidence.baselines) if value(b) is not None), None)
    if incumbent is None or best is None:
        return "There is no incumbent yet."
    said = f"The incumbent is experiment {incumbent.number}: {evidence.metric.name} {best:.6f}"
    start = value(first) if first else None
    if first is None or start is None or first.number == incumbent.number:
        return f"{said}; nothing has beaten it so far."
    return f"{said}, {percent(evidence.metric.relative_gain(best, start))} against experiment {first.number}."


def _outlook(evidence: Evidence) -> str:
    """How likely more of the same is to help."""
    since, odds = evidence.since_keep, f"{100 * _odds(evidence):.0f} %"
    kept = [trial for trial in evidence.trials if trial.kept]
    last = f" since experiment {kept[-1].number}" if kept else ""
    if _plateau(evidence):
        return (
            f"A plateau: nothing was kept in {since} experiments{last}, and the odds of a keep in the next "
            f"{HORIZON} are {odds}. {_untried(evidence)}"
        )
    return f"The odds of a keep in the next {HORIZON} experiments are {odds} ({since} without one{last})."


def _untried(evidence: Evidence) -> str:
    """Where to look for something new."""
    tried = {trial.kind for trial in evidence.trials}
    rest = [kind for kind in evidence.taxonomy.kinds if kind not in tried and kind != "other"]
    return f"Kinds of change not tried yet: {', '.join(rest)}." if rest else "Every kind of change was tried."


def _single(trial: Trial) -> str:
    return f"{trial.title}: {percent(trial.gain or 0.0)} (experiment {trial.number})"


def _region(region: Region) -> str:
    where = f"from {plain(region.low)} to {plain(region.high)}"
    return f"{region.name} does well {where} ({experiments(region.numbers)})."


def _outstanding(evidence: Evidence, gains: Shrunken, by_constant: Shrunken, sign: int) -> list[Finding]:
    """Kinds and constants clearly above (1) or below (-1) the others."""
    named = [name for name in by_constant.groups if by_constant.differs(name) == sign]
    found = []
    for name in named[:NAMED]:
        group, moved = by_constant.groups[name], _movers(evidence, [name])
        text = f"Moving {name} does {_than(sign)}: {span(group)} each time, {experiments(moved)}."
        found.append(Finding(text, moved))
    return _kinds(evidence, gains, sign) + found


def _kinds(evidence: Evidence, gains: Shrunken, sign: int) -> list[Finding]:
    found = []
    for kind in [kind for kind in gains.groups if gains.differs(kind) == sign][:NAMED]:
        trials = [trial for trial in evidence.trials if trial.kind == kind]
        group = gains.groups[kind]
        kept = sum(trial.kept for trial in trials)
        text = (
            f"{kind} does {_than(sign)}: {span(group)} each time, "
            f"{kept} of {len(trials)} kept ({experiments(numbers(trials))})."
        )
        found.append(Finding(text, numbers(trials)))
    return found


def _than(sign: int) -> str:
    return "better than the rest" if sign > 0 else "worse than the rest"


def _moving(evidence: Evidence, names: Sequence[str]) -> str:
    return experiments(_movers(evidence, names))


def _movers(evidence: Evidence, names: Sequence[str]) -> tuple[int, ...]:
    """The experiments that moved any of these constants."""
    return numbers(t for t in evidence.trials if any(c.name in names for c in t.changes))


def _value_before(evidence: Evidence, dossier: Dossier) -> float | None:
    """The incumbent's value before the cohort; the first baseline's where nothing was kept until then."""
    recorded = set(dossier.cohort)
    kept = [e for e in dossier.experiments if e.number not in recorded and is_keep(e)]
    return value(kept[-1]) if kept else next((value(b) for b in evidence.baselines), None)


def _people(commits: Sequence[str]) -> list[str]:
    """What a person committed since the last revision; `commits` are subjects, newest first."""
    recent = takewhile(lambda subject: not subject.startswith("meta:"), commits)
    said = [cut(" ".join(subject.split()), SUBJECT) for subject in recent if subject.startswith("human:")]
    return [f"A person committed meanwhile: {'; '.join(said[:NAMED])}."] if said else []
