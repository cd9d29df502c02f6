"""Where programs are, which version, and what a sandbox has to show to them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from deep_loop.clients.programs import located, places, reaching, version


def script(path: Path, text: str) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of an npm package, linked into a folder of the search path."""
    package = tmp_path / "lib" / "node_modules" / "@somebody" / "client"
    script(package / "bin" / "client.js", "exit 1")
    (package / "package.json").write_text(json.dumps({"name": "client", "version": "1.2.3"}))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "client").symlink_to("../lib/node_modules/@somebody/client/bin/client.js")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def test_a_program_is_found_by_name_or_path(packaged: Path) -> None:
    """Links are left as they are; what cannot be run is not there."""
    assert located("client") == packaged / "bin" / "client"
    assert located(str(packaged / "bin" / "client")) == packaged / "bin" / "client"
    assert located("no-such-client") is None
    (packaged / "bin" / "text").write_text("no program")
    assert located("text") is None


def test_a_package_s_version_is_read_not_asked_for(packaged: Path) -> None:
    """The program itself is not started: this one would fail."""
    assert version("client") == "1.2.3"
    (packaged / "lib/node_modules/@somebody/client/package.json").write_text("broken")
    assert version("client") == "unknown"


def test_other_programs_are_asked(tmp_path: Path) -> None:
    """In a home of their own, with nothing of ours."""
    said = script(tmp_path / "said", 'touch "$HOME/mine"; echo "client v2.5.1-beta (build 7)"')
    assert version(str(said)) == "2.5.1-beta"
    assert version(str(script(tmp_path / "silent", "true"))) == "unknown"
    assert version(str(script(tmp_path / "failing", "echo 3.0.0; exit 1"))) == "unknown"
    assert version(str(tmp_path / "absent")) is None


def test_what_a_sandbox_has_to_show(packaged: Path) -> None:
    """The folders of every link on the way, all packages beside the program, what it runs on, and certificates."""
    (packaged / "direct").symlink_to(packaged / "bin" / "client")
    authority = packaged / "company.pem"
    authority.write_text("certificate")
    shown = places([str(packaged / "direct")], {"SSL_CERT_FILE": str(authority), "NODE_EXTRA_CA_CERTS": "/nowhere.pem"})
    assert {packaged, packaged / "bin", packaged / "lib" / "node_modules", authority} <= set(shown)
    assert Path("/nowhere.pem") not in shown
    node = shutil.which("node")
    assert node is None or Path(node).parent in shown
    assert places(["no-such-client"], {}) == places([], {})


def test_a_link_to_itself_is_no_program(tmp_path: Path) -> None:
    """Nor does it hang anybody."""
    (tmp_path / "round").symlink_to(tmp_path / "round")
    assert located(str(tmp_path / "round")) is None


def test_the_network_of_a_company() -> None:
    """Proxies and authorities in either spelling, and nothing else of an environment."""
    environ = {"HTTPS_PROXY": "a", "no_proxy": "b", "NODE_EXTRA_CA_CERTS": "c", "API_KEY": "d", "HTTP_PROXY": ""}
    assert reaching(environ) == {"HTTPS_PROXY": "a", "no_proxy": "b", "NODE_EXTRA_CA_CERTS": "c"}


def test_authorities_are_known_by_every_name() -> None:
    """A bundle that one program is given serves the others; one that has only a company's own does not."""
    bundle = {"REQUESTS_CA_BUNDLE": "all.pem"}
    assert reaching(bundle) == {**bundle, "SSL_CERT_FILE": "all.pem", "NODE_EXTRA_CA_CERTS": "all.pem"}
    two = {"SSL_CERT_FILE": "all.pem", "NODE_EXTRA_CA_CERTS": "own.pem"}
    assert reaching(two) == two
