"""Entering a study: what is refused, what comes along, what is left alone."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from person import BRANCH, FILES, TRAIN, Person, repository, workspace

from deep_loop.errors import WorkspaceError


@pytest.fixture
def person(tmp_path):
    return repository(tmp_path / "a lab – ünï")


def refusal(root: Path, *, start: str | None = None, **changes) -> WorkspaceError:
    """The error of a first run that has to be refused: one line, with a hint."""
    with pytest.raises(WorkspaceError) as caught:
        workspace(root, **changes).enter(start)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def test_a_clean_checkout_goes_onto_the_new_branch(person):
    """The branch starts at HEAD, the person's files stay, the state folder is invisible to git."""
    lab = workspace(person.root)
    lab.enter(None)
    assert person.where() == BRANCH
    assert lab.head() == person.git("rev-parse", "main")
    assert person.status() == []
    assert lab.notices == []


def test_a_study_can_start_elsewhere(person):
    """`start` names any commit; the checkout follows."""
    old = person.git("rev-parse", "HEAD")
    person.write(train__py=TRAIN.replace("64", "32"))
    person.commit()
    lab = workspace(person.root)
    lab.enter(old)
    assert lab.head() == old
    assert person.text("train.py") == TRAIN


def test_a_study_starts_from_a_detached_head(person):
    """A commit is a place to start from, with or without a branch."""
    person.git("checkout", "--quiet", "--detach")
    workspace(person.root).enter(None)
    assert person.where() == BRANCH


@pytest.mark.parametrize("stage", [False, True])
@pytest.mark.parametrize("path", ["train.py", "prepare.py"])
def test_uncommitted_edits_refuse_the_first_run(person, path, stage):
    """Edits of editable or protected files, staged or not, are named, and nothing has moved."""
    person.put(path, "X = 1\n")
    if stage:
        person.git("add", path)
    error = refusal(person.root)
    assert str(error) == f"the workspace has 1 uncommitted change(s): {path}"
    assert "commit or stash" in error.hint
    assert person.where() == "main"


def test_new_files_at_editable_places_refuse_the_first_run(person):
    """An untracked file that experiments may change is uncommitted work; at most three paths are named."""
    for name in "abcde":
        person.put(f"src/{name}.py", "X = 1\n")
    error = refusal(person.root, editable=["train.py", "src/**/*.py"])
    assert str(error) == "the workspace has 5 uncommitted change(s): src/a.py, src/b.py, src/c.py and 2 more"


def test_other_edits_come_along(person):
    """Notes, a program being written and ignored files are no obstacle."""
    person.write(notes__txt="hello\n", program__md="# Problem\n\nAnother.\n")
    person.put("data/x.bin", "1")
    workspace(person.root).enter(None)
    assert person.where() == BRANCH
    assert person.text("program.md") == "# Problem\n\nAnother.\n"
    assert person.text("notes.txt") == "hello\n"


def test_entering_twice_changes_nothing(person):
    """Resuming on the branch is fine."""
    workspace(person.root).enter(None)
    again = workspace(person.root)
    again.enter(None)
    assert (person.where(), again.notices, person.status()) == (BRANCH, [], [])


def test_a_resume_returns_to_the_branch(person):
    """A clean checkout elsewhere is switched back."""
    workspace(person.root).enter(None)
    person.git("switch", "--quiet", "main")
    lab = workspace(person.root)
    lab.enter(None)
    assert (person.where(), lab.notices) == (BRANCH, [])


def test_a_resume_elsewhere_over_edits_goes_on_without_the_checkout(person):
    """The person's edits stay where they are; a notice says so."""
    workspace(person.root).enter(None)
    person.git("switch", "--quiet", "main")
    person.write(train__py="X = 2\n")
    lab = workspace(person.root)
    lab.enter(None)
    assert person.where() == "main"
    assert person.text("train.py") == "X = 2\n"
    assert "train.py" in lab.notices[0]


