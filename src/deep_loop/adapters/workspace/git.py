"""The person's repository as a study sees it: `ports.Workspace` on git.

git.py         this port: the study branch, its refs, what a person did to it
entrance.py    onto the study branch, at the start of a run
person.py      the person's checkout, brought along
checkout.py    a proposer's own repository
merge.py       a change made on another base
stale.py       locks of a dead git
store.py       commits and their files, by plumbing
repository.py  is this a repository, and where are its parts
plumbing.py    running git
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from deep_loop.adapters.workspace import checkout, merge, seal
from deep_loop.adapters.workspace.entrance import Entrance
from deep_loop.adapters.workspace.person import PersonCheckout
from deep_loop.adapters.workspace.plumbing import Git
from deep_loop.adapters.workspace.repository import check_names, open_repository
from deep_loop.adapters.workspace.seen import Seen, replace_text
from deep_loop.adapters.workspace.stale import outwait
from deep_loop.adapters.workspace.store import Store
from deep_loop.core.patterns import matches
from deep_loop.core.seal import Seals
from deep_loop.errors import WorkspaceError
from deep_loop.folders import remove
from deep_loop.ports import Files, HumanChange

ATTEMPTS = 20  # at moving a branch that somebody else moves at the same moment
LISTED = 50  # a person's commits reported one by one; more of them are reported as one change
TRAILERS = re.compile(r"\n\n([\w-]+: .*\n?)+\Z")  # a message's last paragraph, all of it `Name: value`


class GitWorkspace:
    """A study on one branch of the repository at `root`; see `ports.Workspace` for what each call promises.

    Nothing is written before `enter`. What a person should know and the study survives is appended to
    `notices`, one line each; whoever shows them takes them out of the list.
    """

    def __init__(
        self,
        root: Path,
        *,
        tag: str,
        branch: str,
        editable: Sequence[str],
        protected: Sequence[str],
        links: Sequence[str] = (),
        holdout: Sequence[str] = (),
        program: str = "program.md",
        hypotheses: str = "next-hypotheses.md",
    ) -> None:
        """Raises WorkspaceError where `root` is no repository of its own, git is missing or old, or a name is bad.

        `editable`, `protected` and `holdout` are patterns as in `core.patterns.matches`; `links` are paths relative
        to `root` that git ignores (data) and that each run folder gets a link to. What fits `holdout` is in the
        folders of holdout runs alone.
        """
        self.root = Path(root).absolute()
        self.notices: list[str] = []
        self._tag, self._branch, self._ref = tag, branch, f"refs/heads/{branch}"
        self._editable, self._protected = tuple(editable), tuple(protected)
        self._holdout = tuple(form for path in holdout for form in (path, f"{path.rstrip('/')}/**"))
        self._program, self._links = program, tuple(map(_inside, links))
        self._texts = (program, hypotheses)  # a person's edits of these are committed for them
        self._state = self.root / ".deep-loop"
        self._git = Git(self.root)
        self._repository = open_repository(self.root, self._git)
        check_names(self._git, tag, branch)
        self._store = Store(self._git, self._state / "tmp", self._editable)
        self._person = PersonCheckout(self._repository, self._store, branch, self.notices)
        guarded = (*editable, *protected)
        rescued = f"refs/deep-loop/{tag}/person"
        self._entrance = Entrance(self._repository, self._store, self._person, branch, guarded, rescued, self.notices)
        self._lent: dict[Path, str] = {}  # proposers' folders -> what each was made from
        self._seen = Seen(self._state / "heads" / tag)
        self._protected_at = lru_cache(maxsize=64)(
            lambda commit: {entry.path: entry.blob for entry in self._store.tree(commit, self._protected)}
        )

    # --- the branch -------------------------------------------------------------------------------

    def enter(self, start: str | None) -> None:
        """Put the person's checkout on the study branch, made from `start` (default: HEAD) on the first run.

        A first run raises WorkspaceError over uncommitted edits of editable or protected files; other
        edits come along where git allows. A later run that cannot switch leaves a notice and goes on
        without the checkout. Raises WorkspaceError in the middle of a merge and the like, without a
        commit to start from, and where the branch is checked out in another worktree.
        """
        self.keep_out_of_git()
        self._clear_locks()
        self._person.finish_move()
        begun = self._entrance.enter(start)
        if not begun and self._seen.head is None:
            self.notices.append(f"{self._branch} was there already: the study starts from it, at {self.head()[:7]}")
        if begun or self._seen.head is None:
            self._seen.account_for(self.head())

    def keep_out_of_git(self) -> None:
        """Make the state folder, ignored by git whatever the person's .gitignore says."""
        ignore = self._state / ".gitignore"
        if not ignore.exists():
            replace_text(ignore, "*\n")

    def found(self) -> str:
        """Make the study branch at HEAD where there is none; the person's checkout stays as it is. Returns its commit.

        For a study that nobody runs: an imported one needs a branch only for what the outer tier writes. Raises
        WorkspaceError without a commit to start from.
        """
        self.keep_out_of_git()
        if self._store.ref(self._ref) is None:
            base = self._store.ref("HEAD")
            if base is None:
                raise WorkspaceError(
                    f"{self.root} has no commit yet", hint="git add your files, `git commit`, then run again"
                )
            self._store.move(self._ref, base, "", "the branch of an imported study")
            self._seen.account_for(base)
        return self.head()

    def head(self) -> str:
        """The study branch's commit; raises WorkspaceError where somebody deleted the branch."""
        return self._existing(self._store.ref(self._ref))

    def files(self, commit: str) -> Files:
        return self._store.files(commit)

    def code(self, commit: str) -> Files:
        return self._store.code(commit)

    def read(self, commit: str, path: str) -> str | None:
        return self._store.read(commit, path)

    def parent(self, commit: str) -> str | None:
        return self._store.parent(commit)

    def subjects(self, limit: int) -> tuple[str, ...]:
        return tuple(self._git.text("log", f"--max-count={limit}", "--format=%s", self._ref).splitlines())

    def diff(self, old: str, new: str) -> str:
        """The change from one commit to another as a unified diff, without colours or a person's diff settings."""
        return self._git.text("diff-tree", "-p", "-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color", old, new)

    def commit(self, base: str, files: Files, message: str) -> str:
        return self._store.commit(base, files, message)

    def keep_reachable(self, name: str, commit: str | None) -> None:
        ref = f"refs/deep-loop/{self._tag}/{name}"
        self._git.raw("update-ref", *(["-d", ref] if commit is None else [ref, commit]))

    def reachable(self) -> tuple[str, ...]:
        refs = f"refs/deep-loop/{self._tag}/"
        listed = self._git.raw("for-each-ref", "--format=%(refname)", refs)
        return tuple(name.removeprefix(refs) for name in listed.decode().splitlines())

    def settle(self, number: int, commit: str, message: str) -> str:
        """Extend the branch by a keep: the commit itself where it sits on the head, else a commit like it.

        The latter carries the trailers `Deep-Loop-Experiment` and `Deep-Loop-Source`, by which a repeated
        call finds it again among the commits made since the experiment's base.
        """
        for _ in range(ATTEMPTS):
            head = self.head()
            if self._store.contains(head, commit):
                return head
            if self._store.parent(commit) == head:
                new = commit
            elif self._stands_for(commit, head):
                return head
            else:
                new = self._store.combine(head, commit, _with_trailers(message, number, commit))
            if self._advance(head, new, f"keep experiment {number}"):
                return new
        raise self._restless()

    def write(self, files: Files, message: str, on: str) -> str | None:
        """Commit files that no experiment owns; raises ValueError for editable ones. No change, no commit."""
        if owned := [path for path in files if matches(path, self._editable)]:
            raise ValueError(f"only a keep changes editable files: {', '.join(owned)}")
        new = self._store.commit(on, files, message)
        if not self._store.changed(on, new):
            return on if self.head() == on else None
        return new if self._advance(on, new, message.partition("\n")[0]) else None

    def reapply(self, commit: str, onto: str) -> Files | None:
        """The editable files of `commit`'s change made on `onto`; None where they conflict.

        Constants on neighbouring lines, which git takes for a conflict, are merged one by one.
        """
        parent = self._store.parent(commit)
        base = self.files(parent) if parent else {}
        return merge.three_way(self._git, base, self.files(onto), self.files(commit), self._store.scratch)

    # --- folders ----------------------------------------------------------------------------------

    def checkout(self, commit: str, name: str, texts: Files = MappingProxyType({})) -> Path:
        """`.deep-loop/proposals/<name>`, made anew."""
        folder = self._state / "proposals" / name
        self.discard(folder)
        checkout.make(self._repository, commit, folder, self._holdout)
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(text.encode("utf-8"))
        self._lent[folder] = commit
        return folder

    def collect(self, folder: Path) -> Mapping[str, str | None]:
        return checkout.collect(self._repository, self._store, folder, self._lent[folder], self._holdout)

    def folder(self, commit: str, name: str, texts: Files = MappingProxyType({}), *, holdout: bool = False) -> Path:
        """`.deep-loop/runs/<name>`, made anew: the files as a checkout has them, and links to what git ignores."""
        folder = self._state / "runs" / name
        self.discard(folder)
        hidden = () if holdout else self._holdout
        self._store.export(commit, folder, self._repository.own, hidden)
        for path, text in texts.items():
            if (folder / path).is_file() and not (folder / path).is_symlink():
                (folder / path).write_bytes(text.encode("utf-8"))
        for link in self._links:
            _link(folder / link, self.root / link, link, hidden)
        return folder

    def protected(self, commit: str) -> Mapping[str, str]:
        return self._protected_at(commit)

    def seal(self, folder: Path, commit: str) -> Seals:
        return seal.take(folder, self._protected_at(commit))

    def edited(self) -> frozenset[str]:
        return frozenset(self._person.edits((*self._editable, *self._protected)))

    def put_back(self, paths: Iterable[str], why: str) -> None:
        for path in sorted(paths):
            if matches(path, self._protected):
                self._person.put_back(path, self._state / "found", why)
            else:
                self.notices.append(
                    f"{path} in your checkout was edited {why}: uncommitted edits are no part of the study"
                )

    def discard(self, folder: Path) -> None:
        """Remove a folder that `checkout` or `folder` made; one that is gone already is fine."""
        if self._state not in folder.parents:
            raise ValueError(f"not a folder of the harness's: {folder}")
        remove(folder)

    # --- what happened while nobody looked ----------------------------------------------------------

    def sync(self) -> Sequence[HumanChange]:
        """What a person did since the last look; edits of program and hypotheses are committed as `human: ...` first.

        A commit that touches editable or protected files is of kind "code"; one that touches the program file is
        (also) reported as "program"; any other as "other". One process where nothing changed.
        """
        head, attached = self._person.look()
        head = self._existing(head)
        changes = self._since(head)
        self._seen.account_for(head)
        for path in self._texts if attached else ():
            if commit := self._person.commit_text(path, head):
                self._seen.account_for(commit)
                changes.append(HumanChange("program" if path == self._program else "other", commit, (path,)))
                head = commit
        return changes

    def recover(self) -> None:
        """Clear folders, locks and temporary indexes that a dead harness left, and finish its last move.

        The index's lock is the person's: it is reported, never removed.
        """
        self.keep_out_of_git()
        for name in ("runs", "proposals", "tmp"):
            _clear(self._state / name)
        self._clear_locks()
        self._person.report_lock()
        self._person.finish_move()

    # --- inside -----------------------------------------------------------------------------------

    def _clear_locks(self) -> None:
        """Take away what a dead git left on our refs, and on those that a person's git shares once it is stale."""
        common = self._repository.common
        for lock in (common / "refs" / "deep-loop" / self._tag).glob("*.lock"):
            lock.unlink()
        for lock in (common / f"{self._ref}.lock", common / "packed-refs.lock", self._repository.own / "HEAD.lock"):
            outwait(lock)

    def _existing(self, head: str | None) -> str:
        if head is None:
            known = self._seen.head or "COMMIT"
            raise WorkspaceError(
                f"the study branch {self._branch} does not exist",
                hint=f"bring it back: git branch {self._branch} {known}",
            )
        return head

    def _restless(self) -> WorkspaceError:
        return WorkspaceError(
            f"somebody keeps moving {self._branch} while the study writes to it",
            hint="let the study alone own its branch: commit rarely, or on another branch",
        )

    def _advance(self, old: str, new: str, why: str) -> bool:
        """Move the branch to a commit of our own; False where it is not at `old` any more."""
        self._seen.claim(new)
        moved = self._person.advance(old, new, why)
        if moved and self._seen.head == old:  # nothing of a person's lies between
            self._seen.account_for(new)
        return moved

    def _stands_for(self, commit: str, head: str) -> bool:
        """Whether a commit of the branch, since `commit` left it, was made in its stead."""
        trailers = "%(trailers:key=Deep-Loop-Source,valueonly)"
        return commit in self._git.text("log", f"--format={trailers}", f"{commit}..{head}").split()

    def _since(self, head: str) -> list[HumanChange]:
        """A person's changes of the branch up to `head`, oldest first."""
        seen = self._seen.head
        if seen is None or seen == head or self._store.ref(seen) is None:
            return []
        listing = self._git.text("rev-list", "--reverse", "--first-parent", f"{seen}..{head}").splitlines()
        steps = [
            (before, commit)
            for before, commit in zip([seen, *listing], listing, strict=False)
            if commit not in self._seen.own
        ]
        if not self._store.contains(head, seen) or len(steps) > LISTED:  # rewritten, or a long history came in
            return self._as_changes(head, self._store.changed(seen, head))
        return [
            change
            for before, commit in steps
            for change in self._as_changes(commit, self._store.changed(before, commit))
        ]

    def _as_changes(self, commit: str, paths: tuple[str, ...]) -> list[HumanChange]:
        kinds = ["code"] if any(matches(path, (*self._editable, *self._protected)) for path in paths) else []
        kinds += ["program"] if self._program in paths else []
        return [HumanChange(kind, commit, paths) for kind in kinds or ["other"]]


