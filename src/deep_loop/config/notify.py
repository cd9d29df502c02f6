"""When and how to tell a person: the table `[notify]`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from deep_loop.config.fields import Table, Text, key, rule

EVENTS = (
    *("breakthrough", "major_breakthrough", "significant_gain", "new_incumbent", "plateau", "meta_analysis"),
    *("budget", "agent_down", "agent_back", "crash", "done"),
)


def _several(value: object) -> object:
    """One address alone is a list of it: an error would show it."""
    match value:
        case str():
            return (value,)
        case list():  # from JSON
            return tuple(value)
    return value


NotifyEvent = Annotated[str, rule(f"names no event; known: {', '.join(EVENTS)}", lambda name: name in EVENTS)]
NotifyEvents = Annotated[tuple[NotifyEvent, ...], rule("must name at least one", bool)]
Addresses = Annotated[tuple[Text, ...], BeforeValidator(_several)]
_named = re.compile(r"env:[A-Za-z_]\w*").fullmatch


class Notify(Table):
    """What a person is told, and by what way. An address may be `env:NAME`, for what an environment variable holds."""

    thresholds: tuple[float, ...] = key(
        "Values of the metric, easiest first. Crossing one is a breakthrough; the last of two or more a major one.", ()
    )
    significant_gain: float = key(
        "Relative gain of a confirmed value over the one before it that is a significant gain; 0.01 is one per cent.",
        0.01,
        gt=0,
    )
    plateau: int = key("Experiments without a keep that are a plateau; told again when they have doubled.", 24, ge=1)
    events: Literal["all"] | NotifyEvents = key(
        f"Which events go to the channels: {', '.join(f'`{event}`' for event in EVENTS)}.", "all"
    )
    openclaw: Literal["auto"] | bool = key(
        'Whether OpenClaw is woken, by its command `openclaw`; "auto" where that is on the PATH.', "auto"
    )
    apprise: Addresses = key(
        "Addresses of Apprise, for Slack, Discord, Telegram, ntfy, e-mail and many more. Needs the extra `notify`.", ()
    )
    webhook: Text | None = key("Address that events are posted to as JSON.", None)
    webhook_secret: Text | None = key("What signs them (Standard Webhooks), as `env:NAME`.", None)
    command: Text | None = key(
        "Command run for each event, without a shell, in the workspace; it gets the event as JSON on standard input.",
        None,
    )
    rate: int = key("Messages a minute to each channel, at most; more are put together.", 6, ge=1)

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        """Nothing that is said here shows a value: it may hold a secret."""
        if any("://" not in each and not _named(each) for each in self.apprise):
            raise ValueError("`apprise`: an address is of the form service://…, or env:NAME")
        webhook, secret = self.webhook, self.webhook_secret
        if webhook and not webhook.startswith(("http://", "https://")) and not _named(webhook):
            raise ValueError("`webhook` is an address of http or https, or env:NAME")
        if secret and not _named(secret):
            raise ValueError("`webhook_secret`: a secret stays out of this file, which is committed: write env:NAME")
        if secret and not webhook:
            raise ValueError("`webhook_secret` signs nothing: there is no `webhook`")
        return self
