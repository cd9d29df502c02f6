"""Workspaces from templates: folders of the package, copied and committed."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from deep_loop.adapters.workspace.plumbing import Git, author, version
from deep_loop.errors import WorkspaceError

LITTER = frozenset({"__pycache__", ".DS_Store"})  # what use of an installed package may leave in a template


def shipped() -> Traversable:
    """The folder of the templates that come with the package."""
    return files("deep_loop") / "templates"


def templates(source: Traversable | None = None) -> tuple[str, ...]:
    """The names of the templates, in order."""
    found = (source or shipped()).iterdir()
    return tuple(sorted(entry.name for entry in found if entry.is_dir() and entry.name not in LITTER))


def create(target: Path, name: str, source: Traversable | None = None) -> None:
    """Make a workspace from a template: its files, a repository on `main`, one commit.

    `target` is new or an empty folder. Raises WorkspaceError for an unknown name, a folder with anything in
    it, and where git is missing or too old; nothing is written then. `source` holds the templates.
    """
    source = source or shipped()
    known = templates(source)
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.0)
        hint = f"did you mean {near[0]!r}? There are: {', '.join(known)}" if near else "no template is installed"
        raise WorkspaceError(f"there is no template {name!r}", hint=hint)
    version()
    if target.exists() and not target.is_dir():
        raise WorkspaceError(f"{target} is a file", hint="name a new or an empty folder")
    if target.is_dir() and any(target.iterdir()):
        raise WorkspaceError(
            f"{target} is not empty",
            hint="name a new or an empty folder; a repository with a deep-loop.toml needs no init",
        )
    try:
        _copy(source / name, target)
    except OSError as error:
        raise WorkspaceError(
            f"{target} cannot be written: {error.strerror}", hint="name a folder of your own"
        ) from error
    git = Git(target)
    git.raw("init", "--quiet", "--template=", "--initial-branch=main")
    git.raw("add", "--all")
    signed = git.also(author(git))
    signed.raw("commit", "--quiet", "--no-verify", "-m", f"deep-loop: workspace from template {name}")


def _copy(source: Traversable, target: Path) -> None:
    """Copy a folder of the package, names with a leading dot included."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.name in LITTER:
            continue
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())
