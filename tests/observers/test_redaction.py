"""Secrets stay out of texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.adapters.observers.redaction import HIDDEN, Redaction, Unset, resolved

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"
MAIL = "mailtos://me%40example.com:s3cr%40t@smtp.example.com?to=you@example.com"


def test_a_setting_is_itself_or_a_variable() -> None:
    """An empty variable is as good as none."""
    assert resolved("ntfy://topic", {}) == "ntfy://topic"
    assert resolved("env:A", {"A": " ntfy://topic\n"}) == "ntfy://topic"
    for environ in ({}, {"A": " "}):
        with pytest.raises(Unset, match="variable A is not set"):
            resolved("env:A", environ)


@pytest.mark.parametrize(
    "text",
    [
        f"could not send to {SLACK}",
        "token TIiajkdnlazkcOXrIdevi7FQ was revoked",
        "workspace T1JJ3T3L2 is gone",
        "login of me%40example.com failed",
        "login of me@example.com failed",
        "login with s3cr%40t failed",
        "login with s3cr@t failed",
        "key whsec_Zm9vYmFyYmF6cXV4 / Zm9vYmFyYmF6cXV4",
        "the variable held hunter2hunter2",
        "GET https://someone:hunter3@example.org/a",
        "GET https://example.org/a?b=1&access_token=abcdef0123",
        "Authorization: Bearer abcdef0123456789",
        "the key sk-klmnopqrstuvw is not valid",
    ],
)
def test_no_secret_is_left_of_what_a_channel_says(text: str) -> None:
    """Whole addresses, their parts as they stand and decoded, keys, passwords, tokens, and variables named as such."""
    redact = Redaction([SLACK, MAIL, "whsec_Zm9vYmFyYmF6cXV4"], {"MY_PASSWORD": "hunter2hunter2"}).strict
    found = redact(text)
    assert HIDDEN in found
    parts = ("TIiajkdnlazkcOXrIdevi7FQ", "T1JJ3T3L2", "example.com", "s3cr", "Zm9vYmFy", "hunter", "abcdef0123")
    assert not any(secret in found for secret in (*parts, "klmnop"))


def test_a_text_of_the_study_keeps_its_words() -> None:
    """A topic or a path may be an ordinary word: it is hidden where a channel speaks of itself alone."""
    redact = Redaction(["ntfy://ntfy.sh/warmup", "https://example.org/breakthrough?key=Zx81Zx81Zx81"])
    assert redact("warmup brings a breakthrough") == "warmup brings a breakthrough"
    assert (
        redact("posting to https://example.org/breakthrough?key=Zx81Zx81Zx81 failed") == f"posting to {HIDDEN} failed"
    )
    assert "Zx81" not in redact("the key Zx81Zx81Zx81 is wrong")
    assert "warmup" not in redact.strict("no topic warmup")


@given(st.text(), st.from_regex(r"[A-Za-z0-9/+]{4,40}", fullmatch=True))
def test_a_secret_is_taken_out_of_any_text(text: str, secret: str) -> None:
    """Wherever it stands; and whatever the text is, it never fails."""
    for redact in (Redaction([secret]), Redaction([secret]).strict, Redaction([text]).strict):
        assert isinstance(redact(text), str)
    assert secret not in Redaction([secret])(f"{text} {secret} {text}")
