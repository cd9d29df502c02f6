"""How the `model` proposer reaches a server: address, key, proxy, certificates."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from model_lab import CANARY, GOOD, brief, copy, proposer
from model_servers import ModelServer, Protocol, Says, Use

from deep_loop.clients.model_client import ModelSettings, find_key, lacking, variables

both = pytest.mark.parametrize("protocol", ["anthropic", "openai"])
OTHER = "sk-of-another-provider-123456"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, certificate, address or key of the person who runs the tests."""
    for name in list(os.environ):
        if name.upper().endswith(("_PROXY", "_BASE_URL", "_API_KEY")) or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("model", "path", "header"),
    [
        ("openai:gpt-5", "/v1/chat/completions", "authorization"),
        ("openai-compatible:qwen3", "/v1/chat/completions", "authorization"),
        ("openai-responses:gpt-5", "/v1/responses", "authorization"),
        ("openrouter:qwen/qwen3-coder", "/v1/chat/completions", "authorization"),
        ("ollama:qwen3:8b", "/v1/chat/completions", "authorization"),
        ("google:gemini-2.5-pro", "/v1/v1beta/models/gemini-2.5-pro:generateContent", "x-goog-api-key"),
        ("anthropic:claude-sonnet-4-6", "/v1/v1/messages", None),
    ],
)
def test_every_provider_is_asked_in_its_own_way(tmp_path: Path, model: str, path: str, header: str | None) -> None:
    """At the address of the settings, with the key of the settings, for the model of the settings."""
    with ModelServer("openai", GOOD) as server:
        proposer(server, tmp_path, model=model).propose(brief(), copy(tmp_path / "copy"))
    assert {got.path for got in server.got} == {path}
    sent = server.got[0].headers
    assert CANARY in (sent[header] if header else sent.get("x-api-key", "") + sent.get("authorization", ""))
    name = model.partition(":")[2]
    assert name in path or server.got[0].json["model"] == name


@pytest.mark.parametrize(
    ("model", "protocol"),
    [
        ("openai:gpt-5", "openai"),
        ("openrouter:qwen/qwen3", "openai"),
        ("ollama:qwen3", "openai"),
        ("openai-compatible:qwen3", "openai"),
        ("openai-responses:gpt-5", "responses"),
        ("google:gemini-2.5-pro", "google"),
        ("anthropic:claude-sonnet-4-6", "anthropic"),
    ],
)
def test_a_model_of_every_provider_can_propose(tmp_path: Path, model: str, protocol: Protocol) -> None:
    """A whole proposal over each of them."""
    with ModelServer(protocol, GOOD, also={"provider": "Scripted"} if "router" in model else {}) as server:
        answer = proposer(server, tmp_path, model=model).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert [(usage.model, usage.input_tokens, usage.requests) for usage in answer.usages] == [(model, 3000, 3)]


def test_a_model_that_openrouter_passes_on_to_is_the_one_that_is_paid(tmp_path: Path) -> None:
    """Usage names who answered there; everywhere else the name of the settings, which prices there go by."""
    other = {"provider": "Scripted", "model": "vendor/other"}
    for model, paid in (("openrouter:openrouter/auto", "openrouter:vendor/other"), ("openai:gpt-5", "openai:gpt-5")):
        with ModelServer("openai", GOOD, also=other) as server:
            answer = proposer(server, tmp_path, model=model).propose(brief(), copy(tmp_path / "copy"))
        assert [usage.model for usage in answer.usages] == [paid]


