"""Running git: one place that fixes its environment, so that nothing a person configured can surprise us.

Hooks, file-system monitors, automatic packing, signing, prompts and pagers are off, messages are in
English, and variables by which a caller of ours would redirect git (GIT_DIR and its kin) are gone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from deep_loop.errors import WorkspaceError

OLDEST = (2, 30)
INSTALL = f"install git {OLDEST[0]}.{OLDEST[1]} or newer"
NOBODY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "deep-loop"), ("EMAIL", "deep-loop@localhost"))
}
SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "submodule.recurse=false",
    "i18n.commitEncoding=utf-8",
    "i18n.logOutputEncoding=utf-8",
    "log.showSignature=false",
    "core.filesRefLockTimeout=5000",  # milliseconds; a person's git may hold a lock for a moment
    "core.packedRefsTimeout=5000",
)
# A temporary index holds every file, whatever parts of the tree the person has checked out.
WHOLE = ("core.sparseCheckout=false", "core.splitIndex=false")
# What a person sets for all of git; the other GIT_* variables point it elsewhere or make it talk.
KEPT = re.compile(
    r"GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+)|(AUTHOR|COMMITTER)_(NAME|EMAIL)|EXEC_PATH)"
)


FULL_BYTES = 1 << 20  # free space that counts as none
AGAIN = "then run the same command again; what was recorded is safe"
# What git says, in English as we make it, when not we but the machine is at fault, and what a person can do then.
REMEDIES = (
    (re.compile("No space left on device|Disk quota exceeded"), f"free some space, {AGAIN}"),
    (re.compile(r"\.lock': File exists"), f"if no git command is running, remove that file, {AGAIN}"),
    (
        re.compile("Read-only file system|[Pp]ermission denied|Operation not permitted|insufficient permission"),
        f"make the workspace and its .git writable for you, {AGAIN}",
    ),
)


class GitError(WorkspaceError):
    """A git command failed that was expected to work. `full` is a folder without room, which git rarely mentions."""

    def __init__(self, command: str, code: int, stderr: str, *, full: Path | None = None) -> None:
        lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith("hint:")]
        telling = [line for line in lines if any(known.search(line) for known, _ in REMEDIES)]
        self.code = code
        self.said = (telling or lines or [f"exit {code}"])[0].strip()
        hint = next((remedy for known, remedy in REMEDIES if known.search(self.said)), None)
        message = f"git {command} failed: {self.said}"
        if full is not None:
            message, hint = f"the disk is full under {full}: {message}", REMEDIES[0][1]
        super().__init__(message, hint=hint or "see what `git status` says in the workspace")


class Git:
    """git in one folder. Every method is one process and raises GitError where git fails."""

    def __init__(self, folder: Path, *, extra: Mapping[str, str] | None = None, settings: Sequence[str] = ()) -> None:
        self.folder = folder
        self.extra = dict(extra or {})
        self._settings = tuple(settings)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_") or KEPT.fullmatch(name)
        }
        self._environment = {
            **kept,
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            **self.extra,
        }
        self._options = [part for setting in (*SETTINGS, *settings) for part in ("-c", setting)]

    def also(self, extra: Mapping[str, str], *settings: str) -> Git:
        """The same git with more in its environment, and more settings."""
        return Git(self.folder, extra={**self.extra, **extra}, settings=(*self._settings, *settings))

    def ask(self, *arguments: str, stdin: bytes | str = b"") -> subprocess.CompletedProcess[bytes]:
        """Run it and look at the exit code oneself; raises WorkspaceError only where there is no git."""
        try:
            return subprocess.run(
                ["git", "--no-pager", *self._options, *arguments],
                cwd=self.folder,
                env=self._environment,
                input=stdin.encode("utf-8", "replace") if isinstance(stdin, str) else stdin,
                capture_output=True,
                check=False,
            )
        except NotADirectoryError as error:
            raise WorkspaceError(f"{self.folder} is not a folder", hint="name an existing folder") from error
        except FileNotFoundError as error:
            if not self.folder.is_dir():
                raise WorkspaceError(f"there is no folder {self.folder}", hint="name an existing folder") from error
            raise WorkspaceError("git is not installed, or not on PATH", hint=INSTALL) from error

    def raw(self, *arguments: str, stdin: bytes | str = b"") -> bytes:
        """Standard output as bytes."""
        done = self.ask(*arguments, stdin=stdin)
        if done.returncode:
            raise GitError(arguments[0], done.returncode, decode(done.stderr), full=self._full())
        return done.stdout

    def text(self, *arguments: str, stdin: bytes | str = b"") -> str:
        """Standard output as text, without the last line's end."""
        return decode(self.raw(*arguments, stdin=stdin)).removesuffix("\n")

    def check(self, *arguments: str) -> bool:
        """Whether the command exits with 0."""
        return self.ask(*arguments).returncode == 0

    def _full(self) -> Path | None:
        """One of the places that a command writes to, if its disk is full."""
        index = Path(self.extra.get("GIT_INDEX_FILE", self.folder))
        places = (place for place in (self.folder / ".git", index.parent, self.folder) if place.exists())
        return next((place for place in places if shutil.disk_usage(place).free < FULL_BYTES), None)


def decode(content: bytes) -> str:
    """UTF-8 text with its line ends as they are; undecodable bytes become U+FFFD."""
    return content.decode("utf-8", "replace")


def records(content: bytes) -> list[str]:
    """The NUL-terminated records of a `-z` listing, paths as the file system has them."""
    return [os.fsdecode(record) for record in content.split(b"\0") if record]


def version() -> tuple[int, int]:
    """The installed git's version; raises WorkspaceError where there is none or it is too old."""
    said = Git(Path(os.sep)).text("version")
    found = re.search(r"(\d+)\.(\d+)", said)
    if not found or (number := (int(found[1]), int(found[2]))) < OLDEST:
        raise WorkspaceError(f"{said} is too old", hint=INSTALL)
    return number


def author(git: Git) -> Mapping[str, str]:
    """The environment for commits: empty where the person has an identity, else the harness's own."""
    known = git.also({}, "user.useConfigOnly=true").check("var", "GIT_COMMITTER_IDENT")
    return {} if known else NOBODY


@contextmanager
def scratch_index(git: Git, scratch: Path) -> Iterator[Git]:
    """git with an index of its own, never the person's; it is removed in the end."""
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="index-", dir=scratch) as folder:
        yield git.also({"GIT_INDEX_FILE": str(Path(folder) / "index")}, *WHOLE)
