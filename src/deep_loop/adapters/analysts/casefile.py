"""A folder of evidence for an analyst that reads: made for one analysis, gone afterwards.

`prompts/case.md` says what lies in it. All of it comes from the dossier, and from what the case shows of single
experiments: no value on held-out data is in there, and no key.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from deep_loop.adapters.analysts import tables
from deep_loop.adapters.analysts.evidence import Evidence, gather
from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.clients.showing import unified
from deep_loop.core import hypothesis
from deep_loop.core.cohort import Dossier, Finding
from deep_loop.core.experiment import Experiment, Measured, finished, is_keep, kind, value
from deep_loop.errors import DeepLoopError
from deep_loop.folders import remove
from deep_loop.ports import Case
from deep_loop.prompts.analysis import readme
from deep_loop.prompts.fence import Fence, cut, end, line

KEEPS, NEAR, SHOWN = 20, 10, 60  # experiments whose change and log are laid out
DIFF, LOG = 60_000, 16_000  # characters of one of them

PREFIX = "case-"  # of the names of folders; one analysis at a time
DATABASE, CODE = "evidence.db", "code"

Redact = Callable[[str], str]


@contextmanager
def laid_out(case: Case, parent: Path, redact: Redact, *, fenced: bool = True) -> Iterator[Path]:
    """The folder, below `parent`. With `fenced`, diffs and logs stand in blocks that they cannot leave.

    Raises OSError where the disk does not take it.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{PREFIX}*"):  # by a harness that was killed
        remove(left)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        _fill(folder, case, redact, Fence(case.seed) if fenced else None)
        yield folder
    finally:
        remove(folder)


def selected(dossier: Dossier, evidence: Evidence) -> tuple[Experiment, ...]:
    """The cohort, the latest keeps and the nearest misses, bounded, in the order of closing."""
    keeps = [e.number for e in dossier.experiments if is_keep(e)][-KEEPS:]
    misses = sorted((t for t in evidence.measured if not t.kept), key=lambda t: -(t.gain or 0.0))
    wanted = [*dict.fromkeys([*keeps, *(t.number for t in misses[:NEAR]), *reversed(dossier.cohort)])][:SHOWN]
    return tuple(e for e in dossier.experiments if e.number in set(wanted))


def change(case: Case, experiment: Experiment) -> str:
    """An experiment's change, line by line; raises DeepLoopError where git cannot tell."""
    return unified(case.files_at(experiment.proposal.base), case.files_at(experiment.commit))


def statistician(dossier: Dossier) -> str:
    """What the statistician finds, as Markdown."""
    advice = StatisticsAnalyst().draft(dossier)
    rows = ["| metric | value | change |", "|---|---|---|"]
    rows += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in advice.table]
    parts = (
        ("Where the study stands", [advice.strategy.prose]),
        ("What worked", _listed(advice.worked)),
        ("What did not", _listed(advice.failed)),
        ("What it would try", [hypothesis.render(advice.hypotheses, heading="Its hypotheses")]),
    )
    lines = ["# What the statistician finds", "", *rows, ""]
    for title, texts in parts:
        lines += [f"## {title}", "", *(texts or ["nothing to tell"]), ""]
    return "\n".join(lines)


def results(dossier: Dossier, evidence: Evidence) -> str:
    """A line for each experiment, tab-separated."""
    gains = {trial.number: trial.gain for trial in evidence.trials}
    rows = [f"number\tparent\tstatus\t{dossier.metric.name}\tgain\tcohort\tkind\ttitle\treason"]
    for e in dossier.experiments:
        idea, found, gain = e.proposal.idea, value(e), gains.get(e.number)
        cells = (
            str(e.number),
            "" if e.proposal.parent is None else str(e.proposal.parent),
            e.decision.status if e.decision else "",
            "" if found is None else f"{found:.6f}",
            "" if gain is None else f"{gain:+.5f}",
            "yes" if e.number in dossier.cohort else "",
            kind(e),
            cut(idea.title, 160),
            cut(e.decision.reason, 200) if e.decision else "",
        )
        rows.append("\t".join(line(cell) for cell in cells))
    return "\n".join(rows) + "\n"


# --- pieces ----------------------------------------------------------------------------------------


def _fill(folder: Path, case: Case, redact: Redact, fence: Fence | None) -> None:
    dossier, evidence = case.dossier, gather(case.dossier)

    def put(path: str, text: str) -> None:
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(redact(text).encode(errors="backslashreplace"))

    def block(source: str, text: str) -> str:
        return fence.block("data", source, redact(text)) if fence else text

    put("README.md", readme(dossier, _columns()))
    put("program.md", dossier.program)
    put("next-hypotheses.md", hypothesis.render(dossier.hypotheses))
    put("process_log.md", dossier.process_log)
    put("statistics.md", statistician(dossier))
    put("results.tsv", results(dossier, evidence))
    put("experiments.jsonl", "".join(f"{json.dumps(row)}\n" for row in map(_record, dossier.experiments)))
    tables.write(folder / DATABASE, dossier, evidence, redact)
    for path, text in dossier.files.items():
        if _plain(path):
            put(f"{CODE}/{path}", text)
    for e in selected(dossier, evidence):
        try:
            diff = change(case, e)
        except DeepLoopError as error:
            diff = f"(git cannot tell: {error})"
        put(f"diffs/{e.number:04}.diff", block(f"change of experiment {e.number}", cut(diff, DIFF)))
        put(f"logs/{e.number:04}.log", block(f"log of experiment {e.number}", end(case.log(e.number), LOG)))


def _plain(path: str) -> bool:
    return not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts


def _listed(findings: Sequence[Finding]) -> list[str]:
    return [f"- {finding.text}" for finding in findings]


def _record(experiment: Experiment) -> Mapping[str, object]:
    proposal, idea, decision = experiment.proposal, experiment.proposal.idea, experiment.decision
    last = next((m.outcome for m in reversed(finished(experiment)) if isinstance(m.outcome, Measured)), None)
    return {
        "number": experiment.number,
        "parent": proposal.parent,
        "status": decision.status if decision else None,
        "reason": decision.reason if decision else None,
        "value": value(experiment),
        "kind": kind(experiment),
        "stated_kind": idea.kind,
        "title": idea.title,
        "rationale": idea.rationale,
        "expected": idea.expected,
        "hypothesis": idea.hypothesis,
        "changes": [{"name": c.name, "before": c.before, "after": c.after} for c in idea.changes],
        "proposer": proposal.proposer,
        "commit": experiment.commit,
        "runs": list(tables.runs(experiment)),
        "printed": dict(last.numbers) if last else {},
    }


def _columns() -> list[str]:
    return [
        f"* `{table}`: " + ", ".join(f"{name}{_meaning(what)}" for name, what in fields.items())
        for table, fields in tables.TABLES.items()
    ]


def _meaning(what: str) -> str:
    return f" ({what.partition('-- ')[2]})" if "-- " in what else ""
