"""Where keys come from, and that they stay out of texts."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import keyring as system
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend

from deep_loop.adapters.keys import Keyring, Keys, parse
from deep_loop.errors import ConfigError

CANARY = "sk-canary-7f3a9b2c4d5e6f70"
OTHER = "sk-other-0123456789abcdef"


def nothing(name: str) -> str | None:
    """An empty keyring."""
    return None


def keys(root: Path, env: str = "", vault: dict[str, str] | None = None, **environ: str) -> Keys:
    """The keys of a workspace with this `.env` file."""
    if env:
        (root / ".env").write_text(env)
    return Keys(root, environ, (vault or {}).get)


class Shelf(KeyringBackend):
    """A keyring in memory; `wait` seconds pass before it answers."""

    priority = 1.0

    def __init__(self, held: dict[tuple[str, str], str], wait: float = 0.0, fails: bool = False) -> None:
        super().__init__()
        self.held, self.wait, self.fails = held, wait, fails

    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(self.wait)
        if self.fails:
            raise LookupError("it is locked")
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


@pytest.fixture
def own_keyring() -> Iterator[None]:
    """The keyring that was chosen before comes back."""
    before = system.get_keyring()
    yield
    system.set_keyring(before)


def test_the_nearest_place_goes_first(tmp_path: Path) -> None:
    """The environment over `.env`, that over the keyring; an empty value is none."""
    held = keys(
        tmp_path, "B=of-the-file\nC=\nD=of-the-file\n", {"C": "of-the-ring", "B": "x"}, A=" of-env\n", D="of-env"
    )
    assert [held.get(name) for name in "ABCDE"] == ["of-env", "of-the-file", "of-the-ring", "of-env", None]
    assert [held.where(name) for name in "ABCDE"] == ["environment", ".env", "keyring", "environment", None]


def test_the_systems_keyring_is_read(tmp_path: Path, own_keyring: None) -> None:
    """Under the service `deep-loop`, by the name of the variable."""
    system.set_keyring(Shelf({("deep-loop", "OPENAI_API_KEY"): CANARY}))
    held = Keys(tmp_path, {})
    assert held.get("OPENAI_API_KEY") == CANARY
    assert held.where("ANTHROPIC_API_KEY") is None
    assert CANARY not in held.redact(f"x {CANARY} y")


def test_a_keyring_that_fails_holds_nothing(own_keyring: None) -> None:
    """Whatever it raises."""
    system.set_keyring(Shelf({}, fails=True))
    assert Keyring()("X") is None


def test_a_keyring_that_waits_for_a_person_is_given_up(own_keyring: None) -> None:
    """Nobody is there at night to type its password; after one wait there is no other."""
    system.set_keyring(Shelf({("deep-loop", "X"): CANARY}, wait=30))
    begun, ring = time.monotonic(), Keyring(seconds=0.5)
    assert [ring(name) for name in ("X", "Y", "Z")] == [None] * 3
    assert 0.5 <= time.monotonic() - begun < 1


def test_a_tracked_env_file_is_refused(tmp_path: Path) -> None:
    """Keys in it would be in every clone; as soon as git lets it go, all is well."""
    (tmp_path / ".env").write_text(f"KEY={CANARY}\n")
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    assert Keys(tmp_path, environ, nothing).get("KEY") == CANARY
    subprocess.run([*git, "add", ".env"], check=True)
    with pytest.raises(ConfigError) as raised:
        Keys(tmp_path, environ, nothing)
    assert "git rm --cached .env" in raised.value.hint
    assert CANARY not in str(raised.value) + raised.value.hint
    subprocess.run([*git, "rm", "--cached", "--quiet", ".env"], check=True)
    assert Keys(tmp_path, environ, nothing).get("KEY") == CANARY


def test_the_form_of_an_env_file() -> None:
    """Names, quotes, comments, as people write them."""
    text = """
# a comment
PLAIN=value
export EXPORTED = spaced out   # why
HASH=a#b
SINGLE='as it is \\n # all of it' # but this
DOUBLE="line\\nend \\"quoted\\" $HOME" # comment
EMPTY=
BLANK=   # nothing
TWICE=first
TWICE=second
1BAD=x
no assignment
"""
    assert parse(text) == {
        "PLAIN": "value",
        "EXPORTED": "spaced out",
        "HASH": "a#b",
        "SINGLE": "as it is \\n # all of it",
        "DOUBLE": 'line\nend "quoted" $HOME',
        "EMPTY": "",
        "BLANK": "",
        "TWICE": "second",
    }


@given(st.text(max_size=200))
def test_any_text_can_be_parsed(text: str) -> None:
    """What makes no sense is left out."""
    assert all(name.isidentifier() for name in parse(text))


@given(
    st.text(st.characters(codec="ascii", exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\\\"'"), min_size=1, max_size=60)
)
def test_a_quoted_value_is_read_as_it_is(value: str) -> None:
    """In single quotes and in double ones."""
    assert parse(f"A='{value}'\nB=\"{value}\"\n") == {"A": value, "B": value}


def test_redaction_hides_every_known_secret(tmp_path: Path) -> None:
    """Of the environment by its name, of `.env`, and of addresses with a password; as JSON or in an address too."""
    odd = 'p"a\\ss/wörd+1'
    held = keys(
        tmp_path,
        f"MY_TOKEN='{OTHER}'\nPLACE=somewhere-else\n",
        API_KEY=CANARY,
        DB_PASSWORD=odd,
        HTTPS_PROXY="http://ada:hunter2hunter2@proxy.example:3128",
        GIT_AUTHOR_NAME="Ada Lovelace",
        SHORT_KEY="abc",
    )
    text = (
        f"{CANARY} {OTHER} {odd} {json.dumps(odd)} {quote(odd, safe='')} hunter2hunter2 Ada Lovelace abc somewhere-else"
    )
    assert held.redact(text) == '*** *** *** "***" *** *** Ada Lovelace abc somewhere-else'


def test_a_secret_inside_of_another_leaves_nothing(tmp_path: Path) -> None:
    """The longer one is hidden first."""
    held = keys(tmp_path, A_KEY=CANARY, B_KEY=f"{CANARY}-and-more")
    assert held.redact(f"{CANARY}-and-more") == "***"


def test_what_was_looked_up_is_hidden_whatever_its_name(tmp_path: Path) -> None:
    """A person may call the variable as they like."""
    held = keys(tmp_path, LAB=CANARY)
    assert held.redact(CANARY) == CANARY
    assert held.get("LAB") == CANARY
    assert held.redact(CANARY) == "***"
    assert held.known() == (CANARY,)


def test_keys_do_not_show_themselves(tmp_path: Path) -> None:
    """Not by repr, str or format."""
    held = keys(tmp_path, f"A_KEY={CANARY}\n", B_KEY=OTHER)
    held.get("A_KEY")
    for shown in (repr(held), str(held), f"{held}"):
        assert CANARY not in shown
        assert OTHER not in shown


def test_nothing_is_put_into_the_environment(tmp_path: Path) -> None:
    """Other processes are not told."""
    before = dict(os.environ)
    keys(tmp_path, f"NEW_KEY_OF_A_FILE={CANARY}\n").get("NEW_KEY_OF_A_FILE")
    assert dict(os.environ) == before
