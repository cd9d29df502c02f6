"""Tricks of proposers, each through the real path: a checkout, what is collected from it, the guard's answer.

What is taken is the new text of editable files, or nothing at all; what a run finds in its folder is a commit.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from person import BRANCH, Person, repository, workspace

from deep_loop.core.guard import Accepted, Rejected, review
from deep_loop.core.seeding import seeding

FILES = {
    "train.py": "import torch\nimport prepare\nfrom deep import model\n\nRATE = 1e-3\nprint(prepare.score(RATE))\n",
    "prepare.py": "import numpy as np\nfrom helper import scale\n\n\ndef score(rate):\n    return scale * rate\n",
    "helper.py": "scale = 2\n",
    "deep/__init__.py": "",
    "deep/model.py": "WIDTH = 64\n",
    "tools/plot.py": "import matplotlib.pyplot\n",
    "program.md": "# Problem\n",
    ".gitignore": "data/\n__pycache__/\n*.log\nignored_*.py\n/numpy.py\n",
}
PROTECTED = ["prepare.py", "helper.py"]
WIDE = ["*.py", "deep/**", "src/**", "**/*.pth", "notes/*"]
BETTER = FILES["train.py"].replace("1e-3", "2e-3")


class Scene:
    """A proposer in its checkout, under given patterns of editable files."""

    def __init__(self, root: Path, editable: list[str]) -> None:
        self.person = repository(root, FILES)
        self.editable = editable
        self.lab = workspace(root, editable=editable, protected=PROTECTED)
        self.lab.enter(None)
        self.head = self.lab.head()
        self.copy = Person(self.lab.checkout(self.head, "copy"))

    def verdict(self) -> Accepted | Rejected:
        """What becomes of what the proposer did."""
        code = self.lab.code(self.head)
        return review(
            self.lab.files(self.head),
            self.lab.collect(self.copy.root),
            editable=self.editable,
            protected=PROTECTED,
            seen={},
            code=code,
            seeding=seeding("python train.py", None, code, self.editable, PROTECTED),
        )

    def reason(self) -> str:
        """Why it was refused, as it must have been."""
        verdict = self.verdict()
        assert isinstance(verdict, Rejected), verdict
        return verdict.reason

    def run_folder(self) -> Path:
        """The folder of a run of what was accepted."""
        verdict = self.verdict()
        assert isinstance(verdict, Accepted), verdict
        return self.lab.folder(self.lab.commit(self.head, verdict.files, "change"), "1")


@pytest.fixture
def narrow(tmp_path: Path) -> Scene:
    """Only train.py may change."""
    return Scene(tmp_path / "lab", ["train.py"])


@pytest.fixture
def wide(tmp_path: Path) -> Scene:
    """Many files may change, and new ones may be added."""
    return Scene(tmp_path / "lab", WIDE)


def listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


# --- other files than the editable ones -----------------------------------------------------------


@pytest.mark.parametrize("path", ["prepare.py", "helper.py", "program.md", "tools/plot.py", "new.py", "deep-loop.toml"])
def test_another_file_is_refused(narrow: Scene, path: str) -> None:
    """However good the change of the editable one beside it."""
    narrow.copy.put("train.py", BETTER)
    narrow.copy.put(path, "X = 1\n")
    assert narrow.reason().startswith(path)


def test_a_link_in_the_place_of_a_file_is_refused(narrow: Scene, tmp_path: Path) -> None:
    """Whether it leads out of the folder or to a protected file."""
    for target in ("/etc/passwd", "prepare.py", str(tmp_path / "nowhere")):
        (narrow.copy.root / "train.py").unlink()
        (narrow.copy.root / "train.py").symlink_to(target)
        assert narrow.reason().startswith("train.py: a symbolic link to")


def test_a_protected_file_behind_a_link_is_refused(narrow: Scene) -> None:
    """The same text elsewhere is another file."""
    shutil.move(narrow.copy.root / "prepare.py", narrow.copy.root / "train.py")
    (narrow.copy.root / "prepare.py").symlink_to("train.py")
    assert "protected" in narrow.reason()


def test_another_mode_is_nothing(narrow: Scene) -> None:
    """chmod +x is no change of its own, and comes along with none: a commit keeps the modes that it had."""
    (narrow.copy.root / "train.py").chmod(0o755)
    (narrow.copy.root / "prepare.py").chmod(0o777)
    assert "empty" in narrow.reason()
    narrow.copy.put("train.py", BETTER)
    folder = narrow.run_folder()
    assert [(folder / name).stat().st_mode & 0o111 for name in ("train.py", "prepare.py")] == [0, 0]


def test_a_rename_is_refused(wide: Scene) -> None:
    """It deletes a file; so does one that only changes the case of a name."""
    wide.copy.git("mv", "train.py", "trainer.py")
    assert wide.reason() == "train.py: an editable file may not be deleted"


def test_a_name_in_another_case_is_refused(wide: Scene) -> None:
    """On some systems it would be the same file, protected or not."""
    wide.copy.put("Train.py", BETTER)
    assert "only in its case" in wide.reason()
    (wide.copy.root / "Train.py").unlink()
    wide.copy.put("PREPARE.py", "X = 1\n")
    assert "protected" in wide.reason()


def test_a_submodule_is_refused(wide: Scene, tmp_path: Path) -> None:
    """Registered or not; so is a repository that was only cloned into the folder."""
    other = repository(tmp_path / "other")
    options = ("-c", "protocol.file.allow=always")
    wide.copy.git(*options, "submodule", "add", "--quiet", str(other.root), "src")
    assert ".gitmodules" in wide.reason()
    shutil.rmtree(wide.copy.root / "src")
    (wide.copy.root / ".gitmodules").unlink()
    repository(wide.copy.root / "src" / "inner")
    assert "repository of its own" in wide.reason()


@pytest.mark.parametrize("path", [".gitattributes", "deep/.gitattributes", ".gitignore", "deep/.gitignore"])
def test_git_s_own_files_are_refused(tmp_path: Path, path: str) -> None:
    """Attributes could rewrite every file of a run; what is ignored is not seen. No pattern makes them editable."""
    scene = Scene(tmp_path / "lab", ["**/*"])
    scene.copy.put("train.py", BETTER)
    scene.copy.put(path, "*.py filter=evil\n")
    assert scene.reason() == f"{path!r}: git's own files are never editable"


# --- files that are imported in the place of others -------------------------------------------------


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("torch.py", "'torch', which train.py imports"),
        ("deep/torch/__init__.py", "'torch', which train.py imports"),
        ("src/torch/nn.py", "'torch', which train.py imports"),
        ("src/numpy.py", "'numpy', which prepare.py imports"),
        ("matplotlib.py", "'matplotlib', which tools/plot.py imports"),
        ("random.py", "Python's own 'random'"),
        ("src/json/__init__.py", "Python's own 'json'"),
        ("src/prepare/__init__.py", "the protected 'prepare'"),
        ("deep/helper.py", "the protected 'helper'"),
        ("sitecustomize.py", "'sitecustomize' is run without being imported"),
        ("src/usercustomize.py", "'usercustomize' is run without being imported"),
        ("conftest.py", "'conftest' is run without being imported"),
        ("src/fast.pth", "without being asked"),
        ("src/torch.so", "without being asked"),
    ],
)
def test_a_new_file_that_shadows_an_import_is_refused(wide: Scene, path: str, said: str) -> None:
    """A module or a package, of Python's own, of a library, or of the workspace."""
    wide.copy.put("train.py", BETTER)
    wide.copy.put(path, "X = 1\n")
    reason = wide.reason()
    assert reason.startswith(path)
    assert said in reason


