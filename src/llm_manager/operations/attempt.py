"""One request on one model: the policy stack, and the order of it.

From the outside in, and why each stands where it does:

1. **retry** is outermost, so that every attempt pays at the limiter and counts at the breaker like any other.
2. **budget** next: what an attempt may cost at most is reserved before it takes room that others could use.
3. **places** of the model (``models.<name>.max_connections``): whoever waits for one has not used up a minute's room.
4. **rate limit** then: an attempt that waits for room holds neither a key nor a probe of the breaker meanwhile.
5. **key**: an attempt waits for a key with room, or for the end of its rest, as long as the deadline allows; that time
   is not the model's.
6. **circuit breaker** after all that waits: a probe begins when it is sent. A refusal gives back what was taken. A
   circuit that is open when a target's turn comes refuses before all this, so that no queue ends in a refusal.
7. **timeout** bounds one attempt from the moment it is sent; then the **provider** is called, once.

Budget, places, rate limit, key, circuit breaker and the **ledger** within them are gates of one combinator: taken in
this order, and settled in the reverse of it, so that the ledger and all other observers hear first how an attempt
ended.

A streamed answer goes through the same stack. Its attempt is over, and everything above settles, when the stream is;
only the retry and the timeout have done their part when its first event is there.

How long an attempt waits, and how often it is repeated, is its :class:`~llm_manager.policies.patience.Patience`: less
where another model can be asked.
"""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from returns.result import Success

from llm_manager.combinators.budget import budget_gate
from llm_manager.combinators.bulkhead import bulkhead_gate
from llm_manager.combinators.circuit_breaker import breaker_gate
from llm_manager.combinators.rate_limit import limiter_gate
from llm_manager.combinators.retry import attempt_schedule, retry, unless
from llm_manager.combinators.timeout import timeout
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target
from llm_manager.effect.context import Context, Op, through
from llm_manager.effect.gate import gated
from llm_manager.effect.op import effect, run
from llm_manager.operations.flow import Flow, opened_flow, whole_of
from llm_manager.operations.tries import Ask, Began, Tries
from llm_manager.policies.asked import Asked, reserved_tokens, sent_tokens, settled
from llm_manager.policies.model_limits import limits_of, max_connections_of
from llm_manager.policies.patience import Patience
from llm_manager.policies.planning import keys_of, worst_try_usd
from llm_manager.policies.window import windowed
from llm_manager.ports import Dispatch, Provider

A = TypeVar("A")


def attempt(request: LLMRequest, target: Target, patience: Patience) -> Op[LLMResponse]:
    """Ask *target* for a whole answer, with everything of the stack above around it.

    A request that wants ``streaming`` has it sent in pieces: an answer that stops coming is then noticed after
    ``timeouts.idle_s``.
    """
    return _stacked(request, target, patience, _in_pieces if request.streaming else _whole)


def begin(request: LLMRequest, target: Target, patience: Patience) -> Op[Flow]:
    """Ask *target* for an answer in pieces, with everything of the stack above around it; the first one is there."""
    return _stacked(request, target, patience, _begun)


def _stacked(request: LLMRequest, target: Target, patience: Patience, ask: Ask[A]) -> Op[A]:
    request = windowed(request, target)  # before all else: what is reserved, at the limiter too, is for what is sent
    model = target.model

    async def attempting(context: Context) -> Outcome[A, LLMError]:
        config = context.config
        keys = keys_of(config, target)
        tries = Tries(request, target, ask, context.clock.monotonic(), keys=keys, queue_s=patience.queue_s)
        schedule = unless(tries.decide_first, lambda: attempt_schedule(config.retry, patience, keys))
        limits = limits_of(config, target.key)
        tokens = reserved_tokens(request, target, limits.tokens_per_minute)
        stack = through(
            effect(tries.sent),
            timeout(config.timeouts.attempt_s, model=model),
            gated(
                tries.circuit_gate,
                budget_gate(partial(_worst_usd, request, target), model=model, was_sent=tries.was_sent),
                bulkhead_gate(max_connections_of(config, target.key), ("model", target.key)),
                limiter_gate(
                    target.key,
                    tokens,
                    model=model,
                    limits=limits,
                    longest_wait_s=patience.wait_s,
                    was_sent=tries.was_sent,
                ),
                tries.key_gate,
                breaker_gate(target.key, model=model, counts=tries.counts_against_breaker),
                tries.ledger,
            ),
            retry(schedule, budget=target.key, model=model),
        )
        return await run(stack, context)

    return effect(attempting)


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
