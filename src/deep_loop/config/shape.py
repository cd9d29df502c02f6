"""What tables of settings there are, and what may stand in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from deep_loop.config.settings import Table


def tables(model: type[Table]) -> Mapping[str, type[Table]]:
    """The keys of a table that are tables themselves."""
    return {
        name: field.annotation
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Table)
    }


def walk(model: type[Table], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[Table]]]:
    """A table and all tables in it, each with its path, in the file's order."""
    yield path, model
    for name, inner in tables(model).items():
        yield from walk(inner, (*path, name))


def kind(annotation: Any) -> str:
    """What a value must be, in words."""
    arguments = [part for part in get_args(annotation) if part is not NoneType and part is not Ellipsis]
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f'`"{choice}"`' for choice in arguments)
    if origin is Annotated:
        return kind(arguments[0])
    if origin is tuple:
        return f"list of {kind(arguments[0])}"
    if arguments:
        return " or ".join(kind(part) for part in arguments)
    return {str: "text", bool: "`true` or `false`", int: "whole number", float: "number"}[annotation]
