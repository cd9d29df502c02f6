"""A person at work in a repository: what the tests do beside the harness, with plain git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deep_loop.adapters.workspace.git import GitWorkspace

TRAIN = "RATE = 1e-3\nWIDTH = 64\nDEPTH = 2\n\n\ndef main():\n    print('val_bpb:', RATE * WIDTH * DEPTH)\n\n\nmain()\n"
FILES = {
    "train.py": TRAIN,
    "prepare.py": "TIME_BUDGET = 2\n",
    "program.md": "# Problem\n\nMake it better.\n",
    ".gitignore": "data/\n__pycache__/\n*.log\n",
}
BRANCH = "deep-loop/exp1"


class Person:
    """Uses git at `root` as a person would."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        """Run git; its output without the last line's end."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        named = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "LC_ALL": "C"}
        options = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "advice.detachedHead=false"]
        done = subprocess.run(
            ["git", *options, *arguments], cwd=self.root, env={**clean, **named}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().removesuffix("\n")

    def write(self, **files: str) -> None:
        """Write files; `__` in a name stands for a dot."""
        for name, text in files.items():
            self.put(name.replace("__", "."), text)

    def put(self, path: str, text: str) -> None:
        """Write one file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text.encode())

    def commit(self, message: str = "work") -> str:
        """Commit all there is; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def status(self) -> list[str]:
        """What `git status` lists."""
        return self.git("status", "--porcelain").splitlines()

    def text(self, path: str) -> str:
        """A working file's text."""
        return (self.root / path).read_bytes().decode()

    def at(self, commit: str, path: str) -> str:
        """A committed file's text."""
        return self.git("show", f"{commit}:{path}") + "\n"

    def where(self) -> str:
        """The branch that HEAD is on, or HEAD where it is detached."""
        return self.git("rev-parse", "--abbrev-ref", "HEAD")


def repository(root: Path, files: dict[str, str] | None = None) -> Person:
    """A new repository with one commit on `main`."""
    root.mkdir(parents=True, exist_ok=True)
    person = Person(root)
    person.git("init", "--quiet", "--initial-branch=main")
    for path, text in (files or FILES).items():
        person.put(path, text)
    person.commit("start")
    return person


def workspace(root: Path, **changes) -> GitWorkspace:
    """The harness's view of it."""
    settings = {"tag": "exp1", "branch": BRANCH, "editable": ["train.py"], "protected": ["prepare.py"]}
    return GitWorkspace(root, **{**settings, **changes})
