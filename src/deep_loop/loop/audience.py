"""Those who listen to a study, and can never harm it."""

from __future__ import annotations

from collections.abc import Sequence

from deep_loop.core.event import Event, Warned
from deep_loop.ports import Observer


class Audience:
    """Tells every observer what happens. One that fails hears no more, and the others hear of that."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = list(observers)

    def tell(self, event: Event) -> None:
        """Let every observer hear it, in the order in which they came."""
        for observer in tuple(self._observers):
            try:
                observer.hear(event)
            except Exception as error:  # noqa: BLE001  (the edge to code of others: a display must not end a study)
                self._observers.remove(observer)
                self.tell(
                    Warned(f"{type(observer).__name__} failed and hears no more: {type(error).__name__}: {error}")
                )
