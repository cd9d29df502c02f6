"""A brief as text, within a budget.

What is left out first, until the rest fits (`fitted`): the oldest experiments become a line each, then a count by
kind; then rationales are cut, logs from their beginning, and lists from their ends (`told.LEVELS`); then whole sections
go (`SPARE`). Never cut are the rules, how a change is judged, the incumbent and the latest experiments. The problem
statement is cut where it alone takes half of the budget (`instructions.SHARES`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from deep_loop.core.experiment import Idea
from deep_loop.ports import Brief, Objection
from deep_loop.prompts import evidence, instructions, size
from deep_loop.prompts.account import Account
from deep_loop.prompts.fence import Fence, end, line
from deep_loop.prompts.template import fill
from deep_loop.prompts.told import LEVELS, Told
from deep_loop.prompts.told import Way as Way

TOKENS = 24_000  # of a whole brief; the editable files come on top where the agent cannot read them itself
LOG = 6_000  # characters of a crashed run's log
STATED = 1_000  # of each part of a statement

Section = Callable[[Told], str]

# What changes least stands first, so that a provider can cache it; what is asked for stands last, where it is best kept
# in mind.
BEFORE: Sequence[Section] = (
    instructions.opening,
    instructions.rules,
    instructions.judged,
    instructions.constitution,
    instructions.problem,
    instructions.strategy,
    evidence.incumbent,
    evidence.keeps,
)
AFTER: Sequence[Section] = (
    evidence.tallies,
    evidence.constants,
    evidence.crashes,
    evidence.near,
    evidence.changes,
    evidence.elsewhere,
    evidence.lessons,
    evidence.refusals,
    evidence.pending,
    instructions.hypotheses,
    instructions.suggestions,
)
ASKED: Sequence[Section] = (instructions.turn, instructions.bold, instructions.reply)
SPARE: Sequence[Section] = (
    evidence.lessons,
    evidence.elsewhere,
    evidence.changes,
    evidence.keeps,
    evidence.refusals,
    evidence.near,
    evidence.crashes,
    evidence.constants,
    instructions.hypotheses,
    evidence.tallies,
)


def render(brief: Brief, way: Way, tokens: int = TOKENS) -> str:
    """All that an agent is told when it is asked for a proposal.

    At most `tokens` by `size.tokens`, the texts of editable files left out. Less than 16,000 may be too few where
    everybody says as much as they may; most studies get by with half of that.
    """
    return _fitted(brief, way, tokens, ASKED)


def returned(brief: Brief, objection: Objection, way: Way, *, knows: bool) -> str:
    """What an agent is told when its change comes back. `knows`: it goes on in the session in which it made it."""
    fence = Fence(brief.seed)
    if objection.kind == "crash":
        text = end(objection.text, LOG) or "(it printed nothing)"
        why = fill("returned-crash", log=fence.block("data", "the end of the log", text))
    else:
        why = fill("returned-refused", reason=fence.block("data", "the reason", end(objection.text, LOG)))
    if knows:
        return why
    stranger = fill("returned-stranger", idea=fence.block("data", "the statement", _stated(objection.idea)))
    return _fitted(brief, way, TOKENS, (lambda _: f"{why}\n\n{stranger}", instructions.reply))


def _stated(idea: Idea | None) -> str:
    """What was said of a change before it ran."""
    if idea is None:
        return "(there was none)"
    lines = {"title": idea.title, "kind": idea.kind, "rationale": idea.rationale, "expected": idea.expected}
    return "\n".join(f"{name}: {line(text, STATED)}" for name, text in lines.items() if text)


def _fitted(brief: Brief, way: Way, tokens: int, asked: Sequence[Section]) -> str:
    """The sections in their order, in the most detail that leaves room for the latest experiments."""
    account, fence = Account(brief), Fence(brief.seed)
    for detail in LEVELS:
        told = Told(brief, way, account, fence, detail, tokens)
        parts = {section: section(told) for section in (*BEFORE, *AFTER, *asked)}
        needed = size.tokens(evidence.history(told, 0))
        if _cost(parts.values()) + needed <= tokens:
            break
    for section in SPARE:
        if _cost(parts.values()) + needed <= tokens:
            break
        parts[section] = ""
    history = evidence.history(told, tokens - _cost(parts.values()))
    texts = instructions.texts(told)
    before, after = [parts[one] for one in BEFORE], [parts[one] for one in AFTER]
    return "\n\n".join(filter(None, [*before, history, *after, texts, *(parts[one] for one in asked)])) + "\n"


def _cost(texts: Iterable[str]) -> int:
    """Tokens of sections that stand under each other."""
    return sum(size.tokens(text) + 1 for text in texts if text)
