"""Lines of JSON that a client prints, read without trust in what they hold."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

Event = Mapping[str, Any]


def events(output: str) -> Iterator[Event]:
    """The lines that are JSON objects; a client may print others between them."""
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                yield found


def table(event: Event, name: str) -> Event:
    """A field that is an object; an empty one where it is not."""
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def words(event: Event, name: str) -> str:
    """A field that is a text; empty where it is not."""
    found = event.get(name)
    return found if isinstance(found, str) else ""


def strings(event: Event, name: str) -> list[str]:
    """The texts in a field that is a list."""
    found = event.get(name)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def number(event: Event, name: str) -> int:
    """A field that is a number, as a whole one that is not negative; 0 where it is not."""
    found = event.get(name)
    usable = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return max(int(found), 0) if usable and found else 0


def objects(event: Event, name: str) -> list[Event]:
    """The objects in a field that is a list."""
    found = event.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
