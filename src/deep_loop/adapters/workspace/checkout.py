"""A proposer's working copy: a repository of its own, and what is taken from it afterwards.

Nothing in the copy leads to the person's repository: no remote, no shared objects, no hooks, no refs but
its own. What comes back is found by comparing bytes with the commit, so it does not matter whether the
proposer committed, reset, or deleted its `.git`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from deep_loop.adapters.workspace.plumbing import NOBODY, Git, records, scratch_index
from deep_loop.adapters.workspace.reader import Reader
from deep_loop.adapters.workspace.repository import Repository
from deep_loop.adapters.workspace.store import Store
from deep_loop.core.guard import NOT_TEXT
from deep_loop.core.patterns import matches

# The copy holds the commit's bytes as they are, whatever attributes the tree sets.
RAW = "* -text !eol !filter !ident !working-tree-encoding !diff !merge\n"
CONFIG = "[user]\n\tname = deep-loop\n\temail = deep-loop@localhost\n[gc]\n\tauto = 0\n"


def make(repository: Repository, commit: str, folder: Path, hidden: Sequence[str] = ()) -> None:
    """Make a folder with a commit's files and a repository with that one commit.

    Files that fit the patterns of `hidden` stay out of both.
    """
    folder.mkdir(parents=True)
    git = Git(folder, extra=NOBODY, settings=("core.autocrlf=false", "core.sparseCheckout=false"))
    form = "sha1" if len(commit) == 40 else "sha256"
    git.raw("init", "--quiet", "--template=", "--initial-branch=main", f"--object-format={form}")
    config = folder / ".git" / "config"
    config.write_text(config.read_text("utf-8") + CONFIG, encoding="utf-8")
    (folder / ".git" / "info").mkdir()
    (folder / ".git" / "info" / "attributes").write_text(RAW, encoding="utf-8")
    git.also({"GIT_OBJECT_DIRECTORY": str(repository.objects)}).raw("read-tree", "-m", "-u", commit)
    for path in records(git.raw("ls-files", "-z")) if hidden else ():
        if matches(path, hidden):
            (folder / path).unlink()
    (folder / ".git" / "index").unlink()  # so that `add` stores every object in the copy itself
    git.raw("add", "--all", "--force")
    git.raw("commit", "--quiet", "--no-verify", "--allow-empty", "-m", f"the state at {commit[:7]}")


def collect(
    repository: Repository, store: Store, folder: Path, base: str, hidden: Sequence[str] = ()
) -> Mapping[str, str | None]:
    """What differs in the folder from the commit that it was made from; see `ports.Workspace.collect`.

    Links are never followed: one that is new, or stands where a file was, comes as a text that opens with
    `NOT_TEXT`, as do nested repositories and all else that is no file. A file longer than `MAX_BYTES` is
    cut just behind that length, so that its reader can tell. Permissions are not compared.
    """
    git = Git(folder, extra={"GIT_DIR": str(repository.own), "GIT_WORK_TREE": str(folder)})
    with scratch_index(git, store.scratch) as scratch:
        scratch.raw("read-tree", base)
        others = records(scratch.raw("ls-files", "-z", "--others", "--exclude-standard"))
    reader = Reader(folder)
    try:
        found: dict[str, str | None] = {}
        for entry in store.tree(base):
            if not reader.equals(entry):
                text = reader.text(entry.path)
                if text is not None or not matches(entry.path, hidden):  # a hidden file was never there
                    found[entry.path] = text
        for path in others:
            nested = path.endswith("/")
            found[path.rstrip("/")] = f"{NOT_TEXT}a repository of its own" if nested else reader.text(path)
        return found
    finally:
        reader.close()
