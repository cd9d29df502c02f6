"""A proposer's copy stands alone, and whatever is done to it, its difference is found and nothing else is read."""

from __future__ import annotations

import os
import shutil

import pytest
from person import TRAIN, Person, repository, workspace

from deep_loop.core.guard import MAX_BYTES, NOT_TEXT, Rejected, review


@pytest.fixture
def person(tmp_path):
    person = repository(tmp_path / "lab ü")
    person.put("src/deep/model.py", "M = 1\n")
    person.put("tracked.log", "ignored by pattern, tracked all the same\n")
    (person.root / "alias.py").symlink_to("train.py")
    (person.root / "run.sh").write_text("#!/bin/sh\n")
    (person.root / "run.sh").chmod(0o755)
    person.git("add", "--force", "tracked.log")
    person.commit("more")
    return person


@pytest.fixture
def lab(person):
    lab = workspace(person.root)
    lab.enter(None)
    return lab


@pytest.fixture
def copy(lab):
    return Person(lab.checkout(lab.head(), "copy"))


def test_a_copy_is_a_repository_of_its_own(person, lab, copy):
    """One clean commit with all files, and nothing that leads to the person's repository."""
    assert copy.git("rev-parse", "--show-toplevel") == str(copy.root)
    assert copy.status() == []
    assert copy.git("rev-list", "--count", "--all") == "1"
    assert copy.git("ls-files") == person.git("ls-files")
    assert copy.git("remote") == ""
    assert not (copy.root / ".git" / "objects" / "info" / "alternates").exists()
    assert not (copy.root / ".git" / "hooks").exists()
    assert str(person.root / ".git") not in (copy.root / ".git" / "config").read_text()
    assert copy.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    copy.git("fsck", "--strict")
    assert (copy.root / "alias.py").readlink().name == "train.py"
    assert os.access(copy.root / "run.sh", os.X_OK)
    assert copy.root.is_relative_to(person.root / ".deep-loop" / "proposals")
    assert person.status() == []


def test_a_copy_without_changes_differs_in_nothing(lab, copy):
    """Links, modes and files that a pattern ignores come out as they went in."""
    assert dict(lab.collect(copy.root)) == {}


def test_two_copies_do_not_meet(lab, copy):
    """Each ask has a folder of its own."""
    other = lab.checkout(lab.head(), "other")
    assert other != copy.root
    copy.put("train.py", "X = 1\n")
    assert dict(lab.collect(other)) == {}


def test_edits_additions_and_deletions_are_found(lab, copy):
    """New text, None where deleted; ignored files do not count."""
    copy.put("train.py", "X = 1\r\n")
    copy.put("src/new.py", "N = 1\n")
    (copy.root / "prepare.py").unlink()
    copy.put("__pycache__/x.pyc", "x")
    copy.put("debug.log", "x")
    assert dict(lab.collect(copy.root)) == {"train.py": "X = 1\r\n", "src/new.py": "N = 1\n", "prepare.py": None}


def test_a_rename_is_a_deletion_and_an_addition(lab, copy):
    """Nothing is guessed."""
    copy.git("mv", "train.py", "better.py")
    assert dict(lab.collect(copy.root)) == {"train.py": None, "better.py": TRAIN}


def _commit(copy):
    copy.commit("done")


def _amend_and_branch(copy):
    copy.git("switch", "--quiet", "-c", "idea")
    copy.commit("done")
    copy.git("branch", "-D", "main")
    copy.git("gc", "--quiet", "--prune=now")


def _stage(copy):
    copy.git("add", ".")


def _hide(copy):
    copy.git("update-index", "--assume-unchanged", "train.py")
    copy.put(".git/info/exclude", "*\n")
    copy.put(".git/info/attributes", "* filter=evil\n")
    copy.git("config", "core.excludesFile", "/dev/null")
    copy.git("config", "core.bare", "true")


def _backdate(copy):
    os.utime(copy.root / "train.py", (1, 1))


def _destroy(copy):
    shutil.rmtree(copy.root / ".git")


def _break(copy):
    shutil.rmtree(copy.root / ".git")
    copy.put(".git", "gitdir: /nowhere\n")


@pytest.mark.parametrize("deed", [_commit, _amend_and_branch, _stage, _hide, _backdate, _destroy, _break])
def test_what_the_proposer_does_to_its_repository_does_not_matter(person, lab, copy, deed):
    """Committed, hidden or destroyed: the difference is that of the files."""
    copy.put("train.py", TRAIN.replace("1e-3", "2e-3"))
    copy.put("src/new.py", "N = 1\n")
    deed(copy)
    expected = {"train.py": TRAIN.replace("1e-3", "2e-3"), "src/new.py": "N = 1\n"}
    assert dict(lab.collect(copy.root)) == expected
    assert person.status() == []


def test_hiding_by_gitignore_shows_the_gitignore(lab, copy):
    """A file may be ignored by new rules, but the rules are a change themselves."""
    copy.put("sneaky.py", "S = 1\n")
    copy.put(".gitignore", "*\n")
    assert dict(lab.collect(copy.root)) == {".gitignore": "*\n"}


