"""One request to several models at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, overload

from llm_manager.combinators.observed import named
from llm_manager.combinators.race import race as race_ops
from llm_manager.domain.arguments import check_is, check_names
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.shapes import misfits
from llm_manager.effect import concurrent
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import Effect, effect
from llm_manager.operations.generate import generate

A = TypeVar("A")


def query_multiple(request: LLMRequest, models: Sequence[str]) -> Op[tuple[Outcome[LLMResponse, LLMError], ...]]:
    """What each of *models* answers, in their order, asked in parallel; one failure never loses the others.

    Each model answers for itself: none falls back to another.
    """
    _check("query_multiple", request, models)
    return _named("query_multiple", concurrent.settle([generate(_only(request, model)) for model in models]))


@overload
def race(first: LLMRequest, models: Sequence[str], /) -> Op[LLMResponse]: ...
@overload
def race(*ops: Op[A]) -> Op[A]: ...
def race(*given: Any) -> Op[Any]:
    """The first success; the losers are cancelled and awaited: of one request to several models, or of operations.

    Without a success: ``AllModelsFailed`` with every error, in the order given.
    """
    if given and isinstance(given[0], LLMRequest):
        _check("race", given[0], given[1] if len(given) == len(("request", "models")) else None)
        return _named("race", race_ops(*(generate(_only(given[0], model)) for model in given[1])))
    return race_ops(*given)


def _check(name: str, request: object, models: object) -> None:
    check_is(request, LLMRequest, f"{name} takes a request", f'{name}(LLMRequest(prompt="..."), ["gpt", "claude"])')
    check_names(models, f"{name} takes a sequence of models", f'{name}(request, ["gpt", "claude"])')


def _only(request: LLMRequest, model: str) -> LLMRequest:
    if misfits(request):
        return request  # each model's answer names what is wrong
    return replace(request, preferences=replace(request.preferences, model=model, fallback="none"))


def _named(name: str, op: Effect[A, LLMError, Context]) -> Op[A]:
    """*op*, told to the observer as what its requests belong to."""

    async def naming(context: Context) -> Outcome[A, LLMError]:
        return await named(name, op, context)

    return effect(naming)
