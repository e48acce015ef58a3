"""Connections that are used by one call at a time, in whatever thread that runs."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar, final


class Closable(Protocol):
    """What a pool holds."""

    def close(self) -> None:
        """Let go of it."""
        ...


C = TypeVar("C", bound=Closable)


@final
class Pool(Generic[C]):
    """Idle connections, the last used on top; *connect* makes another."""

    __slots__ = ("_connect", "_idle", "_lock", "_most")

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._idle: list[C] = []
        self._most = 0
        self._lock = Lock()

    def keep(self, most: int) -> None:
        """Keep up to *most*; with 0 those that are idle are closed."""
        with self._lock:
            self._most = most
            self._idle, closing = self._idle[:most], self._idle[most:]
        for connection in closing:
            connection.close()

    def take(self) -> tuple[C, bool]:
        """A connection, and whether it was used before: then it may have died since."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        return self._connect(), False

    def give_back(self, connection: C) -> None:
        """It may be used again."""
        with self._lock:
            if len(self._idle) < self._most:
                self._idle.append(connection)
                return
        connection.close()

    def drop_idle(self) -> None:
        """Close all that are idle: one was found dead, and the others are as old."""
        with self._lock:
            closing, self._idle = self._idle, []
        for connection in closing:
            connection.close()
