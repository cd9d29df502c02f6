"""The table [notify]: what it takes, and that no mistake in it shows a secret."""

from __future__ import annotations

import pytest

from deep_loop import config
from deep_loop.config.notify import Notify
from deep_loop.errors import ConfigError

MINIMAL = '[task]\nrun = "python train.py"\neditable = ["train.py"]\n[notify]\n'


def table(text: str) -> Notify:
    return config.parse(MINIMAL + text).notify


def test_the_least_table_tells_everything_to_openclaw_alone() -> None:
    """Where it is there; nothing else is set up by itself."""
    found = table("")
    assert found.events == "all" and found.openclaw == "auto"
    assert (found.apprise, found.webhook, found.command) == ((), None, None)


def test_one_address_needs_no_list() -> None:
    """It is one of one."""
    assert table('apprise = "ntfy://topic"').apprise == table('apprise = ["ntfy://topic"]').apprise == ("ntfy://topic",)
    assert table('webhook = "env:HOOK"\nwebhook_secret = "env:KEY"').webhook_secret == "env:KEY"
    assert table('events = ["done", "crash"]\nopenclaw = false').events == ("done", "crash")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('webhook = "https://a"\nwebhook_secret = "canary"', "in [notify] `webhook_secret`: a secret stays out"),
        ('webhook_secret = "env:KEY"', "in [notify] `webhook_secret` signs nothing"),
        ('webhook = "canary"', "in [notify] `webhook` is an address of http or https"),
        ('webhook = "file:///canary"', "in [notify] `webhook` is an address of http or https"),
        ('webhook = "env:ca nary"', "in [notify] `webhook` is an address of http or https"),
        ('apprise = "canary"', "in [notify] `apprise`: an address is of the form"),
        ('apprise = ["ntfy://a", "canary"]', "in [notify] `apprise`: an address is of the form"),
        ('events = ["party"]', "`events` in [notify]: 'party' names no event; known: breakthrough"),
        ("events = []", "must name at least one"),
        ("rate = 0", "`rate` in [notify]: 0 should be greater"),
        ('openclaw = "yes"', "`openclaw` in [notify]: 'yes'"),
        ("plateu = 3", "unknown key `plateu` in [notify]"),
    ],
)
def test_a_mistake_names_its_key_and_shows_no_secret(text: str, message: str) -> None:
    """One line and a hint, as everywhere in the file."""
    with pytest.raises(ConfigError) as raised:
        table(text)
    assert message in str(raised.value) and raised.value.hint
    assert "canary" not in str(raised.value) + raised.value.hint
