"""Observers that need nothing: one that hears nothing, one that is several, one that hears one kind of event."""

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
        """Tell them all, those after one that raises too; what they raised is raised afterwards."""
        raised: list[Exception] = []
        for observer in self._observers:
            try:
                observer.notify(event)
            except Exception as bad:  # noqa: BLE001  # any code may be behind the port
                raised.append(bad)
        if raised:
            raise raised[0] if len(raised) == 1 else ExceptionGroup("observers failed", raised)


@final
class Only:
    """Tells *observer* of the events of one *kind*."""

    __slots__ = ("_kind", "_observer")

    def __init__(self, kind: type[Event], observer: Observer) -> None:
        self._kind = kind
        self._observer = observer

    def notify(self, event: Event, /) -> None:
        """Pass it on if it is of the kind."""
        if isinstance(event, self._kind):
            self._observer.notify(event)
