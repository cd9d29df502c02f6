"""What a client's words and its server's status say about why a call failed, and when to ask again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from deep_loop.core.call import Failure, Fault

LONGEST = 300  # characters of a reason
HIDDEN = "***"
SHORTEST = 8  # characters of a value that is taken for a secret

STOPPED = Failure("stopped", "the harness stopped it")


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_QUOTA = _any(
    *("usage limit", "usage_limit_reached", r"hit your [\w\s-]*limit", "limit reached", r"spend(?:ing)? limit"),
    *("credit balance", "out of (?:extra )?(?:usage|credits)", "billing", "payment required"),
    *(
        "insufficient_quota",
        "quota[ _](?:exceeded|reached|exhausted)",
        r"exceed(?:ed)? your (?:\w+ )?quota",
        "exhausted your",
    ),
    *("resource has been exhausted", "perday"),
)
_LIMIT = _any(
    *("max(?:imum)?[ _](?:number of )?turns", "max session turns", "maximum budget", "token budget"),
    *("prompt is too long", "context[ _](?:window|length|limit)", "ran out of room"),
)
_OVERLOADED = _any(
    *("overloaded", "at capacity", "high demand", "rate.?limit", "too many requests", "resource_exhausted"),
    *("server[ _]error", "server-side issue", "internal error", "unavailable", "bad gateway"),
)
_SETUP = _any(
    *("not logged in", "please run /login", "(?:log|sign) ?in again", "authenticat", r"unauthori[sz]ed", "forbidden"),
    *(
        "invalid[ _](?:x-)?api[ _-]?key",
        "api[ _]key (?:is missing|not (?:valid|found))",
        "no api[ _-]?key",
        "oauth token",
    ),
    *("missing bearer", "missing environment variable", "you must specify", "auth method", "permission denied"),
    *("self[- _]signed", "unable_to_(?:verify|get)", "certificate"),
    *("selected model", "model_?not_?found", "(?:unknown|no such|invalid) model", "model .{0,80}does not exist"),
    "model .{0,80}not (?:found|exist|supported|available)",
    *("unknown (?:option|argument)", "unexpected argument", "unrecognized", "error loading config", "invalid config"),
    *("command not found", "no such file", "cannot be used with root", "sandbox"),
)
_NETWORK = _any(
    r"\bE(?:CONN\w+|TIMEDOUT|AI_AGAIN|NOTFOUND|HOSTUNREACH|NETUNREACH|PIPE)\b",
    "connection (?:error|refused|reset|dropped|failed|closed)",
    *("(?:cannot|unable to) connect", "can't reach", "fetch failed", "error sending request", "stream disconnected"),
    *("waiting for network", "network", "dns", "getaddrinfo", "socket", "proxy", "request timed out"),
)
_STATUS = _any(r"\b(?:status(?:[ _]code)?|API Error|HTTP|error|code)\W{1,4}(?:\w+ ){0,3}\(?([45]\d\d)\b")


def diagnose(text: str, now: float, status: int | None = None, otherwise: Fault = "nonsense") -> Failure:
    """The failure that a client's words tell of; `status` is what its server answered, where the client says so.

    `now` is seconds since the epoch, to tell how long it is to a time of day. The reason still may hold secrets:
    see `Secrets`.
    """
    text = spoken(text)
    if status is None and (found := _STATUS.search(text)):
        status = int(found[1])
    wait = seconds_to_wait(text, now)
    fault = _fault(text, status, wait, otherwise)
    return Failure(fault, one_line(text), wait if fault in ("quota", "overloaded") else None)


def _fault(text: str, status: int | None, wait: float | None, otherwise: Fault) -> Fault:
    if _QUOTA.search(text) or status == 402:
        return "quota"
    if status == 429:
        return "overloaded" if wait is None or wait < 60 else "quota"
    if _LIMIT.search(text):
        return "limit"
    if status in (401, 403, 404, 407):
        return "setup"
    if status is not None and status >= 500:
        return "overloaded"
    for fault, pattern in _BY_WORDS:
        if pattern.search(text):
            return fault
    return otherwise


_BY_WORDS: tuple[tuple[Fault, re.Pattern[str]], ...] = (
    ("overloaded", _OVERLOADED),
    ("setup", _SETUP),
    ("network", _NETWORK),
)


def spoken(text: str) -> str:
    """The message in what a server answered, where a client passes on the JSON as it is."""
    start = text.find("{")
    try:
        found = json.JSONDecoder().raw_decode(text, start)[0] if start >= 0 else None
    except (ValueError, RecursionError):
        return text
    while isinstance(found, dict):
        inner = found.get("error", found.get("message"))
        if isinstance(inner, str):
            more = found.get("message", "") if "error" in found else ""
            code = f"code {found['code']}" if isinstance(found.get("code"), int) else ""
            said = (text[:start], found.get("type", ""), found.get("status", ""), code, inner, more, _waits(found))
            return " ".join(str(part).strip() for part in said if part)
        found = inner
    return text


def _waits(error: dict[str, object]) -> str:
    """When to ask again, where an error has a field for it."""
    return " ".join(f'"{name}": {error[name]}' for name in ("resets_at", "resets_in_seconds") if name in error)


# --- when to ask again -----------------------------------------------------------------------------

_EPOCH = re.compile(r'(?:\||"resets_at":\s*)(1\d{9})\b')
_COUNTED = re.compile(r'"?(?:resets_in_seconds|retry[-_ ]after)"?[:=]?\s*(\d+(?:\.\d+)?)', re.IGNORECASE)
_PART = r"(\d+(?:\.\d+)?) ?(d(?:ays?)?|h(?:(?:ou)?rs?)?|ms|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)"
_SPAN = re.compile(rf"\b(?:in|after) ((?:{_PART}\b[ ,]*(?:and )?)+|(?:\d+(?:\.\d+)?[dhms])+)", re.IGNORECASE)
_PARTS = re.compile(r"(\d+(?:\.\d+)?) ?(ms|[dhms])", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_CLOCK = re.compile(
    r"\b(?:resets?|again|until)(?: at| on)? "
    r"(?:(?P<month>[A-Z][a-z]{2})[a-z]*\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,?(?: (?P<year>\d{4}),?)? (?:at )?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))? ?(?P<half>[AaPp])\.?[Mm]\.?(?: \((?P<zone>[\w/+-]+)\))?"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LATEST = 32 * 86400.0  # a wait that is longer was misread


def seconds_to_wait(text: str, now: float) -> float | None:
    """How long a message says to wait: a moment, a span, a time of day with or without a date. None: it does not."""
    for found in _waits_in(text, now):
        if 0 < found <= _LATEST:
            return found
    return None


def _waits_in(text: str, now: float) -> Iterator[float]:
    if epoch := _EPOCH.search(text):
        yield float(epoch[1]) - now
    if counted := _COUNTED.search(text):
        yield float(counted[1])
    if clock := _CLOCK.search(text):
        yield from _until(clock, now)
    if span := _SPAN.search(text):
        yield sum(float(number) * _UNITS[unit.lower()] for number, unit in _PARTS.findall(span[1]))


def _until(clock: re.Match[str], now: float) -> Iterator[float]:
    """Seconds to a time of day; nothing where there is no such time."""
    try:
        here = datetime.fromtimestamp(now, _zone(clock["zone"])).astimezone(_zone(clock["zone"]))
        hour = int(clock["hour"]) % 12 + (12 if clock["half"].lower() == "p" else 0)
        then = here.replace(hour=hour, minute=int(clock["minute"] or 0), second=0, microsecond=0)
        if clock["month"]:
            month = _MONTHS.index(clock["month"]) + 1
            then = then.replace(year=int(clock["year"] or here.year), month=month, day=int(clock["day"]))
            if not clock["year"] and then < here - timedelta(days=180):
                then = then.replace(year=here.year + 1)
        elif then < here - timedelta(hours=1):
            then += timedelta(days=1)
    except (ValueError, OverflowError):
        return
    yield (then - here).total_seconds()  # negative: it should be over by now


def _zone(name: str | None) -> tzinfo | None:
    """A time zone by name; the machine's own where there is none of that name."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # KeyError: ZoneInfoNotFoundError
        return None


# --- words that go on record -------------------------------------------------------------------------

_LOOKS_SECRET = re.compile(
    r"(?<=://)[^/\s@]+(?=@)|\b(?:sk|pk|rk)-[\w-]{8,}|\bAIza[\w-]{10,}|\bgh[pousr]_\w{10,}|(?<=[Bb]earer )[\w.~+/=-]{8,}"
)


def one_line(text: str) -> str:
    """A text on one line, without control characters, cut where it is long."""
    plain = "".join(c if c.isprintable() else " " for c in re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text))
    words = " ".join(plain.split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


class Secrets:
    """Takes known values, and what looks like a key, out of texts."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = sorted({value for value in values if len(value) >= SHORTEST}, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """The text without them."""
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return _LOOKS_SECRET.sub(HIDDEN, text)

    def hide_known(self, data: bytes) -> bytes:
        """A file's content without the known values."""
        for value in self._values:
            for form in {value, json.dumps(value)[1:-1]}:
                data = data.replace(form.encode(), HIDDEN.encode())
        return data
