"""Odd results are flagged, ordinary ones are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.anomaly import Result, anomalies, results
from deep_loop.core.metric import Direction, Metric
from deep_loop.foreign.experiments import experiments
from deep_loop.foreign.reading import read

LOSS, SCORE = Metric("val_loss"), Metric("acc", Direction.MAXIMIZE)
BASE = Result(0, None, "baseline", True, 2.0)
GOOD = Result(1, 0, "WARMUP 10 -> 20", True, 1.9, ("WARMUP",), "print1")


def flags(*found: Result, metric: Metric = LOSS) -> list[tuple[int, str, int | None]]:
    return [(one.number, one.oddity, one.other) for one in anomalies((BASE, *found), metric)]


def test_an_ordinary_study_has_none() -> None:
    """A gain, a loss and a crash are as they should be."""
    lost = replace(GOOD, number=2, base=1, title="DEPTH 8 -> 9", kept=False, value=1.95, fingerprint="print2")
    crashed = replace(lost, number=3, title="DEPTH 8 -> 99", value=None, fingerprint="print3")
    assert flags(GOOD, lost, crashed) == []


@pytest.mark.parametrize(("value", "metric"), [(0.2, LOSS), (0.0, LOSS), (0.1, SCORE), (25.0, SCORE)])
def test_a_tenth_is_flagged_whatever_became_of_it(value: float, metric: Metric) -> None:
    """A metric that falls to a tenth, or rises tenfold where more is better; a loss that blows up is a mere loss."""
    for kept in (True, False):
        assert (1, "collapse", 0) in flags(replace(GOOD, value=value, kept=kept), metric=metric)
    assert flags(replace(GOOD, value=200.0, kept=False)) == []


def test_what_crosses_zero_has_no_ratio() -> None:
    """A metric that changes its sign, or starts from zero, is no collapse."""
    assert flags(replace(GOOD, value=-1.9)) == []
    assert anomalies((replace(BASE, value=0.0), replace(GOOD, value=-5.0)), LOSS) == ()


@pytest.mark.parametrize(
    "again",
    [
        Result(2, 1, "other words", True, 1.89, ("WARMUP",), "print1"),
        Result(2, 1, "warmup 10 -> 20", True, 1.89),
        Result(2, 1, "Verification run, no code changes", True, 1.89),
    ],
    ids=["same code", "same words", "says so"],
)
def test_a_rerun_that_was_kept_is_flagged(again: Result) -> None:
    """By its code, by its description on the same base, or by what it says; not where it was discarded."""
    assert [flag[:2] for flag in flags(GOOD, again)] == [(2, "rerun")]
    assert flags(GOOD, replace(again, kept=False)) == []


def test_the_same_words_on_another_base_are_no_rerun() -> None:
    """A change may be tried again once others were kept; a title that was cut short tells nothing."""
    other = replace(GOOD, number=2, base=1, title="DEPTH 8 -> 9", value=1.8, fingerprint="print2")
    again = replace(GOOD, number=3, base=2, value=1.7, fingerprint="print3")
    assert flags(GOOD, other, again) == []
    cut = replace(GOOD, title="a long story…", fingerprint="")
    assert flags(cut, replace(cut, number=2, base=1, value=1.8)) == []


@pytest.mark.parametrize(
    ("title", "constants", "odd"),
    [
        ("change the random seed from 42 to 137", (), True),
        ("torch seed 42->0", (), True),
        ("SEED=42", (), True),
        ("whatever", ("RANDOM_SEED",), True),
        ("seed 42 and DEPTH 8 -> 9", ("SEED", "DEPTH"), False),
        ("MLP_MULT=5 SEED=1337", (), False),
        ("seed the queue with two vertices", (), False),
    ],
)
def test_a_keep_of_nothing_but_a_seed_is_flagged(title: str, constants: Sequence[str], odd: bool) -> None:
    """Only where nothing else changes."""
    found = flags(replace(GOOD, title=title, constants=tuple(constants)))
    assert ((1, "seed", 0) in found) is odd


def test_a_keep_without_a_gain_is_flagged() -> None:
    """Worse and equal are; a simplification is excused, and so is one without a value."""
    for value in (2.0, 2.1):
        assert flags(replace(GOOD, value=value)) == [(1, "no gain", 0)]
    assert flags(replace(GOOD, value=2.0, excused=True)) == flags(replace(GOOD, value=None)) == []
    assert flags(replace(GOOD, value=1.9), metric=SCORE) == [(1, "no gain", 0)]


def test_imported_experiments_are_read_alike() -> None:
    """The oddities of a log come out with the numbers that an import gives its experiments."""
    log = (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
        "aaaaaaa\t1.20\t1\tkeep\tbaseline\n"
        "bbbbbbb\t1.10\t1\tkeep\tWARMUP 10 -> 20\n"
        "ccccccc\t1.09\t1\tkeep\tchange random seed from 42 to 7\n"
        "ddddddd\t1.15\t1\tkeep\tDEPTH 8 -> 9\n"
        "eeeeeee\t0.01\t1\tkeep\tWIDTH 8 -> 9\n"
    )
    reading = read(log.encode())
    found = [
        Result(n, u.proposal.parent, u.proposal.idea.title, u.decision.status == "keep", u.outcome.value)  # type: ignore[union-attr]
        for n, u in enumerate(experiments(reading, "log", 0))
    ]
    assert [(a.number, a.oddity) for a in anomalies(found, reading.metric)] == [
        (2, "seed"),
        (3, "no gain"),
        (4, "collapse"),
    ]


@given(
    st.lists(
        st.tuples(st.text(max_size=12), st.booleans(), st.none() | st.floats(allow_nan=True), st.integers(0, 30)),
        max_size=20,
    )
)
def test_every_flag_is_of_a_result_and_names_one_before(rows: list[tuple[str, bool, float | None, int]]) -> None:
    """Whatever the record: flags come in order, of results that are there, against results that were there."""
    study = [
        Result(n, base if base < n else None, text, kept, value) for n, (text, kept, value, base) in enumerate(rows)
    ]
    found = anomalies(study, LOSS)
    assert [one.number for one in found] == sorted(one.number for one in found)
    assert all(one.other is None or one.other < one.number for one in found)
    assert results(()) == ()
