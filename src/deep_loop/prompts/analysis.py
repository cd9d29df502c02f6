"""What an analyst that uses a model is told: the task, the evidence in short, and the form of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deep_loop.core import hypothesis, strategy
from deep_loop.core.cohort import Dossier
from deep_loop.core.metric import Metric
from deep_loop.prompts import size
from deep_loop.prompts.fence import Fence, line
from deep_loop.prompts.figures import count
from deep_loop.prompts.revision import FINDINGS, HYPOTHESES
from deep_loop.prompts.template import fill

Reach = Literal["model", "folder", "tools"]  # nothing but the prompt; a folder of evidence; our tools

ROWS, LOGGED = 150, 3  # experiments in the table; entries of the process log
# Tokens of each text. What is cut stands in full in the folder.
PROGRAM, LOG, CODE, CHANGES, STATISTICS = 8_000, 4_000, 20_000, 20_000, 4_000
UNTOLD = "(program.md's strategy markers are broken: all of it stands below, with the strategy)"


@dataclass(frozen=True, slots=True)
class Exhibits:
    """The evidence in words."""

    statistics: str
    results: Sequence[str]  # a heading, then a line for each experiment, oldest first
    changes: Sequence[tuple[str, str]] = ()  # of single experiments: what it is, and its text


def task(
    dossier: Dossier, fence: Fence, exhibits: Exhibits, reach: Reach, *, steps: int = 0, delegates: bool = False
) -> str:
    """The whole prompt of one analysis. `steps` and `delegates` are for one who works with our tools."""
    told = [_opening(dossier, fence), *_evidence(dossier, fence, exhibits, reach)]
    form = fill(
        "analysis-form", kinds=", ".join(dossier.taxonomy.kinds), findings=str(FINDINGS), hypotheses=str(HYPOTHESES)
    )
    if reach == "tools":
        more = f"\n{fill('analysis-delegation')}" if delegates else ""
        told.append(fill("analysis-tools", form=form, steps=str(steps), delegation=more))
    else:
        told.append(fill(f"analysis-{reach}", form=form))
    return "\n\n".join(told) + "\n"


def subtask(metric: Metric, fence: Fence, question: str, criteria: str, steps: int) -> str:
    """What an assistant is told."""
    return fill(
        "subtask",
        metric=line(metric.name, 80),
        better=better(metric),
        mark=fence.mark,
        task=fence.block("advice", "the question", question),
        criteria=fence.block("advice", "the criteria", criteria),
        steps=str(steps),
    )


def judgement(fence: Fence, question: str, criteria: str, report: str) -> str:
    """What the judge of a report is told."""
    return fill(
        "judge",
        mark=fence.mark,
        task=fence.block("advice", "the question", question),
        criteria=fence.block("advice", "the criteria", criteria),
        report=fence.block("data", "the report", report),
    )


def returned(objection: str) -> str:
    """What one who works in a folder is told when its revision comes back."""
    return fill("objection", objection=f"> {line(objection, 1000)}") + "\n"


def readme(dossier: Dossier, columns: Sequence[str]) -> str:
    """The README of a folder of evidence; `columns` are those of its database, a line for each table."""
    return fill(
        "case",
        reason=line(dossier.reason, 200),
        metric=line(dossier.metric.name, 80),
        better=better(dossier.metric),
        columns="\n".join(columns),
    )


def better(metric: Metric) -> str:
    """Which way is better, in a word."""
    return "lower" if metric.direction.value == "minimize" else "higher"


# --- pieces ----------------------------------------------------------------------------------------


def _opening(dossier: Dossier, fence: Fence) -> str:
    recorded = ", ".join(f"#{number}" for number in dossier.cohort[:40])
    since = count(len(dossier.cohort), "experiment")
    return fill(
        "analysis",
        metric=line(dossier.metric.name, 80),
        better=better(dossier.metric),
        reason=line(dossier.reason, 200),
        cohort=f"Since the last revision (v{dossier.strategy.version}) {since} closed: {recorded or 'none'}.",
        mark=fence.mark,
    )


def _evidence(dossier: Dossier, fence: Fence, exhibits: Exhibits, reach: Reach) -> list[str]:
    problem, section = _split(dossier.program)
    rows = list(exhibits.results)
    shown = [rows[0], *rows[1:][-ROWS:]]
    more = f", the latest {ROWS} of {len(rows) - 1}" if len(rows) - 1 > ROWS else ""
    entries = dossier.process_log.split("\n## ")
    log = "\n## ".join(entries[-LOGGED:]) if len(entries) > 1 else ""
    blocks = [
        ("The problem", fence.block("person", "program.md", size.head(problem, PROGRAM))),
        ("The strategy now", fence.block("advice", "the strategy", size.head(section, PROGRAM) or "(none yet)")),
        (
            "The hypotheses now",
            fence.block("advice", "next-hypotheses.md", size.head(hypothesis.render(dossier.hypotheses), PROGRAM)),
        ),
        ("What earlier revisions said", fence.block("advice", "process_log.md", size.head(log, LOG) or "(none yet)")),
        ("What the statistician finds", fence.block("data", "statistics", size.head(exhibits.statistics, STATISTICS))),
        (f"The experiments{more}", fence.block("data", "results", "\n".join(shown))),
    ]
    if reach == "model":
        code = "\n\n".join(f"# {path}\n{text}" for path, text in sorted(dossier.files.items()))
        blocks.append(("The incumbent's code", fence.block("data", "code", size.head(code, CODE))))
        blocks += [("Single experiments", _changes(fence, exhibits.changes))] if exhibits.changes else []
    return [f"## {title}\n\n{block}" for title, block in blocks]


def _changes(fence: Fence, changes: Sequence[tuple[str, str]]) -> str:
    """As many whole texts as there is room for, in their order."""
    room, shown = CHANGES, []
    for source, text in changes:
        cost = size.tokens(text)
        if text and cost <= room:
            room -= cost
            shown.append(fence.block("data", source, text))
    return "\n\n".join(shown)


def _split(program: str) -> tuple[str, str]:
    """What a person wrote in program.md, and the strategy's section."""
    try:
        parts = strategy.split(program)
    except strategy.StrategyError:
        return UNTOLD, program  # a person broke the markers; what a model wrote is never shown in their voice
    if parts is None:
        return program, ""
    before, after = parts.head.rstrip().rpartition("\n")[0], parts.tail.partition("\n")[2]
    return f"{before.rstrip()}\n{after.lstrip()}".strip(), parts.section.strip()
