"""A proposer that does what it should not: whatever it leaves behind, only the text of editable files is taken."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from laboratory import BRANCH, FILES, TRAIN, Laboratory, put

from deep_loop.core.experiment import Idea
from deep_loop.ports import Answer, Brief, Objection

PREPARE = FILES["prepare.py"]


@dataclass(frozen=True, slots=True)
class Unruly:
    """A proposer that improves train.py, and does a deed in its checkout besides."""

    deed: Callable[[Path], object]
    name: str = "unruly"
    anywhere: bool = True

    def propose(self, brief: Brief, checkout: Path) -> Answer:
        """A better constant each time, then the deed."""
        (checkout / "train.py").write_text(put(TRAIN, A=1.0 - brief.ask.id / 10))
        self.deed(checkout)
        return Answer(Idea(f"ask {brief.ask.id}", "other", "to see what is taken"))

    def mend(self, brief: Brief, checkout: Path, objection: Objection) -> Answer:
        """Never."""
        return Answer()

    def stop(self) -> None:
        """It ends by itself."""


def study(root: Path, deed: Callable[[Path], object]) -> Laboratory:
    """Two experiments' worth of such a proposer."""
    lab = Laboratory(root, proposers=[Unruly(deed)])
    lab.study(2).run()
    return lab


def shell(*commands: str) -> Callable[[Path], object]:
    """A deed in the words of a shell, started in the checkout."""
    return lambda checkout: subprocess.run(["sh", "-ec", "\n".join(commands)], cwd=checkout, check=True)


@pytest.mark.parametrize(
    "commands",
    [
        ("git commit -qam mine",),
        ("git checkout -qb elsewhere", "git commit -qam mine", "git branch -qD main"),
        ("git commit -qam mine", "git reset -q --hard HEAD~1", "git checkout -q HEAD@{1} -- train.py"),
        ("rm -rf .git",),
        ("echo 'ref: refs/heads/gone' > .git/HEAD",),
        ("touch .git/index.lock .git/HEAD.lock",),
    ],
)
def test_it_commits_by_itself(tmp_path: Path, commands: tuple[str, ...]) -> None:
    """Its repository is its own: the change is taken by its text, and nothing of its commits gets to the person's."""
    lab = study(tmp_path / "lab", shell(*commands))
    assert [status for _, status in lab.told()] == ["keep", "keep", "keep"]
    assert not [subject for subject in lab.subjects() if subject == "mine"]
    assert lab.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").split() == [BRANCH, "main"]
    lab.check()


def escape(checkout: Path) -> None:
    """Take the whole folder elsewhere."""
    shutil.move(checkout, checkout.parent.parent / f"gone-{checkout.name}")


def fill_with_a_link(checkout: Path) -> None:
    """Leave a link to another folder in the place of one's own."""
    elsewhere = checkout.parent.parent / f"real-{checkout.name}"
    shutil.move(checkout, elsewhere)
    checkout.symlink_to(elsewhere)


@pytest.mark.parametrize("deed", [escape, fill_with_a_link, shutil.rmtree])
def test_it_leaves_its_folder(tmp_path: Path, deed: Callable[[Path], object]) -> None:
    """There is nothing to take: each proposal is refused with that reason, and the study ends by itself."""
    lab = study(tmp_path / "lab", deed)
    assert [status for _, status in lab.told()] == ["keep"]
    reasons = {refusal.reason for refusal in lab.ledger().refusals(100)}
    assert reasons
    assert all("folder" in reason for reason in reasons)
    lab.check()


def write_outside(checkout: Path) -> None:
    """Reach for the person's files and for the harness's."""
    root = checkout.parents[2]
    (root / "prepare.py").write_text("TIME_BUDGET = 2000\n")
    (root / "of_mine.py").write_text("\n")
    (root / "results.tsv").write_text("mine\n")


def test_it_writes_outside_of_its_folder(tmp_path: Path) -> None:
    """Nothing of that gets into a commit, a run or a decision; what a person's file became is theirs to see."""
    lab = study(tmp_path / "lab", write_outside)
    assert [status for _, status in lab.told()] == ["keep", "keep", "keep"]
    assert lab.at(BRANCH, "prepare.py") == PREPARE.removesuffix("\n")
    assert lab.git("ls-tree", "--name-only", BRANCH, "of_mine.py") == ""
    for experiment in lab.ledger().closed():
        assert lab.at(experiment.commit, "prepare.py") == PREPARE.removesuffix("\n")
    lab.git("restore", "prepare.py")
    (lab.root / "of_mine.py").unlink()
    lab.study(2).run()  # nothing is left to do but to mend the table
    lab.check()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo easier >> prepare.py", "prepare.py: protected"),
        ("rm prepare.py", "prepare.py: protected"),
        ("rm prepare.py && ln -s train.py prepare.py", "prepare.py: protected"),
        ("head -c 3000000 /dev/zero | tr '\\0' '#' >> train.py", "train.py: larger than 1 MiB"),
        ("truncate -s 10G weights.bin", "weights.bin: not one of the editable files"),
        ("git init -q sub", "sub: not one of the editable files"),
    ],
)
def test_it_changes_what_it_may_not(tmp_path: Path, command: str, reason: str) -> None:
    """The proposal is refused with a reason that it can act on; no commit, no number, no run."""
    lab = study(tmp_path / "lab", shell(command))
    assert [status for _, status in lab.told()] == ["keep"]
    assert all(refusal.reason.startswith(reason) for refusal in lab.ledger().refusals(100))
    assert len(lab.ledger().refusals(100)) == 20
    lab.check()
