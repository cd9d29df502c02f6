"""The real clients behind a company's proxy, and with a certificate authority of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deep_loop.adapters.proposers.claude_code import claude_code
from deep_loop.adapters.proposers.codex import CodexSettings, codex
from deep_loop.clients.claude_code import ClaudeCodeSettings
from deep_loop.ports import Answer
from deep_loop.testing.proposer_contract import brief, checkout
from tests.clients.model_server import ModelServer
from tests.clients.real_clients import client, desk, script

pytestmark = pytest.mark.clients
CLIENTS = ["claude", "codex"]


def asked(name: str, url: str, folder: Path, environ: dict[str, str]) -> Answer:
    """What a client answers in a sandbox, on a machine with these variables."""
    program = client(name)
    key = "ANTHROPIC_API_KEY" if name == "claude" else "OPENAI_API_KEY"
    with desk(folder / "lab", program, sandbox=True, key=key, environ=environ) as at:
        if name == "claude":
            claude = ClaudeCodeSettings(program=program, model="claude-sonnet-4-5", base_url=url, retries=0)
            proposer = claude_code(claude, at.station)
        else:
            told = CodexSettings(program=program, model="gpt-5.5", base_url=f"{url}/v1", retries=0)
            proposer = codex(told, at.station)
        return proposer.propose(brief(), checkout(folder / "checkout"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (`all.pem`) and a certificate for this machine that it has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("authority")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    new, days = ("-newkey", "rsa:2048", "-nodes"), ("-days", "2")
    itself = ("-subj", "/CN=A company", "-addext", "basicConstraints=critical,CA:TRUE")
    signer = ("-CA", "all.pem", "-CAkey", "ca.key", "-CAcreateserial")
    for arguments in (
        ("req", "-x509", *new, *days, "-keyout", "ca.key", "-out", "all.pem", *itself),
        ("req", *new, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=127.0.0.1"),
        ("x509", "-req", *days, "-in", "own.csr", *signer, "-out", "own.pem", "-extfile", "names"),
    ):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", CLIENTS)
def test_an_authority_of_a_company(name: str, authority: Path, tmp_path: Path) -> None:
    """One bundle for all programs is enough, in a sandbox too; without it nobody trusts the server."""
    bundle = {"REQUESTS_CA_BUNDLE": str(authority / "all.pem")}
    with ModelServer(script(), (authority / "own.pem", authority / "own.key")) as server:
        assert asked(name, server.url, tmp_path / "with", bundle).failure is None
        assert server.requests
        if name == "claude":  # the other one waits for a network that it takes to be gone
            failure = asked(name, server.url, tmp_path / "without", {}).failure
            assert failure is not None and failure.fault == "setup" and "ertificate" in failure.reason


@pytest.mark.parametrize("name", CLIENTS)
def test_a_proxy_of_a_company(name: str, tmp_path: Path) -> None:
    """What goes out goes through it."""
    with ModelServer(script()) as proxy:
        environ = {"HTTP_PROXY": proxy.url, "http_proxy": proxy.url}
        assert asked(name, "http://model.example", tmp_path, environ).failure is None
        assert all(request.path.startswith("http://model.example/") for request in proxy.requests)
