"""Protected files are what they were, in a run's folder and in the person's checkout; held-out data stay apart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from person import Person, repository, workspace

from deep_loop.adapters.workspace.git import GitWorkspace
from deep_loop.core.guard import NOT_TEXT
from deep_loop.core.seal import broken

FILES = {
    "train.py": "RATE = 1\n",
    "eval/score.py": "S = 1\n",
    "eval/data.txt": "1 2 3\n",
    ".gitignore": "data/\n",
}


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return repository(tmp_path / "lab", FILES)


@pytest.fixture
def lab(person: Person) -> GitWorkspace:
    lab = workspace(person.root, protected=["eval/**"], links=["data"])
    lab.enter(None)
    return lab


def _edit(folder: Path) -> None:
    (folder / "eval/score.py").write_text("S = 2\n")


def _swap(folder: Path) -> None:
    (folder / "eval/score.py").replace(folder / "eval/old")
    (folder / "eval/score.py").symlink_to("old")


def _swap_the_folder(folder: Path) -> None:
    (folder / "eval").rename(folder / "other")
    (folder / "eval").symlink_to("other")


def _chmod(folder: Path) -> None:
    (folder / "eval/score.py").chmod(0o777)


def _make_a_folder(folder: Path) -> None:
    (folder / "eval/score.py").unlink()
    (folder / "eval/score.py").mkdir()


def _pipe(folder: Path) -> None:
    (folder / "eval/score.py").unlink()
    os.mkfifo(folder / "eval/score.py")


@pytest.mark.parametrize(
    ("deed", "path", "words"),
    [
        (_edit, "eval/score.py", "edited"),
        (_swap, "eval/score.py", "replaced by a link"),
        (_swap_the_folder, "eval/data.txt", "deleted"),
        (_chmod, "eval/score.py", "given other permissions (644 -> 777)"),
        (_make_a_folder, "eval/score.py", "made unreadable, or replaced by something that is no file,"),
        (_pipe, "eval/score.py", "made unreadable, or replaced by something that is no file,"),
        (lambda folder: (folder / "eval/score.py").unlink(), "eval/score.py", "deleted"),
        (lambda folder: shutil.rmtree(folder), "eval/data.txt", "deleted"),
    ],
)
def test_every_change_of_a_protected_file_breaks_its_seal(
    lab: GitWorkspace, deed: Callable[[Path], None], path: str, words: str
) -> None:
    """Content, mode, kind and being there count; what took its place is not followed and not waited for."""
    folder = lab.folder(lab.head(), "1")
    (folder / "eval/score.py").chmod(0o644)
    before = lab.seal(folder, lab.head())
    assert set(before) == {"eval/score.py", "eval/data.txt"}
    deed(folder)
    assert broken(before, lab.seal(folder, lab.head())) == f"the protected {path} was {words} by the run"


def test_seals_hold_where_nothing_happened(lab: GitWorkspace) -> None:
    """Other files may come and go, beside the protected ones too; reading and touching changes nothing."""
    folder = lab.folder(lab.head(), "1", {"eval/score.py": "S = 7\n"})  # a seed written into the run's own copy
    before = lab.seal(folder, lab.head())
    (folder / "train.py").unlink()
    (folder / "eval/cache.bin").write_bytes(b"\0")
    os.utime(folder / "eval/score.py")
    assert broken(before, lab.seal(folder, lab.head())) is None


# --- the person's checkout --------------------------------------------------------------------------


def test_protected_files_of_the_checkout_are_put_back(person: Person, lab: GitWorkspace) -> None:
    """What was found there is kept; index and HEAD stay; editable files are only spoken of."""
    before = lab.edited()
    person.put("eval/score.py", "S = 9\n")
    (person.root / "eval/data.txt").unlink()
    person.put("train.py", "RATE = 9\n")
    edited = lab.edited() - before
    assert edited == {"eval/score.py", "eval/data.txt", "train.py"}
    lab.put_back(edited, "while experiment 3 ran")
    assert person.status() == [" M train.py"]
    [kept] = (person.root / ".deep-loop" / "found").rglob("score.py")
    assert kept.read_text() == "S = 9\n"
    assert lab.notices == [
        "eval/data.txt in your checkout is protected and was changed while experiment 3 ran: it is as committed again",
        "eval/score.py in your checkout is protected and was changed while experiment 3 ran: it is as committed again; "
        f"what was found there is in {kept.relative_to(person.root)}",
        "train.py in your checkout was edited while experiment 3 ran: uncommitted edits are no part of the study",
    ]


def test_links_in_the_checkout_are_put_aside_and_not_followed(
    person: Person, lab: GitWorkspace, tmp_path: Path
) -> None:
    """Neither a link in a file's place nor one in its folder's leads the harness out of the workspace."""
    outside = tmp_path / "outside"
    shutil.copytree(person.root / "eval", outside)
    (person.root / "eval" / "score.py").unlink()
    (person.root / "eval" / "score.py").symlink_to(outside / "score.py")
    lab.put_back(lab.edited(), "meanwhile")
    assert person.status() == []
    shutil.rmtree(person.root / "eval")
    (person.root / "eval").symlink_to(outside)
    (outside / "score.py").write_text("S = 9\n")
    lab.put_back(lab.edited(), "meanwhile")
    assert person.status() == []
    assert not (person.root / "eval").is_symlink()
    assert (outside / "score.py").read_text() == "S = 9\n"


def test_a_new_protected_file_is_put_aside(person: Person, lab: GitWorkspace) -> None:
    """It is not as committed either."""
    person.put("eval/extra.py", "E = 1\n")
    lab.put_back(lab.edited(), "meanwhile")
    assert person.status() == []
    assert [path.name for path in (person.root / ".deep-loop" / "found").rglob("*.py")] == ["extra.py"]


def test_what_was_edited_before_is_the_person_s(person: Person, lab: GitWorkspace) -> None:
    """Only what is new since the look before counts."""
    person.put("eval/score.py", "S = 5\n")
    before = lab.edited()
    person.put("eval/data.txt", "4\n")
    assert lab.edited() - before == {"eval/data.txt"}


# --- held-out data ----------------------------------------------------------------------------------


@pytest.fixture
def held(person: Person) -> GitWorkspace:
    """A workspace whose `eval/data.txt` and `data/test` are held out."""
    for path in ("data/train.bin", "data/test/a.bin", "data/test/deep/b.bin", "data/more/c.bin"):
        person.put(path, path)
    held = workspace(person.root, protected=["eval/*.py"], links=["data"], holdout=["eval/data.txt", "data/test"])
    held.enter(None)
    return held


def files(folder: Path) -> set[str]:
    """The files below a folder, through links."""
    found = {
        os.path.relpath(Path(place) / name, folder)
        for place, _, names in os.walk(folder, followlinks=True)
        for name in names
    }
    return {path for path in found if not path.startswith(".git")}


def test_held_out_data_are_in_the_folders_of_holdout_runs_alone(held: GitWorkspace) -> None:
    """Committed or linked: an ordinary run finds all the rest."""
    rest = {"train.py", "eval/score.py", "data/train.bin", "data/more/c.bin"}
    assert files(held.folder(held.head(), "1")) == rest
    everything = rest | {"eval/data.txt", "data/test/a.bin", "data/test/deep/b.bin"}
    assert files(held.folder(held.head(), "2", holdout=True)) == everything


def test_whatever_stands_in_a_folder_s_place_is_removed(lab: GitWorkspace, tmp_path: Path) -> None:
    """A run may have put a link, a file or a pipe there; what the link leads to stays."""
    for put in (lambda place: place.symlink_to(tmp_path), lambda place: place.write_text("x"), os.mkfifo):
        folder = lab.folder(lab.head(), "1")
        shutil.rmtree(folder)
        put(folder)
        lab.discard(folder)
        assert not os.path.lexists(folder)
    assert tmp_path.is_dir()


def test_a_proposer_does_not_see_held_out_data(held: GitWorkspace) -> None:
    """They are in neither the files nor the objects of its repository, are not missed, and cannot be made up."""
    copy = Person(held.checkout(held.head(), "copy"))
    assert files(copy.root) == {"train.py", "eval/score.py"}
    assert "eval/data.txt" not in copy.git("ls-tree", "-r", "--name-only", "HEAD")
    assert dict(held.collect(copy.root)) == {}
    copy.put("eval/data.txt", "easier\n")
    assert dict(held.collect(copy.root)) == {"eval/data.txt": "easier\n"}
    (copy.root / "eval/data.txt").unlink()
    (copy.root / "eval/data.txt").symlink_to("score.py")
    assert held.collect(copy.root)["eval/data.txt"].startswith(NOT_TEXT)  # type: ignore[union-attr]


def test_a_change_of_other_files_keeps_held_out_data_in_the_commit(held: GitWorkspace) -> None:
    """A proposal's commit has what the proposer never saw."""
    commit = held.commit(held.head(), {"train.py": "RATE = 2\n"}, "change")
    assert held.read(commit, "eval/data.txt") == FILES["eval/data.txt"]


def test_source_files_are_read_once_and_data_never(person: Person, lab: GitWorkspace) -> None:
    """Links, long files, binary ones and data are none; a text that is no UTF-8 does no harm."""
    person.put("big.py", "#" * 2**20 + "\n")
    person.put("run.sh", "python train.py\n")
    person.put("conf/a.yaml", "a: 1\n")
    (person.root / "latin.py").write_bytes(b"# \xe9\n")
    (person.root / "alias.py").symlink_to("train.py")
    commit = person.commit("more")
    assert dict(lab.code(commit)) == {
        "train.py": "RATE = 1\n",
        "eval/score.py": "S = 1\n",
        "run.sh": "python train.py\n",
        "conf/a.yaml": "a: 1\n",
        "latin.py": "# \ufffd\n",
    }
    assert lab.code(commit) == lab.code(commit)


def test_a_task_may_protect_nothing(person: Person) -> None:
    """Then no file is protected, and not all of them: the code may change."""
    lab = workspace(person.root, protected=[])
    lab.enter(None)
    assert lab.protected(lab.head()) == {}
    assert lab.seal(lab.folder(lab.head(), "1"), lab.head()) == {}
