"""Where the pieces of a stream come from: a model, several that take over from one another, or the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias, final

from returns.result import Failure, Success

from llm_manager.combinators.fallback import failures_of
from llm_manager.domain.errors import AllModelsFailed, LLMError
from llm_manager.domain.events import FellBack
from llm_manager.domain.joined import Joined
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.stream import Delta, ReasoningDelta, StreamResumed, TextDelta, ToolCallDelta, deltas_of
from llm_manager.domain.verdicts import next_model
from llm_manager.effect.context import Context, emit
from llm_manager.effect.op import run
from llm_manager.operations.attempt import begin
from llm_manager.operations.chain import first_answer
from llm_manager.operations.flow import Flow
from llm_manager.policies.candidate import Candidate, Chosen
from llm_manager.policies.continuation import Seam, can_continue, continued

Pieces: TypeAlias = Sequence[Delta | StreamResumed]


class Source(Protocol):
    """What a stream pulls from."""

    @property
    def model(self) -> str:
        """Who is answering."""
        ...

    @property
    def text(self) -> str:
        """The answer so far."""
        ...

    async def pull(self) -> Outcome[Pieces | LLMResponse, LLMError]:
        """The next pieces, the whole response at the end, or how it failed."""
        ...

    async def aclose(self) -> None:
        """Let go of it."""
        ...


@final
class Stored:
    """An answer from the cache, as pieces."""

    __slots__ = ("_deltas", "_response")

    def __init__(self, response: LLMResponse) -> None:
        self._response = response
        self._deltas = deltas_of(response)

    @property
    def model(self) -> str:
        """Who had answered."""
        return self._response.model

    @property
    def text(self) -> str:
        """What they had said."""
        return self._response.content

    async def pull(self) -> Outcome[Pieces | LLMResponse, LLMError]:
        """All pieces, then the response."""
        deltas, self._deltas = self._deltas, ()
        return Success(deltas or self._response)

    async def aclose(self) -> None:
        """Nothing is held."""


@final
class Relay:
    """The models of *chain* in turn: when the one that answers breaks off, the next one takes over.

    It answers from the start, or goes on from there (``routing.mid_stream``). The latter only while the answer is
    nothing but text: half a tool call, or half of an answer with a form, is not handed over.
    """

    __slots__ = (
        "_chain",
        "_context",
        "_failures",
        "_flow",
        "_is_text",
        "_ready",
        "_request",
        "_restarts",
        "_seam",
        "_text",
    )

    def __init__(self, context: Context, request: LLMRequest, chain: Sequence[Candidate], flow: Flow) -> None:
        self._context = context
        self._restarts = context.config.routing.mid_stream == "restart"
        self._request = request
        self._chain = chain
        self._flow = flow
        self._is_text = can_continue(request)
        self._seam = Seam("")
        self._text: Joined | None = None  # before the first takeover it is that of the flow
        self._failures: list[tuple[str, LLMError]] = []
        self._ready: LLMResponse | None = None

    @property
    def model(self) -> str:
        """Who is answering now."""
        return self._flow.model

    @property
    def text(self) -> str:
        """What all of them have said."""
        return self._flow.text if self._text is None else self._text.text

    async def pull(self) -> Outcome[Pieces | LLMResponse, LLMError]:
        """As the model that answers now gives it; where it fails, the news that another one has taken over."""
        while self._ready is None:
            got = await self._flow.pull()
            if isinstance(got, Failure):
                return await self._handed_over(got.failure())
            piece = got.unwrap()
            told = self._last(piece) if isinstance(piece, LLMResponse) else self._new(piece)
            if told:
                return Success(told)
        return Success(self._ready)

    async def aclose(self) -> None:
        """Let go of the model that answers now."""
        await self._flow.aclose()

    def _new(self, deltas: Sequence[Delta]) -> Pieces:
        """*deltas* without what was said before the break."""
        told: list[Delta | StreamResumed] = []
        for delta in deltas:
            match delta:
                case TextDelta(text):
                    told.extend(self._say(self._seam.feed(text)))
                case ToolCallDelta():
                    self._is_text = False
                    told.append(delta)
                case ReasoningDelta():
                    told.append(delta)
        return told

    def _say(self, text: str) -> Pieces:
        if not text:
            return ()
        if self._text is not None:
            self._text.add(text)
        return (TextDelta(text),)

    def _last(self, response: LLMResponse) -> Pieces:
        """What was held back until now; the response is ready, with the text of all models."""
        told = self._say(self._seam.close())
        self._ready = replace(response, content=self.text)
        return told

    async def _handed_over(self, error: LLMError) -> Outcome[Pieces | LLMResponse, LLMError]:
        others = self._others()
        failed, context = self._flow.model, self._context
        self._failures.append((failed, error))
        is_possible = self._restarts or self._is_text
        if not is_possible or not others or next_model(error) not in ("yes", "if_ambiguous_allowed"):
            return Failure(self._failed())
        partial = "" if self._restarts else self.text
        asked = continued(self._request, partial) if partial else self._request
        opened = await run(first_answer(context.config, asked, others, begin), context)
        if isinstance(opened, Failure):
            self._failures.extend(failures_of(opened.failure()))
            return Failure(self._failed())
        self._flow = opened.unwrap()
        self._seam, self._text = Seam(partial), Joined(partial)
        now_s = context.clock.monotonic()
        told = FellBack(at_s=now_s, model=failed, next_model=self._flow.model, error=error, run=context.run)
        emit(context, told)
        return Success((StreamResumed(self._flow.model, restarted=self._restarts),))

    def _failed(self) -> LLMError:
        """What all of them failed with."""
        [(_, first), *rest] = self._failures
        return AllModelsFailed(tuple(self._failures)) if rest else first

    def _others(self) -> Sequence[Candidate]:
        """Those that come after the one that answers, if there is one to ask among them."""
        keys = [each.target.key if isinstance(each, Chosen) else None for each in self._chain]
        others = self._chain[keys.index(self._flow.target_key) + 1 :]
        return others if any(isinstance(each, Chosen) for each in others) else ()