def test_a_resume_that_git_refuses_goes_on_without_the_checkout(person):
    """git's own reason is in the notice."""
    lab = workspace(person.root)
    lab.enter(None)
    lab.write({"process_log.md": "# Log\n"}, "meta: first", lab.head())
    person.git("switch", "--quiet", "main")
    person.write(process_log__md="mine\n")
    lab = workspace(person.root)
    lab.enter(None)
    assert person.where() == "main"
    assert person.text("process_log.md") == "mine\n"
    assert "goes on without it" in lab.notices[0]


def test_a_resume_over_edits_on_the_branch_says_that_they_do_not_count(person):
    """An uncommitted edit is no part of the study."""
    workspace(person.root).enter(None)
    person.write(train__py="X = 2\n")
    lab = workspace(person.root)
    lab.enter(None)
    assert "train.py" in lab.notices[0]
    assert person.text("train.py") == "X = 2\n"


def test_another_start_on_a_resume_is_said_to_be_ignored(person):
    """A study has one beginning; the same command again says nothing."""
    workspace(person.root).enter("main")
    lab = workspace(person.root)
    lab.enter("main")
    assert lab.notices == []
    person.git("switch", "--quiet", "main")
    person.commit("elsewhere")
    lab = workspace(person.root)
    lab.enter("main")
    assert "not from main" in lab.notices[0]


def test_no_repository(tmp_path):
    """The hint says how to get one."""
    assert "not a git repository" in str(refusal(tmp_path))
    assert "folder" in str(refusal(tmp_path / "missing"))


def test_no_commit(tmp_path):
    """An unborn branch has nothing to start from."""
    Person(tmp_path).git("init", "--quiet")
    assert "no commit yet" in str(refusal(tmp_path))


def test_a_bare_repository(tmp_path):
    """It has no files to work on."""
    Person(tmp_path).git("init", "--quiet", "--bare")
    assert "bare" in str(refusal(tmp_path))


def test_a_folder_of_a_repository(person):
    """A study needs a repository of its own."""
    (person.root / "sub").mkdir()
    assert "inside the repository" in str(refusal(person.root / "sub"))


def test_an_unknown_start(person):
    """A misspelt commit is named."""
    assert "'nowhere'" in str(refusal(person.root, start="nowhere"))


def test_nothing_editable(person):
    """A study without an editable file is refused before its branch is made."""
    assert "model.py" in str(refusal(person.root, editable=["model.py"]))
    assert person.git("branch", "--list", BRANCH) == ""


@pytest.mark.parametrize("tag", ["a/b", "a b", "-x/..", "a..b", "x.lock", "", "a~1", "@{", "a:b"])
def test_impossible_tags(person, tag):
    """What git takes for no name is refused with what is."""
    assert "tag" in str(refusal(person.root, tag=tag, branch=f"deep-loop/{tag}"))


def test_a_branch_in_the_way(person):
    """A branch called deep-loop leaves no room for deep-loop/exp1; git's reason is shown."""
    person.git("branch", "deep-loop")
    assert "deep-loop" in str(refusal(person.root))


def test_a_merge_under_way(person):
    """Nothing is moved in the middle of something else."""
    person.git("switch", "--quiet", "-c", "side")
    person.write(train__py="X = 1\n")
    person.commit()
    person.git("switch", "--quiet", "main")
    person.write(train__py="X = 2\n")
    person.commit()
    with pytest.raises(AssertionError):
        person.git("merge", "side")
    error = refusal(person.root)
    assert "a merge is in progress" in str(error)
    assert "git merge --abort" in error.hint


def test_the_branch_in_another_worktree(person, tmp_path):
    """Moving it would show every keep reversed over there."""
    lab = workspace(person.root)
    lab.enter(None)
    person.git("switch", "--quiet", "main")
    person.git("worktree", "add", "--quiet", str(tmp_path / "other"), BRANCH)
    assert "another worktree" in str(refusal(person.root))


def test_a_worktree_can_be_the_workspace(person, tmp_path):
    """A linked worktree is entered like any checkout; the main one is left alone."""
    person.git("worktree", "add", "--quiet", str(tmp_path / "other"), "-b", "side")
    lab = workspace(tmp_path / "other")
    lab.enter(None)
    new = lab.settle(1, lab.commit(lab.head(), {"train.py": "X = 5\n"}, "try"), "try")
    assert Person(tmp_path / "other").text("train.py") == "X = 5\n"
    assert Person(tmp_path / "other").status() == []
    assert (lab.head(), person.where(), person.status()) == (new, "main", [])


