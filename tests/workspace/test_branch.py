"""The study branch: commits, keeps, the outer tier's writing, and the person's checkout beside them."""

from __future__ import annotations

import os
import threading
import time

import pytest
from person import BRANCH, TRAIN, repository, workspace

from deep_loop.adapters.workspace.person import PersonCheckout
from deep_loop.adapters.workspace.plumbing import Git
from deep_loop.adapters.workspace.repository import open_repository
from deep_loop.adapters.workspace.store import Store
from deep_loop.errors import WorkspaceError


@pytest.fixture
def person(tmp_path):
    return repository(tmp_path / "lab")


@pytest.fixture
def lab(person):
    lab = workspace(person.root)
    lab.enter(None)
    return lab


def attempt(lab, text, base=None):
    """An experiment's commit."""
    return lab.commit(base or lab.head(), {"train.py": text}, "raise the rate\n\nWhy not.\n\nProposed-by: test\n")


def test_a_commit_moves_nothing(person, lab):
    """It is a child of its base with these files, in nobody's checkout and on no branch."""
    head = lab.head()
    commit = attempt(lab, "X = 1\r\n")
    assert lab.head() == head
    assert person.status() == []
    assert person.git("rev-parse", f"{commit}^") == head
    assert lab.read(commit, "train.py") == "X = 1\r\n"
    assert lab.read(commit, "prepare.py") == lab.read(head, "prepare.py")


def test_a_commit_keeps_a_files_mode(person):
    """An executable script stays one; a new file is an ordinary one."""
    (person.root / "train.py").chmod(0o755)
    head = person.commit()
    lab = workspace(person.root, editable=["*.py"])
    commit = lab.commit(head, {"train.py": "X = 1\n", "new.py": "Y = 1\n"}, "try")
    modes = {line.split("\t")[1]: line.split()[0] for line in person.git("ls-tree", commit).splitlines()}
    assert (modes["train.py"], modes["new.py"]) == ("100755", "100644")


def test_files_are_the_editable_ones_as_committed(person):
    """Patterns choose; line ends and odd bytes survive reading; links are no files."""
    person.put("src/a/b.py", "A = 1\r\nB = 'é'\n")
    (person.root / "src" / "raw.py").write_bytes(b"X = '\xff'\n")
    (person.root / "src" / "link.py").symlink_to("../train.py")
    head = person.commit()
    files = workspace(person.root, editable=["train.py", "src/**/*.py"]).files(head)
    assert dict(files) == {"train.py": TRAIN, "src/a/b.py": "A = 1\r\nB = 'é'\n", "src/raw.py": "X = '\ufffd'\n"}


def test_read_and_subjects(person, lab):
    """A missing file is None; subjects come newest first, bounded."""
    lab.write({"process_log.md": "x\n"}, "meta: one\n\nbody", lab.head())
    assert lab.read(lab.head(), "process_log.md") == "x\n"
    assert lab.read(lab.head(), "nothing.md") is None
    assert lab.subjects(2) == ("meta: one", "start")
    assert lab.subjects(1) == ("meta: one",)


def test_experiments_stay_reachable(person, lab):
    """Each has a ref of its own, which can be moved and removed."""
    first, second = attempt(lab, "X = 1\n"), attempt(lab, "X = 2\n")
    lab.keep_reachable("3", first)
    lab.keep_reachable("3", second)
    lab.keep_reachable("3-r1", first)
    assert person.git("rev-parse", "refs/deep-loop/exp1/3", "refs/deep-loop/exp1/3-r1").split() == [second, first]
    assert sorted(lab.reachable()) == ["3", "3-r1"]
    lab.keep_reachable("3", None)
    lab.keep_reachable("3", None)
    assert lab.reachable() == ("3-r1",)
    assert person.git("for-each-ref", "--format=%(refname)", "refs/deep-loop") == "refs/deep-loop/exp1/3-r1"


def test_nothing_is_written_over_what_moved_the_branch(person, lab):
    """Where somebody committed meanwhile their text stays, and the caller hears of it."""
    seen = lab.head()
    person.write(program__md="# Mine\n")
    mine = person.commit("mine")
    assert lab.write({"program.md": "# v1\n"}, "meta: v1", seen) is None
    assert (lab.head(), person.text("program.md"), person.status()) == (mine, "# Mine\n", [])
    assert lab.write({"program.md": "# v1\n"}, "meta: v1", mine) == lab.head()


