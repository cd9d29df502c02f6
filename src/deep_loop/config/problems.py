"""What is wrong with a file of settings, in words: one line, and a hint."""

from __future__ import annotations

import difflib

from pydantic_core import ErrorDetails

from deep_loop.config.fields import Table
from deep_loop.config.settings import FILE, Settings
from deep_loop.config.shape import keys, kind, named, tables, walk
from deep_loop.errors import ConfigError


def rank(error: ErrorDetails) -> int:
    """Which of several findings to tell: the lowest.

    An unknown key is often why a required one is missing. Where a value may be "auto" or something
    else, what is wrong with the something else says more than that it is not "auto". A default that is worked out from
    other keys is missing wherever one of those is wrong.
    """
    ranks = {"extra_forbidden": 0, "value_error": 1, "literal_error": 3, "default_factory_not_called": 4}
    return ranks.get(error["type"], 2)


def explained(error: ErrorDetails) -> ConfigError:
    """One of pydantic's findings as one line and a hint."""
    model: type[Table] = Settings
    path: list[str] = []
    place = [str(part) for part in error["loc"]]
    while len(place) > 1:
        if place[0] in tables(model):
            model = tables(model)[place[0]]
            path.append(place.pop(0))
        elif len(place) > 2 and place[0] in named(model):
            model = named(model)[place[0]]
            path += [place.pop(0), place.pop(0)]
        else:
            break
    key = place[0]
    where = f"in [{'.'.join(path)}]" if path else "at the top level"
    inner = tables(model).get(key)
    own = error["type"] == "value_error"
    complaint = str(error["ctx"]["error"]) if own else error["msg"].removeprefix("Input ")
    match error["type"]:
        case "extra_forbidden":
            return ConfigError(f"{FILE}: unknown key `{key}` {where}", hint=_nearest(key, model))
        case "missing" if inner is not None:
            return ConfigError(f"{FILE}: the table [{key}] is missing", hint=_needs(inner))
        case "missing":
            return ConfigError(f"{FILE}: `{key}` is missing {where}", hint=f"`{key}`: {_meaning(model, key)}")
        case "value_error" if inner is not None:  # a rule over several keys of that table
            return ConfigError(f"{FILE}: in [{key}] {complaint}", hint=_needs(inner))
    if inner is not None:
        return ConfigError(f"{FILE}: `{key}` {where} must be a table", hint=_needs(inner))
    expected = "" if own else f" Expected: {kind(keys(model)[key].annotation)}."
    return ConfigError(
        f"{FILE}: `{key}` {where}: {_shown(error['input'])} {complaint}",
        hint=f"`{key}`: {_meaning(model, key)}{expected}",
    )


def _meaning(model: type[Table], key: str) -> str:
    return keys(model)[key].description or ""


def _needs(model: type[Table]) -> str:
    required = [f"`{name}`" for name, field in keys(model).items() if field.is_required()]
    return f"it needs {' and '.join(required)}" if required else f"its keys: {', '.join(keys(model))}"


def _nearest(key: str, model: type[Table]) -> str:
    """What an unknown key of a table was meant to be: a key of that table, or one of another."""
    if elsewhere := [path for path, table in walk(Settings, ()) if path and key in keys(table)]:
        return f"`{key}` belongs in [{'.'.join(elsewhere[0])}]"
    names = list(keys(model))
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known keys there: {', '.join(names)}"


def _shown(value: object) -> str:
    """A value in a message: bounded, on one line."""
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."