@pytest.mark.parametrize("path", ["attention.py", "deep/mlp.py", "src/blocks/fast.py", "src/__init__.py", "notes/json"])
def test_other_new_files_are_welcome(wide: Scene, path: str) -> None:
    """Also where the change itself is what imports them."""
    wide.copy.put("train.py", f"import attention\n{BETTER}")
    wide.copy.put("attention.py", "A = 1\n")
    wide.copy.put(path, "A = 1\n")
    assert isinstance(wide.verdict(), Accepted)
    assert path in listing(wide.run_folder())


@pytest.mark.parametrize("path", ["numpy.py", "ignored_torch.py", "__pycache__/prepare.cpython-311.pyc", "x.log"])
def test_ignored_files_never_reach_a_run(wide: Scene, path: str) -> None:
    """They are neither looked at nor taken."""
    wide.copy.put("train.py", BETTER)
    wide.copy.put(path, "X = 1\n")
    assert listing(wide.run_folder()) == set(FILES)


# --- seeds ----------------------------------------------------------------------------------------


def test_only_another_seed_is_refused_as_such(tmp_path: Path) -> None:
    """With its seed moved as well, a change of something else is accepted: every run gets a seed of its own."""
    scene = Scene(tmp_path / "lab", ["train.py"])
    scene.person.put("train.py", f"{FILES['train.py']}torch.manual_seed(42)\n")
    scene.head = scene.person.commit("seed")
    scene.copy = Person(scene.lab.checkout(scene.head, "copy"))
    scene.copy.put("train.py", f"{FILES['train.py']}torch.manual_seed(137)  # lucky\n")
    assert scene.reason() == "the change only changes the seed: every run gets one from the harness anyway"
    scene.copy.put("train.py", f"{BETTER}torch.manual_seed(137)\n")
    assert isinstance(scene.verdict(), Accepted)