def test_a_keep_on_the_head_extends_the_branch(person, lab):
    """The experiment's own commit becomes the head, and the checkout follows without a trace of edits."""
    commit = attempt(lab, "X = 1\n")
    assert lab.settle(1, commit, "keep") == commit == lab.head()
    assert person.text("train.py") == "X = 1\n"
    assert (person.where(), person.status(), lab.notices) == (BRANCH, [], [])


def test_a_keep_on_an_old_base_takes_the_place_of_the_editable_files_only(person, lab):
    """Commits made meanwhile stay; the new one says which experiment it stands for."""
    commit = attempt(lab, "X = 1\n")
    meta = lab.write({"program.md": "# v1\n"}, "meta: v1", lab.head())
    head = lab.settle(7, commit, "raise the rate\n\nWhy not.\n\nProposed-by: test\n")
    assert person.git("rev-parse", f"{head}^") == meta
    assert (person.text("train.py"), person.text("program.md")) == ("X = 1\n", "# v1\n")
    trailers = person.git("log", "-1", "--format=%(trailers:only,unfold)", head).splitlines()
    assert trailers == ["Proposed-by: test", "Deep-Loop-Experiment: 7", f"Deep-Loop-Source: {commit}"]
    assert person.status() == []


def test_a_keep_takes_editable_files_out_that_the_experiment_does_not_have(person):
    """The head's editable files become exactly the experiment's."""
    lab = workspace(person.root, editable=["train.py", "src/**"])
    lab.enter(None)
    commit = attempt(lab, "X = 1\n")
    person.put("src/extra.py", "E = 1\n")
    person.commit("a person's file")
    lab.settle(1, commit, "keep")
    assert not (person.root / "src" / "extra.py").exists()
    assert person.status() == []


def test_settling_twice_changes_nothing(person, lab):
    """Whether the commit is on the branch itself or another stands for it, and whatever came after."""
    one = attempt(lab, "X = 1\n")
    head = lab.settle(1, one, "one")
    assert lab.settle(1, one, "one") == head
    two = attempt(lab, "X = 2\n", base=person.git("rev-parse", "main"))
    head = lab.settle(2, two, "two")
    assert lab.settle(2, two, "two") == head
    head = lab.write({"process_log.md": "x\n"}, "meta: x", lab.head())
    for number, commit in ((1, one), (2, two)):
        assert workspace(person.root).settle(number, commit, "again") == head


def test_writing_the_same_twice_makes_one_commit(person, lab):
    """A meta-analysis repeated after a kill leaves one commit."""
    head = lab.write({"program.md": "# v1\n", "next-hypotheses.md": "# Next\n"}, "meta: v1", lab.head())
    assert lab.write({"program.md": "# v1\n", "next-hypotheses.md": "# Next\n"}, "meta: v1", lab.head()) == head
    assert person.text("next-hypotheses.md") == "# Next\n"
    assert person.status() == []


def test_only_a_keep_changes_editable_files(lab):
    """A write of an editable file is a bug of the caller's."""
    with pytest.raises(ValueError, match=r"train\.py"):
        lab.write({"train.py": "X = 1\n"}, "meta: cheat", lab.head())


def test_elsewhere_only_the_branch_moves(person, lab):
    """A person on another branch, or on none, is not disturbed."""
    for move in (("switch", "--quiet", "main"), ("checkout", "--quiet", "--detach")):
        person.git(*move)
        before = person.git("rev-parse", "HEAD")
        new = lab.settle(1, attempt(lab, f"X = {len(move[0])}\n"), "keep")
        assert lab.head() == new
        assert person.git("rev-parse", "HEAD") == before
        assert (person.text("train.py"), person.status(), lab.notices) == (TRAIN, [], [])


def test_edits_of_other_files_survive_a_keep(person, lab):
    """Staged, unstaged and untracked work on other files is still there, as it was."""
    person.write(program__md="# being written\n", notes__txt="hi\n", prepare__py="TIME_BUDGET = 3\n")
    person.git("add", "prepare.py")
    lab.settle(1, attempt(lab, "X = 1\n"), "keep")
    assert person.text("train.py") == "X = 1\n"
    assert person.status() == ["M  prepare.py", " M program.md", "?? notes.txt"]
    assert person.where() == BRANCH


