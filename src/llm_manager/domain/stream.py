"""What comes out of a stream, one event after the other; every stream ends in exactly one of the last two cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from llm_manager.domain.errors import LLMError
from llm_manager.domain.response import LLMResponse

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer."""

    text: str
    tag: Literal["TextDelta"] = field(default="TextDelta", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks before it answers, as far as its vendor shows it; never a part of the answer."""

    text: str
    tag: Literal["ReasoningDelta"] = field(default="ReasoningDelta", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDelta:
    """More of the call at *index*: *id* and *name* where it begins, then pieces of the JSON text of its arguments."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    tag: Literal["ToolCallDelta"] = field(default="ToolCallDelta", repr=False)


@dataclass(frozen=True, slots=True)
class StreamResumed:
    """The model that was answering broke off and *model* takes over: only new text follows.

    *restarted* says that it answers from the start: what came before this event is void.
    """

    model: str
    restarted: bool = False
    tag: Literal["StreamResumed"] = field(default="StreamResumed", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class StreamFinished:
    """The end of a whole answer: *response* is what ``generate`` would have given."""

    response: LLMResponse
    tag: Literal["StreamFinished"] = field(default="StreamFinished", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The end of an answer that is not whole; *partial* is the text that had arrived."""

    error: LLMError
    partial: str = ""
    tag: Literal["StreamFailed"] = field(default="StreamFailed", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class PartialValue:
    """The JSON value that a stream of one has grown to; not held to its schema yet."""

    value: Any
    tag: Literal["PartialValue"] = field(default="PartialValue", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class FinalValue(Generic[T]):
    """The end of a stream of a value: what its schema makes of the whole answer."""

    value: T
    response: LLMResponse
    tag: Literal["FinalValue"] = field(default="FinalValue", kw_only=True, repr=False)


Delta: TypeAlias = TextDelta | ReasoningDelta | ToolCallDelta
"""A piece of an answer."""

StreamEnd: TypeAlias = StreamFinished | StreamFailed

StreamEvent: TypeAlias = Delta | StreamResumed | StreamEnd

SchemaEvent: TypeAlias = PartialValue | FinalValue[T] | StreamFailed
""":class:`FinalValue` and :class:`StreamFailed` are its ends."""


def deltas_of(response: LLMResponse) -> tuple[Delta, ...]:
    """A whole answer as the pieces of a stream.

    >>> deltas_of(LLMResponse(content="Hi.", model="gpt"))
    (TextDelta(text='Hi.'),)
    """
    calls = enumerate(response.tool_calls)
    return (
        *((ReasoningDelta(response.reasoning),) if response.reasoning else ()),
        *((TextDelta(response.content),) if response.content else ()),
        *(ToolCallDelta(index=index, id=call.id, name=call.name, arguments=call.arguments) for index, call in calls),
    )
