"""The attempts of one request on one model: what each of them does below the policies, and what these may know of it.

An attempt leases a key, calls the provider once, and writes its line of the ledger when it is over, whichever way that
comes about.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeAlias, TypeVar, final

from returns.result import Failure, Success

from llm_manager.domain.catalog import SamplingOption
from llm_manager.domain.errors import (
    CircuitOpen,
    ConfigurationError,
    ContextTooLarge,
    LLMError,
    RateLimitExceeded,
    RequestTimedOut,
)
from llm_manager.domain.events import AttemptFinished, AttemptStarted, OptionsDropped, SchemaModeChosen
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import Attempt, LLMResponse, SchemaMode
from llm_manager.domain.target import Target, server_of
from llm_manager.domain.verdicts import counts_against_breaker
from llm_manager.effect.context import Context, Emitter, emit
from llm_manager.effect.ongoing import Ending, Tell
from llm_manager.effect.schedule import Continue, Decision, Done
from llm_manager.policies.asked import Asked, asked_of
from llm_manager.policies.key_ring import unused
from llm_manager.policies.latency import is_unusual
from llm_manager.policies.planning import alternate_keys, key_pool_name
from llm_manager.ports import Dispatch, Lease, Provider

A = TypeVar("A")

Began: TypeAlias = Callable[[float], None]
"""Told when the first piece of an answer was there."""

Ask: TypeAlias = Callable[[Context, Provider, Dispatch, Asked, Began], Awaitable[Outcome[A, LLMError]]]
"""How a provider is asked: for the whole answer, or for one that comes in pieces."""


@final
class Tries(Generic[A]):
    """One run's attempts at *request* on *target*, one after the other: since when it has been waiting, what was sent
    last with which key, and when the head and the first piece of an answer came."""

    __slots__ = (
        "_ask",
        "_dropped",
        "_first_s",
        "_has_head",
        "_is_unusual",
        "_lease",
        "_left_s",
        "_likely_tokens",
        "_mode",
        "_of_one_key",
        "_other_keys",
        "_queue_s",
        "_request",
        "_sent_s",
        "_since_s",
        "_target",
    )

    def __init__(
        self,
        request: LLMRequest,
        target: Target,
        ask: Ask[A],
        since_s: float,
        *,
        likely_tokens: int,
        keys: int,
        queue_s: float,
    ) -> None:
        self._likely_tokens = likely_tokens
        self._request = request
        self._target = target
        self._ask = ask
        self._since_s = since_s
        self._queue_s = self._left_s = queue_s
        self._other_keys = keys - 1
        self._lease: Lease | None = None
        self._sent_s: float | None = None
        self._first_s: float | None = None
        self._has_head = self._is_unusual = False
        self._mode: SchemaMode | None = None
        self._dropped: tuple[SamplingOption, ...] = ()
        self._of_one_key: LLMError | None = None

    def was_sent(self) -> bool:
        """Did the last attempt get as far as the provider, and not only into a queue of ours?"""
        return self._sent_s is not None

    def counts_against_breaker(self, error: LLMError) -> bool:
        """Does *error* of the last attempt speak against the target's health?

        A deadline that passes before anything came may be shorter than the model usually takes: it counts when it was
        far longer, and when it passes in the middle of an answer that drips.
        """
        if not isinstance(error, RequestTimedOut) or error.phase != "total":
            return self.was_sent() and counts_against_breaker(error)
        is_dripping = self._has_head and self._first_s is None
        return self.was_sent() and (is_dripping or self._is_unusual)

    def decide_first(self, error: LLMError) -> Decision | None:
        """What needs no schedule: another key is taken at once; a refusal of the queue for keys is final, and so is the
        vendor's where there is no time to stand in it."""
        if not isinstance(error, RateLimitExceeded):
            return None
        if error is self._of_one_key and self._other_keys > 0:
            self._other_keys -= 1
            return Continue(0.0)
        return None if self.was_sent() and (error.retry_after_s or 0.0) <= self._left_s else Done()

    async def circuit_gate(self, context: Context) -> Outcome[None, LLMError]:
        """The first gate: a new attempt begins, unless it would wait for money, room or a key to be refused at the end
        because the circuit is open."""
        self._sent_s = self._first_s = None
        self._has_head = self._is_unusual = False
        state, wait_s = await context.breakers.state(self._target.key, context.clock.monotonic())
        if wait_s == 0:
            return _PASSES
        return Failure(CircuitOpen(self._target.model, wait_s, probing=state == "half-open"))

    async def key_gate(self, context: Context) -> Outcome[Tell, LLMError]:
        """The gate of the keys: waits for one, or in the queue of a target that has none."""
        clock = context.clock
        now_s = clock.monotonic()
        pool = key_pool_name(context.config, self._target)
        leased = await context.keys.lease(pool, self._target.model, self._max_wait_s(context, now_s), clock)
        self._queue_s -= clock.monotonic() - now_s  # all turns together
        if not isinstance(leased, Success):
            return leased
        self._lease = lease = leased.unwrap()
        return Success(partial(self._give_back, context, lease))

    def _max_wait_s(self, context: Context, now_s: float) -> float:
        """How long the attempt may still stand in the queue for keys that rest."""
        return self._queue_s if context.deadline_s is None else min(self._queue_s, context.deadline_s - now_s)

    async def ledger(self, context: Context) -> Outcome[Tell, LLMError]:
        """The gate of the ledger: an attempt gets its line when it is over, if it was sent."""
        return Success(partial(self._over, context))

    async def sent(self, context: Context) -> Outcome[A, LLMError]:
        """The attempt itself: sent once, with the key that was leased for it."""
        target, lease = self._target, self._lease
        provider = context.providers.get(target.service)
        if provider is None:
            return Failure(_no_provider(target))
        self._sent_s = now_s = context.clock.monotonic()
        asked = asked_of(self._request, target)
        self._mode, self._dropped = asked.mode, asked.dropped
        if asked.dropped:
            emit(context, OptionsDropped(at_s=now_s, model=target.model, dropped=asked.dropped, run=context.run))
        started = AttemptStarted(
            at_s=now_s,
            model=target.model,
            provider=target.provider.name,
            server=server_of(target.base_url),
            run=context.run,
        )
        emit(context, started)
        if asked.mode is not None:
            emit(context, SchemaModeChosen(at_s=now_s, model=target.model, mode=asked.mode, run=context.run))
        dispatch = _dispatch(context, asked, lease, now_s, self._on_head)
        return await self._ask(context, provider, dispatch, asked, self._began)

    def _on_head(self) -> None:
        self._has_head = True

    def _began(self, now_s: float) -> None:
        self._first_s = now_s

    async def _give_back(self, context: Context, lease: Lease, ending: Ending) -> None:
        now_s = context.clock.monotonic()
        self._left_s = self._max_wait_s(context, now_s)
        heard = unused(lease.model) if ending.outcome is None else ending.error
        await context.keys.give_back(lease, heard, now_s)
        is_limited = isinstance(ending.error, RateLimitExceeded) and self._other_keys > 0
        if is_limited and await context.keys.usable(lease.pool, lease.model, now_s):
            self._of_one_key = ending.error

    async def _over(self, context: Context, ending: Ending) -> None:
        """Write its line into the ledger, if it was sent, now that it is known how the attempt ended."""
        if self._sent_s is None:
            return
        now_s = context.clock.monotonic()
        error, outcome = ending.error, ending.outcome
        line = self._line(self._sent_s, now_s, ending)
        if isinstance(error, RequestTimedOut):
            known = context.latencies.lately(now_s).get(self._target.key)
            self._is_unusual = self._first_s is None and is_unusual(known, line.latency_ms)
        if outcome is not None:
            context.latencies.record(self._target.key, line.latency_ms, now_s, succeeded=error is None)
        answer = outcome.unwrap() if isinstance(outcome, Success) else None
        told = answer if isinstance(answer, LLMResponse) else None
        self._learn(context, ending)
        emit(context, AttemptFinished(at_s=now_s, attempt=line, error=error, answer=told, run=context.run))
        self._since_s = now_s

    def _learn(self, context: Context, ending: Ending) -> None:
        """Keep how many tokens the prompt was, and how many are too many, where the vendor told it."""
        error, used, calibrations = ending.error, ending.usage, context.calibrations
        if isinstance(error, ContextTooLarge):
            calibrations.too_large(self._target.key, self._likely_tokens, error.token_count, error.max_tokens)
        elif used is not None and used.prompt_tokens and not used.estimated:
            calibrations.answered(self._target.key, self._likely_tokens, used.prompt_tokens)

    def _line(self, sent_s: float, now_s: float, ending: Ending) -> Attempt:
        error = ending.error
        return Attempt(
            model=self._target.model,
            provider=self._target.provider.name,
            key_id=None if self._lease is None else self._lease.key_id,
            started_s=sent_s,
            waited_s=sent_s - self._since_s,
            latency_ms=(now_s - sent_s) * 1000,
            first_ms=None if self._first_s is None else (self._first_s - sent_s) * 1000,
            outcome="left" if ending.outcome is None else "ok" if error is None else error.tag,
            message="" if error is None else error.message,
            usage=ending.usage,
            schema_mode=self._mode,
            dropped=self._dropped,
        )


_PASSES: Outcome[None, LLMError] = Success(None)


def _no_provider(target: Target) -> ConfigurationError:
    return ConfigurationError((Problem("providers", f"nothing in the context serves {target.service!r}"),))


def _dispatch(
    context: Context, asked: Asked, lease: Lease | None, now_s: float, on_head: Callable[[], None]
) -> Dispatch:
    keys = alternate_keys(context.config, asked.target)
    if lease is not None and lease.secret is not None:
        keys = {**keys, lease.pool: lease.secret}
    limit_s = context.config.timeouts.attempt_s
    return Dispatch(
        request=asked.sent,
        target=asked.target,
        sent_s=now_s,
        timeout_s=limit_s if context.deadline_s is None else min(limit_s, context.deadline_s - now_s),
        keys=keys,
        trace_id=context.trace_id,
        headers={} if context.tracing is None or context.run is None else context.tracing.headers(context.run),
        observer=Emitter(context),
        run=context.run,
        on_head=on_head,
    )
