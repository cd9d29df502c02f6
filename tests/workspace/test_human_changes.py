"""What a person does to a running study is seen, reported once, and never lost."""

from __future__ import annotations

import pytest
from person import BRANCH, FILES, repository, workspace


@pytest.fixture
def person(tmp_path):
    return repository(tmp_path / "lab")


@pytest.fixture
def lab(person):
    lab = workspace(person.root)
    lab.enter(None)
    return lab


def kinds(changes):
    return [(change.kind, change.paths) for change in changes]


def test_nothing_happened(lab):
    """A look at an untouched workspace reports nothing."""
    assert [list(lab.sync()) for _ in range(3)] == [[], [], []]


def test_the_harness_own_commits_are_not_reported(lab):
    """Neither keeps nor the outer tier's writing count as a person's."""
    base = lab.head()
    lab.settle(1, lab.commit(base, {"train.py": "X = 1\n"}, "one"), "one")
    lab.write({"program.md": "# v1\n"}, "meta: v1", lab.head())
    lab.settle(2, lab.commit(base, {"train.py": "X = 2\n"}, "two"), "two")
    assert list(lab.sync()) == []


def test_an_edited_program_is_committed(person, lab):
    """The edit is on the branch as `human: ...`, the checkout is clean, and it is reported once."""
    person.write(program__md="# Problem\n\nNow better.\n")
    changes = lab.sync()
    assert kinds(changes) == [("program", ("program.md",))]
    assert changes[0].commit == lab.head()
    assert lab.subjects(1) == ("human: edit program.md",)
    assert lab.read(lab.head(), "program.md") == "# Problem\n\nNow better.\n"
    assert (person.status(), person.where()) == ([], BRANCH)
    assert list(lab.sync()) == []


def test_hypotheses_that_a_person_plants_are_committed(person, lab):
    """Also where the file is new: the study reads the branch, and a later rewrite finds nothing in its way."""
    person.put("next-hypotheses.md", "## Try more\n- set: RATE = 2e-3\n")
    assert kinds(lab.sync()) == [("other", ("next-hypotheses.md",))]
    assert lab.subjects(1) == ("human: edit next-hypotheses.md",)
    lab.write({"next-hypotheses.md": "# Ranked\n"}, "meta: v1", lab.head())
    assert (person.status(), person.where(), person.text("next-hypotheses.md")) == ([], BRANCH, "# Ranked\n")
    assert (list(lab.sync()), lab.notices) == ([], [])


def test_a_staged_program_is_committed_with_the_text_on_disk(person, lab):
    """Other staged work stays staged."""
    person.write(program__md="# staged\n", notes__txt="hi\n")
    person.git("add", ".")
    person.write(program__md="# on disk\n")
    lab.sync()
    assert lab.read(lab.head(), "program.md") == "# on disk\n"
    assert lab.read(lab.head(), "notes.txt") is None
    assert person.status() == ["A  notes.txt"]


def test_edits_follow_each_other(person, lab):
    """Every look takes what is there by then."""
    for turn in range(3):
        person.write(program__md=f"# Problem {turn}\n" + "x" * turn)
        assert len(lab.sync()) == 1
    assert lab.subjects(3) == ("human: edit program.md",) * 3


def test_a_program_being_saved_is_waited_for(person, lab):
    """An empty file is an editor at work; a missing one, or one only touched, is no edit."""
    person.write(program__md="")
    assert list(lab.sync()) == []
    (person.root / "program.md").unlink()
    assert list(lab.sync()) == []
    person.write(program__md=FILES["program.md"])
    assert list(lab.sync()) == []


def test_a_persons_edit_survives_the_outer_tiers_writing(person, lab):
    """An edit that was not looked at yet stays in the checkout when the harness writes the same file."""
    person.write(program__md="# mine\n")
    lab.write({"program.md": "# v1\n"}, "meta: v1", lab.head())
    assert person.text("program.md") == "# mine\n"
    assert lab.notices


def test_a_program_edited_elsewhere_is_not_the_studys(person, lab):
    """On another branch, the file is another one."""
    person.git("switch", "--quiet", "main")
    person.write(program__md="# main's\n")
    assert list(lab.sync()) == []
    assert person.status() == [" M program.md"]


def test_a_locked_index_delays_the_commit(person, lab):
    """The edit is taken up as soon as git can; it is spoken of once."""
    person.write(program__md="# mine\n")
    lock = person.root / ".git" / "index.lock"
    lock.touch()
    assert [list(lab.sync()) for _ in range(2)] == [[], []]
    assert len(lab.notices) == 1
    lock.unlink()
    assert kinds(lab.sync()) == [("program", ("program.md",))]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["train.py"], ["code"]),
        (["program.md"], ["program"]),
        (["notes.txt"], ["other"]),
        (["prepare.py", "train.py", "program.md"], ["code", "program"]),
    ],
)
def test_a_persons_commit_is_reported_by_what_it_touches(person, lab, paths, expected):
    """Editable files and the program are told apart from the rest."""
    for path in paths:
        person.put(path, "X = 9\n")
    commit = person.commit()
    changes = lab.sync()
    assert kinds(changes) == [(kind, tuple(sorted(paths))) for kind in expected]
    assert {change.commit for change in changes} == {commit}
    assert list(lab.sync()) == []


def test_commits_between_the_harness_own_are_found(person, lab):
    """Ours and theirs are told apart, in order, even where nobody looked in between."""
    lab.settle(1, lab.commit(lab.head(), {"train.py": "X = 1\n"}, "one"), "one")
    person.write(notes__txt="a\n")
    first = person.commit("notes")
    lab.write({"process_log.md": "x\n"}, "meta: x", lab.head())
    person.write(train__py="X = 3\n")
    second = person.commit("by hand")
    assert [(c.kind, c.commit) for c in lab.sync()] == [("other", first), ("code", second)]


def test_commits_made_while_no_harness_ran_are_found(person, lab):
    """The next harness reports them, and only them."""
    lab.settle(1, lab.commit(lab.head(), {"train.py": "X = 1\n"}, "one"), "one")
    person.write(train__py="X = 3\n")
    commit = person.commit("by hand")
    resumed = workspace(person.root)
    resumed.enter(None)
    assert [(c.kind, c.commit) for c in resumed.sync()] == [("code", commit)]
    assert list(resumed.sync()) == []


def test_going_back_is_a_change_of_what_differs(person, lab):
    """A branch that a person reset is reported as one change."""
    start = lab.head()
    lab.settle(1, lab.commit(start, {"train.py": "X = 1\n"}, "one"), "one")
    lab.sync()
    person.git("reset", "--quiet", "--hard", start)
    assert [(c.kind, c.commit, c.paths) for c in lab.sync()] == [("code", start, ("train.py",))]


def test_a_long_history_is_one_change(person, lab):
    """A person who brings in many commits at once is one event."""
    for number in range(60):
        person.git("commit", "--quiet", "--allow-empty", "-m", str(number))
    person.write(train__py="X = 3\n")
    head = person.commit("last")
    assert [(c.kind, c.commit) for c in lab.sync()] == [("code", head)]


def test_a_new_study_under_an_old_name_starts_afresh(person, lab):
    """What a deleted study had seen says nothing about the next one."""
    lab.settle(1, lab.commit(lab.head(), {"train.py": "X = 1\n"}, "one"), "one")
    lab.sync()
    person.git("switch", "--quiet", "main")
    person.git("branch", "-D", BRANCH)
    again = workspace(person.root)
    again.enter(None)
    assert list(again.sync()) == []
