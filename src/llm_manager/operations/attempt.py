"""One request on one model: the policy stack, and the order of it.

From the outside in, and why each stands where it does:

1. **retry** is outermost, so that every try pays at the limiter and counts at the breaker like any other.
2. **budget** next: what a try may cost at most is reserved before it takes room that others could use.
3. **rate limit** then: a try that waits for room holds no probe of the breaker meanwhile.
4. **circuit breaker** within it: a refusal gives the reserved room back. A breaker that is open when a target's turn
   comes is asked before all this, so that nobody waits in a queue to be refused.
5. **timeout** bounds what follows: waiting for a key, and the call.
6. **lease a key**, then the **provider** is asked, once; not by somebody who waited for the key while the breaker
   opened.

The ledger and all other observers hear of each try from the innermost step, which alone knows the key and the moment
of sending.

A streamed answer goes through the same stack. Its try is over, and everything above settles, when the stream is; only
the retry and the timeout have done their part when its first event is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar, final

import anyio
from returns.result import Failure, Success

from llm_manager.combinators.budget import charged
from llm_manager.combinators.circuit_breaker import circuit_breaker
from llm_manager.combinators.rate_limit import rate_limit
from llm_manager.combinators.retry import at_once, default_schedule, retry
from llm_manager.combinators.timeout import timeout
from llm_manager.domain.errors import CircuitOpen, ConfigurationError, LLMError, RateLimitExceeded
from llm_manager.domain.events import AttemptFinished, AttemptStarted, SchemaModeChosen
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import Attempt, LLMResponse, SchemaMode
from llm_manager.domain.target import Target, server_of
from llm_manager.domain.verdicts import nothing_was_sent
from llm_manager.effect.context import Context, Op, emit, through
from llm_manager.effect.ongoing import Ending, when_over
from llm_manager.effect.op import effect, run
from llm_manager.operations.flow import Flow, opened_flow, whole_of
from llm_manager.policies.asked import Asked, asked_of, completed, sent_tokens
from llm_manager.policies.bucket import longest_wait_s
from llm_manager.policies.planning import alternate_keys, key_owner, keys_of, worst_try_usd
from llm_manager.policies.window import windowed
from llm_manager.ports import Dispatch, Lease, Provider

A = TypeVar("A")


def attempt(request: LLMRequest, target: Target) -> Op[LLMResponse]:
    """Ask *target* for a whole answer, with everything of the stack above around it.

    A request that wants ``streaming`` has it sent in pieces: a long answer then need not come within
    ``timeouts.first_byte_s``.
    """
    return _stacked(request, target, _in_pieces if request.streaming else _whole)


def begin(request: LLMRequest, target: Target) -> Op[Flow]:
    """Ask *target* for an answer in pieces, with everything of the stack above around it; the first one is there."""
    return _stacked(request, target, _begun)


def _stacked(request: LLMRequest, target: Target, ask: Ask[A]) -> Op[A]:
    request = windowed(request, target)  # before all else: what is reserved, at the limiter too, is for what is sent

    async def attempting(context: Context) -> Outcome[A, LLMError]:
        config = context.config
        pace = _Pace(context.clock.monotonic())
        left_alone = await _left_alone(context, target)
        if left_alone is not None:
            return Failure(left_alone)
        rest_s = 0.0 if key_owner(config, target) is None else config.keys.cool_down_s
        keys = keys_of(config, target)
        schedule = default_schedule(config.retry, keys, rest_s)
        if keys > 1:
            schedule = at_once(pace.may_use_another_key, keys - 1, schedule)
        stack = through(
            _one_try(request, target, pace, ask),
            circuit_breaker(target.key, model=target.model, was_asked=pace.was_asked),
            rate_limit(target.key, _worst_tokens(request, target), model=target.model, never_left=pace.never_left),
            charged(partial(_worst_usd, request, target), model=target.model),
            retry(schedule, budget=target.key, model=target.model),
        )
        return await run(stack, context)

    return effect(attempting)


async def _left_alone(context: Context, target: Target) -> CircuitOpen | None:
    """Why nobody need wait for room at *target*, if there is a reason: its breaker is open."""
    if longest_wait_s(context.config.rate_limit) == 0:
        return None  # there is no queue: the breaker itself says so at once
    circuit, wait_s = await context.breakers.state(target.key, context.clock.monotonic())
    return CircuitOpen(target.model, wait_s) if circuit == "open" else None


@final
class _Pace:
    """What one run of :func:`attempt` knows of its tries: since when it has been waiting, what is being sent, and when
    the first piece of an answer came."""

    __slots__ = ("first_s", "key_id", "mode", "of_one_key", "sent_s", "since_s")

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.sent_s: float | None = None
        self.first_s: float | None = None
        self.key_id: str | None = None
        self.mode: SchemaMode | None = None
        self.of_one_key: LLMError | None = None

    def was_asked(self) -> bool:
        """Did the last try get as far as the model, and not only into the queue for a key?"""
        return self.sent_s is not None

    def never_left(self, error: LLMError) -> bool:
        """Was nothing sent by the try that failed so: for want of a key, or with no connection?"""
        return not self.was_asked() or nothing_was_sent(error)

    def may_use_another_key(self, error: LLMError) -> bool:
        """Was it one key alone that met *error*, with another to be had?"""
        return error is self.of_one_key


Ask: TypeAlias = Callable[[Context, Provider, Dispatch, Asked, _Pace], Awaitable[Outcome[A, LLMError]]]
"""How a provider is asked: for the whole answer, or for one that comes in pieces."""


async def _whole(
    _context: Context, provider: Provider, dispatch: Dispatch, asked: Asked, _pace: _Pace
) -> Outcome[LLMResponse, LLMError]:
    outcome = await provider.complete(dispatch)
    return Success(completed(asked, outcome.unwrap())) if isinstance(outcome, Success) else outcome


async def _begun(
    context: Context, provider: Provider, dispatch: Dispatch, asked: Asked, pace: _Pace
) -> Outcome[Flow, LLMError]:
    opened = await opened_flow(context, provider, dispatch, asked)
    if isinstance(opened, Success):
        pace.first_s = context.clock.monotonic()
    return opened


async def _in_pieces(
    context: Context, provider: Provider, dispatch: Dispatch, asked: Asked, pace: _Pace
) -> Outcome[LLMResponse, LLMError]:
    begun = await _begun(context, provider, dispatch, asked, pace)
    return await whole_of(begun.unwrap()) if isinstance(begun, Success) else begun


class _Sent(NamedTuple):
    """What is known of a try once it has been sent and its answer is there, or has begun to be."""

    target: Target
    key_id: str | None
    sent_s: float
    waited_s: float
    first_s: float | None
    mode: SchemaMode | None


def _one_try(request: LLMRequest, target: Target, pace: _Pace, ask: Ask[A]) -> Op[A]:
    async def trying(context: Context) -> Outcome[A, LLMError]:
        pace.sent_s = pace.first_s = None
        limited = timeout(context.config.timeouts.attempt_s, model=target.model)(_send(request, target, pace, ask))
        try:
            outcome = await run(limited, context)
        except BaseException:  # nobody waits for it any more, but it was sent
            if pace.sent_s is not None:
                _tell(context, _sent(target, pace, pace.sent_s), Ending(None))
            raise
        if pace.sent_s is not None:
            sent = _sent(target, pace, pace.sent_s)

            async def tell(ending: Ending) -> None:
                pace.since_s = _tell(context, sent, ending)

            await when_over(outcome, tell)
        return outcome

    return effect(trying)


def _sent(target: Target, pace: _Pace, sent_s: float) -> _Sent:
    return _Sent(target, pace.key_id, sent_s, sent_s - pace.since_s, pace.first_s, pace.mode)


def _tell(context: Context, sent: _Sent, ending: Ending) -> float:
    """Write its line into the ledger, now that it is known how the try ended; gives the moment."""
    now_s = context.clock.monotonic()
    error = ending.error
    answer = ending.outcome.unwrap() if isinstance(ending.outcome, Success) else None
    latency_ms = (now_s - sent.sent_s) * 1000
    if ending.outcome is not None:
        context.latencies.record(sent.target.key, latency_ms, now_s, succeeded=error is None)
    line = Attempt(
        model=sent.target.model,
        provider=sent.target.provider.name,
        key_id=sent.key_id,
        started_s=sent.sent_s,
        waited_s=sent.waited_s,
        latency_ms=latency_ms,
        first_ms=None if sent.first_s is None else (sent.first_s - sent.sent_s) * 1000,
        outcome="left" if ending.outcome is None else "ok" if error is None else error.tag,
        message="" if error is None else error.message,
        usage=ending.usage,
        schema_mode=sent.mode,
    )
    told = answer if isinstance(answer, LLMResponse) else None
    emit(context, AttemptFinished(at_s=now_s, attempt=line, error=error, answer=told, run=context.run))
    return now_s


def _send(request: LLMRequest, target: Target, pace: _Pace, ask: Ask[A]) -> Op[A]:
    async def sending(context: Context) -> Outcome[A, LLMError]:
        provider = context.providers.get(target.service)
        if provider is None:
            return Failure(_no_provider(target))
        owner = key_owner(context.config, target)
        if owner is None:
            return await _ask(context, provider, request, target, None, pace, ask)
        since_s = context.clock.monotonic()
        leased = await context.keys.lease(owner, target.model, since_s)
        if not isinstance(leased, Success):
            return leased
        lease, now_s = leased.unwrap(), context.clock.monotonic()
        circuit, wait_s = await context.breakers.state(target.key, now_s) if now_s > since_s else ("closed", 0.0)
        if circuit == "open":  # while this one stood in line, those before it found nobody there
            await context.keys.give_back(lease, None, now_s)
            return Failure(CircuitOpen(target.model, wait_s))
        return await _ask(context, provider, request, target, lease, pace, ask)

    return effect(sending)


def _no_provider(target: Target) -> ConfigurationError:
    return ConfigurationError((Problem("providers", f"nothing in the context serves {target.service!r}"),))


async def _ask(
    context: Context,
    provider: Provider,
    request: LLMRequest,
    target: Target,
    lease: Lease | None,
    pace: _Pace,
    ask: Ask[A],
) -> Outcome[A, LLMError]:
    pace.sent_s = context.clock.monotonic()
    pace.key_id = None if lease is None else lease.key_id
    asked = asked_of(request, target)
    pace.mode = asked.mode
    started = AttemptStarted(
        at_s=pace.sent_s,
        model=target.model,
        provider=target.provider.name,
        server=server_of(target.base_url),
        run=context.run,
    )
    emit(context, started)
    if asked.mode is not None:
        emit(context, SchemaModeChosen(at_s=pace.sent_s, model=target.model, mode=asked.mode, run=context.run))
    dispatch = _dispatch(context, asked, lease, pace.sent_s)
    if lease is None:
        return await ask(context, provider, dispatch, asked, pace)
    try:
        outcome = await ask(context, provider, dispatch, asked, pace)
    except BaseException:
        with anyio.CancelScope(shield=True):  # a cancelled call gives its key back
            await context.keys.give_back(lease, None, context.clock.monotonic())
        raise

    async def give_back(ending: Ending) -> None:
        now_s = context.clock.monotonic()
        await context.keys.give_back(lease, ending.error, now_s)
        if isinstance(ending.error, RateLimitExceeded) and await context.keys.usable(
            lease.provider, lease.model, now_s
        ):
            pace.of_one_key = ending.error

    await when_over(outcome, give_back)
    return outcome


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
    )


def _worst_usd(request: LLMRequest, target: Target) -> float | None:
    return worst_try_usd(target, request, sent_tokens(request, target))


def _worst_tokens(request: LLMRequest, target: Target) -> float:
    return float(sent_tokens(request, target) + (request.preferences.max_tokens or 0))
