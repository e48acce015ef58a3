"""The pace of a feed: rows that are asked again when a refusal ends, and rows that wait until it does.

Rows that would be refused for the same reason share a lane: those that ask for one model, or for one task. When one of
them is refused until a known moment, none of them is sent before it, and the first that is answered lets the others go
on.
"""

from __future__ import annotations

from math import inf
from typing import TypeAlias, TypeVar, final

from returns.result import Success

from llm_manager.domain.changed import changed
from llm_manager.domain.errors import LLMError, RateLimitExceeded
from llm_manager.domain.events import ConcurrencyLimited, Event, FeedPaused, RetryScheduled
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_problems import request_problems
from llm_manager.domain.verdicts import model_of
from llm_manager.effect.context import Context, Op, emit, observe
from llm_manager.effect.op import effect, run
from llm_manager.policies.candidate import Chosen
from llm_manager.policies.feed import PATIENCE_S, Refusal, pause_s, refusal_of
from llm_manager.policies.planning import max_in_flight
from llm_manager.policies.routing import candidates

A = TypeVar("A")

Route: TypeAlias = tuple[str | None, str]
"""What decides which models a row is sent to: the model it asks for, and its task."""


@final
class _Lane:
    """What is known of one route: when the rows of it may go on, since when none has been answered, and which row, or
    that several, have been refused since."""

    __slots__ = ("_answered_s", "_has_several", "_paused_s", "_pauses", "_refused_row", "_refused_s", "opens_s")

    def __init__(self, now_s: float) -> None:
        self.opens_s = self._paused_s = now_s
        self._answered_s: float | None = None
        self._refused_s: float | None = None
        self._refused_row: object | None = None
        self._has_several = False
        self._pauses = 0

    def answered(self, began_s: float, now_s: float) -> None:
        """A row that *began* was answered: the others may go on, unless it was sent before they were kept back."""
        self._answered_s = now_s
        if began_s >= self._paused_s:
            self._refused_s, self._refused_row, self._has_several, self._pauses = None, None, False, 0
            self.opens_s = min(self.opens_s, now_s)

    def may_repeat(self, row: object, refusal: Refusal, began_s: float, rounds: int, now_s: float) -> bool:
        """Is *row*, which *began* and was refused now, asked again: as often as *refusal* allows while others are
        answered, and for :data:`PATIENCE_S` while none is?

        Where no other was refused since the last answer, the reason may be the row's own, and it does not keep the
        others waiting for so long.
        """
        self._has_several |= self._refused_row not in (None, row)
        self._refused_row = row
        are_answered = self._answered_s is not None and self._answered_s >= began_s
        if are_answered or not self._has_several:
            if rounds >= refusal.rounds:
                return False
            if are_answered:
                return True
        return self._refused_s is None or now_s - self._refused_s <= PATIENCE_S

    def pause(self, refusal: Refusal, now_s: float) -> bool:
        """Keep the rows back; whether that is news."""
        if now_s < self.opens_s:  # a row that was sent before the pause began
            return False
        is_news, length_s = self._refused_s is None, pause_s(refusal, self._pauses)
        self._paused_s, self.opens_s = now_s, now_s + length_s
        self._pauses += 1
        waited_s = length_s if refusal.is_asked_for else 0.0
        self._refused_s = waited_s + (now_s if self._refused_s is None else self._refused_s)
        return is_news


@final
class Feed:
    """One run of a batch, with *concurrency* rows under way at most."""

    __slots__ = ("_concurrency", "_lanes")

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._lanes: dict[Route, _Lane] = {}

    def paced(self, request: LLMRequest, op: Op[A]) -> Op[A]:
        """*op*, which asks *request*, begun when its lane is open, and again when a refusal has ended."""

        async def pacing(context: Context) -> Outcome[A, LLMError]:
            if request_problems(request):  # it fails for a reason of its own, and before it is routed
                return await run(op, context)
            lane, clock, rounds, row = self._lane(request, context), context.clock, 0, object()
            while True:
                while (wait_s := lane.opens_s - clock.monotonic()) > 0:
                    await clock.sleep(wait_s)
                began_s = clock.monotonic()
                outcome = await run(op, changed(context, observer=_Listener(lane, context)))
                now_s = clock.monotonic()
                if isinstance(outcome, Success):
                    lane.answered(began_s, now_s)
                    return outcome
                refusal = refusal_of(context.config, outcome.failure())
                if refusal is None or not lane.may_repeat(row, refusal, began_s, rounds, now_s):
                    return outcome
                rounds += refusal.rounds < inf
                _pause(lane, refusal, outcome.failure(), context)

        return effect(pacing)

    def _lane(self, request: LLMRequest, context: Context) -> _Lane:
        route = (request.preferences.model, request.task_type)
        lane = self._lanes.get(route)
        if lane is None:
            lane = self._lanes[route] = _Lane(context.clock.monotonic())
            self._tell_limit(request, context)
        return lane

    def _tell_limit(self, request: LLMRequest, context: Context) -> None:
        """Say once for each route that its keys let fewer rows be under way than were asked for."""
        config, now_s = context.config, context.clock.monotonic()
        found = candidates(config, request, {})
        for each in found.unwrap() if isinstance(found, Success) else ():
            if isinstance(each, Chosen):
                limit, wanted = max_in_flight(config, each.target), self._concurrency
                if limit < wanted:
                    model, run_ = each.target.model, context.run
                    event = ConcurrencyLimited(at_s=now_s, model=model, concurrency=wanted, limit=limit, run=run_)
                    emit(context, event)
                return


@final
class _Listener:
    """An observer that keeps the other rows of *lane* back while one stands in the queue of a key that rests."""

    __slots__ = ("_context", "_lane")

    def __init__(self, lane: _Lane, context: Context) -> None:
        self._lane = lane
        self._context = context

    def notify(self, event: Event, /) -> None:
        """Pause the lane for a rate limit, and pass everything on."""
        observe(self._context, event)
        if isinstance(event, RetryScheduled) and isinstance(event.error, RateLimitExceeded):
            refusal = refusal_of(self._context.config, event.error)
            if refusal is not None:
                _pause(self._lane, refusal, event.error, self._context)


def _pause(lane: _Lane, refusal: Refusal, error: LLMError, context: Context) -> None:
    now_s = context.clock.monotonic()
    if lane.pause(refusal, now_s):
        wait_s = lane.opens_s - now_s
        emit(context, FeedPaused(at_s=now_s, model=model_of(error), wait_s=wait_s, error=error, run=context.run))
