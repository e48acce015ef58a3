"""What is told of requests at a vendor's batch: to the reader, to the journal, to the budget and to all observers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, final

from returns.result import Failure, Success

from llm_manager.domain.codec import to_json
from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import AttemptFinished, AttemptStarted, OptionsDropped, RequestFinished, RequestStarted
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import may_have_been_paid, usage_of
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_id import with_request_id
from llm_manager.domain.response import Attempt, LLMResponse, UnknownCost, Usage
from llm_manager.domain.run import Run
from llm_manager.domain.target import Target, server_of
from llm_manager.effect.context import Context, emit
from llm_manager.operations.parcel_book import Member, Parcel, ParcelBook
from llm_manager.policies.asked import settled
from llm_manager.policies.cache_key import cache_key
from llm_manager.policies.planning import key_owner

Told: TypeAlias = tuple[int, Outcome[LLMResponse, LLMError]]

OPERATION = "batch_at_vendor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of every request: how it is *asked*, the *key* that its answer has in a journal, and whether
    an answer *is done* with, so that nobody need be asked again."""

    asked: Callable[[LLMRequest], LLMRequest]
    key: Callable[[LLMRequest], str]
    is_done: Callable[[LLMResponse], bool]


RESPONSES: Final = Wish(
    asked=lambda request: request, key=lambda request: cache_key(request, ()), is_done=lambda _: True
)
"""The responses, as they are."""


@final
class Teller:
    """The outcomes of one run that nobody has taken yet, and what goes with each."""

    __slots__ = ("_book", "_context", "_key_id", "_target", "_wish", "ready")

    def __init__(self, context: Context, book: ParcelBook, target: Target, wish: Wish) -> None:
        self._wish = wish
        owner = key_owner(context.config, target)
        self._context = context
        self._book = book
        self._target = target
        self._key_id = None if owner is None else f"{owner}#1"
        self.ready: deque[Told] = deque()

    def kept(self, index: int, response: LLMResponse) -> None:
        """An earlier run had the answer, and told of it."""
        self.ready.append((index, Success(response)))

    def refused(self, index: int, request: LLMRequest, error: LLMError) -> None:
        """It was not sent."""
        now_s = self._context.clock.monotonic()
        self._finish(index, request, now_s, Failure(error), self._begin(request, now_s))

    async def answered(self, parcel: Parcel, member: Member, outcome: Outcome[LLMResponse, LLMError]) -> None:
        """The vendor told what became of it: one line of the ledger."""
        now_s = self._context.clock.monotonic()
        latency_ms = (now_s - parcel.since_s) * 1000
        outcome = settled(member.asked, outcome)
        error = outcome.failure() if isinstance(outcome, Failure) else None
        response = None if isinstance(outcome, Failure) else outcome.unwrap()
        usage = response.usage if response is not None else None if error is None else usage_of(error)
        line = Attempt(
            model=self._target.model,
            provider=self._target.provider.name,
            key_id=self._key_id,
            started_s=parcel.since_s,
            latency_ms=latency_ms,
            outcome="ok" if error is None else error.tag,
            message="" if error is None else error.message,
            usage=usage,
            schema_mode=member.asked.mode,
            dropped=member.asked.dropped,
        )
        run = self._begin(member.request, parcel.since_s)
        if line.dropped:
            emit(self._context, OptionsDropped(at_s=parcel.since_s, model=line.model, dropped=line.dropped, run=run))
        started = AttemptStarted(
            at_s=parcel.since_s,
            model=line.model,
            provider=line.provider,
            server=server_of(self._target.base_url),
            run=run,
        )
        emit(self._context, started)
        emit(self._context, AttemptFinished(at_s=now_s, attempt=line, error=error, run=run))
        if response is not None:
            metadata = replace(response.metadata, latency_ms=latency_ms, attempts=(line,))
            response = replace(response, metadata=metadata)
            if self._wish.is_done(response):
                await self._book.keep(member, to_json(response))
        await self._settle(member, _used_usd(usage, error, member.worst_usd))
        told = outcome if response is None else Success(response)
        self._finish(member.index, member.request, parcel.since_s, told, run)

    async def failed(self, members: Iterable[Member], error: LLMError, since_s: float, *, is_paid: bool) -> None:
        """None of *members* was answered, for one reason; *is_paid* if the vendor may work on them all the same."""
        members = tuple(members)
        await (self.left(members) if is_paid else self._released(members, 0.0))
        for member in members:
            run = self._begin(member.request, since_s)
            self._finish(member.index, member.request, since_s, Failure(error), run)

    async def left(self, members: Iterable[Member]) -> None:
        """Nobody waits for *members* any more, and the vendor works on: what is held for them is not held on.

        The run that takes them up counts what they cost. Where none can know of them, that is the worst, and now.
        """
        await self._released(members, 0.0 if self._book.remembers else 1.0)

    async def _released(self, members: Iterable[Member], part: float) -> None:
        """Count *part* of the worst as spent, in one word to the budget."""
        worst_usd = sum(member.worst_usd for member in members)
        if self._context.budget is not None and worst_usd > 0:
            await self._context.budget.settle(worst_usd, part * worst_usd)

    def _begin(self, request: LLMRequest, since_s: float) -> Run:
        run = Run(name=OPERATION, trace_id=self._context.trace_id, parent=self._context.run)
        emit(self._context, RequestStarted(at_s=since_s, operation=OPERATION, request=request, run=run))
        return run

    def _finish(
        self, index: int, request: LLMRequest, since_s: float, outcome: Outcome[LLMResponse, LLMError], run: Run
    ) -> None:
        now_s = self._context.clock.monotonic()
        if isinstance(outcome, Failure):
            outcome = Failure(with_request_id(outcome.failure(), run.trace_id))
        answer = outcome.unwrap() if isinstance(outcome, Success) else outcome.failure()
        emit(
            self._context,
            RequestFinished(
                at_s=now_s,
                operation=OPERATION,
                latency_ms=(now_s - since_s) * 1000,
                request=request,
                answer=answer,
                run=run,
            ),
        )
        self.ready.append((index, outcome))

    async def _settle(self, member: Member, used_usd: float) -> None:
        if self._context.budget is not None:
            await self._context.budget.settle(member.worst_usd, used_usd)


def _used_usd(usage: Usage | None, error: LLMError | None, worst_usd: float) -> float:
    if usage is not None:
        return worst_usd if isinstance(usage.cost, UnknownCost) else usage.cost.usd
    return worst_usd if error is not None and may_have_been_paid(error) else 0.0
