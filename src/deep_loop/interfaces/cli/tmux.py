"""`deep-loop run --tmux`: a study that goes on when the terminal is closed."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deep_loop.errors import WorkspaceError

START_SECONDS = 60.0  # that a harness is given to take hold of its workspace
SETTLED_SECONDS = 1.5  # after which a study that runs is taken to have begun well
LOOK_SECONDS = 0.2
FAILED = "deep-loop ended with exit code"


@dataclass(frozen=True, slots=True)
class Session:
    """A tmux session for one study, on a server of its own, so that it gets this terminal's environment as it is."""

    socket: str
    name: str

    @classmethod
    def of(cls, workspace: Path, tag: str) -> Session:
        """The session of a study: the same for the same workspace and tag, no other study's."""
        place = hashlib.sha256(f"{workspace}\0{tag}".encode()).hexdigest()[:8]
        return cls(f"deep-loop-{place}", re.sub(r"[^\w-]", "_", tag))

    def command(self, *words: str) -> list[str]:
        """A command line of tmux for this session's server."""
        return ["tmux", "-L", self.socket, *words]

    def start(self, workspace: Path, words: Sequence[str]) -> None:
        """Run a command detached; where it fails, its window stays until Enter is typed. Raises WorkspaceError."""
        run = shlex.join([sys.executable, "-m", "deep_loop.interfaces.cli", *words])
        told = f"printf '\\n{FAILED} %s; Enter closes this window\\n' \"$code\"; read -r _"
        shell = f'{run}; code=$?; [ "$code" = 0 ] || {{ {told}; }}; exit "$code"'
        place = ("-s", self.name, "-c", str(workspace), "-x", "200", "-y", "50")
        done = _tmux(self.command("new-session", "-d", *place, "/bin/sh", "-c", shell))
        if done.returncode:
            raise WorkspaceError(
                f"tmux could not start: {done.stderr.strip() or f'exit code {done.returncode}'}",
                hint="run it without --tmux, or look at what is there: " + shlex.join(self.command("ls")),
            )

    def alive(self) -> bool:
        """Whether it is there still."""
        return _tmux(self.command("has-session", "-t", f"={self.name}")).returncode == 0

    def text(self) -> str:
        """What its window shows."""
        return _tmux(self.command("capture-pane", "-p", "-t", f"={self.name}:")).stdout.rstrip()

    def end(self) -> None:
        """Close it, with whatever runs in it."""
        _tmux(self.command("kill-session", "-t", f"={self.name}"))


def detach(workspace: Path, tag: str, words: Sequence[str], runs: Callable[[], bool], deep_loop: str) -> Iterator[str]:
    """Start `deep-loop WORDS` detached, wait until `runs` says that it does, and tell how to go on, line by line.

    `deep_loop` is how a person calls the program from here. Raises WorkspaceError where there is no tmux, or where the
    study ends with an error before it runs.
    """
    if shutil.which("tmux") is None:
        raise WorkspaceError("tmux is not installed", hint="install it (Debian: apt install tmux), or leave out --tmux")
    session = Session.of(workspace, tag)
    if FAILED in session.text():  # of an earlier try, that nobody has closed
        session.end()
    session.start(workspace, words)
    patience, ran_since = time.monotonic() + START_SECONDS, None
    while (now := time.monotonic()) < patience and (ran_since is None or now - ran_since < SETTLED_SECONDS):
        ran_since = ran_since or (now if runs() else None)
        if not session.alive():
            yield f"{tag} has ended already: `{deep_loop} status --tag {tag}`"
            return
        if FAILED in (shown := session.text()):
            session.end()
            raise WorkspaceError(
                shown.partition(f"\n{FAILED}")[0].strip() or "the study ended at once",
                hint="run it without --tmux to watch it start",
            )
        time.sleep(LOOK_SECONDS)
    yield f"{tag} runs in tmux; closing this terminal does not touch it"
    yield f"  watch   {shlex.join(session.command('attach', '-t', session.name))}   (Ctrl-b d leaves it running)"
    yield f"  status  {deep_loop} status --workspace {shlex.quote(str(workspace))}"
    yield f"  stop    {deep_loop} stop --workspace {shlex.quote(str(workspace))}"


def _tmux(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
