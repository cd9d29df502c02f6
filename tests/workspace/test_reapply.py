"""A change made on another base: it applies, or it is given up; nothing in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from person import TRAIN, repository, workspace


@pytest.fixture
def person(tmp_path):
    return repository(tmp_path / "lab")


@pytest.fixture
def lab(person):
    lab = workspace(person.root, editable=["train.py", "src/**/*.py"])
    lab.enter(None)
    return lab


def on_both(lab, ours, theirs):
    """Make `theirs` on the start, and re-apply it on `ours`, made there too."""
    base = lab.head()
    onto = lab.commit(base, ours, "ours")
    return lab.reapply(lab.commit(base, theirs, "theirs"), onto)


def test_changes_far_apart_are_both_there(lab):
    """git's own merge of lines."""
    ours, theirs = TRAIN.replace("1e-3", "2e-3"), TRAIN.replace("main()\n", "main()  # go\n")
    both = ours.replace("main()\n", "main()  # go\n")
    assert on_both(lab, {"train.py": ours}, {"train.py": theirs}) == {"train.py": both}


def test_constants_on_neighbouring_lines_are_both_there(lab):
    """What git takes for a conflict is none between constants."""
    ours, theirs = TRAIN.replace("1e-3", "2e-3"), TRAIN.replace("64", "96").replace("DEPTH = 2", "DEPTH = 3")
    both = theirs.replace("1e-3", "2e-3")
    assert on_both(lab, {"train.py": ours}, {"train.py": theirs}) == {"train.py": both}


def test_the_same_constant_moved_alike_is_no_conflict(lab):
    """Two who agree agree."""
    ours, theirs = TRAIN.replace("1e-3", "2e-3"), TRAIN.replace("1e-3", "2e-3").replace("64", "96")
    assert on_both(lab, {"train.py": ours}, {"train.py": theirs}) == {"train.py": theirs}


def test_the_same_constant_moved_apart_is_a_conflict(lab):
    """Nobody decides between two values here."""
    assert on_both(lab, {"train.py": TRAIN.replace("64", "32")}, {"train.py": TRAIN.replace("64", "96")}) is None


def test_code_that_conflicts_is_a_conflict(lab):
    """Constants are merged one by one only where nothing else differs."""
    ours = TRAIN.replace("print(", "print('a', ").replace("1e-3", "2e-3")
    theirs = TRAIN.replace("print(", "print('b', ")
    assert on_both(lab, {"train.py": ours}, {"train.py": theirs}) is None


def test_a_merge_that_does_not_parse_is_a_conflict(lab):
    """Lines that fit together may make no program."""
    base = "A = [\n    1,\n    2,\n    3,\n    4,\n]\nB = 1\nC = 1\nD = 1\n"
    start = lab.commit(lab.head(), {"train.py": base}, "start")
    ours = lab.commit(start, {"train.py": base.replace("A = [\n", "A = (\n").replace("4,\n]", "4,\n)")}, "ours")
    theirs = lab.commit(start, {"train.py": base.replace("    2,\n", "    2,\n]\nE = [\n")}, "theirs")
    assert lab.reapply(theirs, ours) is None


def test_files_that_only_one_side_touched_are_taken_whole(lab):
    """New files, and files that the other side left alone."""
    found = on_both(lab, {"train.py": "X = 1\n"}, {"src/new.py": "N = 1\n"})
    assert found == {"train.py": "X = 1\n", "src/new.py": "N = 1\n"}


def test_two_new_files_of_one_name_are_a_conflict(lab):
    """Unless they are the same."""
    assert on_both(lab, {"src/new.py": "N = 1\n"}, {"src/new.py": "N = 2\n"}) is None
    assert on_both(lab, {"src/new.py": "N = 1\n"}, {"src/new.py": "N = 1\n"}) == {
        "train.py": TRAIN,
        "src/new.py": "N = 1\n",
    }


def test_onto_its_own_base_it_is_itself(lab):
    """A base that did not move changes nothing."""
    commit = lab.commit(lab.head(), {"train.py": "X = 1\n"}, "try")
    assert lab.reapply(commit, lab.head()) == lab.files(commit)


def test_line_ends_survive(lab):
    """A file with CRLF stays one."""
    base = TRAIN.replace("\n", "\r\n")
    start = lab.commit(lab.head(), {"train.py": base}, "start")
    ours = lab.commit(start, {"train.py": base.replace("1e-3", "2e-3")}, "ours")
    theirs = lab.commit(start, {"train.py": base.replace("print(", "print(0, ")}, "theirs")
    assert lab.reapply(theirs, ours) == {"train.py": base.replace("1e-3", "2e-3").replace("print(", "print(0, ")}


def test_files_can_be_asked_for_by_many_threads(lab):
    """Proposers look at old commits while the owner works."""
    commits = [lab.commit(lab.head(), {"train.py": f"X = {n}\n"}, "try") for n in range(6)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lab.files, commits * 8))
    assert [files["train.py"] for files in found] == [f"X = {n}\n" for n in range(6)] * 8
