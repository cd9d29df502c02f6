"""Entering a study: the person's clean checkout goes onto the study branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deep_loop.adapters.workspace.person import PersonCheckout, first_line
from deep_loop.adapters.workspace.plumbing import records
from deep_loop.adapters.workspace.repository import Repository
from deep_loop.adapters.workspace.store import Store
from deep_loop.errors import WorkspaceError


@dataclass(frozen=True, slots=True)
class Entrance:
    """One way in, for a first run and for every later one."""

    repository: Repository
    store: Store
    person: PersonCheckout
    branch: str
    guarded: tuple[str, ...]  # editable and protected: what a study's results depend on
    rescued: str  # ref, without its end, for commits that only a detached HEAD holds
    notices: list[str]

    def enter(self, start: str | None) -> bool:
        """See `GitWorkspace.enter`. True where the branch was made now."""
        self.repository.refuse_under_way()
        head, attached = self.person.look()
        if head is None:
            self._begin(start)
        else:
            self._resume(head, attached, start)
        return head is None

    def _begin(self, start: str | None) -> None:
        """Make the branch and switch to it; local edits of other files come along where git allows."""
        base = self._resolve(start)
        if edited := self.person.edits(self.guarded):
            raise dirty(edited)
        if not self.store.files(base):
            raise WorkspaceError(
                f"no file at {base[:7]} is editable ({', '.join(self.store.editable)})",
                hint="commit the file that experiments may change, or mend `editable` in deep-loop.toml",
            )
        done = self.store.git.ask("switch", "--quiet", "--no-guess", "--no-track", "-c", self.branch, base)
        if done.returncode:
            raise WorkspaceError(
                f"the study branch {self.branch} cannot be made: {first_line(done.stderr)}",
                hint="commit or stash local edits, or choose another --tag, then run `deep-loop run` again",
            )

    def _resolve(self, start: str | None) -> str:
        base = self.store.ref(start or "HEAD")
        if base is None and start:
            raise WorkspaceError(
                f"there is no commit {start!r}", hint="name a branch, a tag or a commit of this repository"
            )
        if base is None:
            raise WorkspaceError(
                f"{self.repository.root} has no commit yet", hint="git add your files, `git commit`, then run again"
            )
        return base

    def _resume(self, head: str, attached: bool, start: str | None) -> None:
        """Go back onto the branch if that takes nothing from the person; the study goes on without it otherwise."""
        if start and not self.store.contains(head, self._resolve(start)):
            self.notices.append(f"the study {self.branch} exists and goes on from {head[:7]}, not from {start}")
        edited = self.person.edits(self.guarded)
        if attached:
            if edited:
                self.notices.append(f"uncommitted edits of {listed(edited)} are no part of the study until committed")
            return
        self._refuse_second_checkout()
        self.person.rescue(self.rescued)
        refusal = f"uncommitted edits of {listed(edited)}" if edited else self.person.switch()
        if refusal:
            self.notices.append(
                f"your checkout is not on {self.branch} and stays where it is ({refusal}); the study goes on without it"
            )

    def _refuse_second_checkout(self) -> None:
        """Raise where another worktree has the branch: it would see every move reversed, as local edits."""
        place = ""
        for line in records(self.store.git.raw("worktree", "list", "--porcelain").replace(b"\n", b"\0")):
            word, _, value = line.partition(" ")
            if word == "worktree":
                place = value
            elif line == f"branch refs/heads/{self.branch}" and Path(place).is_dir():
                raise WorkspaceError(
                    f"{self.branch} is checked out in another worktree, {place}",
                    hint="run deep-loop there, or switch that worktree to another branch",
                )


def dirty(paths: Sequence[str]) -> WorkspaceError:
    """The refusal to start over uncommitted work."""
    return WorkspaceError(
        f"the workspace has {len(paths)} uncommitted change(s): {listed(paths)}",
        hint="commit or stash them, then run `deep-loop run` again",
    )


def listed(paths: Sequence[str], limit: int = 3) -> str:
    """Up to three paths, and how many more there are."""
    more = f" and {len(paths) - limit} more" if len(paths) > limit else ""
    return ", ".join(paths[:limit]) + more