def test_links_stay_inside(person):
    """A link to somewhere else is a mistake in the settings."""
    assert "linked" in str(refusal(person.root, links=["../data"]))
    assert "linked" in str(refusal(person.root, links=["/data"]))


@pytest.mark.parametrize(("said", "expected"), [("git version 2.20.1", "too old"), ("git version of none", "too old")])
def test_an_old_git(person, tmp_path, monkeypatch, said, expected):
    """The hint says which one to install."""
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho '{said}'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))
    error = refusal(person.root)
    assert expected in str(error)
    assert re.search(r"2\.30", error.hint)


def test_no_git(person, tmp_path, monkeypatch):
    """Without git there is one line and a hint."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not installed" in str(refusal(person.root))


def test_a_callers_git_variables_do_not_lead_astray(person, tmp_path, monkeypatch):
    """Started from a hook or an alias, the harness still works on its own repository."""
    other = repository(tmp_path / "other", {"train.py": "X = 0\n"})
    before = (other.git("rev-parse", "HEAD"), other.status())
    for name, value in {"GIT_DIR": ".git", "GIT_WORK_TREE": ".", "GIT_INDEX_FILE": ".git/index"}.items():
        monkeypatch.setenv(name, str(other.root / value))
    lab = workspace(person.root)
    lab.enter(None)
    lab.write({"process_log.md": "x\n"}, "meta: x", lab.head())
    assert person.where() == BRANCH
    assert (other.git("rev-parse", "HEAD"), other.status()) == before


def test_a_machine_where_nobody_told_git_a_name(person, monkeypatch):
    """Commits carry the harness's name then."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    lab = workspace(person.root)
    lab.enter(None)
    lab.write({"process_log.md": "x\n"}, "meta: x", lab.head())
    assert person.git("log", "-1", "--format=%an <%ae> %cn") == "deep-loop <deep-loop@localhost> deep-loop"


def test_a_persons_name_is_used_where_git_knows_it(person, monkeypatch):
    """Commits on a person's branch carry the person's name."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    person.git("config", "user.name", "Grace")
    person.git("config", "user.email", "grace@example.org")
    lab = workspace(person.root)
    lab.enter(None)
    lab.write({"process_log.md": "x\n"}, "meta: x", lab.head())
    assert person.git("log", "-1", "--format=%an %ce") == "Grace grace@example.org"


def test_hooks_and_signing_are_off(person):
    """No hook of the person's runs, and no signature is asked for."""
    hooks = person.root / ".git" / "hooks"
    shutil.rmtree(hooks, ignore_errors=True)
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{person.root}/{name}.ran'\nexit 1\n")
        (hooks / name).chmod(0o755)
    person.git("config", "commit.gpgSign", "true")
    lab = workspace(person.root)
    lab.enter(None)
    lab.settle(1, lab.commit(lab.head(), {"train.py": "X = 5\n"}, "try"), "try")
    lab.discard(lab.checkout(lab.head(), "copy"))
    assert list(person.root.glob("*.ran")) == []
    assert sorted(FILES) == sorted(person.git("ls-files").splitlines())


def test_commits_of_a_detached_checkout_are_kept(person):
    """Going back onto the branch leaves them behind; a ref holds them, and a notice says which."""
    lab = workspace(person.root)
    lab.enter(None)
    person.git("switch", "--quiet", "--detach")
    person.write(notes__txt="mine\n")
    person.git("add", ".")
    person.git("commit", "--quiet", "-m", "mine")
    mine = person.git("rev-parse", "HEAD")
    again = workspace(person.root)
    again.enter(None)
    assert person.where() == BRANCH
    (notice,) = again.notices
    assert mine[:7] in notice
    assert person.git("for-each-ref", "--contains", mine, "--format=%(refname)").startswith("refs/deep-loop/")


def test_a_branch_that_was_there_already_is_said(person):
    """A new study on an old branch starts from it, not from the checkout: nobody should learn that later."""
    person.git("branch", BRANCH)
    lab = workspace(person.root)
    lab.enter(None)
    assert "was there already" in lab.notices[0]
