"""An answer of one model on its way through a pipeline: what a try at a stream succeeds with.

It holds the connection until it ends or is left, and then tells all who settle on it: the key, the ledger, the breaker
and the limiter. The total deadline of its run bounds every pull.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import LLMError, RequestTimedOut
from llm_manager.domain.joined import Joined
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import NOTHING_TOLD, usage_of, with_usage
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta, ReasoningDelta, TextDelta, ToolCallDelta
from llm_manager.effect.context import Context
from llm_manager.effect.ongoing import Ending, Ongoing
from llm_manager.policies.asked import Asked, Written, completed, refused, usage_so_far
from llm_manager.policies.schema_mode import unfitted_deltas
from llm_manager.ports import Dispatch, Incoming, Provider

Piece: TypeAlias = Sequence[Delta] | LLMResponse
"""Some of an answer, or all of it."""

CLOSING_S = 1.0
"""How long closing may take before it is given up."""


@final
class Flow(Ongoing):
    """The answer to *asked* as it comes in."""

    __slots__ = ("_asked", "_beside", "_context", "_incoming", "_limit_s", "_ready", "_reasoning", "_text")

    def __init__(self, context: Context, incoming: Incoming, asked: Asked) -> None:
        super().__init__()
        self._context = context
        self._incoming = incoming
        self._asked = asked
        self._limit_s = 0.0 if context.deadline_s is None else context.deadline_s - context.clock.monotonic()
        self._text = Joined()
        self._beside = Joined()  # what is paid for as an answer and is no part of the text
        self._reasoning = Joined()
        self._ready: list[Outcome[Piece, LLMError]] = []  # two at most

    @property
    def model(self) -> str:
        """Who is answering."""
        return self._asked.target.model

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._text.text

    @property
    def target_key(self) -> str:
        """What the breaker and the limiter know it by."""
        return self._asked.target.key

    async def begin(self) -> Outcome[None, LLMError]:
        """Wait for its first piece. Until that is there, the try can still fail as a whole."""
        got = await self._next()
        if isinstance(got, Failure):
            return Failure(self._paid(got.failure()))
        self._ready.insert(0, got)
        return Success(None)

    async def pull(self) -> Outcome[Piece, LLMError]:
        """The next pieces, the whole response at the end, or how it failed; at either end the connection is free."""
        got = self._ready.pop(0) if self._ready else None
        while got is None:
            got = self._told(await self._incoming.pull()) if self._is_bounded() else await self._in_time()
        if isinstance(got, Failure):
            got = Failure(self._paid(got.failure()))
        if not isinstance(got, Success) or isinstance(got.unwrap(), LLMResponse):
            await self._end(got)
        return got

    async def aclose(self) -> None:
        """Let go of it, at once if it has not ended."""
        await self._end(None)

    def _is_bounded(self) -> bool:
        """Is the next pull over before the deadline whatever comes, so that it needs no clock?"""
        longest_s, ends_s = self._incoming.longest_pull_s, self._context.deadline_s
        return ends_s is None or (longest_s is not None and ends_s - self._context.clock.monotonic() > longest_s)

    async def _in_time(self) -> Outcome[Piece, LLMError]:
        """The next pieces, if they come before the deadline."""
        clock, ends_s = self._context.clock, self._context.deadline_s
        left_s = inf if ends_s is None else ends_s - clock.monotonic()
        if left_s > 0:
            with clock.move_on_after(left_s):
                return await self._next()
        return Failure(RequestTimedOut(self.model, self._limit_s))

    async def _next(self) -> Outcome[Piece, LLMError]:
        while True:
            got = self._told(await self._incoming.pull())
            if got is not None:
                return got

    def _told(self, got: Outcome[Piece, LLMError]) -> Outcome[Piece, LLMError] | None:
        """What one pull has brought, None if that is nothing."""
        if not isinstance(got, Success):
            return got
        piece = got.unwrap()
        if isinstance(piece, LLMResponse):
            return self._last(completed(self._asked, piece))
        deltas = unfitted_deltas(piece, self._asked.mode)
        self._keep(piece, deltas)
        if not deltas:
            return None
        return got if deltas is piece else Success(deltas)

    def _keep(self, piece: Sequence[Delta], deltas: Sequence[Delta]) -> None:
        """Keep what *piece* has brought, each word once: as text where it is in *deltas*, the form for the caller."""
        for delta in deltas:
            if isinstance(delta, TextDelta):
                self._text.add(delta.text)
        for delta in piece:
            match delta:
                case ReasoningDelta(text):
                    self._reasoning.add(text)
                case ToolCallDelta(name=name, arguments=arguments):
                    self._beside.add(name or "")
                    self._beside.add(arguments if deltas is piece else "")
                case TextDelta(text) if deltas is not piece:
                    self._beside.add(text)
                case _:
                    pass

    def _last(self, response: LLMResponse) -> Outcome[Piece, LLMError]:
        """The response; before it its text, if that has not been told in pieces."""
        if self._text or not response.content:
            return Success(response)
        self._text.add(response.content)
        self._ready.append(Success(response))
        return Success((TextDelta(response.content),))

    async def _end(self, outcome: Outcome[Piece, LLMError] | None) -> None:
        if self.is_over:
            return
        usage: Usage | None = None
        try:
            await _let_go(self._incoming)
            piece = outcome.unwrap() if isinstance(outcome, Success) else None
            usage = piece.usage if isinstance(piece, LLMResponse) else self._used(outcome)
        finally:  # whatever a foreign provider raises, what was taken is given back
            await self.over(Ending(outcome, usage))

    def _used(self, outcome: Outcome[Piece, LLMError] | None) -> Usage:
        """What was used for an answer that is not whole: as its error says, or else at least what has come of it."""
        paid = usage_of(outcome.failure()) if isinstance(outcome, Failure) else None
        return self._so_far() if paid is None else paid

    def _so_far(self) -> Usage:
        return usage_so_far(self._asked, self._incoming.usage, self._what_came())

    def _what_came(self) -> Written:
        beside = self._beside.text
        return Written(self._text.text + beside if beside else self._text.text, self._reasoning.text)

    def _paid(self, error: LLMError) -> LLMError:
        """*error* with what had been used until then: as the provider has said at the end, or else as far as it came.

        Where nothing has come, and nothing was said of it, there is nothing to tell.
        """
        if usage_of(error) is not None:
            return refused(self._asked, error, self._what_came())
        if not (self._text or self._beside or self._reasoning) and self._incoming.usage == NOTHING_TOLD:
            return error
        return with_usage(error, self._so_far())


async def opened_flow(
    context: Context, provider: Provider, dispatch: Dispatch, asked: Asked
) -> Outcome[Flow, LLMError]:
    """Ask *provider* for a stream and wait for its first piece, within ``timeouts.first_byte_s``."""
    first_s = context.config.timeouts.first_byte_s
    with context.clock.move_on_after(first_s):
        opened = await provider.stream(dispatch)
        if isinstance(opened, Failure):
            return opened
        incoming = opened.unwrap()
        flow = Flow(context, incoming, asked)
        try:
            begun = await flow.begin()
        except BaseException:
            await _let_go(incoming)
            raise
        if isinstance(begun, Success):
            return Success(flow)
        await _let_go(incoming)
        return begun
    return Failure(RequestTimedOut(asked.target.model, first_s, "first_byte"))


async def whole_of(flow: Flow) -> Outcome[LLMResponse, LLMError]:
    """All of it, when its pieces are of no interest."""
    try:
        while True:
            got = await flow.pull()
            if isinstance(got, Failure):
                return got
            if isinstance(last := got.unwrap(), LLMResponse):
                return Success(last)
    finally:
        await flow.aclose()


async def _let_go(incoming: Incoming) -> None:
    with anyio.move_on_after(CLOSING_S, shield=True):
        await incoming.aclose()
