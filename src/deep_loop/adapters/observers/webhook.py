"""A webhook, signed by the Standard Webhooks specification (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from deep_loop import __version__
from deep_loop.adapters.observers.channel import ChannelError
from deep_loop.adapters.observers.message import Message, payload

if TYPE_CHECKING:
    from email.message import Message as Headers
    from urllib.request import OpenerDirector

SECONDS = 10.0  # for each step of a request
PREFIX = "whsec_"  # of a key that is written in base64
_FOR_NOW = {408, 425, 429, *range(500, 600)}  # statuses that may be others in a while


def key(secret: str) -> bytes:
    """The key of a secret: what stands after `whsec_` in base64, else its own bytes. Raises ValueError."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what stands after {PREFIX} is not base64") from error
    if not found:
        raise ValueError(f"nothing stands after {PREFIX}")
    return found


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body`, in base64."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Webhook:
    """A POST with a JSON body for each message. Redirects are not followed: what is signed is for one address."""

    name = "webhook"

    def __init__(self, url: str, key: bytes | None, now: Callable[[], float] = time.time) -> None:
        """`url` is of http or https; a user and a password in it go as basic authentication."""
        parts = urlsplit(url)
        user, _, host = parts.netloc.rpartition("@")
        self._url = urlunsplit((*parts[:1], host, *parts[2:4], ""))
        self._headers = {"Content-Type": "application/json", "User-Agent": f"deep-loop/{__version__}"}
        if user:
            self._headers["Authorization"] = "Basic " + base64.b64encode(unquote(user).encode()).decode()
        self._key = key
        self._now = now

    def send(self, message: Message, stop: Event) -> None:
        """Post it, signed anew; `webhook-id` is the message's own, however often it is sent."""
        import http.client
        from urllib.error import HTTPError, URLError
        from urllib.request import Request

        body = json.dumps(payload(message), ensure_ascii=False).encode()
        at = int(self._now())
        headers = {**self._headers, "webhook-id": message.id, "webhook-timestamp": str(at)}
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message.id, at, body)
        try:
            with _opener().open(Request(self._url, body, headers, method="POST"), timeout=SECONDS):
                return
        except HTTPError as error:
            with error:
                wait = _wait(error.headers.get("Retry-After"), self._now())
                raise ChannelError(_status(error.code), lasting=error.code not in _FOR_NOW, wait=wait) from None
        except URLError as error:
            raise ChannelError(_why(error.reason)) from None
        except (OSError, http.client.HTTPException) as error:
            raise ChannelError(_why(error)) from None


def _opener() -> OpenerDirector:
    """Opens addresses as usual, by the proxies of the environment, but follows no redirect."""
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class NoRedirect(HTTPRedirectHandler):
        def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Headers, newurl: str) -> None:
            return None

    return build_opener(NoRedirect)


def _status(code: int) -> str:
    return f"HTTP {code}, a redirect, which is not followed" if 300 <= code < 400 else f"HTTP {code}"


def _why(error: object) -> str:
    """A failure of the connection in words of the system, which hold nothing of the address."""
    match error:
        case TimeoutError():
            return f"no answer within {SECONDS:g} s"
        case OSError(strerror=str(words)) if words:
            return words.lower()
    return f"no connection ({type(error).__name__})"


def _wait(after: str | None, now: float) -> float | None:
    """Seconds that `Retry-After` asks for: a number of them, or a date."""
    if after is None:
        return None
    try:
        return max(0.0, float(after))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(after)
    except ValueError:
        return None
    return max(0.0, (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now)
