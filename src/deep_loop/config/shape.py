"""What tables of settings there are, and what may stand in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from deep_loop.config.fields import Table

NAME = "NAME"  # stands for any name, in the path of a table that there may be several of


def keys(model: type[Table]) -> Mapping[str, FieldInfo]:
    """The keys of a table, as they stand in the file."""
    return {field.serialization_alias or name: field for name, field in model.model_fields.items()}


def tables(model: type[Table]) -> Mapping[str, type[Table]]:
    """The keys of a table that are tables themselves."""
    return {
        name: field.annotation
        for name, field in keys(model).items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Table)
    }


def named(model: type[Table]) -> Mapping[str, type[Table]]:
    """The keys of a table under which there are tables by any name."""
    found = {name: get_args(field.annotation) for name, field in keys(model).items() if _by_name(field.annotation)}
    return {name: inner for name, (_, inner) in found.items() if isinstance(inner, type) and issubclass(inner, Table)}


def walk(model: type[Table], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[Table]]]:
    """A table and all tables in it, each with its path, in the file's order."""
    yield path, model
    for name, inner in tables(model).items():
        yield from walk(inner, (*path, name))
    for name, inner in named(model).items():
        yield from walk(inner, (*path, name, NAME))


def _by_name(annotation: Any) -> bool:
    return get_origin(annotation) is dict


def kind(annotation: Any) -> str:
    """What a value must be, in words."""
    arguments = [part for part in get_args(annotation) if part is not NoneType and part is not Ellipsis]
    origin = get_origin(annotation)
    if annotation is Any:
        return "value"
    if origin is Literal:
        return " or ".join(f'`"{choice}"`' for choice in arguments)
    if origin is Annotated:
        return kind(arguments[0])
    if origin is dict:
        inner = arguments[1]
        tables_in_it = get_origin(inner) is dict or (isinstance(inner, type) and issubclass(inner, Table))
        return "table of tables" if tables_in_it else f"table of {kind(inner)}s"
    if origin is tuple:
        return f"list of {kind(arguments[0])}"
    if arguments:
        return " or ".join(kind(part) for part in arguments)
    return {str: "text", bool: "`true` or `false`", int: "whole number", float: "number"}[annotation]
