"""A mode's values as JSON text, and back."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

from deep_loop.core import form
from deep_loop.errors import LedgerError

T = TypeVar("T")


class Code(Generic[T]):
    """JSON for the values of one type."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def encode(self, value: T) -> str:
        """The value's JSON. Raises LedgerError unless reading it again gives an equal value.

        So NaN, infinities (JSON has neither), lone surrogates and values of a wrong type never get in.
        """
        try:
            text = form.dumps(value)
            text.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
            again = form.loads(self._kind, text)
        except (ValueError, TypeError) as error:
            raise _unfit(value, _one_line(error)) from error
        if again != value:
            raise _unfit(value, "it would not read back as the same value")
        return text

    def decode(self, text: str) -> T:
        """The value of a JSON text; raises LedgerError where it is not one of this type."""
        try:
            return cast("T", form.loads(self._kind, text))
        except ValueError as error:
            raise LedgerError(
                f"the ledger holds something that is not a {_name(self._kind)}: {_one_line(error)}",
                hint="it was edited by hand or written by another version of deep-loop: use that version, or a copy",
            ) from error


def _unfit(value: object, why: str) -> LedgerError:
    return LedgerError(
        f"a {type(value).__name__} cannot be recorded: {why}",
        hint="numbers must be finite, text valid Unicode, and every field of its declared type",
    )


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", None) or str(kind)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
