"""A change made on another base: file by file, three ways."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from deep_loop.adapters.workspace.plumbing import Git, GitError, decode
from deep_loop.core.syntax import syntax_error


def three_way(
    git: Git, base: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str], scratch: Path
) -> dict[str, str] | None:
    """`ours` with the change from `base` to `theirs` made on it; None where the two get in each other's way.

    A merged Python file parses if ours did, or the merge counts as a conflict.
    """
    merged = dict(ours)
    for path in {*base, *theirs}:
        old, mine, new = base.get(path), ours.get(path), theirs.get(path)
        if new in (old, mine):
            continue
        if mine == old:
            # A file's deletion is no change that a guarded proposal can hold, but a person's commit can.
            merged.pop(path, None)
            merged |= {path: new} if new is not None else {}
            continue
        if old is None or mine is None or new is None:
            return None
        text = _merge_lines(git, old, mine, new, scratch)
        if text is None and path.endswith(".py"):
            text = _merge_knobs(old, mine, new)
        if text is None or (path.endswith(".py") and syntax_error(text) and not syntax_error(mine)):
            return None
        merged[path] = text
    return merged


def _merge_lines(git: Git, old: str, mine: str, new: str, scratch: Path) -> str | None:
    """git's own three-way merge of texts."""
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="merge-", dir=scratch) as folder:
        paths = [Path(folder) / name for name in ("mine", "old", "new")]
        for path, text in zip(paths, (mine, old, new), strict=True):
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        done = git.ask("merge-file", "-p", "-q", *map(str, paths))
    if done.returncode > 127:
        raise GitError("merge-file", done.returncode, decode(done.stderr))
    return decode(done.stdout) if done.returncode == 0 else None


def _merge_knobs(old: str, mine: str, new: str) -> str | None:
    """Merge per constant, where constants are all that differs: git takes neighbouring lines for a conflict."""
    from deep_loop import knobs  # libcst behind it is slow to import, and conflicts are rare

    try:
        values = {knob.name: knob.source for knob in knobs.read(old)}
        my_values = {knob.name: knob.source for knob in knobs.read(mine)}
        new_values = {knob.name: knob.source for knob in knobs.read(new)}
        if not values.keys() == my_values.keys() == new_values.keys():
            return None
        if knobs.rewrite(mine, values) != old or knobs.rewrite(new, values) != old:
            return None
        changed = {name: source for name, source in new_values.items() if source != values[name]}
        if any(my_values[name] not in (values[name], source) for name, source in changed.items()):
            return None
        return knobs.rewrite(mine, changed)
    except knobs.KnobError:
        return None
