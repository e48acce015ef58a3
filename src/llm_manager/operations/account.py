"""The account of one run: what it began with, every request that was sent for it, and what it came back with."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import final

from returns.result import Failure, Success

from llm_manager.domain.changed import changed
from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import (
    AttemptFinished,
    Event,
    GatewayTimed,
    Reason,
    RequestFinished,
    RequestLeft,
    RequestStarted,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_id import with_request_id
from llm_manager.domain.response import Attempt, LLMResponse, Usage
from llm_manager.domain.run import Run
from llm_manager.effect.context import Context, emit, observe, trace_id_of


@final
class Account:
    """Opened when an operation on *request* begins, closed once when it is over, whichever way that comes about.

    It is an observer that keeps the attempts and passes everything on; :meth:`context` is the one to run in.
    """

    __slots__ = ("_attempts", "_operation", "_outer", "_request", "_run", "_started_s")

    def __init__(self, operation: str, request: LLMRequest, context: Context) -> None:
        context = context.strand(operation, request)
        self._operation = operation
        self._request = request
        self._outer = context
        self._attempts: list[Attempt] = []
        self._started_s = context.clock.monotonic()
        self._run = Run(name=operation, trace_id=trace_id_of(context), parent=context.run)
        emit(context, RequestStarted(at_s=self._started_s, operation=operation, request=request, run=self._run))

    def context(self) -> Context:
        """Where the account's observer listens. It is not kept: the two would hold on to each other, and each request
        would be left to the garbage collector."""
        return changed(self._outer, observer=self, trace_id=self._run.trace_id, run=self._run)

    def notify(self, event: Event, /) -> None:
        """Keep a line of the ledger, and tell the next observer."""
        if isinstance(event, AttemptFinished):
            self._attempts.append(event.attempt)
        elif isinstance(event, GatewayTimed):  # told by an adapter, which knows of no runs
            event = changed(event, run=self._run)
        observe(self._outer, event)

    async def closing(self, answering: Awaitable[Outcome[LLMResponse, LLMError]]) -> Outcome[LLMResponse, LLMError]:
        """What *answering* gives, with the account closed; also when cancellation or a bug goes through it."""
        try:
            outcome = await answering
        except BaseException as raised:
            self.abandon(raised)
            raise
        return self.close(outcome)

    def close(self, outcome: Outcome[LLMResponse, LLMError]) -> Outcome[LLMResponse, LLMError]:
        """Tell how it ended; gives *outcome* with the ledger and the whole latency in its response, and in its error
        which request it was."""
        now_s = self._outer.clock.monotonic()
        latency_ms = (now_s - self._started_s) * 1000
        if isinstance(outcome, Success):
            outcome = Success(self._with_ledger(outcome.unwrap(), latency_ms))
        else:
            outcome = Failure(with_request_id(outcome.failure(), self._run.trace_id))
        answer = outcome.unwrap() if isinstance(outcome, Success) else outcome.failure()
        emit(
            self._outer,
            RequestFinished(
                at_s=now_s,
                operation=self._operation,
                latency_ms=latency_ms,
                request=self._request,
                answer=answer,
                run=self._run,
            ),
        )
        return outcome

    def fail(self, error: LLMError) -> LLMError:
        """Tell that it failed; gives *error* with the name of the request."""
        return self.close(Failure(error)).failure()

    def leave(self, model: str, partial: str) -> None:
        """Tell that nobody wanted the rest of an answer of which *partial* had come."""
        usage = self._attempts[-1].usage if self._attempts else None
        self._left("left", LLMResponse(content=partial, model=model, usage=usage or Usage()))

    def abandon(self, raised: BaseException) -> None:
        """Tell that there is no answer because *raised* goes through the run: a cancellation, or a bug."""
        self._left("raised" if isinstance(raised, Exception) else "cancelled")

    def _left(self, reason: Reason, partial: LLMResponse | None = None) -> None:
        now_s = self._outer.clock.monotonic()
        latency_ms = (now_s - self._started_s) * 1000
        if partial is not None:
            partial = self._with_ledger(partial, latency_ms)
        emit(
            self._outer,
            RequestLeft(
                at_s=now_s,
                operation=self._operation,
                latency_ms=latency_ms,
                request=self._request,
                reason=reason,
                partial=partial,
                run=self._run,
            ),
        )

    def _with_ledger(self, response: LLMResponse, latency_ms: float) -> LLMResponse:
        if response.metadata.cached:
            return response
        metadata = changed(
            response.metadata,
            latency_ms=latency_ms,
            retry_count=max(len(self._attempts) - 1, 0),
            attempts=tuple(self._attempts),
        )
        return changed(response, metadata=metadata)