def _inside(link: str) -> str:
    """A link's path; raises WorkspaceError where it leads out of the workspace."""
    path = PurePosixPath(link)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise WorkspaceError(
            f"{link!r} cannot be linked into runs", hint="name a path inside the workspace, as in `data`"
        )
    return str(path)


def _link(place: Path, target: Path, path: str, hidden: Sequence[str]) -> None:
    """Link `place` to `target`, unless something is there; a folder with hidden files is made anew, of links."""
    if not target.exists() or matches(path, hidden):
        return
    inside = target.is_dir() and any(_lies_below(pattern, path) for pattern in hidden)
    if inside and not place.is_symlink():
        place.mkdir(parents=True, exist_ok=True)
        for child in sorted(target.iterdir()):
            _link(place / child.name, child, f"{path}/{child.name}", hidden)
    elif not os.path.lexists(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target.resolve())


def _lies_below(pattern: str, folder: str) -> bool:
    """Whether a pattern may fit something below a folder."""
    parts = zip(PurePosixPath(pattern).parts, PurePosixPath(folder).parts, strict=False)
    return all(one == other or any(sign in one for sign in "*?[") for one, other in parts)


def _with_trailers(message: str, number: int, commit: str) -> str:
    """A message with the trailers of a keep, beside those that it has."""
    body = message.rstrip()
    gap = "\n" if TRAILERS.search(body) else "\n\n"
    return f"{body}{gap}Deep-Loop-Experiment: {number}\nDeep-Loop-Source: {commit}\n"


def _clear(folder: Path) -> None:
    """Remove what is in a folder; the folder itself may be a link, or a disk that a person mounted there."""
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.is_dir() and not entry.is_symlink():
            remove(entry)
        else:
            entry.unlink()
