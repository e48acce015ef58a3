"""Observers that need nothing: one that hears nothing, and one that is several."""

from __future__ import annotations

from typing import final

from llm_manager.domain.events import Event
from llm_manager.ports import Observer


@final
class Silent:
    """Listens to nothing."""

    __slots__ = ()

    def notify(self, event: Event, /) -> None:
        """Let it pass."""


@final
class Several:
    """Tells each of *observers*, in order."""

    __slots__ = ("_observers",)

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def notify(self, event: Event, /) -> None:
        """Tell them all."""
        for observer in self._observers:
            observer.notify(event)
