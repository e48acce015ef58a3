"""An answer put together from what it says: what every reader keeps while it reads, of a stream or of a whole body.

Both go the same way, so an answer is the same whichever way it comes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.endings import ending_of
from llm_manager.adapters.dialects.growing_calls import MOST_CALLS, MOST_NAME, GrowingCall
from llm_manager.domain.errors import ContentFiltered, LLMError, MalformedResponse, StreamBroken
from llm_manager.domain.joined import Joined
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import FinishReason, LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.stream import ReasoningDelta, TextDelta, ToolCallDelta
from llm_manager.domain.target import Target

COPIES: Final = 2
"""How often a text of an answer is kept while it comes: for the response, and for what is to be said should it break
off."""

WIDE_BYTES: Final = 4
RECORD_BYTES: Final = 2048
"""More than an empty tool call takes, or another record of as many fields."""


@final
class Assembly:
    """The answer of *target* so far. What is said is joined as it comes, so an answer in many pieces takes no more
    memory than one in few; *kept_bytes* is how much.

    *finish* is why it ended, None while it goes on: more that is said takes it back. *failure* is the error that its
    reason to end was; *is_over* says that nothing more comes although no reason was given, and *goes_on* that something
    came behind a reason.
    """

    __slots__ = (
        "_early",
        "_reasoning",
        "_target",
        "_text",
        "calls",
        "failure",
        "finish",
        "goes_on",
        "is_over",
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
        self._early: FinishReason | None = None
        self.goes_on = False
        self.kept_bytes = 0
        self.calls: list[GrowingCall] = []
        self.request_id = request_id
        self.response_id: str | None = None
        self.served_model: str | None = None
        self.usage = Usage()
        self.finish: FinishReason | None = None
        self.failure: LLMError | None = None
        self.is_over = False
        self.refused = False

    def say(self, text: str) -> TextDelta:
        """More of the answer."""
        if self.finish is not None:
            self._go_on()
        self._text.add(text)
        self.hold(text)
        return TextDelta(text)

    def think(self, text: str) -> ReasoningDelta:
        """More of the reasoning."""
        if self.finish is not None:
            self._go_on()
        self._reasoning.add(text)
        self.hold(text)
        return ReasoningDelta(text)

    def _go_on(self) -> None:
        """More is said behind a reason to end: whoever says one with each piece has not ended until the body does."""
        self.finish = None
        self.goes_on = True

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

    def begin_call(
        self, id_: str | None, name: str | None, arguments: str = "", signature: str | None = None
    ) -> Outcome[ToolCallDelta, MalformedResponse]:
        """Another call, which has a name or will get one."""
        if len(self.calls) >= MOST_CALLS:
            return Failure(MalformedResponse(self._target.model, "oversize", f"more than {MOST_CALLS} tool calls"))
        self.calls.append(GrowingCall(id_ or "", name or ""))
        self.hold_record()
        self.hold(id_, name)
        index = len(self.calls) - 1
        self.grow_call(index, arguments, signature)
        return Success(ToolCallDelta(index=index, id=id_ or None, name=name or None, arguments=arguments))

    def grow_call(self, index: int, arguments: str, signature: str | None = None) -> ToolCallDelta:
        """More of the call at *index*."""
        if self.finish is not None:
            self._go_on()
        call = self.calls[index]
        call.arguments.add(arguments)
        call.signature = signature or call.signature
        self.hold(arguments, signature)
        return ToolCallDelta(index=index, arguments=arguments)

    def name_call(self, index: int, id_: str | None, name: str | None) -> Outcome[None, MalformedResponse]:
        """The call at *index* gets its id, or more of its name."""
        call = self.calls[index]
        call.id = call.id or id_ or ""
        call.name += name or ""
        self.hold(id_, name)
        return Success(None) if len(call.name) <= MOST_NAME else Failure(self.protocol("a name without an end"))

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._text.text

    @property
    def is_complete(self) -> bool:
        """Has it said why it ended, and nothing since, or that it is over?"""
        return self.is_over or (self.finish is not None and not self.goes_on)

    @property
    def has_said_something(self) -> bool:
        """Is there text, or a call?"""
        return bool(self._text or self.calls)

    def end_with(self, word: str) -> None:
        """It ended for the reason that is *word*; one that is blank is none."""
        if word.strip():
            ending = ending_of(word)
            self.finish = self._early = "unknown" if ending == "failed" else ending
            self.failure = self.unfinished(f"it ended with {word[:MOST_NAME]}") if ending == "failed" else None

    def unfinished(self, why: str) -> MalformedResponse:
        """What there is of it is a part."""
        return MalformedResponse(self._target.model, "unfinished", why, partial=self.text)

    def protocol(self, said: str) -> MalformedResponse:
        """It is not what its wire has."""
        return MalformedResponse(self._target.model, "protocol", said)

    def broken(self, why: str) -> StreamBroken:
        """The stream ended here, before it was complete."""
        return StreamBroken(self._target.model, self.text, why)

    def whole(self) -> Outcome[LLMResponse, LLMError]:
        """The answer, if it has said why it ended and holds one; else the error, with what had been used."""
        finish = self.finish or (self._early if self.is_over else None)
        if self.failure is not None:
            return paid_for(Failure(self.failure), self.usage)
        if finish is None and self.is_over and not self.has_said_something:
            finish = "unknown"  # nothing was said, and nothing is missing
        if finish is None:
            return Failure(self.broken("the stream ended before the answer did"))
        return paid_for(self._whole(finish), self.usage)

    def _whole(self, finish: FinishReason) -> Outcome[LLMResponse, LLMError]:
        text = self.text
        if finish == "content_filter":
            return Failure(ContentFiltered(self._target.model, text))
        if not text and not self.calls and not self.refused and finish not in ("length", "refusal"):
            return Failure(MalformedResponse(self._target.model, "empty", "neither text nor a tool call"))
        if finish == "tool_calls" and not self.calls:
            return Failure(self.unfinished("it ended to call a tool, and names none"))
        nameless = next((at for at, call in enumerate(self.calls) if not call.name), None)
        if nameless is not None:
            return Failure(self.protocol(f"tool_calls[{nameless}].name: is missing or empty"))
        return Success(
            LLMResponse(
                content=text,
                model=self._target.model,
                usage=self._believed(),
                finish_reason=self._reason(finish),
                tool_calls=tuple(call.whole() for call in self.calls),
                reasoning=self._reasoning.text,
                metadata=ResponseMetadata(
                    provider=self._target.provider.name,
                    request_id=self.request_id or self.response_id,
                    response_id=self.response_id,
                    served_model=self.served_model,
                ),
            )
        )

    def _reason(self, finish: FinishReason) -> FinishReason:
        """Why it ended; behind a tool call, servers stop as they do behind a text."""
        if self.refused:
            return "refusal"
        return "tool_calls" if finish == "stop" and self.calls else finish

    def _believed(self) -> Usage:
        """What is told of its usage: an answer of no tokens to a prompt of none is no count."""
        usage = self.usage
        if usage.prompt_tokens == 0 and not usage.completion_tokens and self.has_said_something:
            return replace(usage, prompt_tokens=None, completion_tokens=None, total_tokens=None)
        return usage
