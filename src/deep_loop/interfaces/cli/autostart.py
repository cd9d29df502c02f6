"""`deep-loop autostart`: a study goes on by itself after the machine was restarted."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import click

from deep_loop.adapters.executors.awake import SYSTEMD
from deep_loop.errors import WorkspaceError
from deep_loop.interfaces.cli import options

MECHANISMS = ("auto", "systemd", "cron")
NO_CRONTAB = "no crontab for"  # what `crontab -l` says where a person has none
_WORD = re.compile(r"[^A-Za-z0-9_.-]")

UNIT = """\
[Unit]
Description=deep-loop, study {tag} in {workspace}
After=network.target

[Service]
ExecStart={command}
Environment="PATH={path}"
KillSignal=SIGTERM
TimeoutStopSec=30

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class Start:
    """What is to be started."""

    workspace: Path
    tag: str

    @property
    def name(self) -> str:
        """One for each study of each workspace."""
        place = hashlib.sha256(os.fsencode(self.workspace)).hexdigest()[:8]
        return f"deep-loop-{_WORD.sub('-', self.tag)}-{place}"

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its arguments."""
        return (
            *(sys.executable, "-m", "deep_loop.interfaces.cli", "run"),
            *("--workspace", str(self.workspace), "--tag", self.tag),
        )


class Mechanism(Protocol):
    """One way to have something started with the machine."""

    def text(self, start: Start) -> str:
        """What will be written."""
        ...

    def install(self, start: Start) -> str:
        """Write it, once however often this is called; says where, and what more it needs."""
        ...

    def remove(self, start: Start) -> str:
        """Take it away; says what was done."""
        ...


class Systemd:
    """A unit of the user's own systemd. It is there at the next start; nothing runs now."""

    def text(self, start: Start) -> str:
        return UNIT.format(
            tag=_quoted(start.tag),
            workspace=_quoted(str(start.workspace)),
            command=" ".join(f'"{_quoted(word)}"' for word in start.command),
            path=_quoted(os.environ.get("PATH", os.defpath)),
        )

    def install(self, start: Start) -> str:
        unit, wanted = self._places(start)
        wanted.parent.mkdir(parents=True, exist_ok=True)
        unit.write_text(self.text(start), encoding="utf-8")
        wanted.unlink(missing_ok=True)
        wanted.symlink_to(unit)  # what `systemctl --user enable` does
        return f"wrote {unit}; to start before you log in: `loginctl enable-linger`"

    def remove(self, start: Start) -> str:
        unit, wanted = self._places(start)
        there = unit.exists()
        wanted.unlink(missing_ok=True)
        unit.unlink(missing_ok=True)
        return f"removed {unit}" if there else "it was not set to start"

    def _places(self, start: Start) -> tuple[Path, Path]:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
        unit = folder / f"{start.name}.service"
        return unit, folder / "default.target.wants" / unit.name


class Cron:
    """A line of the user's crontab."""

    def text(self, start: Start) -> str:
        log = start.workspace / ".deep-loop" / "autostart.log"
        line = f"@reboot {shlex.join(start.command)} >> {shlex.quote(str(log))} 2>&1 # {start.name}"
        return line.replace("%", r"\%") + "\n"  # cron would end the command there

    def install(self, start: Start) -> str:
        _write_crontab(self._others(start) + self.text(start))
        return f"wrote a line of your crontab: {self.text(start).strip()}"

    def remove(self, start: Start) -> str:
        others = self._others(start)
        if others == _crontab():
            return "it was not set to start"
        _write_crontab(others)
        return "removed its line of your crontab"

    def _others(self, start: Start) -> str:
        """The crontab without the study's line."""
        return "".join(
            line for line in _crontab().splitlines(keepends=True) if not line.rstrip().endswith(f"# {start.name}")
        )


@click.command()
@options.workspace
@click.option("--tag", required=True, metavar="T", help="The study.")
@click.option("--remove", is_flag=True, help="Do not start it any more.")
@click.option("--print", "only_print", is_flag=True, help="Only show what would be written.")
@click.option("--by", type=click.Choice(MECHANISMS), default="auto", help="How; by default systemd, else cron.")
def autostart(workspace: Path, tag: str, remove: bool, only_print: bool, by: str) -> None:
    """Let the study T go on by itself after the machine was restarted.

    A study that has spent its budget ends at once then. Nothing is started now: that is `deep-loop run`.
    """
    start, mechanism = Start(workspace, tag), _mechanism(by)
    if only_print:
        click.echo(mechanism.text(start), nl=False)
    elif remove:
        click.echo(mechanism.remove(start))
    else:
        click.echo(mechanism.install(start))


def _mechanism(by: str) -> Mechanism:
    """The one that was asked for, else what the machine has; raises WorkspaceError where it has none."""
    if by == "systemd" or (by == "auto" and SYSTEMD.is_dir()):
        return Systemd()
    if by == "cron" or shutil.which("crontab"):
        return Cron()
    raise WorkspaceError(
        "this machine has neither systemd nor cron to start a study with",
        hint="start `deep-loop run` by what starts programs here; `--by cron --print` shows the command",
    )


def _quoted(text: str) -> str:
    """A text within double quotes of a unit file, where some characters mean something."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return plain.replace("\n", " ")


def _crontab() -> str:
    """The user's crontab; empty where there is none. Raises WorkspaceError where it cannot be read."""
    done = _call(["crontab", "-l"])
    if done.returncode and NO_CRONTAB not in done.stderr:
        raise _refused(done.stderr)
    return "" if done.returncode else done.stdout


def _write_crontab(text: str) -> None:
    done = _call(["crontab", "-"], text)
    if done.returncode:
        raise _refused(done.stderr)


def _call(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise _refused("there is no crontab") from error


def _refused(why: str) -> WorkspaceError:
    return WorkspaceError(f"your crontab cannot be changed: {why.strip()}", hint="install cron, or use --by systemd")
