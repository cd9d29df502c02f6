"""From settings to channels: which can be used, which cannot and why, and what must never be told."""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from deep_loop.adapters.observers.apprise_url import AppriseUrl, Unusable
from deep_loop.adapters.observers.channel import Channel
from deep_loop.adapters.observers.command import Command
from deep_loop.adapters.observers.openclaw import PROGRAM, OpenClaw
from deep_loop.adapters.observers.redaction import VARIABLE, Redaction, Unset, resolved
from deep_loop.adapters.observers.webhook import Webhook, key


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings ask for. An address may be `env:NAME`, the webhook's secret always is."""

    openclaw: Literal["auto"] | bool = "auto"
    apprise: Sequence[str] = ()
    webhook: str | None = None
    webhook_secret: str | None = None
    command: str | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """What is secret among them."""
        return (*self.apprise, *filter(None, (self.webhook, self.webhook_secret)))

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that hold what the settings do not."""
        return tuple(each.removeprefix(VARIABLE) for each in self.addresses if each.startswith(VARIABLE))


@dataclass(frozen=True, slots=True)
class Found:
    """A channel that is asked for."""

    name: str
    channel: Channel | None  # None: it cannot be used
    why: str  # it can or cannot be, in words; without secrets


@dataclass(frozen=True, slots=True)
class Channels:
    """All that are asked for, and what knows their secrets."""

    found: tuple[Found, ...]
    redaction: Redaction

    @property
    def usable(self) -> tuple[Channel, ...]:
        """Those that messages can be sent to."""
        return tuple(each.channel for each in self.found if each.channel is not None)

    @property
    def broken(self) -> tuple[Found, ...]:
        """Those that a person should see to."""
        return tuple(each for each in self.found if each.channel is None)


def find(wanted: Wanted, folder: Path, environ: Mapping[str, str], withheld: Collection[str] = ()) -> Channels:
    """Look for what is wanted; sends nothing and never fails.

    A command is run in `folder`, without the variables of `withheld` and those of other channels.
    """
    held = (_resolved(each, environ) for each in wanted.addresses)
    redaction = Redaction([value for value in held if value is not None], environ)
    rest = {name: value for name, value in environ.items() if name not in {*wanted.variables, *withheld}}
    found = _openclaw(wanted.openclaw, environ)
    found += [_found(_label(each, environ), partial(_apprise, each, environ)) for each in wanted.apprise]
    if wanted.webhook is not None:
        found.append(_found("webhook", partial(_webhook, wanted.webhook, wanted.webhook_secret, environ)))
    if wanted.command is not None:
        found.append(_found("command", partial(_command, wanted.command, folder, rest)))
    return Channels(tuple(_told_apart(found, redaction)), redaction)


def _found(name: str, make: Callable[[], tuple[Channel, str]]) -> Found:
    """A channel, or why there is none of that name."""
    try:
        channel, why = make()
    except ValueError as problem:
        return Found(name, None, str(problem))
    return Found(channel.name, channel, why)


def _openclaw(wanted: Literal["auto"] | bool, environ: Mapping[str, str]) -> list[Found]:
    path = shutil.which(PROGRAM, path=environ.get("PATH")) if wanted else None
    if path is not None:
        return [Found(PROGRAM, OpenClaw(path, environ), "it is on the PATH")]
    return [Found(PROGRAM, None, "there is no such program on the PATH")] if wanted is True else []


def _apprise(setting: str, environ: Mapping[str, str]) -> tuple[Channel, str]:
    url = resolved(setting, environ)
    if "://" not in url:
        raise Unusable("what it holds is no address of the form service://…")
    return AppriseUrl(url), "by Apprise"


def _webhook(setting: str, secret: str | None, environ: Mapping[str, str]) -> tuple[Channel, str]:
    url = resolved(setting, environ)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("its address is none of http or https")
    _ = parts.port  # raises where it is no number
    signed = None if secret is None else key(resolved(secret, environ))
    return Webhook(url, signed), "not signed: there is no webhook_secret" if signed is None else "signed"


def _command(command: str, folder: Path, environ: Mapping[str, str]) -> tuple[Channel, str]:
    try:
        arguments = shlex.split(command)
    except ValueError as problem:
        raise ValueError(f"it cannot be taken apart: {problem}") from problem
    if not arguments:
        raise ValueError("it is empty")
    first = arguments[0]
    path = shutil.which(str(folder / first) if "/" in first else first, path=environ.get("PATH"))
    if path is None:
        raise ValueError(f"there is no program {first}")
    return Command((path, *arguments[1:]), folder, environ), "it is there"


def _resolved(setting: str, environ: Mapping[str, str]) -> str | None:
    try:
        return resolved(setting, environ)
    except Unset:
        return None


def _label(setting: str, environ: Mapping[str, str]) -> str:
    """What to call an address that is of no use: its service, else the variable that should hold it."""
    service, there, _ = (_resolved(setting, environ) or "").partition("://")
    if there and service.isalnum():
        return service.lower()
    return setting.removeprefix(VARIABLE) if setting.startswith(VARIABLE) else "apprise"


def _told_apart(found: Sequence[Found], redaction: Redaction) -> list[Found]:
    """The same with `slack`, `slack-2` for two of a kind, and no secret in what is said of them."""
    seen: Counter[str] = Counter()
    named = []
    for each in found:
        seen[each.name] += 1
        name = each.name if seen[each.name] == 1 else f"{each.name}-{seen[each.name]}"
        if each.channel is not None:
            each.channel.name = name
        named.append(Found(name, each.channel, redaction.strict(each.why)))
    return named
