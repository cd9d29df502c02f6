"""Sections that say what is asked: the rules, the person's words and the outer tier's, the task, the reply."""

from __future__ import annotations

import re
from collections.abc import Sequence

from deep_loop.core.hypothesis import Hypothesis, spell
from deep_loop.ports import Files, Suggestion
from deep_loop.prompts import size
from deep_loop.prompts.account import Result
from deep_loop.prompts.fence import line
from deep_loop.prompts.figures import fate, gained, number, seconds
from deep_loop.prompts.rows import diff
from deep_loop.prompts.template import fill
from deep_loop.prompts.told import Told

SHARES = {"problem": 1 / 2, "constitution": 1 / 12, "strategy": 1 / 12, "suggestions": 1 / 24}  # of the budget, at most
FILE_TOKENS = 24_000  # of all editable files' texts
NAMED = 40  # editable files, by name

_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]{0,39}")  # nothing else may stand outside of a block
_STRATEGY = re.compile(
    r"^[ \t]*<!--[ \t]*strategy:begin[ \t]*-->[ \t]*\r?\n(.*?)^[ \t]*<!--[ \t]*strategy:end[ \t]*-->[ \t]*\r?$",
    re.MULTILINE | re.DOTALL,
)


def opening(told: Told) -> str:
    """Who the agent is, and what blocks mean."""
    metric = told.brief.metric
    better = "lower" if metric.direction.value == "minimize" else "higher"
    return fill("opening", metric=_code(metric.name), better=better, mark=told.fence.mark)


def rules(told: Told) -> str:
    """What may change, the limits of a run, and what is refused."""
    terms = told.brief.terms
    gigabytes = f"{terms.memory_bytes / 2**30:.3g} GB" if terms.memory_bytes else ""
    return fill(
        "rules",
        editable=_codes(terms.editable),
        protected=_codes(terms.protected) or "none",
        command=_code(terms.command),
        budget=seconds(terms.budget_seconds),
        timeout=seconds(terms.timeout_seconds),
        device=f", on {line(terms.device, 200)}" if terms.device else "",
        memory=f", or when it takes more than {gigabytes} of memory" if gigabytes else "",
    )


def judged(told: Told) -> str:
    """How a change is judged."""
    return fill("judged")


def constitution(told: Told) -> str:
    """CLAUDE.md of the workspace."""
    text = told.brief.constitution.strip()
    block = told.fence.block("person", "CLAUDE.md", _share(told, "constitution", text))
    return fill("constitution", text=block) if text else ""


def problem(told: Told) -> str:
    """program.md but for its strategy."""
    text = _STRATEGY.sub("", told.brief.program).strip()
    return fill("problem", text=told.fence.block("person", "program.md", _share(told, "problem", text))) if text else ""


def strategy(told: Told) -> str:
    """The section of program.md that the outer tier writes."""
    found = _STRATEGY.search(told.brief.program)
    if not found or not found[1].strip():
        return ""
    text = told.fence.block("advice", "program.md, strategy", _share(told, "strategy", found[1]))
    return fill("strategy", text=text, version=str(told.brief.strategy.version))


def hypotheses(told: Told) -> str:
    """next-hypotheses.md, with what became of entries that were taken up."""
    entries = told.brief.hypotheses[: told.detail.entries]
    text = "\n".join(row for rank, entry in enumerate(entries, 1) for row in _hypothesis(told, rank, entry))
    return fill("hypotheses", entries=told.fence.block("advice", "next-hypotheses.md", text)) if entries else ""


def suggestions(told: Told) -> str:
    """What a person wants tried."""
    entries = told.brief.suggestions[: told.detail.entries]
    text = _share(told, "suggestions", "\n".join(_suggestion(entry) for entry in entries))
    return fill("suggestions", entries=told.fence.block("person", "suggestions", text)) if entries else ""


