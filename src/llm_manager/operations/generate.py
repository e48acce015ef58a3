"""Ask the right model, and the next one when it fails."""

from __future__ import annotations

from returns.result import Success

from llm_manager.combinators.cached import cached
from llm_manager.combinators.timeout import deadline
from llm_manager.domain.arguments import check_request
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import effect, run
from llm_manager.operations.account import Account
from llm_manager.operations.attempt import attempt
from llm_manager.operations.chain import LAST_WORDS_S, cache_key_of, chain_of, first_answer, is_worth_keeping, limit_s


def generate(request: LLMRequest) -> Op[LLMResponse]:
    """Answer *request* from the cache, or by the first model of its chain that succeeds.

    Everything ends within ``request.deadline_s``, or ``timeouts.total_s``. One failing model's error comes back as it
    is, several as ``AllModelsFailed``; a request that cannot be sent as ``InvalidRequest`` with all its problems.
    """
    check_request(request)

    async def generating(context: Context) -> Outcome[LLMResponse, LLMError]:
        account = Account("generate", request, context)
        answering = _answered(request, account.context(), from_cache=context.config.cache.enabled)
        return await account.closing(answering)

    return effect(generating)


def route_request(request: LLMRequest) -> Op[LLMResponse]:
    """As :func:`generate`, but always ask a model: the cache is neither read nor written."""
    check_request(request)

    async def routing(context: Context) -> Outcome[LLMResponse, LLMError]:
        account = Account("route_request", request, context)
        return await account.closing(_answered(request, account.context(), from_cache=False))

    return effect(routing)


async def _answered(request: LLMRequest, context: Context, *, from_cache: bool) -> Outcome[LLMResponse, LLMError]:
    """The whole of it: checked, routed, cached, and over in time."""
    found = chain_of(request, context)
    if not isinstance(found, Success):
        return found
    chain = found.unwrap()
    op = first_answer(context.config, request, chain, attempt)
    if from_cache:
        ttl_s = context.config.cache.ttl_s
        op = cached(cache_key_of(request, chain), ttl_s, keep=is_worth_keeping)(op)
    return await run(deadline(limit_s(context, request), grace_s=LAST_WORDS_S)(op), context)
