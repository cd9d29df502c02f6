"""What an analyst is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from deep_loop.core.earlier import Earlier
from deep_loop.core.experiment import Experiment, Proposal
from deep_loop.core.fate import HUMAN as HUMAN  # the analyst of a revision that a person wrote
from deep_loop.core.fate import Fate
from deep_loop.core.hypothesis import Hypothesis
from deep_loop.core.metric import Metric
from deep_loop.core.record import Refusal
from deep_loop.core.strategy import Strategy
from deep_loop.core.taxonomy import NEURAL, Taxonomy


@dataclass(frozen=True, slots=True)
class Dossier:
    """The evidence of one meta-analysis, frozen when it was asked for."""

    reason: str  # why now: "12 experiments", "a significant improvement", "asked for"
    metric: Metric
    min_gain: float
    experiments: tuple[Experiment, ...]  # all closed ones, in the order of closing
    cohort: tuple[int, ...]  # numbers of those recorded since the last revision
    refusals: tuple[Refusal[Proposal], ...]
    strategy: Strategy
    hypotheses: tuple[Hypothesis, ...]  # what next-hypotheses.md holds now
    files: Mapping[str, str]  # the incumbent's editable files
    commits: tuple[str, ...]  # subjects of the study branch's log, newest first, bounded
    program: str  # program.md as it was
    earlier: tuple[Earlier, ...] = ()  # what other studies found
    process_log: str = ""  # process_log.md as it was: the accounts of all revisions so far
    left: int = 0  # experiments that the study was planned for and has not made yet
    taxonomy: Taxonomy = NEURAL  # the task's kinds of change
    spent: Mapping[int, float] = field(default_factory=dict)  # dollars on proposals, by ask, where anybody knows
    fates: tuple[Fate, ...] = ()  # of all that next-hypotheses.md held until the last revision


Claim = Literal["kept", "discarded", "crashed", "better", "worse", "tried"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, in words, and the experiments that it rests on."""

    text: str
    experiments: tuple[int, ...] = ()
    claim: Claim = "tried"  # what it says of every one of them; the harness looks whether that is so


@dataclass(frozen=True, slots=True)
class Advice:
    """An analyst's answer: a draft of the next strategy, and the account of how it was reached."""

    analyst: str
    summary: str  # one line: what and why; becomes the `meta:` commit's subject
    strategy: Strategy
    hypotheses: tuple[Hypothesis, ...]  # ranked, best first
    worked: tuple[Finding, ...]
    failed: tuple[Finding, ...]
    changed: tuple[str, ...]  # what the new strategy changes, and why
    table: tuple[tuple[str, str, str], ...]  # metric, its value, its change since the last revision


HARNESS = "harness"  # of one that went back to an earlier strategy
STATISTICS = "statistics"  # the analyst that is a program: it invents nothing


@dataclass(frozen=True, slots=True)
class Revision:
    """One rewrite of the strategy, as the ledger remembers it."""

    version: int
    commit: str
    seen: int  # experiments closed when its evidence was taken
    reason: str
    analyst: str
    summary: str
    made_at: float  # seconds since the epoch
    control: int | None = None  # the version that it is held against (`core.probation`); None: it is in force
    asked: int = 0  # proposals that were asked for before it was there


def entry(
    advice: Advice, dossier: Dossier, version: int, when: str, verdict: str = "", failures: Sequence[str] = ()
) -> str:
    """The entry of process_log.md for one revision, as Markdown that ends in a newline.

    `when` is the date as the log shall show it; `verdict` judges the revision before, "" where nobody did; `failures`
    are the analysts that were asked first, each with the reason why it was no use.
    """
    lines = [f"## v{version} · {when}", "", f"Why now: {_line(dossier.reason)}. {_recorded(dossier.cohort)}", ""]
    if advice.table:
        lines += ["| metric | value | change |", "|---|---|---|"]
        lines += [f"| {' | '.join(_cell(text) for text in row)} |" for row in advice.table]
        lines += [""]
    parts = (
        ("What worked", tuple(finding.text for finding in advice.worked)),
        ("What did not", tuple(finding.text for finding in advice.failed)),
        ("What changes, and why", advice.changed),
    )
    for title, found in parts:
        lines += [f"**{title}**", "", *[f"- {_line(text)}" for text in found or ("nothing to tell",)], ""]
    if verdict:
        lines += [f"**Verdict on v{version - 1}**", "", _line(verdict), ""]
    before = f", after {_line('; '.join(failures))}" if failures else ""
    lines += [f"Analyst: {advice.analyst}{before}. In one line: {_line(advice.summary)}", ""]
    return "\n".join(lines)


def _recorded(cohort: Sequence[int]) -> str:
    if not cohort:
        return "No experiment was recorded since the last revision."
    if len(cohort) == 1:
        return f"Recorded since the last revision: experiment {cohort[0]}."
    return f"Recorded since the last revision: {len(cohort)} experiments, {min(cohort)} to {max(cohort)}."


def _line(text: str) -> str:
    """The text on one line: titles and reasons come from outside."""
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
