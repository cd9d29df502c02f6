"""Seeds are derived, never drawn."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.seed import derive, places

paths = st.lists(st.integers(0, 10**6) | st.text("abc", min_size=1), max_size=4)


@given(st.integers(0, 2**63), paths)
def test_a_seed_fits_everywhere(study: int, place: list[int | str]) -> None:
    """It is the same whenever it is asked for, and fits a signed 32-bit integer."""
    assert derive(study, *place) == derive(study, *place)
    assert 0 <= derive(study, *place) < 2**31


def test_a_seed_never_changes_between_versions() -> None:
    """A study of an older version goes on with the same seeds: SHA-256 of `7/run/12/0/1`, its first 31 bits."""
    assert derive(7, "run", 12, 0, 1) == 0x3E61AB13


def test_places_have_seeds_of_their_own() -> None:
    """Two thousand runs of two studies share no seed."""
    assert len({derive(study, "run", n) for study in (0, 1) for n in range(1000)}) == 2000


def test_a_candidate_takes_its_rivals_latest_seeds_in_turn_and_then_the_next() -> None:
    """Each number begins with another of them; without any, the row is taken from its beginning."""
    assert list(itertools.islice(places(1, 3), 5)) == [1, 2, 0, 3, 4]
    assert list(itertools.islice(places(2, 3), 5)) == [2, 0, 1, 3, 4]
    assert list(itertools.islice(places(5, 0), 3)) == [0, 1, 2]
    assert {next(places(number, 20)) for number in range(50)} == set(range(12, 20))
