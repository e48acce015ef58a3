"""The tries of one request on one model: what each of them does below the policies, and what these may know of it.

A try leases a key, asks the provider once, and is told to the ledger when it is over, whichever way that comes about.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeAlias, TypeVar, final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import CircuitOpen, ConfigurationError, LLMError, RateLimitExceeded
from llm_manager.domain.events import AttemptFinished, AttemptStarted, SchemaModeChosen
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import Attempt, LLMResponse, SchemaMode
from llm_manager.domain.target import Target, server_of
from llm_manager.domain.verdicts import nothing_was_sent
from llm_manager.effect.context import Context, emit
from llm_manager.effect.ongoing import Ending, Tell, when_over
from llm_manager.policies.asked import Asked, asked_of
from llm_manager.policies.planning import alternate_keys, key_owner
from llm_manager.ports import Dispatch, Lease, Provider

A = TypeVar("A")

Began: TypeAlias = Callable[[float], None]
"""Told when the first piece of an answer was there."""

Ask: TypeAlias = Callable[[Context, Provider, Dispatch, Asked, Began], Awaitable[Outcome[A, LLMError]]]
"""How a provider is asked: for the whole answer, or for one that comes in pieces."""


@final
class Tries(Generic[A]):
    """One run's tries at *request* on *target*, one after the other: since when it has been waiting, what was sent
    last with which key, and when the first piece of an answer came."""

    __slots__ = ("_ask", "_first_s", "_key_id", "_mode", "_of_one_key", "_request", "_sent_s", "_since_s", "_target")

    def __init__(self, request: LLMRequest, target: Target, ask: Ask[A], since_s: float) -> None:
        self._request = request
        self._target = target
        self._ask = ask
        self._since_s = since_s
        self._sent_s: float | None = None
        self._first_s: float | None = None
        self._key_id: str | None = None
        self._mode: SchemaMode | None = None
        self._of_one_key: LLMError | None = None

    def was_asked(self) -> bool:
        """Did the last try get as far as the model, and not only into the queue for a key?"""
        return self._sent_s is not None

    def never_left(self, error: LLMError) -> bool:
        """Was nothing sent by the try that failed so: for want of a key, or with no connection?"""
        return not self.was_asked() or nothing_was_sent(error)

    def may_use_another_key(self, error: LLMError) -> bool:
        """Was it one key alone that met *error*, with another to be had?"""
        return error is self._of_one_key

    async def anew(self, _context: Context) -> Outcome[None, LLMError]:
        """The gate before all others: another try begins, of which nothing has been sent."""
        self._sent_s = self._first_s = None
        return Success(None)

    async def ledger(self, context: Context) -> Outcome[Tell, LLMError]:
        """The gate of the ledger: the try gets its line when it is over, if it was sent."""
        return Success(partial(self._over, context))

    async def sent(self, context: Context) -> Outcome[A, LLMError]:
        """The try itself: sent once, with a key if the provider wants one."""
        config, target = context.config, self._target
        provider = context.providers.get(target.service)
        if provider is None:
            return Failure(_no_provider(target))
        owner = key_owner(config, target)
        if owner is None:
            return await self._asked(context, provider, None)
        since_s = context.clock.monotonic()
        leased = await context.keys.lease(owner, target.model, since_s)
        if not isinstance(leased, Success):
            return leased
        lease, now_s = leased.unwrap(), context.clock.monotonic()
        circuit, wait_s = await context.breakers.state(target.key, now_s) if now_s > since_s else ("closed", 0.0)
        if circuit == "open":  # while this one stood in line, those before it found nobody there
            await context.keys.give_back(lease, None, now_s)
            return Failure(CircuitOpen(target.model, wait_s))
        try:
            outcome = await self._asked(context, provider, lease)
        except BaseException:
            with anyio.CancelScope(shield=True):  # a cancelled call gives its key back
                await context.keys.give_back(lease, None, context.clock.monotonic())
            raise
        await when_over(outcome, partial(self._give_back, context, lease))
        return outcome

    async def _asked(self, context: Context, provider: Provider, lease: Lease | None) -> Outcome[A, LLMError]:
        target = self._target
        self._sent_s = now_s = context.clock.monotonic()
        self._key_id = None if lease is None else lease.key_id
        asked = asked_of(self._request, target)
        self._mode = asked.mode
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
        return await self._ask(context, provider, _dispatch(context, asked, lease, now_s), asked, self._began)

    def _began(self, now_s: float) -> None:
        self._first_s = now_s

    async def _give_back(self, context: Context, lease: Lease, ending: Ending) -> None:
        now_s = context.clock.monotonic()
        await context.keys.give_back(lease, ending.error, now_s)
        is_limited = isinstance(ending.error, RateLimitExceeded)
        if is_limited and await context.keys.usable(lease.provider, lease.model, now_s):
            self._of_one_key = ending.error

    async def _over(self, context: Context, ending: Ending) -> None:
        """Write its line into the ledger, if it was sent, now that it is known how the try ended."""
        if self._sent_s is None:
            return
        now_s = context.clock.monotonic()
        error, outcome = ending.error, ending.outcome
        line = self._line(self._sent_s, now_s, ending)
        if outcome is not None:
            context.latencies.record(self._target.key, line.latency_ms, now_s, succeeded=error is None)
        answer = outcome.unwrap() if isinstance(outcome, Success) else None
        told = answer if isinstance(answer, LLMResponse) else None
        emit(context, AttemptFinished(at_s=now_s, attempt=line, error=error, answer=told, run=context.run))
        self._since_s = now_s

    def _line(self, sent_s: float, now_s: float, ending: Ending) -> Attempt:
        error = ending.error
        return Attempt(
            model=self._target.model,
            provider=self._target.provider.name,
            key_id=self._key_id,
            started_s=sent_s,
            waited_s=sent_s - self._since_s,
            latency_ms=(now_s - sent_s) * 1000,
            first_ms=None if self._first_s is None else (self._first_s - sent_s) * 1000,
            outcome="left" if ending.outcome is None else "ok" if error is None else error.tag,
            message="" if error is None else error.message,
            usage=ending.usage,
            schema_mode=self._mode,
        )


def _no_provider(target: Target) -> ConfigurationError:
    return ConfigurationError((Problem("providers", f"nothing in the context serves {target.service!r}"),))


def _dispatch(context: Context, asked: Asked, lease: Lease | None, now_s: float) -> Dispatch:
    keys = alternate_keys(context.config, asked.target)
    limit_s = context.config.timeouts.attempt_s
    return Dispatch(
        request=asked.sent,
        target=asked.target,
        sent_s=now_s,
        timeout_s=limit_s if context.deadline_s is None else min(limit_s, context.deadline_s - now_s),
        keys=keys if lease is None else {**keys, lease.provider: lease.secret},
        trace_id=context.trace_id,
        headers={} if context.tracing is None or context.run is None else context.tracing.headers(context.run),
        observer=context.observer,
        run=context.run,
    )
