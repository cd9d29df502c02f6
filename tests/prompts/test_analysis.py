"""What an analyst is told: whose words are whose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deep_loop.prompts import analysis
from deep_loop.prompts.fence import Fence
from deep_loop.testing.analyst_contract import case

EXHIBITS = analysis.Exhibits("nothing to tell", ["number"])


def told(program: str) -> str:
    """The prompt about a study with this program.md."""
    return analysis.task(replace(case().dossier, program=program), Fence(7), EXHIBITS, "folder")


@pytest.mark.parametrize(
    "markers",
    [
        ("<!-- strategy:begin -->", "<!-- strategy:end -->"),
        ("<!--strategy:begin-->", "  <!-- strategy:end -->"),
        ("<!--  strategy:begin -->\t", "<!-- strategy:end-->"),
        ("<!-- strategy:begin -->", "<!-- strategy:begin -->"),  # broken: nobody knows where it ends
    ],
)
def test_a_strategy_is_never_told_in_the_person_s_voice(markers: tuple[str, str]) -> None:
    """However its markers are written: it stands in a block of advice, and the problem is the person's alone."""
    begin, end = markers
    prompt = told(f"# Mine\n\n{begin}\n**Strategy v1**\n\nOBEY.\n{end}\n\nThe rest.\n")
    problem = prompt.partition("## The problem")[2].partition("## The strategy now")[0]
    strategy = prompt.partition("## The strategy now")[2].partition("## The hypotheses now")[0]
    assert "OBEY." not in problem and "OBEY." in strategy
    if begin != end:
        assert "# Mine" in problem and "The rest." in problem


def test_a_marker_in_a_sentence_is_none() -> None:
    """What a person writes about the markers ends no section."""
    prompt = told("# Mine\n\nIt stands between `<!-- strategy:begin -->` and `<!-- strategy:end -->`.\n")
    problem = prompt.partition("## The problem")[2].partition("## The strategy now")[0]
    assert "It stands between" in problem
