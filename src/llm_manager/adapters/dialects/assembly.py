"""A streamed answer put together again: what every dialect's reader keeps while it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final

from returns.result import Failure, Success

from llm_manager.domain.errors import ContentFiltered, LLMError, MalformedResponse, StreamBroken
from llm_manager.domain.joined import Joined
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.request import ToolCall
from llm_manager.domain.response import FinishReason, LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.stream import ReasoningDelta, TextDelta, ToolCallDelta
from llm_manager.domain.target import Target

COPIES: Final = 2
"""How often a text of an answer is kept while it comes: for the response, and for what is to be said should it break
off."""

WIDE_BYTES: Final = 4
RECORD_BYTES: Final = 2048
"""More than an empty tool call takes, or another record of as many fields."""

MOST_CALLS: Final = 4096
"""So many tool calls are in no answer that anybody can use."""


@final
@dataclass(slots=True)
class _Call:
    """A tool call that is still being said."""

    id: str
    name: str
    arguments: Joined = field(default_factory=Joined)
    signature: str | None = None


@final
class Assembly:
    """The answer of *target* so far. What is said is joined as it comes, so an answer in many pieces takes no more
    memory than one in few; *kept_bytes* is how much."""

    __slots__ = (
        "_calls",
        "_reasoning",
        "_target",
        "_text",
        "finish",
        "kept_bytes",
        "refused",
        "request_id",
        "response_id",
        "served_model",
        "usage",
    )

    def __init__(self, target: Target, request_id: str | None = None) -> None:
        self._target = target
        self._text = Joined()
        self._reasoning = Joined()
        self.kept_bytes = 0
        self._calls: dict[int, _Call] = {}
        self.request_id = request_id
        self.response_id: str | None = None
        self.served_model: str | None = None
        self.usage = Usage()
        self.finish: FinishReason | None = None
        self.refused = False

    def say(self, text: str) -> TextDelta:
        """More of the answer."""
        self._text.add(text)
        self.hold(text)
        return TextDelta(text)

    def think(self, text: str) -> ReasoningDelta:
        """More of the reasoning."""
        self._reasoning.add(text)
        self.hold(text)
        return ReasoningDelta(text)

    def hold(self, *texts: str | None) -> None:
        """Count *texts* among what is kept: here, and as long by whoever reads the stream.

        Python has four bytes for each character of a text that holds a wide one; how many do is not looked at.
        """
        for text in texts:
            if text:
                self.kept_bytes += COPIES * (len(text) if text.isascii() else WIDE_BYTES * len(text))

    def hold_record(self) -> None:
        """Count one record, whatever it holds, among what is kept."""
        self.kept_bytes += RECORD_BYTES

    def call(
        self, index: int, id_: str | None, name: str | None, arguments: str, signature: str | None = None
    ) -> Outcome[ToolCallDelta, MalformedResponse]:
        """More of the call at *index*, which begins with its *name*. Calls come one after the other: an index that
        leaves one out, or that is taken by another call, is against the protocol."""
        known = self._calls.get(index)
        if known is None:
            if index != len(self._calls) or not name:
                return Failure(self._protocol(f"a tool call at {index} that did not begin, after {len(self._calls)}"))
            if index >= MOST_CALLS:
                return Failure(MalformedResponse(self._target.model, "oversize", f"more than {MOST_CALLS} tool calls"))
            known = self._calls[index] = _Call(id_ or "", name)
            self.hold_record()
            self.hold(id_, name)
        elif (id_ and id_ != known.id) or (name and name != known.name):
            return Failure(self._protocol(f"two tool calls at {index}: {known.name} and {name or known.name}"))
        known.arguments.add(arguments)
        known.signature = signature or known.signature
        self.hold(arguments, signature)
        return Success(ToolCallDelta(index=index, id=id_, name=name, arguments=arguments))

    @property
    def calls_begun(self) -> int:
        """How many tool calls there are so far."""
        return len(self._calls)

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._text.text

    def broken(self, why: str) -> StreamBroken:
        """The stream ended here, before it was complete."""
        return StreamBroken(self._target.model, self.text, why)

    def whole(self) -> Outcome[LLMResponse, LLMError]:
        """The answer, if the stream has said why it ended and holds one; else the error, with what had been used."""
        if self.finish is None:
            return Failure(self.broken("the stream ended before the answer did"))
        return paid_for(self._whole(), self.usage)

    def _whole(self) -> Outcome[LLMResponse, LLMError]:
        text = self.text
        if self.finish == "content_filter":
            return Failure(ContentFiltered(self._target.model, text))
        if not text and not self._calls and not self.refused and self.finish != "length":
            return Failure(MalformedResponse(self._target.model, "empty", "neither text nor a tool call"))
        calls = (self._calls[index] for index in sorted(self._calls))
        return Success(
            LLMResponse(
                content=text,
                model=self._target.model,
                usage=self.usage,
                finish_reason="refusal" if self.refused else self.finish or "unknown",
                tool_calls=tuple(
                    ToolCall(
                        id=call.id, name=call.name, arguments=call.arguments.text or "{}", signature=call.signature
                    )
                    for call in calls
                ),
                reasoning=self._reasoning.text,
                metadata=ResponseMetadata(
                    provider=self._target.provider.name,
                    request_id=self.request_id or self.response_id,
                    response_id=self.response_id,
                    served_model=self.served_model,
                ),
            )
        )

    def _protocol(self, said: str) -> MalformedResponse:
        return MalformedResponse(self._target.model, "protocol", said)
