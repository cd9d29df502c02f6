"""Keys: where they come from, and how they stay out of everything that is written.

A key is looked for in the environment, in the workspace's `.env`, and in the system's keyring, in that order, when
somebody needs it. It is handed to whoever asks by name, and is put nowhere: not into the environment of other programs,
not into a file.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from deep_loop.errors import ConfigError

FILE = ".env"
SERVICE = "deep-loop"  # under which the keyring has them: `keyring set deep-loop ANTHROPIC_API_KEY`
HIDDEN = "***"
SHORTEST = 8  # characters of a secret that is hidden: shorter ones are parts of ordinary words
VAULT_SECONDS = 5.0  # a keyring may ask a person who is not there

Vault = Callable[[str], str | None]

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH(?!OR)", re.IGNORECASE)  # in the name of a variable
_USER = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")  # a password in an address, such as a proxy's
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=[ \t]*(.*)$")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$", "'": "'"}


class Keyring:
    """The system's keyring. Once it does not answer in time, it is asked no more."""

    def __init__(self, seconds: float = VAULT_SECONDS) -> None:
        self._seconds = seconds
        self._silent = False

    def __call__(self, name: str) -> str | None:
        """What it holds under our service; None where there is no keyring, or nothing in it."""
        try:
            import keyring as system
        except ImportError:
            return None
        found: list[str | None] = []

        def ask() -> None:
            try:
                found.append(system.get_password(SERVICE, name))
            except Exception:  # noqa: BLE001  (backends are anybody's, and one that fails holds no key of ours)
                found.append(None)

        if not self._silent:
            asking = threading.Thread(target=ask, daemon=True)
            asking.start()
            asking.join(self._seconds)
            self._silent = not found
        return found[0] if found else None


class Keys:
    """The keys of one workspace. Safe in any thread.

    Raises ConfigError where git tracks the `.env` file: a key in it may be in every clone already.
    """

    def __init__(self, root: Path, environ: Mapping[str, str], vault: Vault | None = None) -> None:
        self._environ = dict(environ)
        self._file = _read(root, self._environ)
        self._vault = vault or Keyring()
        self._secrets = {value for name, value in {**self._file, **self._environ}.items() if _SECRET.search(name)}
        self._secrets |= {found for value in self._environ.values() for found in _USER.findall(value)}

    def __repr__(self) -> str:
        return f"Keys({len(self._secrets)} known)"

    def get(self, name: str) -> str | None:
        """The key of that name, or None where there is none."""
        found = self._find(name)
        return found[0] if found else None

    def where(self, name: str) -> str | None:
        """Where it is found: "environment", ".env" or "keyring"; None where it is not."""
        found = self._find(name)
        return found[1] if found else None

    def known(self) -> tuple[str, ...]:
        """Every secret value that is known by now: for those who keep them out of what they write."""
        return tuple(sorted(secret for secret in self._secrets.copy() if len(secret) >= SHORTEST))

    def redact(self, text: str) -> str:
        """The text without any secret that is known, as it stands or as JSON or an address would have it."""
        spellings = {s for value in self.known() for s in _spellings(value)}
        for secret in sorted(spellings, key=lambda secret: (-len(secret), secret)):  # no part before the whole
            text = text.replace(secret, HIDDEN)
        return text

    def _find(self, name: str) -> tuple[str, str] | None:
        for place, held in (("environment", self._environ), (FILE, self._file)):
            if value := held.get(name, "").strip():
                self._secrets.add(value)
                return value, place
        if value := (self._vault(name) or "").strip():
            self._secrets.add(value)
            return value, "keyring"
        return None


def parse(text: str) -> dict[str, str]:
    """The variables of a `.env` file: `NAME=value`, `export`, quotes, and comments after a space."""
    found: dict[str, str] = {}
    for row in text.splitlines():
        if match := _LINE.match(row):
            found[match[1]] = _value(match[2].strip())
    return found


def _value(written: str) -> str:
    quoted = re.match(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""", written)
    if quoted is None:
        return re.split(r"(?:^|\s)#", written, maxsplit=1)[0].strip()
    if quoted[1] is not None:
        return quoted[1]
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[0]), quoted[2])


def _read(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    path = root / FILE
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    if _tracked(root, environ):
        raise ConfigError(
            f"{FILE} is committed, or about to be: the keys in it would be in every clone",
            hint=f"git rm --cached {FILE}, add it to .gitignore, and have keys that were committed replaced",
        )
    return parse(text)


def _tracked(root: Path, environ: Mapping[str, str]) -> bool:
    """Whether git's index has the file. Where git cannot say, it does not track anything."""
    try:
        listed = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "ls-files", "-z", "--", FILE],
            cwd=root,
            env={name: environ[name] for name in ("PATH", "HOME") if name in environ},  # no key among them
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(listed.stdout)


def _spellings(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe="")}
