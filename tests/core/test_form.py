"""Values as plain data, and strictly back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.form import Misfit, Rule, dumps, loads, plain, read


def _is_even(number: int) -> bool:
    if number < 0:
        raise ValueError("it is negative")
    return number % 2 == 0


Even = Annotated[int, Rule("must be even", _is_even)]


@dataclass(frozen=True)
class Circle:
    """One shape."""

    radius: float
    kind: Literal["circle"] = "circle"


@dataclass(frozen=True)
class Square:
    """Another."""

    side: float
    kind: Literal["square"] = "square"


@dataclass(frozen=True)
class Picture:
    """Everything that a form may be made of."""

    name: str
    shape: Circle | Square
    others: tuple[Circle | Square, ...] = ()
    sizes: Mapping[str, float] = field(default_factory=dict)
    copies: Even = 0
    frame: Literal["auto"] | int | None = None

    def __post_init__(self) -> None:
        if self.name == "odd":
            raise ValueError("no such picture")


text = st.text(st.characters(exclude_categories=["Cs"]))
number = st.floats(allow_nan=False, allow_infinity=False)
shapes = st.builds(Circle, number) | st.builds(Square, number)
pictures = st.builds(
    Picture,
    text.filter(lambda name: name != "odd"),
    shapes,
    st.lists(shapes, max_size=3).map(tuple),
    st.dictionaries(text, number, max_size=3),
    st.integers(0, 10**20).map(lambda half: 2 * half),
    st.none() | st.just("auto") | st.integers(),
)


@given(pictures)
def test_what_is_written_reads_back(picture: Picture) -> None:
    """As data and as JSON text, to the last bit of every number."""
    assert read(Picture, plain(picture)) == picture
    again = loads(Picture, dumps(picture))
    assert again == picture and type(again.shape) is type(picture.shape)


CIRCLE = {"kind": "circle", "radius": 1.0}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (3, "3 should be a table"),
        ({"shape": CIRCLE}, "name: is missing"),
        ({"name": 3, "shape": CIRCLE}, "name: 3 should be text"),
        ({"name": "a", "shape": {"kind": "star"}}, "shape.kind: 'star' should be circle or square"),
        ({"name": "a", "shape": {"kind": "circle"}}, "shape.radius: is missing"),
        ({"name": "a", "shape": {"kind": "circle", "radius": True}}, "shape.radius: True should be a number"),
        ({"name": "a", "shape": {"kind": "circle", "radius": 10**400}}, "should be a finite number"),
        ({"name": "a", "shape": CIRCLE, "others": [CIRCLE, 3]}, "others.1.kind: None should be circle or square"),
        ({"name": "a", "shape": CIRCLE, "others": 3}, "others: 3 should be a list"),
        ({"name": "a", "shape": CIRCLE, "sizes": {"x": "1"}}, "sizes.x: '1' should be a number"),
        ({"name": "a", "shape": CIRCLE, "copies": 3}, "copies: 3 must be even"),
        ({"name": "a", "shape": CIRCLE, "copies": -1}, "copies: -1 must be even: it is negative"),
        ({"name": "a", "shape": CIRCLE, "copies": 2.0}, "copies: 2.0 should be a whole number"),
        ({"name": "a", "shape": CIRCLE, "frame": "none"}, "frame: 'none' should be a whole number"),
        ({"name": "odd", "shape": CIRCLE}, "no such picture"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(data: Any, told: str) -> None:
    """Nothing is bent until it fits; the complaint names the place and the data."""
    with pytest.raises(Misfit) as raised:
        read(Picture, data)
    assert told in str(raised.value)


def test_a_whole_number_is_a_number_and_an_unknown_key_is_passed_over() -> None:
    """The only two liberties."""
    data = {"kind": "circle", "radius": 2, "colour": "red"}
    assert read(Circle, data) == Circle(2.0) and type(read(Circle, data).radius) is float


@given(st.text(max_size=60) | st.sampled_from(["NaN", "1e999", "[" * 10_000, '{"radius": NaN}']))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but a ValueError comes out of a text that is no value."""
    try:
        assert isinstance(loads(Circle, text), Circle)
    except ValueError as error:
        assert str(error)
