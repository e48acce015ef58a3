"""Ask the right model, and the next one when it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from returns.result import Failure, Success

from llm_manager.combinators.cached import cached
from llm_manager.combinators.fallback import Alternative, first_success
from llm_manager.combinators.timeout import deadline
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ContextTooLarge,
    InvalidRequest,
    LLMError,
)
from llm_manager.domain.events import RequestFinished, RequestStarted, TargetSkipped
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_problems import request_problems
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.verdicts import next_model
from llm_manager.effect.context import Context, Op, emit
from llm_manager.effect.op import effect, run
from llm_manager.operations.attempt import attempt
from llm_manager.operations.ledger import Ledger
from llm_manager.policies.cache_key import cache_key
from llm_manager.policies.routing import Candidate, Chosen, Latencies, Skipped, candidates, strategy_of


def generate(request: LLMRequest) -> Op[LLMResponse]:
    """Answer *request* from the cache, or by the first model of its chain that succeeds.

    Everything ends within ``request.deadline_s``, or ``timeouts.total_s``. One failing model's error comes back as it
    is, several as ``AllModelsFailed``; a request that cannot be sent as ``InvalidRequest`` with all its problems.
    """

    async def generating(context: Context) -> Outcome[LLMResponse, LLMError]:
        return await _answered("generate", request, context, from_cache=context.config.cache.enabled)

    return effect(generating)


def route_request(request: LLMRequest) -> Op[LLMResponse]:
    """As :func:`generate`, but always ask a model: the cache is neither read nor written."""

    async def routing(context: Context) -> Outcome[LLMResponse, LLMError]:
        return await _answered("route_request", request, context, from_cache=False)

    return effect(routing)


async def _answered(
    name: str, request: LLMRequest, context: Context, *, from_cache: bool
) -> Outcome[LLMResponse, LLMError]:
    started_s = context.clock.monotonic()
    emit(context, RequestStarted(at_s=started_s, operation=name, request=request))
    ledger = Ledger(context.observer)
    op = _bounded(request, context, from_cache=from_cache)
    outcome = await run(op, replace(context, observer=ledger, trace_id=context.trace_id or _trace_id(context)))
    now_s = context.clock.monotonic()
    latency_ms = (now_s - started_s) * 1000
    if isinstance(outcome, Success):
        outcome = Success(_accounted(outcome.unwrap(), ledger, latency_ms))
    answer = outcome.unwrap() if isinstance(outcome, Success) else outcome.failure()
    emit(
        context,
        RequestFinished(at_s=now_s, operation=name, latency_ms=latency_ms, request=request, answer=answer),
    )
    return outcome


def _trace_id(context: Context) -> str:
    """A name for this run in the logs of a gateway: thirteen hexadecimal digits, unique enough for that."""
    return f"{int(context.random.random() * 2**52):013x}"


def _accounted(response: LLMResponse, ledger: Ledger, latency_ms: float) -> LLMResponse:
    if response.metadata.cached:
        return response
    metadata = replace(
        response.metadata,
        latency_ms=latency_ms,
        retry_count=max(len(ledger.attempts) - 1, 0),
        attempts=tuple(ledger.attempts),
    )
    return replace(response, metadata=metadata)


def _bounded(request: LLMRequest, context: Context, *, from_cache: bool) -> Op[LLMResponse]:
    """The whole of it: checked, routed, cached, and over in time."""
    config = context.config
    problems = request_problems(request)
    if problems:
        return _failing(InvalidRequest(problems))
    found = candidates(config, request, observed_latencies(context, request))
    if isinstance(found, Failure):
        return _failing(found.failure())
    chain = found.unwrap()
    op = first_success(_alternatives(config, request, chain))
    if from_cache:
        route = [each.target.key for each in chain if isinstance(each, Chosen)]
        op = cached(cache_key(request, route), config.cache.ttl_s, keep=_is_worth_keeping)(op)
    total_s = config.timeouts.total_s
    return deadline(total_s if request.deadline_s is None else min(total_s, request.deadline_s))(op)


def observed_latencies(context: Context, request: LLMRequest) -> Latencies:
    """Mean milliseconds by model, as far as the strategy wants to know."""
    if strategy_of(context.config, request) != "performance":
        return {}
    models = context.metrics.snapshot().models
    return {name: seen.latency_mean_ms for name, seen in models.items() if seen.latency_mean_ms is not None}


def _is_worth_keeping(value: object) -> bool:
    """A truncated or filtered answer is not one that anybody wants again."""
    return isinstance(value, LLMResponse) and value.finish_reason not in ("length", "content_filter")


def _failing(error: LLMError) -> Op[LLMResponse]:
    async def failing(_: Context) -> Outcome[LLMResponse, LLMError]:
        return Failure(error)

    return effect(failing)


def _alternatives(
    config: LLMConfig, request: LLMRequest, chain: Sequence[Candidate]
) -> tuple[Alternative[LLMResponse], ...]:
    """What may be tried, in order. Models nobody configured are left out, unless there is nothing else to report."""
    some = any(isinstance(each, Chosen) for each in chain)
    return tuple(
        Alternative(_op(request, each), _accepts(config, each, chain), _name(each))
        for each in chain
        if not (some and isinstance(each, Skipped) and _is_unconfigured(each, request))
    )


def _is_unconfigured(skipped: Skipped, request: LLMRequest) -> bool:
    return isinstance(skipped.error, AuthenticationFailed | ConfigurationError) and (
        skipped.name != request.preferences.model
    )


def _name(candidate: Candidate) -> str:
    return candidate.target.model if isinstance(candidate, Chosen) else candidate.name


def _op(request: LLMRequest, candidate: Candidate) -> Op[LLMResponse]:
    return attempt(request, candidate.target) if isinstance(candidate, Chosen) else _skipping(candidate)


def _skipping(skipped: Skipped) -> Op[LLMResponse]:
    async def skipping(context: Context) -> Outcome[LLMResponse, LLMError]:
        now_s = context.clock.monotonic()
        emit(
            context,
            TargetSkipped(at_s=now_s, model=skipped.name, provider=skipped.provider, error=skipped.error),
        )
        return Failure(skipped.error)

    return effect(skipping)


def _accepts(config: LLMConfig, candidate: Candidate, chain: Sequence[Candidate]) -> Callable[[LLMError], bool]:
    """After which failure of an earlier model *candidate* may be asked: the fault matrix with the user's opt-ins."""

    def accepts(error: LLMError) -> bool:
        match next_model(error):
            case "yes":
                return True
            case "larger_window":
                return _has_larger_window(candidate, error, chain)
            case "if_ambiguous_allowed":
                return config.retry.ambiguous
            case "if_filtered_allowed":
                return config.routing.after_filter
            case "no":
                return isinstance(error, ConfigurationError)  # an alias of ours is wrong, the others may be right

    return accepts


def _has_larger_window(candidate: Candidate, error: LLMError, chain: Sequence[Candidate]) -> bool:
    if isinstance(candidate, Skipped):
        return not isinstance(candidate.error, ContextTooLarge)
    windows = {each.target.model: each.target.facts.window_tokens for each in chain if isinstance(each, Chosen)}
    failed = error.max_tokens if isinstance(error, ContextTooLarge) else None
    if failed is None:
        failed = windows.get(error.model) if isinstance(error, ContextTooLarge) else None
    window = candidate.target.facts.window_tokens
    return window is not None and failed is not None and window > failed
