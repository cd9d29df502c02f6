"""The person's checkout: brought along where it is on the study branch, left alone otherwise.

A move is journalled: files first, then the branch, then the journal goes. Files first, because a commit
that the person makes in between then carries the new files, and the branch's own check sees it. A kill
in between is rolled forward by `finish_move`.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from deep_loop.adapters.workspace.plumbing import Git, GitError, decode, records, scratch_index
from deep_loop.adapters.workspace.repository import Repository
from deep_loop.adapters.workspace.seen import replace_text
from deep_loop.adapters.workspace.stale import outwait
from deep_loop.adapters.workspace.store import REGULAR, Entry, Store
from deep_loop.core.patterns import matches

PATIENCE = (0.05, 0.1, 0.2, 0.4)  # seconds between tries while another git holds the index

Stamp = tuple[int, int, int]  # of a file: inode, size, nanoseconds of its last change


class PersonCheckout:
    """The working files at the repository's root, their index and HEAD."""

    def __init__(self, repository: Repository, store: Store, branch: str, notices: list[str]) -> None:
        self._root = repository.root
        self._git: Git = store.git
        self._store = store
        self._branch = branch
        self._ref = f"refs/heads/{branch}"
        self._notices = notices
        self._said: set[str] = set()
        self._journal = repository.root / ".deep-loop" / "moving"
        self._index_lock = repository.own / "index.lock"
        self._clean: dict[str, Stamp] = {}  # of a text when it last equalled the head's

    def look(self) -> tuple[str | None, bool]:
        """The study branch's commit (None: there is no such branch), and whether HEAD is on it. One process."""
        found = self._git.text("for-each-ref", "--format=%(objectname) %(HEAD)", self._ref).splitlines()
        if not found:
            return None, False
        commit, _, mark = found[0].partition(" ")
        return commit, mark == "*"

    def advance(self, old: str, new: str, why: str) -> bool:
        """Move the branch and bring the checkout along; False where somebody moved the branch from `old` first.

        Where local edits stand in the way, the checkout stays at `old`, detached, and a notice says so.
        """
        _, attached = self.look()
        if not attached:
            return self._store.move(self._ref, new, old, why)
        replace_text(self._journal, f"{old} {new}\n")
        brought = self._bring_or_detach(old, new)
        moved = self._store.move(self._ref, new, old, why)
        if brought and not moved and (now := self._store.ref(self._ref)):
            self._bring_or_detach(new, now)
        self._journal.unlink()
        return moved

    def finish_move(self) -> None:
        """Roll forward a move that a kill cut short. Doing it twice changes nothing."""
        if not self._journal.exists():
            return
        old, new = self._journal.read_text("utf-8").split()
        if self.look() == (old, True):
            self._clear_own_lock()
            self._own_what_was_written(old, new)
            if refusal := self._bring(old, new):
                self._notices.append(f"a move of the checkout was cut short and cannot be completed: {refusal}")
            else:
                self._store.move(self._ref, new, old, "a move that was cut short")
        self._journal.unlink()

    def commit_text(self, path: str, head: str) -> str | None:
        """Commit an edited text as `human: ...` on the branch, which HEAD is on; None where it is as in `head`.

        Costs no process while the file is untouched. An empty file is one that an editor is writing.
        """
        stamp = self._stamp(path)
        if stamp is None or stamp == self._clean.get(path) or stamp[1] == 0:
            return None
        blob = self._git.text("hash-object", "--", path)
        before = next((entry for entry in self._store.tree(head, (path,))), None)
        if before and before.blob == blob:
            self._clean[path] = stamp
            return None
        # Into the person's index first, which stores the text and leaves their status clean in the end.
        staged = self._git.ask("update-index", "--add", "--", path)
        if staged.returncode:
            self._notice(f"{path} was edited, but git cannot take it: {first_line(staged.stderr)}")
            return None
        blob = self._git.text("ls-files", "--stage", "--", path).split(" ")[1]
        mode = before.mode if before and before.mode in REGULAR else REGULAR[0]
        message = f"human: edit {path}\n"
        commit = self._store.commit_entries(head, [Entry(path, mode, blob)], message)
        return commit if self._store.move(self._ref, commit, head, message.strip()) else None

    def edits(self, patterns: tuple[str, ...]) -> tuple[str, ...]:
        """Files that fit the patterns and are edited, staged, or new without being ignored, none of it committed."""
        listing = self._git.raw("status", "--porcelain", "-z", "-uall", "--no-renames", "--ignore-submodules=all")
        return tuple(sorted(path for record in records(listing) if matches(path := record[3:], patterns)))

    def put_back(self, path: str, shelf: Path, why: str) -> None:
        """Make one file what it is at HEAD again; what lies there is kept under `shelf`, and a notice says so."""
        parents = [self._root / parent for parent in reversed(PurePosixPath(path).parents)]
        # Where a folder on the way was replaced by a link, that link goes: nothing behind it is touched.
        place = next((parent for parent in parents[1:] if parent.is_symlink()), self._root / path)
        kept = ""
        if os.path.lexists(place):
            shelf.mkdir(parents=True, exist_ok=True)
            found = Path(mkdtemp(prefix="", dir=shelf)) / place.name
            place.rename(found)
            kept = f"; what was found there is in {found.relative_to(self._root)}"
        if self._store.tree("HEAD", (path,)):
            with scratch_index(self._git, self._store.scratch) as git:
                git.raw("read-tree", "HEAD")
                git.raw("checkout-index", "--force", "--", path)
        self._notices.append(
            f"{path} in your checkout is protected and was changed {why}: it is as committed again{kept}"
        )

    def switch(self) -> str | None:
        """Put HEAD on the branch with git's own care for local edits; why not, where git refuses."""
        done = self._git.ask("switch", "--quiet", "--no-guess", self._branch)
        return first_line(done.stderr) if done.returncode else None

    def rescue(self, ref: str) -> None:
        """Keep commits that only a detached HEAD holds under `ref`, and say so: a switch would leave them behind."""
        if self._git.ask("symbolic-ref", "--quiet", "HEAD").returncode == 0:
            return
        commit = self._git.text("rev-parse", "HEAD").strip()
        if not self._git.text("for-each-ref", "--count=1", "--contains", commit).strip():
            kept = f"{ref}-{commit[:7]}"
            self._git.raw("update-ref", kept, commit)
            self._notices.append(
                f"your commits up to {commit[:7]} were made on a detached checkout and are no part of the study; "
                f"they are kept as {kept}: `git cherry-pick {commit[:7]}` on {self._branch} brings the last one in"
            )

    def report_lock(self) -> None:
        """Say that an index lock is in the way. It is the person's, so it is never removed here."""
        if self._index_lock.exists():
            self._notice(self._lock_words())

    # --- bringing the files along ---------------------------------------------------------------

    def _bring_or_detach(self, old: str, new: str) -> bool:
        """Bring the files from one commit to the other; False where they stay at `old`, detached."""
        refusal = self._bring(old, new)
        if refusal is None:
            return True
        if self._store.ref(self._ref) != old:  # the person has just committed: HEAD went along with the branch
            return False
        self._git.raw("update-ref", "--no-deref", "-m", "deep-loop: left behind", "HEAD", old)
        self._notice(
            f"your checkout stays at {old[:7]}, detached, while the study goes on: {refusal}; commits made there are "
            f"no part of it; once that is mended, `git switch {self._branch}` brings it up to date"
        )
        return False

    def _bring(self, old: str, new: str) -> str | None:
        """Two-tree read-tree: git keeps local edits, or refuses as a whole; its reason then."""
        for pause in (0.0, *PATIENCE):
            time.sleep(pause)
            done = self._git.ask("read-tree", "-m", "-u", old, new)
            if done.returncode == 0:
                return None
            if not self._index_lock.exists():
                # A file that was touched, not changed, looks edited until the index is refreshed.
                self._git.ask("update-index", "-q", "--refresh")
                done = self._git.ask("read-tree", "-m", "-u", old, new)
                if done.returncode == 0:
                    return None
                if not self._index_lock.exists():
                    return first_line(done.stderr)
        return self._lock_words()

    def _own_what_was_written(self, old: str, new: str) -> None:
        """Tell the index which files already are as in `new`, so that they do not pass for local edits."""
        after = {entry.path: entry for entry in self._store.tree(new)}
        for path in self._store.changed(old, new):
            there = os.path.lexists(self._root / path)
            if path in after and there and self._torn(path, after[path].blob):
                (self._root / path).unlink()  # what is missing git writes anew, and takes for no edit
            elif path not in after:
                if not there:
                    self._git.ask("update-index", "--force-remove", "--", path)
            elif there and self._git.text("hash-object", "--", path) == after[path].blob:
                self._git.ask("update-index", "--add", "--", path)

    def _torn(self, path: str, blob: str) -> bool:
        """Whether a file is the beginning of a blob: git died while it wrote it."""
        place = self._root / path
        if place.is_symlink() or not place.is_file():
            return False
        found, whole = place.read_bytes(), next(self._store.contents([blob]), b"")
        return len(found) < len(whole) and whole.startswith(found)

    def _clear_own_lock(self) -> None:
        """Take away the index lock of a move's own git, which died with the harness. Any other is the person's."""
        began = self._journal.stat().st_mtime
        if self._index_lock.exists() and self._index_lock.stat().st_mtime >= began:
            outwait(self._index_lock)

    def _stamp(self, path: str) -> Stamp | None:
        try:
            found = os.lstat(self._root / path)
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None

    def _lock_words(self) -> str:
        return f"{self._index_lock} exists; if no git command is running, remove it"

    def _notice(self, text: str) -> None:
        """Say something once, however often it is met."""
        if text not in self._said:
            self._said.add(text)
            self._notices.append(text)


def first_line(stderr: bytes) -> str:
    """What git said, in one line."""
    return GitError("", 1, decode(stderr)).said.removeprefix("error: ").removeprefix("fatal: ")