@pytest.mark.parametrize("stage", [False, True])
def test_an_edit_in_the_way_leaves_the_checkout_behind(person, lab, stage):
    """The person's edit is untouched, HEAD is detached at its old commit, a notice says how to go on."""
    old = lab.head()
    person.write(train__py="MINE = 1\n")
    if stage:
        person.git("add", "train.py")
    new = lab.settle(1, attempt(lab, "X = 1\n"), "keep")
    assert lab.head() == new
    assert person.text("train.py") == "MINE = 1\n"
    assert (person.where(), person.git("rev-parse", "HEAD")) == ("HEAD", old)
    assert len(lab.notices) == 1
    assert f"git switch {BRANCH}" in lab.notices[0]
    lab.settle(2, attempt(lab, "X = 2\n"), "keep")
    assert len(lab.notices) == 1
    person.git("stash")
    person.git("switch", "--quiet", BRANCH)
    assert person.text("train.py") == "X = 2\n"


def test_an_untracked_file_in_the_way_is_not_overwritten(person, lab):
    """The outer tier writes its file; the person's of the same name stays."""
    person.write(process_log__md="my own log\n")
    lab.write({"process_log.md": "# Log\n"}, "meta: x", lab.head())
    assert person.text("process_log.md") == "my own log\n"
    assert person.where() == "HEAD"
    assert lab.read(lab.head(), "process_log.md") == "# Log\n"


def test_a_touched_file_is_no_edit(person, lab):
    """A new time stamp alone does not stop the checkout from following."""
    os.utime(person.root / "train.py", (1, 1))
    lab.settle(1, attempt(lab, "X = 1\n"), "keep")
    assert (person.text("train.py"), person.where(), lab.notices) == ("X = 1\n", BRANCH, [])


def test_a_leftover_index_lock_is_reported_and_left(person, lab):
    """It may be a living git's; the study goes on without the checkout."""
    lock = person.root / ".git" / "index.lock"
    lock.touch()
    new = lab.settle(1, attempt(lab, "X = 1\n"), "keep")
    assert lab.head() == new
    assert lock.exists()
    assert "index.lock" in lab.notices[0]
    assert person.where() == "HEAD"


def test_a_persons_commit_in_between_is_built_upon(person, lab):
    """The branch moved since the experiment began: the keep goes on top of what the person did."""
    commit = attempt(lab, "X = 1\n")
    person.write(notes__txt="hi\n")
    theirs = person.commit("notes")
    head = lab.settle(1, commit, "keep")
    assert person.git("rev-parse", f"{head}^") == theirs
    assert (person.text("train.py"), person.text("notes.txt"), person.status()) == ("X = 1\n", "hi\n", [])


def test_a_branch_that_moves_at_that_very_moment_is_tried_again(person, lab):
    """The checkout was brought along already: it ends at what the branch became, with nothing lost."""
    old, ours = lab.head(), attempt(lab, "X = 1\n")
    theirs = lab.commit(old, {"notes.txt": "hi\n"}, "notes")
    person.git("update-ref", f"refs/heads/{BRANCH}", theirs)
    person.git("reset", "--quiet", "--hard")
    git = Git(person.root)
    store = Store(git, person.root / ".deep-loop" / "tmp", ["train.py"])
    checkout = PersonCheckout(open_repository(person.root, git), store, BRANCH, [])
    assert checkout.advance(old, ours, "too late") is False
    assert lab.head() == theirs
    assert (person.status(), person.text("train.py"), person.text("notes.txt")) == ([], TRAIN, "hi\n")
    head = lab.settle(1, ours, "keep")
    assert person.git("rev-parse", f"{head}^") == theirs


def test_a_commit_made_just_before_a_move_is_never_undone(person, lab):
    """The move is refused and HEAD stays on the branch, with the person's commit, not detached at what was before."""
    old, ours = lab.head(), attempt(lab, "X = 1\n")
    person.write(train__py="X = 7\n")  # stands in the way of the files of the move
    person.git("commit", "--quiet", "-am", "mine")
    mine = lab.head()
    git = Git(person.root)
    store = Store(git, person.root / ".deep-loop" / "tmp", ["train.py"])
    checkout = PersonCheckout(open_repository(person.root, git), store, BRANCH, notices := [])
    assert checkout.advance(old, ours, "too late") is False
    assert (lab.head(), person.where(), person.status(), notices) == (mine, BRANCH, [], [])


def test_a_deleted_branch_is_said(person, lab):
    """The hint says how to bring it back."""
    old = lab.head()
    person.git("switch", "--quiet", "main")
    person.git("branch", "-D", BRANCH)
    for call in (lab.head, lab.sync):
        with pytest.raises(WorkspaceError) as caught:
            call()
        assert caught.value.hint.endswith(f"git branch {BRANCH} {old}")


