"""Reading and making commits by plumbing: no branch, no checkout, never the person's index."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import MappingProxyType

from deep_loop.adapters.workspace.plumbing import Git, GitError, author, decode, records, scratch_index
from deep_loop.core.patterns import matches
from deep_loop.errors import WorkspaceError

REGULAR = ("100644", "100755")
LINK = "120000"
SUBMODULE = "160000"
REMEMBERED = 1024  # commits whose editable files stay in memory
# What a program may be made of; data in other forms is never read.
SOURCES = ("**/Makefile", *(f"**/*.{end}" for end in ("py", "pyw", "sh", "toml", "yaml", "yml", "cfg", "ini")))
SOURCE_BYTES = 1 << 20  # of one source file; what is longer is data
SOURCE_FILES = 2000  # of one commit, that are looked at
REMEMBERED_CODE = 32  # commits whose source files stay in memory


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a commit's tree."""

    path: str
    mode: str  # as git writes it: 100644, 100755, 120000 (a link), 160000 (a submodule)
    blob: str


class Store:
    """The commits of one repository. `files` may be called from any thread."""

    def __init__(self, git: Git, scratch: Path, editable: Sequence[str]) -> None:
        self.git = git
        self.scratch = scratch  # a folder of the harness's own, for temporary indexes
        self.editable = tuple(editable)
        self._known: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._code: OrderedDict[str, Mapping[str, str]] = OrderedDict()  # by commit
        self._sources: OrderedDict[str, str] = OrderedDict()  # by blob
        self._lock = Lock()

    def tree(self, commit: str, patterns: Sequence[str] | None = None) -> list[Entry]:
        """A commit's paths in order: all of them (None), or those that fit one of the patterns."""
        if patterns is None:
            return list(_entries(self.git.raw("ls-tree", "-r", "-z", commit)))
        if not patterns:
            return []
        listing = self.git.raw("ls-tree", "-r", "-z", commit, "--", *_roots(patterns))
        return [entry for entry in _entries(listing) if matches(entry.path, patterns)]

    def files(self, commit: str) -> Mapping[str, str]:
        """The editable files at a commit: path -> text. Links and submodules are none."""
        with self._lock:
            if commit in self._known:
                self._known.move_to_end(commit)
                return self._known[commit]
        entries = [entry for entry in self.tree(commit, self.editable) if entry.mode in REGULAR]
        texts = [decode(content) for content in self.contents(entry.blob for entry in entries)]
        files = MappingProxyType({entry.path: text for entry, text in zip(entries, texts, strict=True)})
        with self._lock:
            self._known[commit] = files
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return files

    def code(self, commit: str) -> Mapping[str, str]:
        """The source files at a commit: path -> text. Only what no earlier call has read is read."""
        with self._lock:
            if commit in self._code:
                return self._code[commit]
        listing = self.git.raw("ls-tree", "-r", "-l", "-z", commit)
        found: dict[str, str] = {}  # path -> blob
        for record in records(listing):
            head, path = record.split("\t", 1)
            mode, _, blob, size = head.split()
            small = mode in REGULAR and int(size) <= SOURCE_BYTES
            if small and len(found) < SOURCE_FILES and matches(path, SOURCES):
                found[path] = blob
        with self._lock:
            texts = {blob: self._sources[blob] for blob in found.values() if blob in self._sources}
        missing = [blob for blob in dict.fromkeys(found.values()) if blob not in texts]
        texts |= zip(missing, map(decode, self.contents(missing)), strict=True)
        code = MappingProxyType({path: texts[blob] for path, blob in found.items()})
        with self._lock:
            self._sources |= texts
            self._code[commit] = code
            while len(self._sources) > 2 * SOURCE_FILES:
                self._sources.popitem(last=False)
            while len(self._code) > REMEMBERED_CODE:
                self._code.popitem(last=False)
        return code

    def contents(self, blobs: Iterable[str]) -> Iterator[bytes]:
        """The bytes of these blobs, in their order; one process whatever their number."""
        listing = "".join(f"{blob}\n" for blob in blobs)
        if not listing:
            return
        output = memoryview(self.git.raw("cat-file", "--batch", stdin=listing))
        place = 0
        for blob in listing.split():
            end = place + bytes(output[place : place + 200]).index(b"\n")
            header = bytes(output[place:end]).split()
            if len(header) != 3:
                raise WorkspaceError(f"git object {blob} is missing", hint="run `git fsck` in the workspace")
            size = int(header[2])
            yield bytes(output[end + 1 : end + 1 + size])
            place = end + 1 + size + 1

    def read(self, commit: str, path: str) -> str | None:
        """One file's text at a commit; None where it is not there, or is no file."""
        done = self.git.ask("cat-file", "blob", f"{commit}:{path}")
        return None if done.returncode else decode(done.stdout)

    def blob(self, text: str) -> str:
        """Store a text as it is; its object's name."""
        return self.git.text("hash-object", "-w", "--stdin", "--no-filters", stdin=text)

    def commit(self, base: str, files: Mapping[str, str], message: str) -> str:
        """A commit on `base` with these files replaced or added, each keeping the mode that it had."""
        modes = {entry.path: entry.mode for entry in self.tree(base, tuple(files)) if entry.mode in REGULAR}
        entries = [Entry(path, modes.get(path, REGULAR[0]), self.blob(text)) for path, text in files.items()]
        return self.commit_entries(base, entries, message)

    def commit_entries(self, base: str, entries: Iterable[Entry], message: str) -> str:
        """A commit on `base` with these paths put in place, or taken out where the mode is 0."""
        listing = "".join(f"{entry.mode} {entry.blob}\t{entry.path}\0" for entry in entries)
        with scratch_index(self.git, self.scratch) as git:
            git.raw("read-tree", base)
            git.raw("update-index", "-z", "--replace", "--index-info", stdin=os.fsencode(listing))
            tree = git.text("write-tree")
        return self._signed.text("commit-tree", tree, "-p", base, "-F", "-", stdin=message.replace("\0", ""))

    @cached_property
    def _signed(self) -> Git:
        """git with an author, on a machine where nobody has told git their name too."""
        return self.git.also(author(self.git))

    def combine(self, head: str, commit: str, message: str) -> str:
        """A commit on `head` whose editable files are exactly `commit`'s, and whose other files are the head's."""
        wanted = self.tree(commit, self.editable)
        kept = {entry.path for entry in wanted}
        nothing = "0" * len(head)
        gone = [Entry(e.path, "0", nothing) for e in self.tree(head, self.editable) if e.path not in kept]
        return self.commit_entries(head, [*gone, *wanted], message)

    def ref(self, name: str) -> str | None:
        """The commit that a full ref name points at, or None."""
        done = self.git.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return None if done.returncode else decode(done.stdout).strip()

    def move(self, name: str, new: str, old: str, why: str) -> bool:
        """Point a ref at `new` if it is at `old` still; False where somebody moved it."""
        try:
            self.git.raw("update-ref", "-m", f"deep-loop: {why}", name, new, old)
        except GitError:
            if self.ref(name) == old:
                raise  # not moved: a lock, a full disk, a ref that cannot exist
            return False
        return True

    def contains(self, head: str, commit: str) -> bool:
        """Whether a commit is the head or one of its ancestors; raises GitError for unknown commits."""
        done = self.git.ask("merge-base", "--is-ancestor", commit, head)
        if done.returncode > 1:
            raise GitError("merge-base", done.returncode, decode(done.stderr))
        return done.returncode == 0

    def parent(self, commit: str) -> str | None:
        """A commit's first parent."""
        return self.ref(f"{commit}^")

    def changed(self, old: str, new: str) -> tuple[str, ...]:
        """The paths that differ between two commits."""
        return tuple(records(self.git.raw("diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new)))

    def export(self, commit: str, target: Path, own: Path, hidden: Sequence[str] = ()) -> None:
        """Write a commit's files into a new folder as a checkout would, filters and links included.

        The folder stands in for the working tree, so that the attributes which count are the commit's, and not
        those of a `.gitattributes` that lies about in the person's checkout. `own` is the repository's git folder.
        Paths that fit `hidden` stay out. A submodule comes at the commit that the tree names where the person has it
        at hand, and as the empty folder that a plain clone has where not.
        """
        target.mkdir(parents=True, exist_ok=True)
        place = {"GIT_DIR": str(own), "GIT_WORK_TREE": str(target)}
        with scratch_index(self.git.also(place), self.scratch) as git:
            git.raw("read-tree", commit)
            if gone := [entry.path for entry in self.tree(commit, hidden)]:
                git.raw("update-index", "--force-remove", "-z", "--stdin", stdin=b"\0".join(map(os.fsencode, gone)))
            git.raw("checkout-index", "-a")
        for entry in self.tree(commit):
            if entry.mode == SUBMODULE and not matches(entry.path, hidden):
                self._export_submodule(entry, target / entry.path)

    def _export_submodule(self, entry: Entry, target: Path) -> None:
        place = self.git.folder / entry.path
        if not (place / ".git").exists():
            return
        part = Store(Git(place), self.scratch, ())
        if part.ref(entry.blob) is None:
            raise WorkspaceError(
                f"the submodule {entry.path} does not have its commit {entry.blob[:7]}",
                hint="git submodule update --init --recursive",
            )
        part.export(entry.blob, target, Path(part.git.text("rev-parse", "--absolute-git-dir")))


def _entries(listing: bytes) -> Iterator[Entry]:
    for record in records(listing):
        head, path = record.split("\t", 1)
        mode, _, blob = head.split(" ")
        yield Entry(path, mode, blob)


def _roots(patterns: Sequence[str]) -> list[str]:
    """The folders or files below which all that fits a pattern lies; empty for the whole tree."""
    roots = set()
    for pattern in patterns:
        plain = []
        for part in pattern.removeprefix("./").rstrip("/").split("/"):
            if any(character in part for character in "*?["):
                break
            plain.append(part)
        if not plain:
            return []
        roots.add("/".join(plain))
    return sorted(roots)
