"""The models that may answer a request, in order, and the first of them that does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from returns.result import Failure, Success

from llm_manager.combinators.retry import in_time
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import (
    AllModelsFailed,
    AuthenticationFailed,
    ConfigurationError,
    ContextTooLarge,
    InvalidRequest,
    LLMError,
)
from llm_manager.domain.events import FellBack, TargetSkipped
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_problems import request_problems
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import may_ask_next, next_model
from llm_manager.effect.context import Context, Op, emit, not_at_home
from llm_manager.effect.op import effect, run
from llm_manager.operations.waiting_list import WaitingList
from llm_manager.policies.cache_key import cache_key
from llm_manager.policies.calendar import day_of
from llm_manager.policies.candidate import Candidate, Chosen, Skipped
from llm_manager.policies.latency import Latency
from llm_manager.policies.patience import Patience, alone, among_others, once_more
from llm_manager.policies.routing import candidates, drawn_order, strategy_of
from llm_manager.policies.window import prompt_limit_tokens

A = TypeVar("A")

LAST_WORDS_S = 0.02
"""How long after its deadline a request is cut off: a try ends at it by itself, names the model that did not answer,
and lets ledger, breaker and key know. Were it cut off at the same moment, nobody would learn anything."""

AttemptFn: TypeAlias = Callable[[LLMRequest, Target, Patience], Op[A]]
"""How one model is asked."""


def chain_of(request: LLMRequest, context: Context) -> Outcome[tuple[Candidate, ...], LLMError]:
    """The models for *request* in order, once it has been checked; ``InvalidRequest`` names all that is wrong."""
    elsewhere = not_at_home(context)
    if elsewhere is not None:
        return Failure(elsewhere)
    problems = request_problems(request)
    if problems:
        return Failure(InvalidRequest(problems))
    return candidates(context.config, request, observed_latencies(context, request), today(context))


def today(context: Context) -> str:
    """The day by the wall clock, which decides about prices and models that end, and about nothing else."""
    return day_of(context.clock.unix_s())


def first_answer(config: LLMConfig, request: LLMRequest, chain: Sequence[Candidate], ask: AttemptFn[A]) -> Op[A]:
    """What the first model of *chain* that succeeds gives; after which failures the next one is asked is the fault
    matrix with the user's opt-ins. The members of a pool are asked in an order that is drawn anew in each run.

    A model that is to be waited for comes after those that are well: when none of them has answered, those that refused
    until a known moment are asked again as their moments come. One failure comes back as it is, several as
    ``AllModelsFailed``.
    """
    known = _listed(chain, request)

    async def trying(context: Context) -> Outcome[A, LLMError]:
        listed = drawn_order(known, context.random.random)
        failures: dict[int, tuple[str, LLMError]] = {}
        waiting = WaitingList(config)
        for index, candidate in enumerate(listed):
            if failures:
                before, error = list(failures.values())[-1]
                if not _accepts(config, candidate, chain, error):
                    continue
                _emit_fallback(context, before, _name(candidate), error)
            is_alone = not waiting and not any(isinstance(each, Chosen) for each in listed[index + 1 :])
            patience = alone(config.retry) if is_alone else among_others(config.retry)
            outcome = await run(_op(request, candidate, ask, patience), context)
            if isinstance(outcome, Success):
                return outcome
            error = outcome.failure()
            failures[index] = (_name(candidate), error)
            if not is_alone:
                waiting.add(index, candidate, error, context.clock.monotonic())
        while (turn := waiting.take(context.clock.monotonic())) is not None:
            index, delay_s = turn
            if not in_time(context, delay_s):
                break
            await context.clock.sleep(delay_s)
            patience = once_more(config.retry, is_alone=not waiting)
            outcome = await run(_op(request, listed[index], ask, patience), context)
            if isinstance(outcome, Success):
                return outcome
            failures[index] = (_name(listed[index]), outcome.failure())
            waiting.add(index, listed[index], outcome.failure(), context.clock.monotonic())
        errors = tuple(failures.values())
        return Failure(errors[0][1] if len(errors) == 1 else AllModelsFailed(errors))

    return effect(trying)


def _emit_fallback(context: Context, model: str, next_model: str, error: LLMError) -> None:
    now_s = context.clock.monotonic()
    emit(context, FellBack(at_s=now_s, model=model, next_model=next_model, error=error, run=context.run))


def cache_key_of(request: LLMRequest, chain: Sequence[Candidate]) -> str:
    """What an answer to *request* is cached under: it depends on the targets that may be asked, too."""
    return cache_key(request, [each.target.key for each in chain if isinstance(each, Chosen)])


def is_worth_keeping(value: object) -> bool:
    """An answer that is truncated or filtered, or of which nobody knows why it ended, is not one that anybody wants
    again."""
    return isinstance(value, LLMResponse) and value.finish_reason not in ("length", "content_filter", "unknown")


def limit_s(context: Context, request: LLMRequest) -> float:
    """How long the whole of *request* may take; a deadline that is no time is a problem of the request, told later."""
    total_s, wanted_s = context.config.timeouts.total_s, request.deadline_s
    is_time = isinstance(wanted_s, int | float) and not isinstance(wanted_s, bool) and wanted_s > 0
    return total_s if wanted_s is None or not is_time else min(total_s, wanted_s)


def observed_latencies(context: Context, request: LLMRequest) -> Mapping[str, Latency]:
    """What is known of each target, as far as the strategy wants to know."""
    if strategy_of(context.config, request) != "performance":
        return {}
    return context.latencies.lately(context.clock.monotonic())


def _listed(chain: Sequence[Candidate], request: LLMRequest) -> tuple[Candidate, ...]:
    """What may be tried, in order. Models nobody configured are left out, unless there is nothing else to report."""
    return tuple(each for each in chain if not _is_unconfigured(each, request)) or tuple(chain)


def _is_unconfigured(candidate: Candidate, request: LLMRequest) -> bool:
    if isinstance(candidate, Chosen):
        return False
    is_out_of_reach = isinstance(candidate.error, AuthenticationFailed | ConfigurationError)
    return is_out_of_reach and candidate.name != request.preferences.model


def _name(candidate: Candidate) -> str:
    return candidate.target.model if isinstance(candidate, Chosen) else candidate.name


def _op(request: LLMRequest, candidate: Candidate, ask: AttemptFn[A], patience: Patience) -> Op[A]:
    return ask(request, candidate.target, patience) if isinstance(candidate, Chosen) else _skipping(candidate)


def _skipping(skipped: Skipped) -> Op[Any]:
    async def skipping(context: Context) -> Outcome[Any, LLMError]:
        now_s = context.clock.monotonic()
        emit(
            context,
            TargetSkipped(
                at_s=now_s, model=skipped.name, provider=skipped.provider, error=skipped.error, run=context.run
            ),
        )
        return Failure(skipped.error)

    return effect(skipping)


def _accepts(config: LLMConfig, candidate: Candidate, chain: Sequence[Candidate], error: LLMError) -> bool:
    """May *candidate* be asked after an earlier model failed with *error*?"""
    if next_model(error) == "larger_window":
        return _has_larger_window(candidate, error, chain)
    if isinstance(error, ConfigurationError):
        return True  # an alias of ours is wrong, the others may be right
    return may_ask_next(error, ambiguous=config.retry.ambiguous, after_filter=config.routing.after_filter)


def _has_larger_window(candidate: Candidate, error: LLMError, chain: Sequence[Candidate]) -> bool:
    if isinstance(candidate, Skipped):
        return not isinstance(candidate.error, ContextTooLarge)
    windows = {each.target.model: prompt_limit_tokens(each.target.facts) for each in chain if isinstance(each, Chosen)}
    failed = error.max_tokens if isinstance(error, ContextTooLarge) else None
    if failed is None:
        failed = windows.get(error.model) if isinstance(error, ContextTooLarge) else None
    window = prompt_limit_tokens(candidate.target.facts)
    return window is not None and failed is not None and window > failed
