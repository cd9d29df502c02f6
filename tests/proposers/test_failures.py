"""What clients' words mean: faults, times to ask again, words that may go on record."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.clients.failures import LONGEST, Secrets, diagnose, one_line, seconds_to_wait, spoken

NOW = datetime(2026, 11, 23, 14, 53, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Claude AI usage limit reached|1795452854", 1795452854 - NOW),
        ("You've hit your 5-hour limit · resets 4:54pm (UTC)", 2 * HOUR + 60),
        ("You've hit your limit · resets 3pm (Asia/Seoul)", 15 * HOUR + 7 * 60),
        ("You've hit your limit · resets Nov 25 at 4pm (UTC)", 2 * DAY + HOUR + 7 * 60),
        ("Your limit will reset at 9:30 PM (Etc/UTC).", 6 * HOUR + 37 * 60),
        ("You've hit your usage limit. Try again in 3 days 4 hours 5 minutes.", 3 * DAY + 4 * HOUR + 5 * 60),
        ("Rate limit reached. Please try again in 1m13.5s.", 73.5),
        ("Please retry in 34.07s.", 34.07),
        ("Too many requests; retry after 20 seconds", 20.0),
        ('{"error": {"message": "x", "resets_in_seconds": 120}}', 120.0),
        ("Retry-After: 30", 30.0),
        ("resets 2:50pm (UTC)", None),  # just over: who knows when
        ("resets 13:99pm", None),
        ("resets Feb 31 at 4pm", None),
        ("Claude AI usage limit reached|1695452854", None),  # long ago
        ("Please try again later.", None),
        ("", None),
    ],
)
def test_when_to_ask_again(text: str, seconds: float | None) -> None:
    """A moment, a span, a time of day somewhere; what cannot be is not believed."""
    found = seconds_to_wait(text, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_a_time_of_day_without_a_zone_is_the_machine_s() -> None:
    """It lies ahead, within a day."""
    found = seconds_to_wait("or try again at 4:05 PM.", NOW)
    assert found is None or 0 < found <= DAY


def test_a_zone_that_is_unknown_is_the_machine_s() -> None:
    """No exception comes of it."""
    assert seconds_to_wait("resets 3pm (Middle/Earth)", NOW) == seconds_to_wait("resets 3pm", NOW)


@pytest.mark.parametrize(
    ("text", "status", "fault"),
    [
        ("You've hit your weekly limit · resets 4:54pm (UTC)", 429, "quota"),
        ("Quota exceeded. Check your plan and billing details.", None, "quota"),
        ("you have run out of credits", None, "quota"),
        ("slow down", 429, "overloaded"),
        ("slow down, retry after 20 seconds", 429, "overloaded"),
        ("slow down, retry after 2000 seconds", 429, "quota"),
        ("anything", 402, "quota"),
        ("anything", 401, "setup"),
        ("anything", 404, "setup"),
        ("anything", 529, "overloaded"),
        ("anything", 400, "nonsense"),
        ("Prompt is too long", 400, "limit"),
        ("unexpected status 503 Service Unavailable: no", None, "overloaded"),
        ("exceeded retry limit, last status: 429 Too Many Requests", None, "overloaded"),
        ("self-signed certificate in certificate chain", None, "setup"),
        ("connect ECONNREFUSED 127.0.0.1:9", None, "network"),
        ("getaddrinfo EAI_AGAIN api.example.org", None, "network"),
        ("I have no words", None, "nonsense"),
    ],
)
def test_faults(text: str, status: int | None, fault: str) -> None:
    """Money and limits first, then what the server's status says, then words."""
    assert diagnose(text, NOW, status).fault == fault


def test_only_who_may_come_back_says_when() -> None:
    """A key that is wrong stays wrong."""
    assert diagnose("bad key, try again in 20s", NOW, 401).retry_seconds is None
    assert diagnose("full, try again in 20s", NOW, 503).retry_seconds == 20.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "plain"),
        ('API Error: {"error": {"type": "odd", "message": "too odd"}} at the end', "API Error: odd too odd"),
        ('{"error": "no", "message": "because"}', "no because"),
        ('{"message": {"message": "deep"}}', "deep"),
        ('{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no"}}', "PERMISSION_DENIED code 403 no"),
        ("{not json", "{not json"),
        ('{"error": {}}', '{"error": {}}'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_the_message_in_json(text: str, said: str) -> None:
    """A server's words are passed on as they came by some clients."""
    assert spoken(text) == said


@given(st.text())
def test_whatever_is_said_gets_one_line(text: str) -> None:
    """It is short, can be printed, and no exception comes of any of it."""
    failure = diagnose(text, NOW)
    assert len(failure.reason) <= LONGEST
    assert failure.reason == "" or failure.reason.isprintable()
    assert failure.retry_seconds is None or failure.retry_seconds > 0


def test_colours_are_dropped() -> None:
    """Terminals' codes are no words."""
    assert one_line("\x1b[91m\x1b[1mError: \x1b[0mSession\tnot\r\nfound\x07") == "Error: Session not found"


def test_secrets_are_hidden_wherever_they_stand() -> None:
    """Those that are known, with the longest first, and what looks like one; short values are ordinary words."""
    secrets = Secrets(["abcdefgh", "abcdefghij", "yes", ""])
    assert secrets.hide("abcdefghij, abcdefgh, yes") == "***, ***, yes"
    for text in ("sk-ant-api03-0123456789", "Bearer abcdefghi", "https://ada:word@host", "AIzaSyD0123456789"):
        assert "***" in secrets.hide(text)
    assert Secrets(['with "quotes"']).hide_known(b'{"key": "with \\"quotes\\""} with "quotes"') == b'{"key": "***"} ***'
    assert Secrets([]).hide_known(b"\xff\x00sk-not-known-to-us") == b"\xff\x00sk-not-known-to-us"
