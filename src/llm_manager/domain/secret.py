"""Text that must not be seen: keys, passwords, virtual keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Never, final


@final
class Secret:
    """Holds a key. It shows as ``Secret('...1234')`` at most, refuses to be pickled, and opens only by :meth:`reveal`.

    The text is kept inside a closure, so that tracebacks which print locals and attributes do not show it either.

    >>> key = Secret("sk-canary-1234567890")
    >>> print(key, repr(key), f"{key}")
    Secret('...7890') Secret('...7890') Secret('...7890')
    >>> key.reveal()
    'sk-canary-1234567890'
    """

    __slots__ = ("_open",)

    def __init__(self, text: str) -> None:
        self._open: Callable[[], str] = lambda: text

    def reveal(self) -> str:
        """The text itself: call this where a header is built and nowhere else."""
        return self._open()

    @property
    def hint(self) -> str:
        """The last four characters, and nothing of a text too short to spare them."""
        text = self._open()
        return f"...{text[-4:]}" if len(text) >= 16 else "..."

    def __repr__(self) -> str:
        return f"Secret('{self.hint}')"

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        return hash(self._open())

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __reduce__(self) -> Never:
        msg = "a secret is not pickled; pass its name and read it where it is used"
        raise TypeError(msg)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Read from a string, written as its hint."""
        from pydantic_core import core_schema as cs  # noqa: PLC0415  # heavy, and only pydantic asks

        def read(given: object) -> Secret:
            return given if isinstance(given, Secret) else cls(str(given))

        return cs.no_info_plain_validator_function(
            read,
            serialization=cs.plain_serializer_function_ser_schema(repr),
        )


def key_problem(key: Secret) -> str | None:
    """What keeps *key* from being sent in a header; None when nothing does. Never says what the key is."""
    text = key.reveal()
    if not text.strip():
        return "is empty: leave it out or set it"
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        return "holds a line break or another control character: copy the key again without it"
    if not text.isascii():
        return "holds a character that no key has: copy the key again"
    if text != text.strip():
        return "begins or ends with a space: remove it"
    if text[0] in QUOTES or text[-1] in QUOTES:
        return "stands in quotes, which are sent as a part of it: remove them"
    return None


QUOTES = "\"'`"
"""Marks that are left around a key by a ``.env`` file, a shell or a copy from a page."""
