"""Secrets of the notifications: where they come from, and how they stay out of every text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

HIDDEN = "***"
VARIABLE = "env:"  # before the name of an environment variable that holds a setting

_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL", re.IGNORECASE)
_LEAST = 4  # characters of a secret: less would hide parts of ordinary words
_SHORTEST = 8  # characters of an environment variable's value that is taken for a secret
_PATTERNS = (
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{HIDDEN}@"),
    (re.compile(r"([?&][\w.+-]+=)[^&\s#'\"]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(?:sk-|xox[a-z]-|gh[pousr]_|whsec_|AKIA)[\w-]{10,}"), HIDDEN),
)


class Unset(ValueError):
    """The environment variable that a setting names is not there."""


def resolved(setting: str, environ: Mapping[str, str]) -> str:
    """What a setting holds: itself, or the environment variable that `env:NAME` names.

    Raises Unset where there is no such variable, or an empty one.
    """
    if not setting.startswith(VARIABLE):
        return setting
    variable = setting.removeprefix(VARIABLE)
    found = environ.get(variable, "").strip()
    if not found:
        raise Unset(f"the variable {variable} is not set")
    return found


class Redaction:
    """Takes secrets out of texts.

    Secrets are the addresses and keys of the channels with all their parts, and the values of environment variables
    whose names say so. An address may have ordinary words in its path: in a text that has other things to say only
    those parts are hidden that look like no word, in what a channel says of its own failure all of them.
    """

    def __init__(self, channels: Iterable[str] = (), environ: Mapping[str, str] | None = None) -> None:
        whole = {value for value in channels if len(value) >= _LEAST}
        parts = {part for value in whole for part in _parts(value)}
        named = {v for n, v in (environ or {}).items() if _NAME.search(n) and len(v) >= _SHORTEST}
        self._strict = _longest_first(whole | parts | named)
        self._usual = _longest_first(whole | named | {part for part in parts if _no_word(part)})

    def __call__(self, text: str) -> str:
        """A text of the study, without them."""
        return _hide(text, self._usual)

    def strict(self, text: str) -> str:
        """What a channel says of itself, without them."""
        return _hide(text, self._strict)


def _hide(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def _parts(value: str) -> Iterator[str]:
    """The parts of an address, or of a key, that a program may show alone; as they stand, and decoded."""
    _, _, rest = value.rpartition("://")
    user = rest.rpartition("@")[0]
    for part in (*re.split(r"[/?&=@:#,;]", rest), *user.split(":"), rest.removeprefix("whsec_")):
        for spelling in (part, unquote(part)):
            if len(spelling) >= (_LEAST if part in user else 6):
                yield spelling


def _no_word(part: str) -> bool:
    """Whether a part of an address is hardly a word that a text may use for its own ends."""
    mixed = any(c.isdigit() for c in part) or (part != part.lower() and part != part.upper())
    return (mixed and len(part) >= 8) or len(part) >= 20


def _longest_first(secrets: Iterable[str]) -> tuple[str, ...]:
    """So that no part is hidden before the whole."""
    return tuple(sorted(secrets, key=lambda secret: (-len(secret), secret)))
