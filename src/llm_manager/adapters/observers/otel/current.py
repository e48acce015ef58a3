"""The span of a request as the current one while its provider works, so that spans of others nest below it: those of an
instrumented HTTP client, say.

The rule: what is made current is let go of before anything of ours gives way to the caller, in the very task that made
it so. Between two pulls of a stream, its reader has the context that was the reader's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, final

from opentelemetry.trace import Span, use_span
from returns.result import Failure, Success

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming, Provider


class Spans(Protocol):
    """Who knows the span of each request that is on its way."""

    def span_of(self, dispatch: Dispatch, /) -> Span | None:
        """The span of this one, None if there is none."""
        ...


def _current(span: Span) -> AbstractContextManager[Span]:
    """What goes wrong inside is told by the observer, and the span ends when that has heard of it."""
    return use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False)


@final
class Within:
    """*provider*, at work within the span of each request."""

    __slots__ = ("_provider", "_spans")

    def __init__(self, provider: Provider, spans: Spans) -> None:
        self._provider = provider
        self._spans = spans

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """Ask within the span."""
        span = self._spans.span_of(dispatch)
        if span is None:
            return await self._provider.complete(dispatch)
        with _current(span):
            return await self._provider.complete(dispatch)

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """Ask within the span, and pull within it."""
        span = self._spans.span_of(dispatch)
        if span is None:
            return await self._provider.stream(dispatch)
        with _current(span):
            opened = await self._provider.stream(dispatch)
        return opened if isinstance(opened, Failure) else Success(_Pulled(opened.unwrap(), span))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """A question of health is in no run, and has no span."""
        return await self._provider.models(target, keys)


@final
class _Pulled:
    """*incoming*, pulled within *span*."""

    __slots__ = ("_incoming", "_span")

    def __init__(self, incoming: Incoming, span: Span) -> None:
        self._incoming = incoming
        self._span = span

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """What comes next."""
        with _current(self._span):
            return await self._incoming.pull()

    @property
    def longest_pull_s(self) -> float | None:
        """How long that may take."""
        return self._incoming.longest_pull_s

    @property
    def usage(self) -> Usage:
        """What has been told of it."""
        return self._incoming.usage

    async def aclose(self) -> None:
        """Let go of it."""
        with _current(self._span):
            await self._incoming.aclose()
