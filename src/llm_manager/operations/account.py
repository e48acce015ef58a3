"""The account of one run: what it began with, every request that was sent for it, and what it came back with."""

from __future__ import annotations

from dataclasses import replace
from typing import final

from returns.result import Success

from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import AttemptFinished, Event, RequestFinished, RequestStarted
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import Attempt, LLMResponse, Usage
from llm_manager.effect.context import Context, emit
from llm_manager.ports import Observer


@final
class Account:
    """Opened when an operation on *request* begins, closed once when it is over.

    It is an observer that keeps the attempts and passes everything on; :attr:`context` is the one to run in.
    """

    __slots__ = ("_attempts", "_next", "_operation", "_outer", "_request", "_started_s", "context")

    def __init__(self, operation: str, request: LLMRequest, context: Context) -> None:
        context = context.strand(operation, request)
        self._operation = operation
        self._request = request
        self._outer = context
        self._next: Observer = context.observer
        self._attempts: list[Attempt] = []
        self._started_s = context.clock.monotonic()
        self.context = replace(context, observer=self, trace_id=context.trace_id or _trace_id(context))
        emit(context, RequestStarted(at_s=self._started_s, operation=operation, request=request))

    def notify(self, event: Event, /) -> None:
        """Keep a line of the ledger, and tell the next observer."""
        if isinstance(event, AttemptFinished):
            self._attempts.append(event.attempt)
        self._next.notify(event)

    def close(self, outcome: Outcome[LLMResponse, LLMError]) -> Outcome[LLMResponse, LLMError]:
        """Tell how it ended; gives *outcome* with the ledger and the whole latency in its response."""
        now_s = self._outer.clock.monotonic()
        latency_ms = (now_s - self._started_s) * 1000
        if isinstance(outcome, Success):
            outcome = Success(self._with_ledger(outcome.unwrap(), latency_ms))
        answer = outcome.unwrap() if isinstance(outcome, Success) else outcome.failure()
        emit(
            self._outer,
            RequestFinished(
                at_s=now_s, operation=self._operation, latency_ms=latency_ms, request=self._request, answer=answer
            ),
        )
        return outcome

    def leave(self, model: str, partial: str) -> None:
        """Tell that nobody wanted the rest of an answer of which *partial* had come."""
        usage = self._attempts[-1].usage if self._attempts else None
        self.close(Success(LLMResponse(content=partial, model=model, usage=usage or Usage())))

    def _with_ledger(self, response: LLMResponse, latency_ms: float) -> LLMResponse:
        if response.metadata.cached:
            return response
        metadata = replace(
            response.metadata,
            latency_ms=latency_ms,
            retry_count=max(len(self._attempts) - 1, 0),
            attempts=tuple(self._attempts),
        )
        return replace(response, metadata=metadata)


def _trace_id(context: Context) -> str:
    """A name for this run in the logs of a gateway: thirteen hexadecimal digits, unique enough for that."""
    return f"{int(context.random.random() * 2**52):013x}"
