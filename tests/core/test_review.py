"""Advice is held to what the record says, and an analyst to its own words alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.core import review
from deep_loop.core.cohort import Advice, Dossier, Finding
from deep_loop.core.experiment import Change, Crash, Experiment
from deep_loop.core.hypothesis import Hypothesis, Target
from deep_loop.core.strategy import Strategy
from deep_loop.testing.analyst_contract import PLANTED, case, experiment

DOSSIER = case().dossier
LONG = "because " * 400
OWN = Hypothesis("h-000001", "DEPTH = 5", "other", (Target("DEPTH", "5"),), "Experiment 2 lost.", "open", (2,))


def advised(**others: object) -> Advice:
    """A model's advice, with these fields."""
    advice = Advice("model", "what was found", Strategy(3), (), (), (), (), ())
    return replace(advice, **others)


def titled(title: str) -> Dossier:
    """The study, one of whose experiments an agent called so."""
    found = DOSSIER.experiments[1]
    idea = replace(found.proposal.idea, title=title)
    other = replace(found, proposal=replace(found.proposal, idea=idea))
    return replace(DOSSIER, experiments=(DOSSIER.experiments[0], other, *DOSSIER.experiments[2:]))


@pytest.mark.parametrize(
    "planted",
    [
        replace(PLANTED, evidence=(99,)),
        replace(PLANTED, rationale="see issue #42"),
        replace(PLANTED, rationale=LONG),
    ],
)
def test_what_a_person_planted_is_carried_on(planted: Hypothesis) -> None:
    """However it is written, it makes nobody's advice fall."""
    dossier = replace(DOSSIER, hypotheses=(planted,))
    advice = StatisticsAnalyst().draft(dossier)
    assert advice.hypotheses[0] == planted
    assert review.objection(advice, dossier) is None
    assert review.objection(advised(hypotheses=(planted, OWN)), dossier) is None


def test_a_person_may_plant_many() -> None:
    """More than an analyst may propose."""
    many = tuple(replace(PLANTED, id=f"h-{n}", title=f"Idea {n}") for n in range(review.MOST + 5))
    dossier = replace(DOSSIER, hypotheses=many)
    assert review.objection(advised(hypotheses=(*many, OWN)), dossier) is None
    assert "more than" in (review.objection(advised(hypotheses=many), DOSSIER) or "")


@pytest.mark.parametrize("title", ["Use RoPE as in PR #150", "cf. experiment 900", f"cf. experiment 900 {LONG}"])
def test_a_title_is_its_author_s(title: str) -> None:
    """Whoever quotes it says nothing of the numbers in it."""
    dossier = titled(title)
    statistician = StatisticsAnalyst().draft(dossier)
    assert any(title[:18] in finding.text for finding in statistician.worked)
    assert review.objection(statistician, dossier) is None
    quoted = Finding(f"What helped: {title[:200]} (experiment 1)", (1,), "kept")
    if len(title) < 200:
        assert review.objection(advised(worked=(quoted,)), dossier) is None


def test_a_reason_is_the_program_s() -> None:
    """What a crashed program printed is told, whatever numbers are in it."""
    crashed: Experiment = experiment(4, [], Crash(f"see issue #77 {LONG}"), Change("DEPTH", "4", "5"))
    dossier = replace(DOSSIER, experiments=(*DOSSIER.experiments, crashed), cohort=(4,))
    statistician = StatisticsAnalyst().draft(dossier)
    assert any("#77" in finding.text for finding in statistician.failed)
    assert review.objection(statistician, dossier) is None


def test_a_finding_that_claims_nothing() -> None:
    """It may name whatever it names as its experiments, and a sentence elsewhere any that is there."""
    tried = Finding("Experiments 1 and 2 say little.", (1, 2))
    assert review.objection(advised(worked=(tried,), changed=("By experiment 2.",)), DOSSIER) is None


@pytest.mark.parametrize(
    "advice",
    [
        advised(hypotheses=(replace(OWN, evidence=(99,)),)),
        advised(hypotheses=(replace(OWN, rationale="see experiment 99"),)),
        advised(hypotheses=(replace(OWN, rationale=LONG),)),
        advised(hypotheses=(OWN, OWN)),
        advised(hypotheses=(PLANTED, replace(OWN, id=PLANTED.id))),
        advised(summary="as experiment 99 shows"),
        advised(summary=f"as experiment 1 and #{'9' * 90} show"),
        advised(strategy=Strategy(3, prose=f"As experiment {'9' * 5000} shows.")),
        advised(worked=(Finding("It helped (experiment 99).", (1,), "kept"),)),
        advised(worked=(Finding("It helped.", (99,), "kept"),)),
        advised(worked=(Finding("Everything helped."),)),
        advised(worked=(Finding("Experiment 2 was kept.", (1,), "kept"),)),
        advised(worked=(Finding("Experiments 1 and 2 were kept.", (1,), "kept"),)),
        advised(worked=(Finding("It helped.", (2,), "kept"),)),
        advised(strategy=Strategy(3, combinations=((1, 99),))),
    ],
)
def test_what_an_analyst_says_itself_is_looked_up(advice: Advice) -> None:
    """Numbers of experiments that there are not, claims that do not hold, and what cannot be written down."""
    assert review.objection(advice, DOSSIER) is not None
