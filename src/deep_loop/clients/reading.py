"""Files that a model may list, read and search: all below one folder, and nothing else.

Links are not followed and git's own folder is out of bounds. Whatever comes back to the model is bounded, free of
keys, and marked as data. The docstrings of the tools are what the model reads of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_ai import ModelRetry

from deep_loop.clients import model_search
from deep_loop.prompts.fence import Fence, cut, line

READ = 40_000  # characters of one answer
LISTED = 500  # files
SEARCHED = 5_000
HITS = 100
WIDTH = 300  # characters of a line that is found, or of a path
SEARCH_SECONDS = 10.0


class Reading:
    """One folder. Its coroutines are tools; they raise ModelRetry with what to do instead."""

    def __init__(
        self,
        root: Path,
        fence: Fence,
        redact: Callable[[str], str],
        largest: int,
        search_seconds: float = SEARCH_SECONDS,
    ) -> None:
        """Files of more than `largest` bytes are no texts to be read."""
        self.root = root.resolve()
        self._fence = fence
        self._redact = redact
        self._largest = largest
        self._search_seconds = search_seconds

    async def list_files(self, folder: str = "") -> str:
        """List the files of this folder with their sizes in bytes.

        Args:
            folder: Only those below this folder; empty for all.
        """
        rows = [f"{path}  {size}" for path, size in self.walk(folder)]
        return self.data(f"files, {len(rows)} of them", "\n".join(rows[:LISTED]))

    async def read_file(self, path: str, first_line: int = 1, lines: int = 2000) -> str:
        """Read a text file of the folder, or a part of it.

        Args:
            path: Relative to the folder, such as `train.py`.
            first_line: Where to begin; 1 is the first.
            lines: How many to read.
        """
        rows = self.text(path).splitlines(keepends=True)
        first, last = max(first_line, 1), min(max(first_line, 1) + max(lines, 1) - 1, len(rows))
        return self.data(f"{path}, lines {first} to {last} of {len(rows)}", "".join(rows[first - 1 : last]))

    async def search_files(self, pattern: str, folder: str = "") -> str:
        """Find the lines of the folder's text files that a Python regular expression matches.

        Args:
            pattern: The regular expression; it is searched for in each line alone.
            folder: Only in files below this folder; empty for all.
        """
        files = [path for path, size in self.walk(folder) if size <= self._largest][:SEARCHED]
        asked = {"pattern": pattern, "files": files, "most": HITS, "width": 10 * WIDTH}
        found = await _search(self.root, asked, self._search_seconds)
        if "error" in found:
            raise ModelRetry(f"not a regular expression: {found['error']}")
        rows = [cut(self._redact(f"{path}:{number}: {text}"), WIDTH) for path, number, text in found["hits"]]
        most = f", the first {HITS} lines" if len(rows) == HITS else ""
        return self.data(f"matches{most}", "\n".join(rows) or "(none)")

    # --- for those who add tools of their own ------------------------------------------------------

    def place(self, path: str) -> Path:
        """A path below the folder, which may not be there; ModelRetry for one that leads anywhere else."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if path.startswith("/") or "\\" in path or "\0" in path or ".." in parts:
            raise ModelRetry(f"{line(path, WIDTH)!r}: give a path relative to the folder, without `..`")
        if any(part.casefold() == ".git" for part in parts):
            raise ModelRetry("git's own files are out of bounds")
        place = self.root
        for part in parts:
            place /= part
            try:
                linked = place.is_symlink()
            except OSError as error:
                raise ModelRetry(f"{line(path, WIDTH)}: {error.strerror}") from None
            if linked:
                raise ModelRetry(f"{line(path, WIDTH)}: a link, and links are not followed")
        return place

    def text(self, path: str) -> str:
        place = self.place(path)
        if not place.is_file():
            raise ModelRetry(f"there is no file {line(path, WIDTH)}: see `list_files`")
        try:
            if place.stat().st_size > self._largest:
                raise ModelRetry(f"{path} is too large to be read")
            return place.read_bytes().decode()
        except UnicodeDecodeError:
            raise ModelRetry(f"{path} is no text") from None
        except OSError as error:
            raise ModelRetry(f"{path} cannot be read: {error.strerror}") from None

    def walk(self, folder: str = "") -> Iterator[tuple[str, int]]:
        """Ordinary files below a folder, in order, with their sizes."""
        for place, folders, names in os.walk(self.place(folder)):
            folders[:] = sorted(name for name in folders if name.casefold() != ".git")
            for name in sorted(names):
                file = Path(place) / name
                if file.is_file() and not file.is_symlink():
                    yield file.relative_to(self.root).as_posix(), file.stat().st_size

    def data(self, source: str, text: str) -> str:
        text = self._redact(text)  # before it is cut: half a key is a secret too
        if len(text) > READ:
            source, text = f"{source}: the first {READ} characters", text[:READ]
        return self._fence.block("data", source, text)


async def _search(root: Path, asked: Mapping[str, object], seconds: float) -> dict[str, Any]:
    """Let another process search, with nothing of ours but the question."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", model_search.__file__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=root,
        env={},
    )
    try:
        async with asyncio.timeout(seconds):
            out, _ = await child.communicate(json.dumps(asked).encode())
    except TimeoutError:
        raise ModelRetry("the search took too long: try a simpler pattern") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    found: dict[str, Any] = json.loads(out) if child.returncode == 0 else {"error": "the search failed"}
    return found
