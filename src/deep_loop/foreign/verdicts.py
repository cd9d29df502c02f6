"""What a log's status word says became of an experiment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

Verdict = Literal[
    "keep",
    "discard",
    "crash",  # it did not run to its end, or its result was invalid
    "baseline",
    "ran",  # it ran; whether it was kept is not said
    "aside",  # it is no decided experiment: planned, skipped, a remark
]

KEEP = """keep kept keeps keeper keeping accept accepted accepting promote promoted improve improved improvement
    improves better best newbest win winner won wins merge merged adopt adopted advance advanced commit committed
    record breakthrough positive retained selected gain progress"""
DISCARD = """discard discarded discards revert reverted reverts reset rollback undo undone reject rejected rejects worse
    drop dropped regress regressed regression regresses worsened neutral negative equal tie tied same unchanged noop
    abandon abandoned inferior lost loss loses lose insufficient nogain decline declined removed superseded marginal
    flat noise plateau"""
CRASH = """crash crashed crashes oom error errored errors fail failed fails failure timeout timedout nan diverged
    diverge divergence invalid infra violation violated violates killed exception broken aborted abort bug segfault
    incorrect unstable exploded cancelled canceled limited illegal unsafe stalled hung incomplete"""
BASELINE = "baseline baselines base reference control initial start starting original"
RAN = "ok okay success successful succeeded complete completed done finish finished pass passed run ran valid measured"
ASIDE = """skip skipped skipping archive archived incubate info wip todo parked sentinel pending running queued planned
    plan note comment policy draft proposed started inprogress progressing deferred duplicate blocked hold paused tbd
    unknown none"""
NOT = frozenset(("not", "no", "non", "didnt", "never", "without", "un"))
BETTERMENT = frozenset(
    (
        "improve",
        "improved",
        "improvement",
        "better",
        "beat",
        "gain",
        "kept",
        "keep",
        "change",
        "effect",
        "help",
        "progress",
    )
)
SIGNS: Mapping[str, Verdict] = {  # that stand in a cell without a word of Latin letters
    "✅": "keep", "✔": "keep", "✓": "keep", "☑": "keep", "🏆": "keep", "🟢": "keep", "+": "keep", "👍": "keep",
    "❌": "discard", "✗": "discard", "✘": "discard", "🔴": "discard", "↩": "discard", "👎": "discard", "⛔": "discard",
    "💥": "crash", "⚠": "crash", "🔥": "crash", "💀": "crash",
    "保留": "keep", "采纳": "keep", "接受": "keep", "丢弃": "discard", "放弃": "discard", "回退": "discard",
    "回滚": "discard", "拒绝": "discard", "崩溃": "crash", "失败": "crash",
}  # fmt: skip
LONGEST = 48  # characters of what can still be a status word
SHORT = 24  # characters that a status word has on average, at most

_LISTS: tuple[tuple[Verdict, str], ...] = (
    ("crash", CRASH), ("aside", ASIDE), ("discard", DISCARD), ("keep", KEEP), ("baseline", BASELINE), ("ran", RAN),
)  # fmt: skip
_WORDS: Mapping[str, Verdict] = {word: verdict for verdict, words in _LISTS for word in words.split()}
# Of several words in one cell the first word decides where it is known; else the first of these that is among them:
# `keep (tie)` was kept, `checks_failed` crashed, `baseline_keep` was kept.
_ORDER: tuple[Verdict, ...] = ("crash", "aside", "discard", "keep", "baseline", "ran")


def tidy(word: str) -> str:
    """A status word as it is compared: small letters, words divided by `_`; `NEW_BEST`, `New best` are `new_best`."""
    return "_".join(re.findall(r"[a-z0-9]+", word.casefold().replace("'", "").replace("\u2019", "")))


def head(cell: str) -> str:
    """The status word of a cell that goes on with a remark: `discard` of `discard: slower, and worse by 0.01`."""
    return cell if len(cell) <= SHORT else re.split(r"\s*[:(;,|–—]|\s-\s", cell, maxsplit=1)[0].strip() or cell


@lru_cache(maxsize=4096)
def verdict(cell: str) -> Verdict | None:
    """What a status cell says; None where it says nothing that is known here.

    Known words decide, alone or in company: `checks_failed` crashed, `kept (new best)` was kept, `not_improved` was
    discarded.
    """
    cell = head(cell)
    if len(cell) > LONGEST:
        return None
    words = tidy(cell).split("_") if tidy(cell) else []
    if not words:
        return next((said for sign, said in SIGNS.items() if sign in cell), None)
    if (whole := _WORDS.get("".join(words))) is not None:
        return whole
    known = {_WORDS[word] for word in words if word in _WORDS}
    if not known:
        return next((said for sign, said in SIGNS.items() if sign in cell), None)
    if BETTERMENT.intersection(words) and (NOT.intersection(words) or {"fail", "failed"}.intersection(words)):
        return "discard"
    if words[0] in ("timed", "rate") and words[-1] in ("out", "limited"):
        return "crash"
    if (first := _WORDS.get(words[0])) is not None and first not in ("baseline", "ran"):
        return first
    return next(said for said in _ORDER if said in known)
