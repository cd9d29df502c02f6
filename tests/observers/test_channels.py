"""From settings to channels, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from deep_loop.adapters.observers.channels import Channels, Wanted, find

NOWHERE = {"PATH": "/nonexistent"}


def named(found: Channels) -> dict[str, bool]:
    return {each.name: each.channel is not None for each in found.found}


def why(found: Channels) -> str:
    (only,) = found.found
    return only.why


@pytest.fixture
def path(tmp_path: Path) -> dict[str, str]:
    """A PATH with an openclaw."""
    program = tmp_path / "openclaw"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return {"PATH": str(tmp_path)}


def test_openclaw_is_used_where_it_is(tmp_path: Path, path: dict[str, str]) -> None:
    """By itself where it is on the PATH; where it is asked for and missing, that is said; never where it is refused."""
    assert named(find(Wanted(), tmp_path, path)) == {"openclaw": True}
    assert named(find(Wanted(), tmp_path, NOWHERE)) == {}
    assert named(find(Wanted(openclaw=True), tmp_path, NOWHERE)) == {"openclaw": False}
    assert named(find(Wanted(openclaw=False), tmp_path, path)) == {}


def test_each_channel_has_a_name_of_its_own(tmp_path: Path) -> None:
    """By its service; a second one of a kind by its number, on the channel too."""
    wanted = Wanted(
        apprise=("json://127.0.0.1/a", "env:MAIL", "json://127.0.0.1/b"), webhook="https://example.org/x", command="ls"
    )
    found = find(wanted, tmp_path, {"PATH": "/usr/bin:/bin", "MAIL": "xml://127.0.0.1"})
    assert named(found) == {"json": True, "xml": True, "json-2": True, "webhook": True, "command": True}
    assert [channel.name for channel in found.usable] == list(named(found))
    assert not found.broken


@pytest.mark.parametrize(
    ("wanted", "name", "reason"),
    [
        (Wanted(apprise=("env:SLACK",)), "SLACK", "variable SLACK is not set"),
        (Wanted(apprise=("env:ODD",)), "ODD", "no address of the form"),
        (Wanted(apprise=("nosuch://canary-0123",)), "nosuch", "does not understand this address"),
        (Wanted(webhook="env:HOOK"), "webhook", "variable HOOK is not set"),
        (Wanted(webhook="env:ODD"), "webhook", "none of http or https"),
        (Wanted(webhook="https://example.org:port/"), "webhook", "Port could not be cast"),
        (Wanted(webhook="https://example.org", webhook_secret="env:KEY"), "webhook", "variable KEY is not set"),
        (Wanted(webhook="https://example.org", webhook_secret="env:BAD"), "webhook", "not base64"),
        (Wanted(command="no-such-program --x"), "command", "there is no program no-such-program"),
        (Wanted(command="say 'it"), "command", "cannot be taken apart"),
        (Wanted(command=" "), "command", "it is empty"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, wanted: Wanted, name: str, reason: str) -> None:
    """In a few words, without an address in them; a webhook whose key is missing is not used unsigned."""
    environ = {**NOWHERE, "ODD": "canary-0123", "BAD": "whsec_canary-0123!"}
    found = find(wanted, tmp_path, environ)
    assert named(found) == {name: False}
    assert reason in why(found) and "canary-0123" not in why(found)


def test_a_webhook_says_whether_it_is_signed(tmp_path: Path) -> None:
    """For `deep-loop doctor`."""
    assert why(find(Wanted(webhook="https://example.org"), tmp_path, NOWHERE)).startswith("not signed")
    signed = Wanted(webhook="https://example.org", webhook_secret="env:K")
    assert why(find(signed, tmp_path, {**NOWHERE, "K": "words"})) == "signed"


def test_a_command_of_the_workspace_is_found_there(tmp_path: Path) -> None:
    """A path is relative to the workspace, whatever the current folder is."""
    (tmp_path / "tell.sh").write_text("#!/bin/sh\n")
    (tmp_path / "tell.sh").chmod(0o755)
    assert named(find(Wanted(command="./tell.sh now"), tmp_path, NOWHERE)) == {"command": True}
