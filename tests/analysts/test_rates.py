"""Rates, spending, crashes by cause, clashes and doubted keeps, with their intervals and experiments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from analyst_studies import dossier, experiment

from deep_loop.adapters.analysts import clashes, crashes, doubts, rates
from deep_loop.adapters.analysts.evidence import gather
from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.core.cohort import Dossier
from deep_loop.core.experiment import Change, Crash, Crashed, Experiment, Measured, Proposal
from deep_loop.core.record import Ask, Refusal
from deep_loop.core.review import objection

BASE = experiment(0, [1.0, 1.001, 0.999], parent=None, kept=True)


def by(name: str, one: Experiment) -> Experiment:
    return replace(one, proposal=replace(one.proposal, proposer=name), ask=replace(one.ask, proposer=name))


def taking(seconds: float, one: Experiment) -> Experiment:
    runs = tuple(replace(run, started_at=0.0, ended_at=seconds) for run in one.measurements)
    return replace(one, measurements=runs)


def crashed(number: int, tail: str) -> Experiment:
    one = experiment(number, [])
    run = replace(one.measurements[0], outcome=Crashed("failed", 1.0, tail))
    return replace(one, measurements=(run,), decision=Crash("failed"))


def told(given: Dossier) -> dict[str, tuple[str, str]]:
    evidence = gather(given)
    rows = rates.rows(given, evidence, rates.entries(given, evidence))
    return {name: (value, change) for name, value, change in rows}


def test_rates_are_told_over_time_by_cost_and_by_proposer() -> None:
    """Each with Wilson's interval; refusals count for who was refused."""
    study: list[Experiment] = [BASE]
    for number in range(1, 19):
        kept = number in (1, 2, 3, 7)
        one = experiment(number, [0.9] if kept else [1.1], kept=kept)
        study.append(taking(10.0 if kept else 20.0, by("codex" if number <= 9 else "tuner", one)))
    refusals: Sequence[Refusal[Proposal]] = [
        Refusal(Ask(15, "tuner", 3, 0), None, "same code as experiment 3"),
        Refusal(Ask(16, "tuner", 3, 0), None, "a protected file"),
    ]
    found = told(dossier(study, refusals=refusals))
    assert found["kept, early to late"][0] == "50 % (19 to 81), 17 % (3 to 56), 0 % (0 to 39)"
    assert found["kept, cheaper and dearer half"][0].startswith("44 % (19 to 73), 0 %")
    assert found["kept of codex"][0] == "44 % (19 to 73)"
    # of the tuner's proposals since the oldest refusal five were run
    assert found["kept of tuner"][1] == "crashed 0 % (0 to 30); refused 29 % (8 to 64), as repeats 14 % (3 to 51)"


def test_the_price_of_a_gain_is_a_ratio_with_its_interval() -> None:
    """Cochran's ratio estimator, by hand: gains 1, 0, 2 for 2, 1, 3 hours."""
    found = rates.ratio([(1.0, 2.0), (0.0, 1.0), (2.0, 3.0)])
    assert found is not None
    squares = (1 - 0.5 * 2) ** 2 + (0 - 0.5) ** 2 + (2 - 1.5) ** 2
    assert found.mid == pytest.approx(0.5)
    assert found.high - found.mid == pytest.approx(1.96 * math.sqrt(3 * squares / 2) / 6)
    assert rates.ratio([(1.0, 0.0), (1.0, 0.0)]) is None


def test_what_proposals_cost_is_told_where_it_is_known() -> None:
    """Kept gain per slot-hour, and per dollar."""
    study = [BASE, *(taking(1800.0, experiment(n, [0.9], kept=n < 3)) for n in range(1, 8))]
    given = replace(dossier(study), spent={n + 1: 0.5 for n in range(1, 8)})
    found = told(given)
    assert found["kept gain per slot-hour"][1].startswith("3.5 hours")
    assert found["kept gain per dollar"][1].startswith("$3.50 on proposals")


def test_who_is_clearly_better_is_a_finding_with_its_experiments() -> None:
    """Nobody is named where the intervals overlap."""
    many = [by("codex" if n % 2 else "tuner", experiment(n, [0.9], kept=bool(n % 2))) for n in range(1, 41)]
    given = dossier([BASE, *many])
    found = rates.differences(rates.entries(given, gather(given)))
    assert found[0].text.startswith("codex has 100 % (") and found[0].experiments == tuple(range(1, 41, 2))
    few = dossier([BASE, *many[:14]])
    alike = [by("codex" if n % 2 else "tuner", experiment(n, [0.9], kept=n % 4 < 2)) for n in range(1, 41)]
    assert rates.differences(rates.entries(few, gather(few)))
    assert not rates.differences(rates.entries(dossier([BASE, *alike]), gather(dossier([BASE, *alike]))))


def test_crashes_are_told_by_their_cause() -> None:
    """Numbers in the traceback's last line make no other cause; one crash alone is no pattern."""
    tails = ["RuntimeError: size 3 is not 4", "x\nRuntimeError: size 64 is not 7\n", "NameError: heads"]
    given = dossier([BASE, *(crashed(n, tail) for n, tail in enumerate(tails, start=1)), experiment(4, [1.1])])
    (found,) = crashes.found(given, 4)
    assert found.experiments == (1, 2) and found.claim == "crashed"
    assert "RuntimeError: size # is not #" in found.text and "50 % (15 to 85)" in found.text


def test_constants_that_clash_are_told() -> None:
    """Together they crash, apart they do not; where they fail apart as well nothing is said."""
    both = (Change("DEPTH", "4", "8"), Change("LR", "1", "2"))
    together = [experiment(n, [], changes=both) for n in range(1, 5)]
    apart = [experiment(n, [0.999], changes=[both[n % 2]]) for n in range(5, 13)]
    (found,) = clashes.found(gather(dossier([BASE, *together, *apart])))
    assert found.text.startswith("DEPTH and LR failed together in 4 of 4 experiments") and found.experiments == (
        1,
        2,
        3,
        4,
    )
    worse = [experiment(n, [], changes=[both[n % 2]]) for n in range(5, 13)]
    assert clashes.found(gather(dossier([BASE, *together, *worse]))) == ()


def test_a_keep_that_later_runs_put_in_doubt_is_told() -> None:
    """Kept at 10 % better; measured again it is where its base was."""
    keep = experiment(1, [0.9, 0.9], kept=True)
    again = [
        replace(keep.measurements[0], id=100 + n, seed=100 + n, role="reference", outcome=Measured(value, 2.0))
        for n, value in enumerate([1.0, 1.001, 0.999, 1.0])
    ]
    doubted = replace(keep, measurements=(keep.measurements[0], *again))
    given = dossier([BASE, doubted])
    (found,) = doubts.found(given, gather(given))
    assert found.experiments == (1,) and "4 runs since put it at" in found.text
    assert objection(StatisticsAnalyst().draft(given), given) is None
    sure = dossier([BASE, keep])
    assert doubts.found(sure, gather(sure)) == ()