def bold(told: Told) -> str:
    """After a plateau: something else is wanted than more of the same."""
    if told.brief.drought is None:
        return ""
    account = told.account
    tried = {tally.kind: tally.tried for tally in account.tallies}
    kinds = sorted((kind for kind in told.brief.terms.kinds if kind != "other"), key=lambda kind: tried.get(kind, 0))
    moved = {change.name for result in account.since_keep for change in result.experiment.proposal.idea.changes}
    names = ", ".join(_code(name) for name in sorted(moved)[:12] if _CONSTANT.fullmatch(name))
    return fill(
        "bold",
        drought=str(told.brief.drought),
        least=", ".join(f"{kind} ({tried.get(kind, 0)})" for kind in kinds[:5]) or "none is known",
        constants=f", above all of {names}" if names else "",
    )


def turn(told: Told) -> str:
    """Where the agent works, and on what."""
    brief = told.brief
    at = brief.start if brief.start is not None else brief.parent
    start = _start(told) if brief.start is not None else ""
    return fill(
        f"turn-{told.way}",
        base=f"experiment {at}" if at is not None else "the person's own version",
        files=f"{_listing(told)}\n\n{start}".strip(),
    )


def texts(told: Told) -> str:
    """The editable files in full, where the agent has no folder; those that are too long are left to its tools."""
    shown, room = [], FILE_TOKENS
    for path, text in sorted(_lying(told).items()):
        if told.way == "tools" and (cost := size.tokens(text)) <= room:
            room -= cost
            shown.append(told.fence.block("data", path, text))
    return fill("texts", texts="\n\n".join(shown)) if shown else ""


def reply(told: Told) -> str:
    """The form of the statement."""
    return fill(f"reply-{told.way}", kinds=", ".join(told.brief.terms.kinds))


# --- pieces --------------------------------------------------------------------------------------


def _share(told: Told, what: str, text: str) -> str:
    return size.head(text, int(told.tokens * SHARES[what]))


def _hypothesis(told: Told, rank: int, entry: Hypothesis) -> list[str]:
    evidence = ", ".join(f"#{number}" for number in entry.evidence[:8])
    fields = (
        ("kind", line(entry.kind, 40)),
        ("set", line("; ".join(spell(target) for target in entry.targets), 300)),
        ("expected", line(entry.expected, 100)),
        ("probability", "" if entry.probability is None else f"{entry.probability:.2g}, of a keep, as predicted"),
        ("evidence", evidence),
        ("rationale", line(entry.rationale, told.detail.rationale)),
        ("taken up", _fates(told, entry)),
    )
    return [f"{rank}. {line(entry.id, 40)}: {line(entry.title, 200)}", *(f"   {k}: {v}" for k, v in fields if v)]


def _fates(told: Told, entry: Hypothesis) -> str:
    done = [f"#{one.number} {fate(one)} {gained(one)}".strip() for one in told.account.taken_up(entry.id)[-3:]]
    now = sum(one.idea.hypothesis == entry.id for one in told.brief.pending)
    return "; ".join([*done, *(["under way now"] if now else [])])


def _suggestion(entry: Suggestion) -> str:
    return f"[{entry.id}] {line(entry.text, 1500)}"


def _lying(told: Told) -> Files:
    """The editable files as they lie in the agent's working copy."""
    return {**told.brief.files, **told.brief.start_files}


def _start(told: Told) -> str:
    """That it is another experiment's files that lie there, and how they differ from the incumbent's."""
    brief = told.brief
    change = told.fence.block("data", "from the incumbent to these files", diff(brief.files, _lying(told)))
    result = _standing(told.account.of(brief.start))
    return fill("start", number=str(brief.start), result=result, change=change)


def _standing(result: Result | None) -> str:
    if result is None or result.value is None:
        return "not measured"
    return f"{number(result.value)}, {gained(result)}" if result.share is not None else number(result.value)


def _listing(told: Told) -> str:
    files = sorted(_lying(told).items())
    rows = [f"* {_code(path)}: {len(text.splitlines())} lines, {len(text)} characters" for path, text in files[:NAMED]]
    return "\n".join([*rows, *([f"* and {len(files) - NAMED} more"] if len(files) > NAMED else [])]) or "* none yet"


def _codes(words: Sequence[str]) -> str:
    return ", ".join(_code(word) for word in words)


def _code(text: str) -> str:
    """As code inside of a sentence."""
    return f"`{line(text, 200).replace('`', chr(39))}`"
