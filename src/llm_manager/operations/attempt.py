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

from returns.result import Failure, Success

from llm_manager.combinators.budget import budget_gate
from llm_manager.combinators.bulkhead import bulkhead_gate
from llm_manager.combinators.circuit_breaker import breaker_gate
from llm_manager.combinators.rate_limit import limiter_gate
from llm_manager.combinators.retry import attempt_schedule, retry, unless
from llm_manager.combinators.timeout import timeout
from llm_manager.domain.errors import ContextTooLarge, LLMError
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
from llm_manager.policies.window import too_large, windowed
from llm_manager.ports import Dispatch, Provider

A = TypeVar("A")

MOST_CUTS = 2
"""How often a conversation that was refused for its size is cut again: once for what the vendor counted, and once more
where it told no figures."""


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
    """Ask *target*, and, where it refuses a conversation for its size, again with as much less of it as the refusal has
    taught."""

    async def attempting(context: Context) -> Outcome[A, LLMError]:
        sent = windowed(request, target, context.calibrations.known(target.key))
        for _ in range(MOST_CUTS):
            outcome = await _tried(sent, target, patience, ask, context)
            if isinstance(outcome, Success) or not isinstance(outcome.failure(), ContextTooLarge):
                return outcome
            shorter = windowed(request, target, context.calibrations.known(target.key))
            if len(shorter.messages) >= len(sent.messages):
                return outcome
            sent = shorter
        return await _tried(sent, target, patience, ask, context)

    return effect(attempting)


async def _tried(
    request: LLMRequest, target: Target, patience: Patience, ask: Ask[A], context: Context
) -> Outcome[A, LLMError]:
    """What comes of *request* as it is sent: what is reserved, at the limiter too, is for that."""
    config, model, learnt = context.config, target.model, context.calibrations.known(target.key)
    refused = None if learnt.window_tokens is None else too_large(target, request, learnt)
    if refused is not None:
        return Failure(refused)
    keys = keys_of(config, target)
    estimate = sent_tokens(request, target)
    tries = Tries(
        request,
        target,
        ask,
        context.clock.monotonic(),
        likely_tokens=estimate.likely,
        keys=keys,
        queue_s=patience.queue_s,
    )
    schedule = unless(tries.decide_first, lambda: attempt_schedule(config.retry, patience, keys))
    limits = limits_of(config, target.key)
    tokens = reserved_tokens(request, target, learnt.corrected(estimate).likely, limits.tokens_per_minute)
    stack = through(
        effect(tries.sent),
        timeout(config.timeouts.attempt_s, model=model),
        gated(
            tries.circuit_gate,
            budget_gate(partial(worst_try_usd, target, request, estimate.high), model=model, was_sent=tries.was_sent),
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
