"""What settings are made of: kinds of values, keys with their meaning, tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


def rule(complaint: str, holds: Callable[[Any], object]) -> AfterValidator:
    """A condition on a value, with what to say where it does not hold."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise ValueError(complaint)
        return value

    return AfterValidator(check)


def _inside(text: str) -> bool:
    path = PurePosixPath(text)
    return bool(text.strip()) and not path.is_absolute() and not text.startswith("~") and ".." not in path.parts


def expression(text: str) -> str:
    """A regular expression; readers apply it with `re.MULTILINE`."""
    try:
        re.compile(text, re.MULTILINE)
    except re.error as problem:
        raise ValueError(f"is not a regular expression: {problem}") from problem
    return text


Text = Annotated[str, rule("must not be empty", str.strip)]
Word = Annotated[str, rule("must be one word: it is the title of a column", re.compile(r"\S+").fullmatch)]
Variable = Annotated[str, rule("must be the name of an environment variable", re.compile(r"[A-Za-z_]\w*").fullmatch)]
Whole = Annotated[int, Field(ge=0)]
RelativePath = Annotated[str, rule("must be a path inside the workspace, relative to it", _inside)]
RelativePaths = Annotated[tuple[RelativePath, ...], rule("must name at least one", bool)]
Number = Annotated[
    str,
    AfterValidator(expression),
    rule(
        "needs exactly one group (…), around the number; write (?:…) for any other",
        lambda text: re.compile(text).groups == 1,
    ),
]
Progress = Annotated[
    str,
    AfterValidator(expression),
    rule(
        "needs a group named (?P<percent>…) or (?P<loss>…)",
        lambda text: {"percent", "loss"} & re.compile(text).groupindex.keys(),
    ),
]
Dollars = Annotated[float, Field(gt=0)]


def key(description: str, default: Any = ..., *, words: str | None = None, **constraints: Any) -> Any:
    """A setting: what it means, its default, and, where the value alone says too little, that default in words."""
    extra: JsonDict = {} if words is None else {"words": words}
    if callable(default):
        return Field(default_factory=default, description=description, json_schema_extra=extra, **constraints)
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def table(name: str | None = None) -> Any:
    """A table that may be left out, and means then what an empty one does; `name` where the file spells it otherwise.

    An instance as its default would be made when this package is imported, which costs quick commands time.
    """
    return Field(default={}, validate_default=True, validation_alias=name, serialization_alias=name)


class Table(BaseModel):
    """A table of the file: frozen, no unknown key, no value quietly turned into another kind."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, serialize_by_alias=True, defer_build=True
    )
