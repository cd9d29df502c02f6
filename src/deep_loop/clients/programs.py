"""Where a client's program is, which version of it, and which places its process needs to see."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PATIENCE_SECONDS = 20.0  # for a client to say its version
LINKS = 40  # as many as Linux follows
NODE = "node"  # what the clients from npm run on
MODULES = "node_modules"
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # files with all authorities, in this order
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?[\w.+-]*")


def located(program: str) -> Path | None:
    """The program by name or path; None where it is not there, or cannot be run."""
    found = shutil.which(str(Path(program).expanduser()) if os.sep in program else program)
    return Path(found).absolute() if found else None


def version(program: str) -> str | None:
    """Its version, "unknown" where it says none; None where it is not there. Quick, and without a network."""
    path = located(program)
    if path is None:
        return None
    return _packaged(path.resolve()) or _asked(path) or "unknown"


def _packaged(program: Path) -> str | None:
    """The version of the npm package that a program belongs to."""
    for folder in program.parents:
        manifest = folder / "package.json"
        if folder.name == MODULES:
            return None
        if MODULES in folder.parts and manifest.is_file():
            try:
                found = json.loads(manifest.read_text("utf-8"))
            except (OSError, ValueError):
                return None
            return str(found["version"]) if isinstance(found, dict) and "version" in found else None
    return None


def _asked(program: Path) -> str | None:
    """What it answers to `--version`, in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "DISABLE_AUTOUPDATER": "1"}
        try:
            said = subprocess.run(
                [str(program), "--version"],
                env=env,
                cwd=home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    found = _VERSION.search(said.stdout) if said.returncode == 0 else None
    return found[0] if found else None


def reaching(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a machine's proxies and certificate authorities are known, in either spelling.

    Each client looks for the authorities under a name of its own: what has them all is given under the others too.
    """
    names = {*AUTHORITIES, *PROXIES, *(name.lower() for name in PROXIES)}
    found = {name: value for name, value in environ.items() if name in names and value}
    bundle = next((found[name] for name in BUNDLES if name in found), None)
    return found if bundle is None else {**dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), bundle), **found}


def places(programs: Sequence[str], environ: Mapping[str, str]) -> tuple[Path, ...]:
    """What processes of these programs read beside the system: themselves, what they run on, certificates.

    A sandbox is to show it to them.
    """
    found: dict[Path, None] = {}
    for program in (*programs, NODE):
        if (path := located(program)) is not None:
            found.update(dict.fromkeys(_around(path)))
    for name in AUTHORITIES:
        for part in environ.get(name, "").split(os.pathsep):
            if part and Path(part).is_absolute() and Path(part).exists():
                found[Path(part)] = None
    return tuple(found)


def _around(program: Path) -> Iterator[Path]:
    """The folders of a program and of every link on the way to it, or all the packages that it was installed with."""
    place = program
    for _ in range(LINKS):
        yield place.parent
        yield from _environment(place.parent.parent)
        if not place.is_symlink():
            break
        place = place.parent.resolve() / place.readlink()
    yield from [folder for folder in program.resolve().parents if folder.name == MODULES][-1:]


def _environment(root: Path) -> Iterator[Path]:
    """A virtual environment of Python with the installation that it was made from, where this is one."""
    try:
        rows = (root / "pyvenv.cfg").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return
    yield root
    for row in rows:
        name, _, value = row.partition("=")
        folder = Path(value.strip())
        if name.strip() == "home" and folder.is_absolute() and folder.is_dir():
            # Its libraries are beside its programs; a person's own ~/bin is no reason to show their home.
            yield folder if Path.home().is_relative_to(folder.parent) else folder.parent
