"""Frozen dataclasses as plain data (what JSON and TOML hold), and strictly back.

The declared types alone say what fits: `int`, `float`, `str`, `bool`, `None`, `Literal`, tuples of one type, mappings
from text, dataclasses, unions of these, and `Annotated` with any number of `Rule`s. Nothing is converted but an integer
where a float is declared, and a list where a tuple is.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

Read = Callable[[object], Any]

_WORDS: Mapping[object, str] = {
    str: "should be text",
    int: "should be a whole number",
    float: "should be a number",
    bool: "should be true or false",
    NoneType: "should be null",
}


class Misfit(ValueError):
    """Data that is not of the declared type: where (`path`, outermost first), what it is, and what is wrong."""

    def __init__(self, problem: str, found: object, *, missing: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.found = found
        self.missing = missing
        self.path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        place = f"{'.'.join(map(str, self.path))}: " if self.path else ""
        return f"{place}{self.problem}" if self.missing else f"{place}{shown(self.found)} {self.problem}"

    def inside(self, place: str | int) -> Misfit:
        """The same, seen from one level further out."""
        self.path = (place, *self.path)
        return self


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on a value of an `Annotated` type, with what to say where it does not hold.

    `holds` answers true or false, or raises ValueError with what is to be added to the complaint.
    """

    complaint: str
    holds: Callable[[Any], object]


def read(form: Any, data: object) -> Any:
    """The value of type `form` that plain data stands for; raises Misfit. Keys without a field are passed over."""
    return _reader(form)(data)


def plain(value: Any) -> Any:
    """A value as plain data; the inverse of `read`. Raises TypeError for what has no such form."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def dumps(value: Any) -> str:
    """A value's JSON; raises ValueError for NaN and infinities, which JSON has not."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def loads(form: Any, text: str) -> Any:
    """The value of type `form` in a JSON text; raises ValueError."""
    try:
        return read(form, json.loads(text, parse_constant=_no_number))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def shown(found: object) -> str:
    """Data in a message: bounded, on one line."""
    text = repr(list(found) if isinstance(found, tuple) else found)
    return text if len(text) <= 60 else text[:57] + "..."


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


@cache
def _reader(form: Any) -> Read:
    """What reads one type; made once for each."""
    origin, arguments = get_origin(form), get_args(form)
    if origin is Annotated:
        rules = [rule for rule in arguments[1:] if isinstance(rule, Rule)]
        return lambda data: _ruled(_reader(arguments[0])(data), rules)
    if origin in (Union, UnionType):
        return _union(arguments)
    if origin is Literal:
        return lambda data: _literal(arguments, data)
    if origin is tuple:
        return lambda data: _tuple(_reader(arguments[0]), data)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return lambda data: _mapping(_reader(arguments[1]), data)
    if isinstance(form, type) and dataclasses.is_dataclass(form):
        return _fields(form)
    if form is float:
        return _float
    return lambda data: _exact(form, data)


def _exact(form: type, data: object) -> object:
    if type(data) is not form:
        raise Misfit(_WORDS[form], data)
    return data


def _float(data: object) -> float:
    if type(data) is not float and type(data) is not int:
        raise Misfit(_WORDS[float], data)
    try:
        number = float(data)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Misfit("should be a finite number", data)
    return number


def _ruled(value: object, rules: list[Rule]) -> object:
    for rule in rules:
        try:
            holds = rule.holds(value)
        except ValueError as error:
            raise Misfit(f"{rule.complaint}: {error}", value) from None
        if not holds:
            raise Misfit(rule.complaint, value)
    return value


def _literal(choices: tuple[object, ...], data: object) -> object:
    for choice in choices:
        if type(data) is type(choice) and data == choice:
            return choice
    raise Misfit(f"should be {' or '.join(map(repr, choices))}", data)


def _tuple(item: Read, data: object) -> tuple[object, ...]:
    if not isinstance(data, list):
        raise Misfit("should be a list", data)
    found = []
    for place, element in enumerate(data):
        try:
            found.append(item(element))
        except Misfit as misfit:
            raise misfit.inside(place) from None
    return tuple(found)


def _mapping(item: Read, data: object) -> dict[str, object]:
    if not isinstance(data, dict):
        raise Misfit("should be a table", data)
    found = {}
    for key, element in data.items():
        try:
            found[key] = item(element)
        except Misfit as misfit:
            raise misfit.inside(key) from None
    return found


def _fields(form: Any) -> Read:
    """A dataclass, from a mapping of its fields; a ValueError of its own construction is a misfit as well."""
    hints = get_type_hints(form, include_extras=True)
    readers = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(form)}
    required = [
        field.name
        for field in dataclasses.fields(form)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]

    def read(data: object) -> object:
        if not isinstance(data, dict):
            raise Misfit("should be a table", data)
        for name in required:
            if name not in data:
                raise Misfit("is missing", data, missing=True).inside(name)
        found = {}
        for name, reader in readers.items():
            if name in data:
                try:
                    found[name] = reader(data[name])
                except Misfit as misfit:
                    raise misfit.inside(name) from None
        try:
            return form(**found)
        except ValueError as error:
            raise Misfit(str(error), data) from None

    return read


def _union(members: tuple[Any, ...]) -> Read:
    """One of several types: dataclasses told apart by their `kind`, or whatever fits first."""
    if all("kind" in getattr(member, "__dataclass_fields__", ()) for member in members):
        by_kind = {member.__dataclass_fields__["kind"].default: _reader(member) for member in members}

        def chosen(data: object) -> object:
            kind = data.get("kind") if isinstance(data, dict) else None
            if not isinstance(kind, str) or kind not in by_kind:
                raise Misfit(f"should be {' or '.join(by_kind)}", kind).inside("kind")
            return by_kind[kind](data)

        return chosen
    # Where none fits, the last complaint is told. That a value is not the one fixed word says least.
    fixed = [member for member in members if member is NoneType or get_origin(member) is Literal]
    ordered = fixed + [member for member in members if member not in fixed]
    readers = [_reader(member) for member in ordered]

    def tried(data: object) -> object:
        for reader in readers[:-1]:
            try:
                return reader(data)
            except Misfit:
                continue
        return readers[-1](data)

    return tried
