"""Whether a folder is a repository that a study can live in, and where its parts are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deep_loop.adapters.workspace.plumbing import Git, decode, version
from deep_loop.errors import WorkspaceError

# What git leaves in its folder while something is under way that moving HEAD would spoil.
UNDER_WAY = {
    "MERGE_HEAD": ("a merge", "git merge --abort"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --abort"),
    "REVERT_HEAD": ("a revert", "git revert --abort"),
    "rebase-merge": ("a rebase", "git rebase --abort"),
    "rebase-apply": ("a rebase", "git rebase --abort"),
    "BISECT_LOG": ("a bisection", "git bisect reset"),
}


@dataclass(frozen=True, slots=True)
class Repository:
    """Where the parts of a person's repository are; a linked worktree has a folder of its own beside the common one."""

    root: Path
    own: Path  # HEAD and the index
    common: Path  # refs
    objects: Path

    def refuse_under_way(self) -> None:
        """Raise WorkspaceError in the middle of a merge, a rebase and the like."""
        for mark, (what, way_out) in UNDER_WAY.items():
            if (self.own / mark).exists():
                raise WorkspaceError(f"{what} is in progress in {self.root}", hint=f"finish it, or `{way_out}`")


def open_repository(root: Path, git: Git) -> Repository:
    """Find the parts; raises WorkspaceError where this is no repository, a bare one, or only a folder of one."""
    version()
    done = git.ask("rev-parse", "--absolute-git-dir", "--git-common-dir", "--git-path", "objects", "--show-toplevel")
    said = decode(done.stderr)
    if "dubious ownership" in said:
        raise WorkspaceError(
            f"git does not trust {root}: it belongs to another user",
            hint=f"git config --global --add safe.directory '{root}'",
        )
    if "work tree" in said:
        raise WorkspaceError(f"{root} has no working files: a bare repository", hint="clone it, and use the clone")
    if done.returncode:
        raise WorkspaceError(
            f"{root} is not a git repository",
            hint="make a workspace with `deep-loop init PATH`, or `git init` and commit your files",
        )
    own, common, objects, top = (root / line for line in os.fsdecode(done.stdout).splitlines())
    if top.resolve() != root.resolve():
        raise WorkspaceError(
            f"{root} is a folder inside the repository {top}",
            hint="a study needs a repository of its own: clone that one, or start one with `deep-loop init PATH`",
        )
    return Repository(root, own, common, objects)


def check_names(git: Git, tag: str, branch: str) -> None:
    """Raise WorkspaceError where a tag cannot name a study's branch and refs."""
    hint = "use letters, digits, - and _, as in --tag exp1"
    if "/" in tag or not git.check("check-ref-format", f"refs/deep-loop/{tag}/0"):
        raise WorkspaceError(f"{tag!r} cannot be a tag: git takes no such name", hint=hint)
    if branch.startswith("-") or not git.check("check-ref-format", f"refs/heads/{branch}"):
        raise WorkspaceError(f"{branch!r} cannot be a branch: git takes no such name", hint=hint)
