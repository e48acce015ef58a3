"""What comes back on the OpenAI wire: answers, lists of models, and errors told apart by status and code.

Checked on 2026-11-21 against OpenAI's API reference and error guide. What a refusal means is decided by its code where
it has one, and else by the tables of :mod:`~llm_manager.adapters.dialects.refusal_words`.
"""

from __future__ import annotations

from collections.abc import Mapping

from returns.result import Failure, Success

from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import is_answered
from llm_manager.adapters.dialects.error_envelopes import error_at_choice, error_in, named
from llm_manager.adapters.dialects.error_words import words_in, words_of
from llm_manager.adapters.dialects.fields import object_of, objects_of, strictly, text_of
from llm_manager.adapters.dialects.header_costs import with_cost
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.openai_messages import MessageReader
from llm_manager.adapters.dialects.refusals import STATUS_OF, error_inside, error_of
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.adapters.dialects.totals import in_total_only
from llm_manager.domain.errors import (
    LLMError,
    MalformedResponse,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import NOTHING_TOLD, paid_for
from llm_manager.domain.response import (
    Cost,
    LLMResponse,
    ReportedCost,
    UnknownCost,
    Usage,
)
from llm_manager.domain.target import Target


def read_answer(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *body* holds, or the error it is."""
    if not is_answered(status):
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    answer = read.unwrap()
    return response_of(answer, headers, target)


def response_of(answer: Json, headers: Mapping[str, str], target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response in a chat completion that has been parsed, or the error it is, with what either has used."""
    told = with_cost(usage_beside(answer), headers)
    return paid_for(strictly(target, _read, answer, told, headers, target), told)


def _read(answer: Json, told: Usage, headers: Mapping[str, str], target: Target) -> Outcome[LLMResponse, LLMError]:
    error = error_in(answer) if not answer.get("choices") or "error" in answer or "x_groq" in answer else None
    if error is not None:
        return Failure(read_error_inside(error, headers, target))
    choices = objects_of(answer.get("choices"), "choices")
    if not choices:
        return Failure(MalformedResponse(target.model, "empty", "the answer has no choices"))
    error = error_at_choice(choices[0])
    if error is not None:
        return Failure(read_error_inside(error, headers, target))
    return _response(answer, choices[0], told, headers, target)


def _response(
    answer: Json, choice: Json, told: Usage, headers: Mapping[str, str], target: Target
) -> Outcome[LLMResponse, LLMError]:
    found = Assembly(target, headers.get("x-request-id"))
    found.response_id = as_text(answer.get("id")) or None
    found.served_model = as_text(answer.get("model")) or None
    found.usage = usage_beside(choice) if "usage" in choice and told == NOTHING_TOLD else told
    message = MessageReader(found, target, numbers_calls=False, is_whole=True)
    read = message.read(object_of(choice.get("message"), "choices[0].message"))
    if isinstance(read, Failure):
        return read
    end_with(found, choice, headers, target)
    found.finish = found.finish or "unknown"  # it is whole, whatever it says of its end
    return message.signed(found.whole())


def end_with(answer: Assembly, choice: Json, headers: Mapping[str, str], target: Target) -> None:
    """Why the answer ended, as *choice* says; the name of an error is that error."""
    word = text_of(choice.get("finish_reason"), "finish_reason")
    if word is None:
        return
    answer.end_with(word)
    answer.refused = answer.refused or answer.finish == "refusal"
    if answer.failure is not None and word.lower() in STATUS_OF:
        answer.failure = read_error_inside(named(word.lower()), headers, target)


def usage_beside(answer: Json) -> Usage:
    """What *answer*, or a piece of one, tells of its usage: Groq's pieces have it under a name of their own."""
    usage = as_object(answer.get("usage")) or as_object(as_object(answer.get("x_groq")).get("usage"))
    return usage_of(usage, as_text(answer.get("service_tier")))


def usage_of(usage: Json, service_tier: str | None) -> Usage:
    """The tokens and the cost that *usage* tells, in a service of the name that stands beside it."""
    prompt, completion = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
    details = as_object(usage.get("prompt_tokens_details"))
    cached, written = as_count(details.get("cached_tokens")), as_count(details.get("cache_write_tokens"))
    reasoned = as_count(as_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    total = as_count(usage.get("total_tokens"))
    if prompt is not None and completion is not None:
        beside = in_total_only(total, prompt + completion)
        of_prompt = 0 if beside == reasoned else _beside_prompt(beside, prompt, cached or 0, written or 0)
        prompt, completion = prompt + of_prompt, completion + beside - of_prompt
        total = prompt + completion
    elif prompt is not None:
        completion = in_total_only(total, prompt) or None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoned,
        total_tokens=total,
        service_tier=service_tier,
        cost=_cost(usage),
    )


def _beside_prompt(beside: int, prompt: int, read: int, written: int) -> int:
    """How many of the tokens that only the total counts are of the prompt, and not thoughts, which are output.

    A gateway may count as its vendor does: Anthropic counts what was read from its cache, and what was written to it,
    beside the other tokens of the prompt. They are told by their number, or by being more than the prompt they should
    be a part of.
    """
    both = read + written
    if beside in (both, read, written):
        return beside
    return min(beside, both) if both > prompt else 0


def _cost(usage: Json) -> Cost:
    """What OpenRouter and some gateways say the answer cost.

    With a key of one's own at the vendor (``is_byok``), ``cost`` is the gateway's fee alone, and what the vendor
    charges stands in ``cost_details`` (OpenRouter, "Usage accounting", read 2026-11-30). A fee of 0 is no price.
    """
    own_key = usage.get("is_byok") is True
    fee = _usd(usage.get("cost"))
    upstream = _usd(as_object(usage.get("cost_details")).get("upstream_inference_cost"))
    if upstream and (own_key or not fee):
        return ReportedCost((fee or 0.0) + upstream)
    if fee is None or (own_key and upstream is None):
        return UnknownCost()
    return ReportedCost(fee)


_MOST_USD = 1e9
"""A larger number is no cost of an answer."""


def _usd(usd: object) -> float | None:
    if not isinstance(usd, int | float) or isinstance(usd, bool):
        return None
    return float(usd) if 0 <= usd <= _MOST_USD else None


def read_models(
    status: int, headers: Mapping[str, str], body: bytes, target: Target
) -> Outcome[tuple[str, ...], LLMError]:
    """The names in the answer to ``GET /models``."""
    if not is_answered(status):
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    listed = as_list(read.unwrap().get("data"))
    names = (as_text(as_object(row).get("id")) for row in listed)
    return Success(tuple(name for name in names if name is not None))


def read_error(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> LLMError:
    """What an answer with an error *status* means."""
    return error_of(status, words_of(body), headers, target)


def read_error_inside(answer: Json, headers: Mapping[str, str], target: Target) -> LLMError:
    """What an error under status 200 means: its code is a status, or its type tells one."""
    return error_inside(words_in(answer), headers, target)
