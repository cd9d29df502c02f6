"""A proposer's working copy: a repository of its own, and what is taken from it afterwards.

Nothing in the copy leads to the person's repository: no remote, no shared objects, no hooks, no refs but
its own. What comes back is found by comparing bytes with the commit, so it does not matter whether the
proposer committed, reset, or deleted its `.git`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from deep_loop.adapters.workspace.plumbing import NOBODY, Git, decode, records, scratch_index
from deep_loop.adapters.workspace.repository import Repository
from deep_loop.adapters.workspace.store import LINK, REGULAR, Entry, Store
from deep_loop.core.guard import MAX_BYTES, NOT_TEXT
from deep_loop.errors import WorkspaceError

MAX_READ = 16 * MAX_BYTES  # of one whole change
CHUNK = 1 << 20
# The copy holds the commit's bytes as they are, whatever attributes the tree sets.
RAW = "* -text !eol !filter !ident !working-tree-encoding !diff !merge\n"
CONFIG = "[user]\n\tname = deep-loop\n\temail = deep-loop@localhost\n[gc]\n\tauto = 0\n"


def make(repository: Repository, commit: str, parent: Path) -> Path:
    """A new folder below `parent` with a commit's files and a repository with that one commit."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f"{commit}-", dir=parent))  # the name tells `collect` what to compare with
    git = Git(folder, extra=NOBODY, settings=("core.autocrlf=false", "core.sparseCheckout=false"))
    form = "sha1" if len(commit) == 40 else "sha256"
    git.raw("init", "--quiet", "--template=", "--initial-branch=main", f"--object-format={form}")
    config = folder / ".git" / "config"
    config.write_text(config.read_text("utf-8") + CONFIG, encoding="utf-8")
    (folder / ".git" / "info").mkdir()
    (folder / ".git" / "info" / "attributes").write_text(RAW, encoding="utf-8")
    git.also({"GIT_OBJECT_DIRECTORY": str(repository.objects)}).raw("read-tree", "-m", "-u", commit)
    (folder / ".git" / "index").unlink()  # so that `add` stores every object in the copy itself
    git.raw("add", "--all", "--force")
    git.raw("commit", "--quiet", "--no-verify", "--allow-empty", "-m", f"the state at {commit[:7]}")
    return folder


def collect(repository: Repository, store: Store, folder: Path) -> Mapping[str, str | None]:
    """What differs from the commit that the folder was made from; see `ports.Workspace.collect`.

    Links are never followed: one that is new, or stands where a file was, comes as a text that opens with
    `NOT_TEXT`, as do nested repositories and all else that is no file. A file longer than `MAX_BYTES` is
    cut just behind that length, so that its reader can tell. Permissions are not compared.
    """
    base = folder.name.split("-", 1)[0]
    git = Git(folder, extra={"GIT_DIR": str(repository.own), "GIT_WORK_TREE": str(folder)})
    with scratch_index(git, store.scratch) as scratch:
        scratch.raw("read-tree", base)
        others = records(scratch.raw("ls-files", "-z", "--others", "--exclude-standard"))
    reader = _Reader(folder)
    try:
        found: dict[str, str | None] = {}
        for entry in store.tree(base):
            if not reader.equals(entry):
                found[entry.path] = reader.text(entry.path)
        for path in others:
            nested = path.endswith("/")
            found[path.rstrip("/")] = f"{NOT_TEXT}a repository of its own" if nested else reader.text(path)
        return found
    finally:
        reader.close()


class _Reader:
    """Reads below one folder without following a link anywhere on the way."""

    def __init__(self, folder: Path) -> None:
        try:
            self._top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise WorkspaceError(f"the proposer's folder {folder} is gone", hint="run the study again") from error
        self._left = MAX_READ

    def close(self) -> None:
        os.close(self._top)

    def equals(self, entry: Entry) -> bool:
        """Whether a path still is what the tree says; submodules, which are not exported, always are."""
        digest = hashlib.sha1 if len(entry.blob) == 40 else hashlib.sha256
        match self._open(entry.path):
            case int() as file:
                with os.fdopen(file, "rb") as content:
                    size = os.fstat(file).st_size
                    found = digest(b"blob %d\0" % size)
                    while chunk := content.read(CHUNK):
                        found.update(chunk)
                return entry.mode in REGULAR and found.hexdigest() == entry.blob
            case bytes() as target:
                return entry.mode == LINK and digest(b"blob %d\0%b" % (len(target), target)).hexdigest() == entry.blob
            case _:
                return entry.mode not in (*REGULAR, LINK)

    def text(self, path: str) -> str | None:
        """A file's text; a text that opens with `NOT_TEXT` for anything else; None where there is nothing."""
        match self._open(path):
            case None:
                return None
            case bytes() as target:
                return f"{NOT_TEXT}a symbolic link to {decode(target)!r}"
            case str() as what:
                return NOT_TEXT + what
            case file:
                with os.fdopen(file, "rb") as content:
                    if self._left <= 0:
                        return f"{NOT_TEXT}not read: the change is larger than {MAX_READ >> 20} MiB"
                    read = content.read(MAX_BYTES + 1)
                self._left -= len(read)
                return decode(read)

    def _open(self, path: str) -> int | bytes | str | None:
        """A regular file's descriptor, a link's target, what else it is in words, or None."""
        *folders, name = path.split("/")
        here = os.dup(self._top)
        try:
            for folder in folders:
                above, here = here, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                os.close(above)
            if stat.S_ISLNK(os.lstat(name, dir_fd=here).st_mode):
                return os.readlink(os.fsencode(name), dir_fd=here)
            # Without O_NONBLOCK a named pipe would wait for a writer.
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
        except OSError as error:
            gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
            return None if gone else f"not readable ({error.strerror})"
        finally:
            os.close(here)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
        return "neither a file nor a link"
