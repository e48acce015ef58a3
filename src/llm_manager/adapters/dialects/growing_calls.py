"""The tool calls of one answer while they are being said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final

from llm_manager.adapters.dialects.fields import WrongType, arguments_text_of, is_an_object
from llm_manager.adapters.dialects.json_values import object_in
from llm_manager.domain.joined import Joined
from llm_manager.domain.request import ToolCall

MOST_CALLS: Final = 4096
"""So many tool calls are in no answer that anybody can use."""

MOST_NAME: Final = 256
"""So long is no name of a tool (64 characters at OpenAI and Anthropic)."""

_NOTHING: Final = ("", "null")
"""The arguments of a tool that takes none, as some servers have them."""


@final
@dataclass(slots=True)
class GrowingCall:
    """A tool call that is still being said."""

    id: str = ""
    name: str = ""
    arguments: Joined = field(default_factory=Joined)
    signature: str | None = None
    is_closed: bool = False
    """Its arguments came as an object, in one piece."""

    def piece_of(self, value: object, path: str) -> str:
        """More of its arguments: text, or, if nothing has come yet, an object that is all of them."""
        piece, is_object = arguments_text_of(value, path), is_an_object(value)
        if (self.is_closed and piece.strip()) or (is_object and not self.is_blank):
            raise WrongType(path, value)
        self.is_closed = self.is_closed or is_object
        return piece

    @property
    def is_blank(self) -> bool:
        """Has nothing come of its arguments yet?"""
        return not self.arguments or not self.arguments.text.strip()

    @property
    def is_whole(self) -> bool:
        """Are its arguments a JSON object, so that nothing can follow?"""
        text = self.arguments.text.strip()
        return text.endswith("}") and object_in(text) is not None

    def whole(self) -> ToolCall:
        """The call as it is in a response."""
        text = self.arguments.text
        arguments = "{}" if text.strip() in _NOTHING else text
        return ToolCall(id=self.id, name=self.name, arguments=arguments, signature=self.signature)
