"""`report.html`: one page that needs nothing beside it. No script; every text from outside is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from deep_loop.core.anomaly import Anomaly
from deep_loop.core.cohort import Revision
from deep_loop.interfaces.cli import words
from deep_loop.views import Overview, Row

ODD = 20  # results to look at that are shown
STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #24292f; --soft: #667078; --line: #e3e6ea; --keep: #1a7f37;
  --crash: #cf222e; --meta: #8250df; --row: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --ink: #d7dce2; --soft: #8f99a4; --line: #2b3038;
  --keep: #3fb950; --crash: #ff7b72; --meta: #b392f0; --row: #1b1f26; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p { margin: .25rem 0; } .soft { color: var(--soft); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.5rem 0; }
dl div { border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
dd small { display: block; font-size: .8rem; color: var(--soft); overflow-wrap: anywhere; }
img { width: 100%; height: auto; border-radius: 8px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.number { text-align: right; }
td.change { overflow-wrap: anywhere; min-width: 16rem; } td.change small { display: block; color: var(--soft); }
tr.keep { background: var(--row); } tr.keep td.status { color: var(--keep); font-weight: 600; }
tr.crash td.status { color: var(--crash); }
code { font: .85em ui-monospace, monospace; }
"""


def page(
    seen: Overview,
    rows: Sequence[Row],
    revisions: Sequence[Revision],
    light: bytes,
    dark: bytes,
    now: datetime,
    odd: Sequence[Anomaly] = (),
) -> str:
    """The whole document; `light` and `dark` are the figure as PNG, `odd` the results that a person should look at."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(seen.tag)}: {escape(seen.metric)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(seen.tag)}</h1>
<p class="soft">{_whence(seen)}, as of {now:%Y-%m-%d %H:%M}</p>
<dl>
{"".join(_card(*card) for card in _cards(seen, revisions))}</dl>
<picture>
<source srcset="{_inline(dark)}" media="(prefers-color-scheme: dark)">
<img src="{_inline(light)}" alt="{escape(seen.metric)} of every experiment, and the incumbent over time">
</picture>
<h2>Strategy</h2>
{_strategies(revisions)}
{_odd(odd)}<h2>Experiments</h2>
{_experiments(rows, seen.metric)}
</body>
</html>
"""


def _whence(seen: Overview) -> str:
    """Where a study lies, and what it is at."""
    if seen.source:
        return f"imported from {escape(seen.source)}"
    return f"branch <code>{escape(seen.branch)}</code>, {seen.state}"


def _cards(seen: Overview, revisions: Sequence[Revision]) -> Iterator[tuple[str, str, str]]:
    """The summary: a title, a figure, and a remark."""
    best = seen.incumbent
    yield "baseline", words.value(seen.baseline), f"{seen.metric}, {seen.direction}"
    yield "incumbent", words.value(best.value if best else None), f"#{best.experiment} {best.title}" if best else ""
    if best:
        held = f"; held-out data: {words.value(seen.baseline_held_out)} -> {words.value(best.held_out)}"
        claim = words.claim(best).removeprefix(f"{best.label}: ")
        yield "claim", best.label, claim + (held if best.held_out is not None else "")
    yield "gain", words.percent(seen.relative_gain), words.gain(seen.gain, seen.relative_gain)
    yield "experiments", str(seen.experiments), words.counts(seen)
    pace = f"{seen.per_hour:.0f} experiments an hour" if seen.per_hour else ""
    if not seen.source:
        yield "time", words.duration(seen.elapsed), pace
    yield "meta-analyses", str(len(revisions)), f"strategy v{seen.strategy}"


def _card(title: str, figure: str, remark: str) -> str:
    return f"<div><dt>{escape(title)}</dt><dd>{escape(figure)}<small>{escape(remark)}</small></dd></div>\n"


def _strategies(revisions: Sequence[Revision]) -> str:
    if not revisions:
        return '<p class="soft">v0, as a person wrote it; no meta-analysis yet</p>'
    lines = "".join(
        f'<tr><td>v{r.version}</td><td class="number">{r.seen}</td><td class="change">{escape(r.summary)}'
        f"<small>{escape(r.reason)}; by {escape(r.analyst)}</small></td>"
        f"<td><code>{escape(r.commit[:7])}</code></td></tr>\n"
        for r in revisions
    )
    head = '<tr><th>version</th><th class="number">after</th><th>what and why</th><th>commit</th></tr>'
    return f'<div class="wide"><table><thead>{head}</thead><tbody>\n{lines}</tbody></table></div>'


def _odd(odd: Sequence[Anomaly]) -> str:
    """The latest odd results; nothing where there is none."""
    if not odd:
        return ""
    lines = "".join(f"<li>experiment {one.number}: {escape(one.text)}</li>\n" for one in reversed(odd[-ODD:]))
    more = f'<p class="soft">and {len(odd) - ODD} earlier ones</p>\n' if len(odd) > ODD else ""
    return f"<h2>To look at</h2>\n<ul>\n{lines}</ul>\n{more}"


def _experiments(rows: Sequence[Row], metric: str) -> str:
    head = (
        '<tr><th class="number">#</th><th>decision</th>'
        f'<th class="number">{escape(metric)}</th><th class="number">gain</th><th class="number">runs</th>'
        "<th>change and reason</th><th>kind</th><th>by</th><th>commit</th></tr>"
    )
    return f'<div class="wide"><table><thead>{head}</thead><tbody>\n{"".join(map(_row, rows))}</tbody></table></div>'


def _row(row: Row) -> str:
    hypothesis = f" ({escape(row.hypothesis)})" if row.hypothesis else ""
    return (
        f'<tr class="{row.status}"><td class="number">{row.experiment}</td><td class="status">{row.status}</td>'
        f'<td class="number">{words.value(row.value)}</td><td class="number">{words.percent(row.relative_gain)}</td>'
        f'<td class="number">{row.runs}</td><td class="change">{escape(row.title)}{hypothesis}'
        f"<small>{escape(row.reason)}</small></td><td>{escape(row.kind)}</td><td>{escape(row.proposer)}</td>"
        f"<td><code>{escape(row.commit[:7])}</code></td></tr>\n"
    )


def _inline(image: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"
