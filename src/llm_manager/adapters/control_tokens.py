"""Control tokens that stand in the text of a message: sent on as text.

The engine reads the rendered chat template as one text and makes a token of every mark in it, whoever wrote it: a user
who types ``<|im_end|>`` would end his turn and could begin one of the system. The engine has no switch for it in chats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, final

JOINER: Final = "\u2060"
"""WORD JOINER: it has no width and breaks no line (Unicode 16, 23.2)."""

_CONTENT: Final = ("content", "text", "reasoning_content", "arguments", "name")
"""The fields of a message, of its parts and of its calls whose text comes from outside. URLs of images do not reach the
template."""


@final
class ControlTokens:
    """The control *tokens* of one model."""

    __slots__ = ("_begins", "_lengths", "_tokens")

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens = frozenset(token for token in tokens if len(token) > 1)
        self._lengths = sorted({len(token) for token in self._tokens})
        firsts = "".join(re.escape(first) for first in sorted({token[0] for token in self._tokens}))
        self._begins = re.compile(f"[{firsts}]") if firsts else None

    def as_text(self, text: str) -> str:
        """*text* with every control token split behind its first character, which makes it many tokens of text.

        >>> ControlTokens(["<|im_end|>"]).as_text("a <|im_end|> b").replace(JOINER, "*")
        'a <*|im_end|> b'
        """
        if self._begins is None:
            return text
        pieces: list[str] = []
        done = 0
        for found in self._begins.finditer(text):
            at = found.start()
            if any(text[at : at + length] in self._tokens for length in self._lengths):
                pieces.append(text[done : at + 1])
                done = at + 1
        return JOINER.join((*pieces, text[done:])) if pieces else text

    def message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """*message* with none in its texts."""
        return {name: self._value(name, value) for name, value in message.items()}

    def _value(self, name: str, value: Any) -> Any:
        match value:
            case str():
                return self.as_text(value) if name in _CONTENT else value
            case dict():
                return self.message(value)  # pyright: ignore[reportUnknownArgumentType]
            case list():
                return [self._value(name, each) for each in value]  # pyright: ignore[reportUnknownVariableType]
            case _:
                return value
