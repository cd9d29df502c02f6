"""The webhook: what is posted, that it can be verified, and what an answer means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event

import pytest
from receiver import Answer, Got, Receiver

from deep_loop.adapters.observers.channel import ChannelError
from deep_loop.adapters.observers.message import Message
from deep_loop.adapters.observers.webhook import Webhook, key, signature

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "notifications.md"
SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byt").decode()
MESSAGE = Message("breakthrough", "breakthrough: ü 0.98", "breakthrough: 0.98", 1.79e9, study="exp1", value=0.98)


def send(url: str, secret: str | None = None) -> None:
    Webhook(url, key(secret) if secret else None).send(MESSAGE, Event())


def refused(url: str) -> ChannelError:
    with pytest.raises(ChannelError) as raised:
        send(url)
    return raised.value


def test_the_signature_is_that_of_the_specification() -> None:
    """The reference value of Standard Webhooks, which all its libraries are tested with."""
    found = signature(
        key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_posted_can_be_verified_by_others() -> None:
    """From what came over the wire alone: an HMAC-SHA256 made here, over identity, time and body."""
    with Receiver() as receiver:
        send(receiver.url("/hook?a=1"), SECRET)
    (got,) = receiver.got
    assert got.path == "/hook?a=1" and got.headers["content-type"] == "application/json"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.digest(b"a key of twenty-four byt", signed, hashlib.sha256)).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert got.json["type"] == "breakthrough" and got.json["timestamp"] == "2026-09-21T14:13:20Z"
    assert got.json["data"]["text"] == "breakthrough: ü 0.98" and got.json["data"]["value"] == 0.98
    assert got.json["data"]["study"] == "exp1" and got.json["data"]["safe_text"] == "breakthrough: 0.98"


def test_the_guide_verifies_it() -> None:
    """The function that the guide gives to a receiver takes what is posted, and nothing that was changed."""
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert code
    names: dict[str, object] = {}
    exec(code[1], names)
    verify = names["verify"]
    assert callable(verify)
    with Receiver() as receiver:
        send(receiver.url(), SECRET)
    (got,) = receiver.got
    assert verify(SECRET, got.headers, got.body)
    assert not verify(SECRET, got.headers, got.body + b" ")
    assert not verify("whsec_" + base64.b64encode(b"another").decode(), got.headers, got.body)
    old = {**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 900)}
    assert not verify(SECRET, old, got.body)


def test_the_identity_stays_and_the_signature_is_made_anew() -> None:
    """A receiver can tell a message that comes again, and a replay of an old one."""
    times = iter((1_790_000_000.0, 1_790_000_100.0))
    with Receiver() as receiver:
        webhook = Webhook(receiver.url(), b"k", lambda: next(times))
        webhook.send(MESSAGE, Event())
        webhook.send(MESSAGE, Event())
    first, second = (got.headers for got in receiver.got)
    assert first["webhook-id"] == second["webhook-id"] == MESSAGE.id
    assert first["webhook-signature"] != second["webhook-signature"]


def test_without_a_secret_nothing_is_signed() -> None:
    """There is no header that only looks like a signature."""
    with Receiver() as receiver:
        send(receiver.url())
    assert "webhook-signature" not in receiver.got[0].headers


@pytest.mark.parametrize(("secret", "found"), [("plain words", b"plain words"), ("whsec_YWI=", b"ab")])
def test_a_key_is_base64_after_its_prefix_else_the_words_themselves(secret: str, found: bytes) -> None:
    """As the libraries of Standard Webhooks take it."""
    assert key(secret) == found
    for wrong in ("whsec_", "whsec_a", "whsec_!!!!"):
        with pytest.raises(ValueError, match="whsec_"):
            key(wrong)


def test_a_password_in_the_address_is_sent_as_basic_authentication() -> None:
    """Decoded, and not as a part of the address."""
    with Receiver() as receiver:
        send(receiver.url().replace("://", "://me:p%40ss@"))
    assert receiver.got[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()


@pytest.mark.parametrize(
    ("status", "lasting"),
    [(400, True), (401, True), (404, True), (410, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_a_status_is_for_now_or_for_good(status: int, lasting: bool) -> None:
    """What the server calls its own or a passing trouble is worth trying again."""
    with Receiver(lambda number: Answer(status)) as receiver:
        error = refused(receiver.url())
    assert str(error) == f"HTTP {status}" and error.lasting is lasting


def test_a_redirect_is_not_followed() -> None:
    """A signed message goes to the address that a person named, and nowhere else."""
    with Receiver() as elsewhere, Receiver(lambda n: Answer(307, {"Location": elsewhere.url()})) as receiver:
        error = refused(receiver.url())
    assert error.lasting and "redirect" in str(error)
    assert not elsewhere.got


def test_retry_after_is_seconds_or_a_date() -> None:
    """What makes no sense is as if it were not there."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    for header, least, most in (("7", 7, 7), (later, 60, 101), ("-3", 0, 0)):
        with Receiver(lambda n, header=header: Answer(429, {"Retry-After": header})) as receiver:
            wait = refused(receiver.url()).wait
        assert wait is not None and least <= wait <= most
    with Receiver(lambda n: Answer(429, {"Retry-After": "soon"})) as receiver:
        assert refused(receiver.url()).wait is None


def test_no_connection_is_for_now() -> None:
    """Nobody listens there, or somebody hangs up; the words hold nothing of the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = refused(f"http://127.0.0.1:{port}/canary")
    assert not error.lasting and str(error) == "connection refused"
    with Receiver(hang_up) as receiver:
        error = refused(receiver.url("/canary"))
    assert not error.lasting and "canary" not in str(error) and str(receiver.url()) not in str(error)


def hang_up(number: int) -> Answer:
    raise ConnectionAbortedError


def test_a_request_tells_who_it_is_from() -> None:
    """For the logs of the other side."""
    with Receiver() as receiver:
        send(receiver.url())
    got: Got = receiver.got[0]
    assert re.fullmatch(r"deep-loop/\d.*", got.headers["user-agent"])