def test_links_are_reported_and_never_followed(lab, copy, tmp_path):
    """A file or a folder behind a link is not read, and the guard refuses what is reported."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "model.py").write_text("SECRET = 1\n")
    (copy.root / "train.py").unlink()
    (copy.root / "train.py").symlink_to(secret / "model.py")
    shutil.rmtree(copy.root / "src" / "deep")
    (copy.root / "src" / "deep").symlink_to(secret)
    found = lab.collect(copy.root)
    assert set(found) == {"train.py", "src/deep", "src/deep/model.py"}
    assert found["src/deep/model.py"] is None
    assert "SECRET" not in str(found)
    for path in ("train.py", "src/deep"):
        assert found[path].startswith(f"{NOT_TEXT}a symbolic link")
    verdict = review({"train.py": TRAIN}, {"train.py": found["train.py"]}, editable=["**"], protected=[], seen={})
    assert isinstance(verdict, Rejected)
    assert "symbolic link" in verdict.reason


def test_a_changed_link_is_reported(lab, copy):
    """A link that was there may not lead elsewhere."""
    (copy.root / "alias.py").unlink()
    (copy.root / "alias.py").symlink_to("/etc/passwd")
    assert dict(lab.collect(copy.root)) == {"alias.py": f"{NOT_TEXT}a symbolic link to '/etc/passwd'"}


def test_what_is_no_file_is_reported_without_waiting(lab, copy):
    """A named pipe would block a reader; a folder has no text; a nested repository is named as such."""
    (copy.root / "train.py").unlink()
    os.mkfifo(copy.root / "train.py")
    (copy.root / "prepare.py").unlink()
    (copy.root / "prepare.py").mkdir()
    repository(copy.root / "inner")
    found = lab.collect(copy.root)
    assert set(found) == {"train.py", "prepare.py", "inner"}
    assert all(text.startswith(NOT_TEXT) for text in found.values())


def test_large_and_binary_files_are_bounded(lab, copy):
    """A long file comes cut just behind the limit; bytes that are no text are replaced; a flood is not read."""
    copy.put("train.py", "é" * MAX_BYTES)
    (copy.root / "weights.bin").write_bytes(b"\xff\xfe\x00")
    for number in range(20):
        copy.put(f"z{number:02}.txt", "x" * MAX_BYTES)
    found = lab.collect(copy.root)
    assert MAX_BYTES < len(found["train.py"].encode()) < MAX_BYTES + 8
    assert found["weights.bin"] == "\ufffd\ufffd\x00"
    assert "not read" in found["z19.txt"]
    assert len(found) == 22


def test_modes_are_not_a_change(lab, copy):
    """The commit keeps its base's modes, so they need no reporting."""
    (copy.root / "train.py").chmod(0o755)
    assert dict(lab.collect(copy.root)) == {}


def test_odd_names_come_through(person):
    """Spaces, quotes, line ends and other scripts in names are only characters."""
    for name in ("a b.txt", 'q"uote.txt', "new\nline.txt", "日本.txt", "[x].txt"):
        person.put(name, "1\n")
    person.commit("odd")
    lab = workspace(person.root)
    lab.enter(None)
    copy = Person(lab.checkout(lab.head(), "copy"))
    assert dict(lab.collect(copy.root)) == {}
    for name in ("a b.txt", "new\nline.txt", "日本.txt", "[x].txt"):
        copy.put(name, "2\n")
    assert set(lab.collect(copy.root)) == {"a b.txt", "new\nline.txt", "日本.txt", "[x].txt"}


def test_attributes_do_not_touch_the_copy(person):
    """Line ends and filters stay out of the way, so that a text comes back as it was committed."""
    person.put(".gitattributes", "*.py text eol=crlf ident filter=nonsense\n")
    person.put("train.py", "X = 1  # $Id$\n")
    person.git("config", "filter.nonsense.smudge", "sed s/X/Y/")
    person.git("config", "filter.nonsense.clean", "sed s/Y/X/")
    person.commit("attributes")
    lab = workspace(person.root)
    lab.enter(None)
    copy = Person(lab.checkout(lab.head(), "copy"))
    assert copy.text("train.py") == lab.read(lab.head(), "train.py") == "X = 1  # $Id$\n"
    assert (copy.status(), dict(lab.collect(copy.root))) == ([], {})


def test_a_run_folder_is_a_checkout_without_git(person):
    """Filters apply, data that git ignores is linked, nothing of git is there."""
    person.put("data/train.bin", "bytes")
    person.put(".gitattributes", "*.txt text eol=crlf\n")
    person.put("notes.txt", "a\nb\n")
    person.commit("more")
    lab = workspace(person.root, links=["data", "absent", "src"])
    lab.enter(None)
    folder = lab.folder(lab.head(), "12")
    assert folder == person.root / ".deep-loop" / "runs" / "12"
    assert not (folder / ".git").exists()
    assert (folder / "notes.txt").read_bytes() == b"a\r\nb\r\n"
    assert (folder / "data" / "train.bin").read_text() == "bytes"
    assert (folder / "data").is_symlink()
    assert not (folder / "src").is_symlink()
    assert not (folder / "absent").exists()
    (folder / "junk").touch()
    assert not (lab.folder(lab.head(), "12") / "junk").exists()


def test_discarding_leaves_what_is_linked(person, lab, copy):
    """A folder goes, data behind its links stays; twice is fine; nothing else can be discarded."""
    person.put("data/train.bin", "bytes")
    lab = workspace(person.root, links=["data"])
    folder = lab.folder(lab.head(), "1")
    for _ in range(2):
        lab.discard(folder)
        lab.discard(copy.root)
    assert not folder.exists()
    assert not copy.root.exists()
    assert person.text("data/train.bin") == "bytes"
    with pytest.raises(ValueError, match="not a folder of the harness"):
        lab.discard(person.root / "src")