def test_a_diff_is_plain(person, lab):
    """Whatever a person configured for their own eyes."""
    person.git("config", "color.ui", "always")
    person.git("config", "diff.noprefix", "true")
    commit = attempt(lab, TRAIN.replace("1e-3", "2e-3"))
    shown = lab.diff(lab.head(), commit)
    assert "--- a/train.py\n+++ b/train.py\n" in shown
    assert "-RATE = 1e-3\n+RATE = 2e-3\n" in shown
    assert "\x1b" not in shown


def test_a_sparse_checkout_does_not_thin_commits(person, lab):
    """Commits and run folders hold every file, whatever the person has checked out."""
    person.put("deep/er.txt", "x\n")
    person.commit("deep")
    person.git("sparse-checkout", "set", "nothing")
    new = lab.settle(1, attempt(lab, "X = 1\n"), "keep")
    assert lab.read(new, "deep/er.txt") == "x\n"
    assert (lab.folder(new, "1") / "deep" / "er.txt").exists()


# --- after a kill ------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["nothing", "files", "files and index", "branch too"])
def test_a_move_cut_short_is_rolled_forward(person, lab, written):
    """Wherever a kill struck, the next run finds a clean checkout at the new head, and settles to the same."""
    old = lab.head()
    new = lab.commit(old, {"train.py": "X = 1\n", "src/new.py": "N = 1\n"}, "keep")
    (person.root / ".deep-loop" / "moving").write_text(f"{old} {new}\n")
    if written == "files":
        person.put("train.py", "X = 1\n")
        person.put("src/new.py", "N = 1\n")
    elif written != "nothing":
        person.git("read-tree", "-m", "-u", old, new)
    if written == "branch too":
        person.git("update-ref", f"refs/heads/{BRANCH}", new)
    resumed = workspace(person.root)
    resumed.enter(None)
    resumed.recover()
    assert resumed.settle(1, new, "keep") == new == resumed.head()
    assert (person.status(), person.where(), resumed.notices) == ([], BRANCH, [])
    assert person.text("src/new.py") == "N = 1\n"


def test_a_move_cut_short_never_overwrites_a_person(person, lab):
    """An edit made since then stays, and is spoken of."""
    old, new = lab.head(), attempt(lab, "X = 1\n")
    (person.root / ".deep-loop" / "moving").write_text(f"{old} {new}\n")
    person.write(train__py="MINE = 1\n")
    resumed = workspace(person.root)
    resumed.enter(None)
    assert "cut short" in resumed.notices[0]
    assert resumed.settle(1, new, "keep") == new
    assert person.text("train.py") == "MINE = 1\n"


def test_recovering_clears_what_a_dead_harness_left(person, lab):
    """Folders, temporary indexes and locks of ours go; the person's index lock is reported."""
    head = lab.head()
    folders = [lab.folder(head, "1"), lab.checkout(head, "copy"), person.root / ".deep-loop" / "tmp" / "index-x"]
    folders[2].mkdir(parents=True)
    (folders[0] / "sealed").mkdir()
    (folders[0] / "sealed" / "file").touch()
    (folders[0] / "sealed").chmod(0)
    lab.keep_reachable("1", head)
    refs = person.root / ".git" / "refs"
    locks = [refs / "deep-loop" / "exp1" / "1.lock", refs / "heads" / "deep-loop" / "exp1.lock"]
    for lock in locks:
        lock.touch()
        os.utime(lock, (time.time() - 60,) * 2)
    index_lock = person.root / ".git" / "index.lock"
    index_lock.touch()
    resumed = workspace(person.root)
    resumed.recover()
    resumed.recover()
    assert [path for path in (*folders, *locks) if path.exists()] == []
    assert index_lock.exists()
    assert len(resumed.notices) == 1
    assert "index.lock" in resumed.notices[0]


def test_a_young_lock_of_the_branch_may_be_a_persons(person, lab):
    """A commit may be under way at this moment: it is waited for."""
    lock = person.root / ".git" / "refs" / "heads" / "deep-loop" / "exp1.lock"
    lock.touch()
    found = []

    def end_the_commit():
        time.sleep(0.5)
        found.append(lock.exists())
        lock.unlink()

    commit = threading.Thread(target=end_the_commit)
    commit.start()
    lab.recover()
    commit.join()
    assert found == [True]
