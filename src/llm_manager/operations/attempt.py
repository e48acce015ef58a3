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

Budget, rate limit, circuit breaker and the **ledger** within them are gates of one combinator: taken in this order,
told how the try ended in the reverse of it, so that the ledger and all other observers hear of it first.

A streamed answer goes through the same stack. Its try is over, and everything above settles, when the stream is; only
the retry and the timeout have done their part when its first event is there.
"""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from returns.result import Failure, Success

from llm_manager.combinators.budget import budget_gate
from llm_manager.combinators.circuit_breaker import breaker_gate
from llm_manager.combinators.rate_limit import limiter_gate
from llm_manager.combinators.retry import at_once, default_schedule, retry
from llm_manager.combinators.timeout import timeout
from llm_manager.domain.errors import CircuitOpen, LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target
from llm_manager.effect.context import Context, Op, through
from llm_manager.effect.gate import gated
from llm_manager.effect.op import effect, run
from llm_manager.effect.schedule import Schedule
from llm_manager.operations.flow import Flow, opened_flow, whole_of
from llm_manager.operations.tries import Ask, Began, Tries
from llm_manager.policies.asked import Asked, reserved_tokens, sent_tokens, settled
from llm_manager.policies.bucket import longest_wait_s
from llm_manager.policies.planning import key_owner, keys_of, worst_try_usd
from llm_manager.policies.window import windowed
from llm_manager.ports import Dispatch, Provider

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
        tries = Tries(request, target, ask, context.clock.monotonic())
        left_alone = await _left_alone(context, target)
        if left_alone is not None:
            return Failure(left_alone)
        tokens = reserved_tokens(request, target, context.config.rate_limit.tokens_per_minute)
        stack = through(
            effect(tries.sent),
            timeout(context.config.timeouts.attempt_s, model=target.model),
            gated(
                tries.anew,
                budget_gate(partial(_worst_usd, request, target), model=target.model, was_asked=tries.was_asked),
                limiter_gate(target.key, tokens, model=target.model, never_left=tries.never_left),
                breaker_gate(target.key, model=target.model, was_asked=tries.was_asked),
                tries.ledger,
            ),
            retry(_schedule(context, target, tries), budget=target.key, model=target.model),
        )
        return await run(stack, context)

    return effect(attempting)


async def _left_alone(context: Context, target: Target) -> CircuitOpen | None:
    """Why nobody need wait for room at *target*, if there is a reason: its breaker is open."""
    if longest_wait_s(context.config.rate_limit) == 0:
        return None  # there is no queue: the breaker itself says so at once
    circuit, wait_s = await context.breakers.state(target.key, context.clock.monotonic())
    return CircuitOpen(target.model, wait_s) if circuit == "open" else None


def _schedule(context: Context, target: Target, tries: Tries[A]) -> Schedule[LLMError]:
    config = context.config
    rest_s = 0.0 if key_owner(config, target) is None else config.keys.cool_down_s
    keys = keys_of(config, target)
    schedule = default_schedule(config.retry, keys, rest_s)
    return at_once(tries.may_use_another_key, keys - 1, schedule) if keys > 1 else schedule


def _worst_usd(request: LLMRequest, target: Target) -> float | None:
    return worst_try_usd(target, request, sent_tokens(request, target))


async def _whole(
    _context: Context, provider: Provider, dispatch: Dispatch, asked: Asked, _began: Began
) -> Outcome[LLMResponse, LLMError]:
    return settled(asked, await provider.complete(dispatch))


async def _begun(
    context: Context, provider: Provider, dispatch: Dispatch, asked: Asked, began: Began
) -> Outcome[Flow, LLMError]:
    opened = await opened_flow(context, provider, dispatch, asked)
    if isinstance(opened, Success):
        began(context.clock.monotonic())
    return opened


async def _in_pieces(
    context: Context, provider: Provider, dispatch: Dispatch, asked: Asked, began: Began
) -> Outcome[LLMResponse, LLMError]:
    begun = await _begun(context, provider, dispatch, asked, began)
    return await whole_of(begun.unwrap()) if isinstance(begun, Success) else begun
