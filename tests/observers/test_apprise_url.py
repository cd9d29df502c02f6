"""Apprise: its own library, against a receiver on loopback."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from threading import Event

import pytest
from receiver import Answer, Receiver

from deep_loop.adapters.observers.apprise_url import TYPES, AppriseUrl, Unusable
from deep_loop.adapters.observers.channel import ChannelError
from deep_loop.adapters.observers.message import KINDS, Message

MESSAGE = Message("crash", "crash: <b>no *memory*</b>", "crash", 1.79e9, study="exp1")


def test_it_posts_what_people_read() -> None:
    """The text as it is, under the study's name, with how bad it is."""
    with Receiver() as receiver:
        channel = AppriseUrl(receiver.url("/a", "json"))
        channel.send(MESSAGE, Event())
    (got,) = receiver.got
    assert channel.name == "json" and got.path == "/a"
    assert got.json["title"] == "deep-loop exp1" and got.json["message"] == MESSAGE.text
    assert got.json["type"] == "failure"


def test_a_failure_is_an_error_and_printed_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    """What Apprise logs of it is its reason."""
    with Receiver(lambda number: Answer(503)) as receiver:
        channel = AppriseUrl(receiver.url("/a", "json"))
        with pytest.raises(ChannelError, match="503") as raised:
            channel.send(MESSAGE, Event())
    assert not raised.value.lasting
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("url", ["nosuch://canary-canary", "slack://canary-canary", "mailto://"])
def test_an_address_that_means_nothing_is_told_at_once(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Before a study, not in the middle of the night; and it is printed nowhere."""
    with pytest.raises(Unusable, match="does not understand this address"):
        AppriseUrl(url)
    assert capfd.readouterr() == ("", "")


def test_a_missing_library_names_the_extra() -> None:
    """In a Python that has no Apprise; everything else of the notifications works there."""
    code = """
        import sys
        sys.modules["apprise"] = None
        from deep_loop.adapters.observers.apprise_url import AppriseUrl
        try:
            AppriseUrl("json://127.0.0.1")
        except ValueError as problem:
            print(problem)
    """
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "the extra `notify`" in found.stdout


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack"),
        ("https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", "telegram"),
        ("ntfys://ntfy.example.org/topic", "ntfy"),
        ("mailtos://me:pass@example.org?smtp=smtp.example.org&to=you@example.org", "e-mail"),
    ],
)
def test_the_addresses_of_the_guide_are_understood(url: str, name: str) -> None:
    """Each is called by its service."""
    assert AppriseUrl(url).name == name


def test_every_event_has_a_type_of_apprise() -> None:
    """Those without one of their own are for information."""
    assert {*TYPES} <= {*KINDS}
    assert {*TYPES.values()} == {"failure", "warning", "success"}
