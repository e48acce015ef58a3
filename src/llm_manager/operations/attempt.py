"""One request on one model: the policy stack, and the order of it.

From the outside in, and why each stands where it does:

1. **retry** is outermost, so that every try pays at the limiter and counts at the breaker like any other.
2. **rate limit** next: a try that waits for room holds no probe of the breaker meanwhile.
3. **circuit breaker** within it: a refusal gives the reserved room back and costs no time.
4. **timeout** bounds what follows: waiting for a key, and the call.
5. **lease a key**, then the **provider** is asked, once.

The ledger and all other observers hear of each try from the innermost step, which alone knows the key and the moment
of sending.
"""

from __future__ import annotations

from dataclasses import replace
from typing import final

import anyio
from returns.result import Failure, Success

from llm_manager.combinators.circuit_breaker import circuit_breaker
from llm_manager.combinators.rate_limit import rate_limit
from llm_manager.combinators.retry import default_schedule, retry
from llm_manager.combinators.timeout import timeout
from llm_manager.domain.errors import ConfigurationError, LLMError
from llm_manager.domain.events import AttemptFinished, AttemptStarted, SchemaModeChosen
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import Attempt, LLMResponse, Usage
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import nothing_was_sent
from llm_manager.effect.context import Context, Op, emit, through
from llm_manager.effect.op import effect, run
from llm_manager.policies.planning import alternate_keys, key_owner, keys_of
from llm_manager.policies.pricing import price_of
from llm_manager.policies.schema_mode import fitted, mode_for, unfitted
from llm_manager.policies.tokens import prompt_tokens, text_tokens
from llm_manager.ports import Dispatch, Lease, Provider


def attempt(request: LLMRequest, target: Target) -> Op[LLMResponse]:
    """Ask *target*, with everything of the stack above around it."""

    async def attempting(context: Context) -> Outcome[LLMResponse, LLMError]:
        config = context.config
        pace = _Pace(context.clock.monotonic())
        stack = through(
            _one_try(request, target, pace),
            circuit_breaker(target.key, model=target.model),
            rate_limit(target.key, _worst_tokens(request), model=target.model, never_left=pace.never_left),
            retry(default_schedule(config.retry, keys_of(config, target)), budget=target.key),
        )
        return await run(stack, context)

    return effect(attempting)


@final
class _Pace:
    """What one run of :func:`attempt` knows of its tries: since when it has been waiting, and what is being sent."""

    __slots__ = ("key_id", "sent_s", "since_s")

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.sent_s: float | None = None
        self.key_id: str | None = None

    def never_left(self, error: LLMError) -> bool:
        """Was nothing sent by the try that failed so: for want of a key, or with no connection?"""
        return self.sent_s is None or nothing_was_sent(error)


def _one_try(request: LLMRequest, target: Target, pace: _Pace) -> Op[LLMResponse]:
    async def trying(context: Context) -> Outcome[LLMResponse, LLMError]:
        pace.sent_s = None
        limited = timeout(context.config.timeouts.attempt_s, model=target.model)(_send(request, target, pace))
        outcome = await run(limited, context)
        if pace.sent_s is not None:
            _tell(context, target, pace, pace.sent_s, outcome)
        return outcome

    return effect(trying)


def _tell(
    context: Context, target: Target, pace: _Pace, sent_s: float, outcome: Outcome[LLMResponse, LLMError]
) -> None:
    now_s = context.clock.monotonic()
    error = outcome.failure() if isinstance(outcome, Failure) else None
    line = Attempt(
        model=target.model,
        provider=target.provider.name,
        key_id=pace.key_id,
        started_s=sent_s,
        waited_s=sent_s - pace.since_s,
        latency_ms=(now_s - sent_s) * 1000,
        outcome="ok" if error is None else error.tag,
        message="" if error is None else error.message,
        usage=outcome.unwrap().usage if isinstance(outcome, Success) else None,
    )
    pace.since_s = now_s
    emit(context, AttemptFinished(at_s=now_s, attempt=line, error=error))


def _send(request: LLMRequest, target: Target, pace: _Pace) -> Op[LLMResponse]:
    async def sending(context: Context) -> Outcome[LLMResponse, LLMError]:
        provider = context.providers.get(target.service)
        if provider is None:
            return Failure(_no_provider(target))
        owner = key_owner(context.config, target)
        if owner is None:
            return await _ask(context, provider, request, target, None, pace)
        leased = await context.keys.lease(owner, target.model, context.clock.monotonic())
        if isinstance(leased, Failure):
            return leased
        return await _ask(context, provider, request, target, leased.unwrap(), pace)

    return effect(sending)


def _no_provider(target: Target) -> ConfigurationError:
    return ConfigurationError((Problem("providers", f"nothing in the context serves {target.service!r}"),))


async def _ask(
    context: Context, provider: Provider, request: LLMRequest, target: Target, lease: Lease | None, pace: _Pace
) -> Outcome[LLMResponse, LLMError]:
    pace.sent_s = context.clock.monotonic()
    pace.key_id = None if lease is None else lease.key_id
    mode = mode_for(request, target.facts.capabilities)
    emit(context, AttemptStarted(at_s=pace.sent_s, model=target.model, provider=target.provider.name))
    if mode is not None:
        emit(context, SchemaModeChosen(at_s=pace.sent_s, model=target.model, mode=mode))
    keys = alternate_keys(context.config, target)
    dispatch = Dispatch(
        request=fitted(request, mode),
        target=target,
        sent_s=pace.sent_s,
        timeout_s=_remaining_s(context, pace.sent_s),
        keys=keys if lease is None else {**keys, lease.provider: lease.secret},
        trace_id=context.trace_id,
        observer=context.observer,
    )
    try:
        outcome = await provider.complete(dispatch)
    except BaseException:
        if lease is not None:
            with anyio.CancelScope(shield=True):  # a cancelled call gives its key back
                await context.keys.give_back(lease, None, context.clock.monotonic())
        raise
    error = outcome.failure() if isinstance(outcome, Failure) else None
    if lease is not None:
        await context.keys.give_back(lease, error, context.clock.monotonic())
    if isinstance(outcome, Failure):
        return outcome
    return Success(_completed(unfitted(outcome.unwrap(), request, mode), request, target))


def _remaining_s(context: Context, now_s: float) -> float:
    limit_s = context.config.timeouts.attempt_s
    return limit_s if context.deadline_s is None else min(limit_s, context.deadline_s - now_s)


def _completed(response: LLMResponse, request: LLMRequest, target: Target) -> LLMResponse:
    """The answer with a price, and with an estimate where the provider told no usage."""
    usage = response.usage
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        usage = _estimated(usage, request, response)
    return replace(response, usage=replace(usage, cost=price_of(target.facts, usage)))


def _estimated(usage: Usage, request: LLMRequest, response: LLMResponse) -> Usage:
    prompt = prompt_tokens(request) if usage.prompt_tokens is None else usage.prompt_tokens
    answer = text_tokens(response.content) if usage.completion_tokens is None else usage.completion_tokens
    return replace(usage, prompt_tokens=prompt, completion_tokens=answer, total_tokens=prompt + answer, estimated=True)


def _worst_tokens(request: LLMRequest) -> float:
    return float(prompt_tokens(request) + (request.preferences.max_tokens or 0))
