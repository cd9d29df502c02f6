"""The entry of process_log.md."""

from __future__ import annotations

from deep_loop.core.cohort import Advice, Dossier, Finding, entry
from deep_loop.core.metric import Metric
from deep_loop.core.strategy import Strategy

DOSSIER = Dossier("12 experiments", Metric("val_bpb"), 0.0, (), (13, 14, 24), (), Strategy(), (), {}, (), "")
ADVICE = Advice(
    analyst="statistics",
    summary="favour init",
    strategy=Strategy(version=2),
    hypotheses=(),
    worked=(Finding("init pays\nsays experiment 13", (13,)),),
    failed=(),
    changed=("Weights: init 1 to 2.",),
    table=(("kept", "21 %", "+4 points"), ("a|b", "1", "")),
)


def test_an_entry_tells_the_whole_revision() -> None:
    """Version, date, reason, cohort, figures, findings and verdict stand in it, each finding on one line."""
    text = entry(ADVICE, DOSSIER, 2, "2026-11-22 14:05", "kept: the cohort gained twice as much")
    assert text == (
        "## v2 · 2026-11-22 14:05\n\n"
        "Why now: 12 experiments. Recorded since the last revision: 3 experiments, 13 to 24.\n\n"
        "| metric | value | change |\n|---|---|---|\n| kept | 21 % | +4 points |\n| a\\|b | 1 |  |\n\n"
        "**What worked**\n\n- init pays says experiment 13\n\n"
        "**What did not**\n\n- nothing to tell\n\n"
        "**What changes, and why**\n\n- Weights: init 1 to 2.\n\n"
        "**Verdict on v1**\n\nkept: the cohort gained twice as much\n\n"
        "Analyst: statistics. In one line: favour init\n"
    )


def test_nobody_judged_means_no_verdict() -> None:
    """Without a verdict its heading is left out."""
    assert "Verdict" not in entry(ADVICE, DOSSIER, 2, "today")
