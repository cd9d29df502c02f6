"""Sections that say what is known: the incumbent, what was tried, what failed, what is under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from deep_loop.core.decide import EFFECT, SCREEN
from deep_loop.core.earlier import Earlier
from deep_loop.core.experiment import values
from deep_loop.prompts import rows, size
from deep_loop.prompts.account import Result, good_runs
from deep_loop.prompts.fence import end, line
from deep_loop.prompts.figures import count, number, percent, seconds
from deep_loop.prompts.template import fill
from deep_loop.prompts.told import Told

LATEST = 8  # experiments that are always told in full
FULL = 20  # told in full where there is room
LINES = 120  # told in a line each where there is room
PENDING = 16  # told of what is under way, the latest ones
LESSONS, SHARE = 24, 1 / 40  # kinds of change of other studies, and their share of the budget, at most
SOURCES = 3  # other studies that are told of
NUMBERS = 12  # that the incumbent's run printed beside its metric


def incumbent(told: Told) -> str:
    """Its value and noise, how long it runs, what it printed."""
    result = told.account.of(told.brief.parent)
    if result is None or result.value is None:
        return ""
    return fill(
        "incumbent",
        number=str(result.number),
        metric=line(told.brief.metric.name, 80),
        value=number(result.value),
        runs=count(len(values(result.experiment)), "run"),
        progress=_progress(told, result),
        noise=_noise(told, result.value),
        facts=told.fence.block("data", f"experiment {result.number}", "\n".join(_facts(told, result))),
    )


def keeps(told: Told) -> str:
    """What has worked, but for what the history tells in full anyway."""
    latest = {one.number for one in told.account.results[-LATEST:]}
    earlier = [one for one in told.account.keeps if one.number not in latest and one is not told.account.baseline]
    return fill("keeps", lines=_table(told, "keeps", earlier[-told.detail.entries :])) if earlier else ""


def tallies(told: Told) -> str:
    """Kinds with how often they were tried and their best and worst."""
    account = told.account
    if not account.tallies:
        return ""
    untried = f"; nothing was tried of {', '.join(account.untried)}" if account.untried else ""
    lines = ["kind | tried | kept | crashed | best | worst", *map(rows.tally, account.tallies[:40])]
    return fill("tallies", untried=untried, lines=_block(told, "experiments by kind", lines))


def constants(told: Told) -> str:
    """Values that were tried, by constant."""
    found = told.account.constants[: told.detail.entries]
    lines = [rows.constant(name, moves, told.detail.values) for name, moves in found]
    return fill("constants", lines=_block(told, "constants", lines)) if lines else ""


def crashes(told: Told) -> str:
    """Causes of crashes, each once."""
    lines = list(map(rows.crash, told.account.crashes[: told.detail.entries]))
    return fill("crashes", lines=_block(told, "crashes", lines)) if lines else ""


def near(told: Told) -> str:
    """What nearly won."""
    found = told.account.near[: told.detail.entries]
    return fill("near", lines=_table(told, "near misses", found)) if found else ""


def changes(told: Told) -> str:
    """What the strategy wants combined and what nearly won, line by line where its constants do not say it."""
    wanted = [told.account.of(number) for group in told.brief.strategy.combinations for number in group]
    found = {one.number: one for one in [*wanted, *told.account.near] if one is not None}
    silent = [one for one in found.values() if not one.experiment.proposal.idea.changes][: told.detail.shown]
    at = told.brief.files_at
    texts = [(one, rows.diff(at(one.experiment.proposal.base), at(one.experiment.commit))) for one in silent]
    blocks = [told.fence.block("data", f"change of experiment {one.number}", text) for one, text in texts if text]
    return fill("changes", blocks="\n\n".join(blocks)) if blocks else ""


def elsewhere(told: Told) -> str:
    """What other studies found: counts, the best that they kept, and what lost the most."""
    blocks = [
        told.fence.block("data", f"{source.tag}, {source.source}", "\n".join(_found(source, told.detail.entries)))
        for source in told.brief.earlier[:SOURCES]
    ]
    return fill("elsewhere", blocks="\n\n".join(blocks)) if blocks else ""


def lessons(told: Told) -> str:
    """What other studies of the workspace teach, in a line for each kind of change that they tried."""
    lines = [rows.LESSON, *map(rows.lesson, told.brief.lessons[:LESSONS])]
    text = size.head("\n".join(lines), int(told.tokens * SHARE))
    return fill("lessons", block=told.fence.block("data", "other studies", text)) if told.brief.lessons else ""


def pending(told: Told) -> str:
    """What runs or waits now."""
    ideas = [proposal.idea for proposal in told.brief.pending[-PENDING:]]
    lines = [f"{line(idea.kind, 40)} | {line(idea.title, 160)} | {rows.changes(idea.changes) or '-'}" for idea in ideas]
    return fill("pending", lines=_block(told, "under way", lines)) if lines else ""


def refusals(told: Told) -> str:
    """Changes that broke a rule, the latest first, each reason once."""
    found: dict[str, str] = {}
    for refusal in reversed(told.brief.refusals):
        title = line(refusal.proposal.idea.title, 160) if refusal.proposal else "-"
        found.setdefault(line(refusal.reason, 300), title)
    lines = [f"{reason} | {title}" for reason, title in found.items()][: told.detail.entries]
    return fill("refusals", lines=_block(told, "refusals", lines)) if lines else ""


def history(told: Told, room: int) -> str:
    """The latest experiments in full, earlier ones in a line, as far as `room` tokens go; the rest are only counted.

    The latest `LATEST` are always there, whatever the room.
    """
    results = told.account.results
    if not told.account.tried:
        return fill("untried")
    blocks: list[str] = []
    lines: list[str] = []
    left = room - size.tokens(_history(told, [""], [""]))
    for place, result in enumerate(reversed(results)):
        text = rows.full(result, told.detail.rationale)
        cost = size.tokens(text) + 1
        # A third of the room is for lines: many results in few words show more than a few in many.
        if place < LATEST or (place < FULL and place == len(blocks) and cost <= left - room // 3):
            blocks.append(text)
            left -= cost
            continue
        text = rows.row(result)
        cost = size.tokens(text) + 1
        if len(lines) >= LINES or cost > left:
            break
        lines.append(text)
        left -= cost
    return _history(told, blocks, lines)


# --- pieces --------------------------------------------------------------------------------------


def _history(told: Told, blocks: Sequence[str], lines: Sequence[str]) -> str:
    account = told.account
    counted = len(account.results) - len(blocks) - len(lines)
    table = _block(told, "earlier experiments", [rows.ROW, *reversed(lines)])
    latest = _block(told, "latest experiments", ["\n\n".join(reversed(blocks))])
    parts = [
        fill(
            "history",
            tried=count(len(account.tried), "experiment"),
            kept=str(sum(tally.kept for tally in account.tallies)),
            crashed=str(sum(tally.crashed for tally in account.tallies)),
        ),
        fill("counted", counted=str(counted)) if counted else "",
        fill("earlier", listed=str(len(lines)), lines=table) if lines else "",
        fill("latest", full=str(len(blocks)), blocks=latest),
    ]
    return "\n\n".join(filter(None, parts))


def _found(source: Earlier, most: int) -> list[str]:
    """Another study's findings as lines."""
    findings = source.findings
    measured = sorted((f for f in findings if f.gain is not None), key=lambda f: (-(f.gain or 0.0), f.number))
    kept = [f for f in (*measured, *(f for f in findings if f.gain is None)) if f.kept][:most]
    lost = [f for f in reversed(measured) if not f.kept and (f.gain or 0.0) < 0][: max(most // 2, 1)]
    tried, won = Counter(f.kind for f in findings), Counter(f.kind for f in findings if f.kept)
    kinds = ", ".join(f"{line(kind, 40)} {won[kind]}/{times}" for kind, times in tried.most_common(most))
    return [
        f"{count(len(findings), 'change')} for {line(source.metric, 60)}: {source.kept} kept, "
        f"{sum(f.crashed for f in findings)} crashed",
        f"kept of tried, by kind: {kinds}",
        *([rows.FOUND] if kept or lost else []),
        *(rows.found(f) for f in (*kept, *lost)),
    ]


def _block(told: Told, source: str, lines: Sequence[str]) -> str:
    return told.fence.block("data", source, "\n".join(lines))


def _table(told: Told, source: str, results: Sequence[Result]) -> str:
    return _block(told, source, [rows.ROW, *map(rows.row, results)])


def _progress(told: Told, result: Result) -> str:
    """How much better than the code that the person gave."""
    start = told.account.baseline
    if start is None or start.value is None or result.value is None or start.number == result.number:
        return ""
    share = percent(told.brief.metric.relative_gain(result.value, start.value))
    return f"; {share} against the baseline, experiment {start.number} ({number(start.value)})"


def _noise(told: Told, worth: float) -> str:
    sigma = told.brief.noise
    if sigma is None:
        return fill("noise-unknown")
    if sigma == 0:
        return fill("noise-none")
    percents = f" ({percent(sigma / abs(worth), signed=False)} of the incumbent)" if worth else ""
    return fill("noise-known", sigma=number(sigma), percent=percents, screen=f"{SCREEN:g}", effect=f"{EFFECT:g}")


def _facts(told: Told, result: Result) -> list[str]:
    """What the incumbent is, and what its last run said."""
    idea, runs = result.experiment.proposal.idea, good_runs(result.experiment)
    found = [f"{line(idea.kind, 40)}: {line(idea.title, 160)}"]
    if runs:
        last = runs[-1]
        found.append(f"a whole run takes {seconds(last.seconds)}")
        if last.memory_mb is not None:
            most = told.account.most_memory or last.memory_mb
            found.append(f"memory: {last.memory_mb:.0f} MB; the most of all good runs so far: {most:.0f} MB")
        printed = [f"{line(name, 60)} = {number(value)}" for name, value in list(last.numbers.items())[:NUMBERS]]
        found += [f"printed: {', '.join(printed)}"] if printed else []
    log = end(told.brief.log(result.number), told.detail.log) if told.detail.log else ""
    return [*found, *(["the end of its log:", log] if log else [])]