def test_a_key_goes_to_its_own_provider_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address gets the key that the settings name for it, or none, whatever the environment holds."""
    for name in ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY", "OLLAMA_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, OTHER)
    for model in ("openai:gpt-5", "openrouter:a/b", "google:gemini-2.5-pro", "ollama:x", "anthropic:claude-sonnet-4-6"):
        with ModelServer("openai", GOOD) as server:
            asked = proposer(server, tmp_path, key=os.environ.get, model=model, key_env=None)
            asked.propose(brief(), copy(tmp_path / "copy"))
        assert server.got
        assert not any(OTHER in value for got in server.got for value in got.headers.values())


def test_where_a_key_is_looked_for() -> None:
    """The provider's own variables for its own address; the one of the settings wherever it is named."""
    assert variables(ModelSettings("google:x")) == ("GOOGLE_API_KEY", "GEMINI_API_KEY")
    assert variables(ModelSettings("google:x", key_env="MINE")) == ("MINE",)
    assert variables(ModelSettings("google:x", base_url="https://example.org")) == ()
    assert find_key(ModelSettings("google:x"), {"GEMINI_API_KEY": "k"}.get) == "k"
    assert lacking(ModelSettings("google:x"), {"GEMINI_API_KEY": "k"}.get) is None
    assert lacking(ModelSettings("ollama:x"), {}.get) is None
    assert lacking(ModelSettings("openai:x", base_url="http://127.0.0.1"), {}.get) is None
    missing = lacking(ModelSettings("google:x"), {}.get)
    assert missing == "there is no key for google:x: GOOGLE_API_KEY or GEMINI_API_KEY is not set"
    assert "MINE is not set" in str(lacking(ModelSettings("ollama:x", key_env="MINE"), {}.get))


@both
def test_a_proxy_of_the_environment_is_used(
    tmp_path: Path, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose name only the proxy knows is reached through it; NO_PROXY leaves it out."""
    with ModelServer(protocol, GOOD) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        address = "http://models.example" + ("" if protocol == "anthropic" else "/v1")
        answer = proposer(proxy, tmp_path, base_url=address).propose(brief(), copy(tmp_path / "copy"))
    assert answer.idea is not None
    assert proxy.got[0].path.startswith("http://models.example/v1/")
    with ModelServer(protocol, GOOD) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy")).idea is not None


def test_a_secure_connection_goes_through_the_proxy_as_a_tunnel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is asked for a tunnel to the server, and sees no key."""
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            seen.append((self.path, str(self.headers)))
            self.send_response(502)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
    with ModelServer("openai", GOOD) as server:
        for model in ("openai:gpt-5", "anthropic:claude-sonnet-4-6", "google:gemini-2.5-pro", "openrouter:a/b"):
            asked = proposer(server, tmp_path, model=model, base_url=None, retries=0)
            answer = asked.propose(brief(), copy(tmp_path / "copy"))
            assert answer.failure is not None
            assert answer.failure.fault == "network"
    proxy.shutdown()
    proxy.server_close()
    places = [place for place, _ in seen]
    assert places == [
        "api.openai.com:443",
        "api.anthropic.com:443",
        "generativelanguage.googleapis.com:443",
        "openrouter.ai:443",
    ]
    assert not any(CANARY in headers for _, headers in seen)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")
@both
def test_a_private_authority_is_trusted_where_the_environment_names_it(
    tmp_path: Path, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE adds a company's own; without it the same server is not trusted, and gets no key."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ModelServer(protocol, GOOD, tls=context) as server:
        doubted = proposer(server, tmp_path, retries=0).propose(brief(), copy(tmp_path / "copy"))
        assert doubted.failure is not None
        assert doubted.failure.fault == "network"
        assert "certificate" in doubted.failure.reason
        assert server.got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert proposer(server, tmp_path).propose(brief(), copy(tmp_path / "copy")).idea is not None


def test_the_child_that_searches_gets_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in our environment is not in that of any process that we start."""
    if not sys.platform.startswith("linux"):
        pytest.skip("looks at /proc")
    monkeypatch.setenv("LAB_KEY", CANARY)
    seen: list[bytes] = []
    evil = Use("search_files", {"pattern": r"^(a+)+$"})
    with ModelServer("openai", [Says([evil])]) as server:
        asked = proposer(server, tmp_path)
        folder = copy(tmp_path / "copy", {"lib/long.py": "a" * 60 + "b\n"})
        thread = threading.Thread(target=asked.propose, args=(brief(), folder))
        thread.start()
        while not seen:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if b"model_search.py" in (process / "cmdline").read_bytes():
                        seen.append((process / "environ").read_bytes())
                except OSError:
                    continue
        asked.stop()
        thread.join()
    assert CANARY.encode() not in seen[0]


def test_nothing_is_imported_before_it_is_needed() -> None:
    """The proposer's module loads neither pydantic-ai nor a provider's client."""
    code = (
        "import sys, deep_loop.adapters.proposers.model, deep_loop.adapters.prices, deep_loop.adapters.keys; "
        "print(sorted({'pydantic_ai', 'anthropic', 'openai', 'google.genai', 'genai_prices', 'keyring', 'httpx2'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
