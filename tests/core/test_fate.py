"""What becomes of hypotheses: taken, refuted, expired, or open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.cohort import Advice, Dossier
from deep_loop.core.experiment import Change, Crash, Discard, Experiment, Idea, Keep, Measured, Proposal
from deep_loop.core.fate import HUMAN, SHOWN, Fate, Offer, ended, fates, offers, section
from deep_loop.core.hypothesis import Hypothesis, Target, parse, problems, reaches, render
from deep_loop.core.metric import Metric
from deep_loop.core.record import Ask, Attempt, Measurement, Record
from deep_loop.core.review import objection
from deep_loop.core.strategy import Strategy

METRIC = Metric("val_bpb")
WIDER = Hypothesis("h-000001", "Wider", "depth-width", (Target("WIDTH", "96"),), "why", "+1 %", probability=0.4)
NEAR = Hypothesis("h-000002", "Look around", "schedule", (Target("WARMUP", low=0.1, high=0.2),), "why", "open")
PROSE = Hypothesis("h-000003", "Something else", "other", (), "why", "open")


def closed(
    number: int, value: float | None, *changes: Change, hypothesis: str | None = None, kept: bool = False
) -> Experiment:
    """An experiment on the baseline, number 0; without a value it crashed."""
    outcome = None if value is None else Measured(value, 1.0)
    decision = Crash("no") if value is None else Keep("better", 0.1) if kept else Discard("worse")
    runs = () if outcome is None else (Measurement(number, number, 0, 1, 0, "first", "", "cpu0", "log", 0, 1, outcome),)
    parent = None if number == 0 else 0
    idea = Idea("t", "other", "why", hypothesis=hypothesis, changes=changes)
    proposal = Proposal(idea, "agent", "base", parent, f"c{number}", f"f{number}")
    attempts = (Attempt(0, f"c{number}", 0.0),)
    ask = Ask(number + 1, "agent", number, 0)
    return Record(number, ask, proposal, True, 0.0, attempts, runs, decision, 1.0, number + 1)


BASE = closed(0, 2.0, kept=True)


def ending(entry: Hypothesis, *later: Experiment, author: str = "statistics", dropped: int | None = None) -> str:
    """What became of an entry that was offered when the baseline alone was closed."""
    (found,) = fates([Offer(entry, author, 1, 1, dropped)], [BASE, *later], METRIC)
    return found.words


@pytest.mark.parametrize(
    ("later", "wanted"),
    [
        (closed(1, 1.9, hypothesis="h-000001", kept=True), "taken by experiment 1: kept, +5 %"),
        (closed(1, 2.1, hypothesis="h-000001"), "taken by experiment 1: discarded, -5 %"),
        (closed(1, None, hypothesis="h-000001"), "taken by experiment 1: crashed"),
        (closed(1, 1.9, Change("WIDTH", "64", "9.6e1"), kept=True), "taken by experiment 1: kept, +5 %"),
        (closed(1, 2.1, Change("WIDTH", "64", "96")), "refuted by experiment 1: discarded, -5 %"),
        (closed(1, 2.1, Change("WIDTH", "64", "97")), "open"),
        (closed(1, 2.1, Change("WIDTH", "64", "96"), Change("DEPTH", "2", "3")), "open"),
    ],
)
def test_an_experiment_ends_a_hypothesis(later: Experiment, wanted: str) -> None:
    """By naming it, or by making its move and no other; how it went is told."""
    assert ending(WIDER, later) == wanted


def test_a_range_is_reached_inside_of_it() -> None:
    """Both ends count."""
    assert ending(NEAR, closed(1, 2.1, Change("WARMUP", "0.0", "0.2"))).startswith("refuted")
    assert ending(NEAR, closed(1, 2.1, Change("WARMUP", "0.0", "0.21"))) == "open"


def test_what_a_strategy_leaves_out_expires() -> None:
    """Unless a proposal that took it up is under way."""
    assert ending(PROSE, dropped=2) == "expired: v2 left it out"
    offer = Offer(PROSE, "statistics", 1, 1, 2)
    assert fates([offer], [BASE], METRIC, {PROSE.id}) == (Fate(offer, "open"),)


def test_a_person_s_hypothesis_is_ended_by_its_name_alone() -> None:
    """They may want a move once more, and what was made before an offer does not end it."""
    made = closed(1, 2.1, Change("WIDTH", "64", "96"))
    assert ending(WIDER, made, author=HUMAN) == "open"
    (found,) = fates([Offer(WIDER, "statistics", 1, 2)], [BASE, made], METRIC)
    assert found.ending == "open"


def test_offers_follow_the_list() -> None:
    """What is new is the analyst's, the rest a person's; what is left out is dropped, and new where it is back."""
    first = offers((), (PROSE,), (PROSE, WIDER), author="statistics", version=1, seen=3)
    assert first == (Offer(PROSE, HUMAN, 0, 3), Offer(WIDER, "statistics", 1, 3))
    assert offers(first, (PROSE, WIDER), (WIDER, PROSE), author="model", version=2, seen=5) == ()
    second = offers(first, (PROSE, WIDER), (NEAR,), author="model", version=2, seen=5)
    assert second == (
        Offer(PROSE, HUMAN, 0, 3, 2),
        Offer(WIDER, "statistics", 1, 3, 2),
        Offer(NEAR, "model", 2, 5),
    )
    third = offers(second, (NEAR,), (NEAR, WIDER), author="model", version=3, seen=7)
    assert third == (Offer(WIDER, "model", 3, 7),)
    surer = replace(NEAR, probability=0.9)
    assert offers(second, (NEAR,), (surer,), author="statistics", version=3, seen=7) == (
        Offer(surer, "statistics", 3, 7),
    )


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 2 * SHOWN))
def test_the_section_is_not_read_as_entries(title: str, count: int) -> None:
    """Whatever a title holds: the open entries are read back, and nothing else."""
    over = [Fate(Offer(replace(WIDER, title=title), "a|b", 1, n, 2), "expired", at=n) for n in range(count)]
    text = f"{render([NEAR])}\n{section(over)}"
    assert parse(text) == (NEAR,)
    assert problems(text) == ()
    assert text.count("| expired") == min(count, SHOWN)


def test_a_move_is_not_offered_again() -> None:
    """A draft that repeats an ended entry's move under another identity is refused; a person's is not."""
    offer = Offer(WIDER, "statistics", 1, 1)
    known = fates([offer], [BASE, closed(1, 2.1, Change("WIDTH", "64", "96"))], METRIC)
    again = replace(WIDER, id="h-another", title="Wide again", targets=(Target("WIDTH", "9.6e1"),))
    dossier = Dossier("why", METRIC, 0.0, (BASE,), (), (), Strategy(), (), {}, (), "", fates=known)
    advice = Advice("model", "again", Strategy(1), (again,), (), (), (), ())
    assert objection(advice, dossier) == ("`Wide again` repeats h-000001, refuted by experiment 1: discarded, -5 %")
    assert objection(advice, replace(dossier, hypotheses=(again,))) is None
    assert list(ended(known)) == list(ended([replace(known[0], offer=replace(offer, hypothesis=again))]))


@pytest.mark.parametrize(
    ("target", "source", "wanted"),
    [
        (Target("A", "2**9"), "512", True),
        (Target("A", '"gelu"'), "'gelu'", True),
        (Target("A", "(0.9, 0.95)"), "(0.9,0.95)", True),
        (Target("A", "True"), "1", False),
        (Target("A", "f(x)"), "f(x)", True),
        (Target("A", low=-1.0, high=0.0), "0", True),
        (Target("A", low=1.0, high=2.0), "None", False),
    ],
)
def test_a_value_is_the_same_however_it_is_spelled(target: Target, source: str, wanted: bool) -> None:
    """Numbers by their value, other literals as Python reads them, the rest by their text."""
    assert reaches(target, source) is wanted