def test_a_seed_of_its_own_is_refused_where_seeds_come_from_outside(tmp_path: Path) -> None:
    """Otherwise every run would draw the same, and every repeat would confirm it."""
    scene = Scene(tmp_path / "lab", ["train.py"])
    scene.person.put("prepare.py", "import os\n\nseed = int(os.environ.get('DEEP_LOOP_SEED', '0'))\n")
    scene.head = scene.person.commit("seed")
    scene.copy = Person(scene.lab.checkout(scene.head, "copy"))
    scene.copy.put("train.py", f"{BETTER}torch.manual_seed(137)\n")
    assert scene.reason() == "train.py: hard-codes a seed, but seeds come by DEEP_LOOP_SEED"


def test_a_first_seed_is_welcome_where_there_is_none(narrow: Scene) -> None:
    """It is what lets a fresh one in."""
    narrow.copy.put("train.py", f"{BETTER}torch.manual_seed(137)\n")
    assert isinstance(narrow.verdict(), Accepted)


# --- what a run finds in its folder ---------------------------------------------------------------


def test_a_run_folder_holds_its_commit_and_nothing_of_the_checkout(narrow: Scene) -> None:
    """Untracked files, local edits, staged ones, hooks and attributes of the person's checkout stay where they are."""
    person = narrow.person
    person.put("torch.py", "evil = 1\n")
    person.put("data/numpy.py", "evil = 1\n")
    person.put("helper.py", "scale = 9\n")
    person.put("tools/plot.py", "staged = 1\n")
    person.git("add", "tools/plot.py")
    person.put(".gitattributes", "*.py eol=crlf filter=evil\n")
    person.git("config", "filter.evil.smudge", "sed s/scale/evil/")
    hook = person.root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {person.root}/hooked\n")
    hook.chmod(0o755)
    folder = narrow.lab.folder(narrow.head, "1")
    assert {path: (folder / path).read_bytes().decode() for path in listing(folder)} == FILES
    assert not (person.root / "hooked").exists()


def test_a_run_folder_follows_the_attributes_of_its_commit(narrow: Scene) -> None:
    """What a person committed applies, as in any checkout."""
    narrow.person.put(".gitattributes", "*.md eol=crlf\n")
    head = narrow.person.commit("attributes")
    (narrow.person.root / ".gitattributes").unlink()
    folder = narrow.lab.folder(head, "1")
    assert (folder / "program.md").read_bytes() == b"# Problem\r\n"
    assert (folder / "train.py").read_bytes() == FILES["train.py"].encode()


def test_texts_go_in_the_place_of_files_and_keep_their_modes(narrow: Scene) -> None:
    """A run's copy may have another seed written into it; a link is never written through."""
    root = narrow.person.root
    (root / "train.py").chmod(0o755)
    (root / "alias.py").symlink_to("helper.py")
    head = narrow.person.commit("more")
    folder = narrow.lab.folder(head, "1", {"train.py": "SEED = 2\n", "alias.py": "SEED = 2\n"})
    assert (folder / "train.py").read_text() == "SEED = 2\n"
    assert (folder / "train.py").stat().st_mode & 0o777 == 0o755
    assert (folder / "helper.py").read_text() == FILES["helper.py"]
    assert narrow.person.where() == BRANCH
