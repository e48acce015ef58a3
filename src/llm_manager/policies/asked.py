"""One request as one model is asked it: in the form its schema takes there, and the answer brought back from it."""

from __future__ import annotations

from dataclasses import dataclass

from llm_manager.domain.changed import changed
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, SchemaMode, Usage
from llm_manager.domain.target import Target
from llm_manager.policies.pricing import price_of
from llm_manager.policies.schema_mode import fitted, mode_for, unfitted
from llm_manager.policies.tokens import prompt_tokens, text_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """*request* to *target*; *sent* is the form in which it goes there, and *mode* that of its schema, None without
    one."""

    request: LLMRequest
    target: Target
    mode: SchemaMode | None
    sent: LLMRequest


def asked_of(request: LLMRequest, target: Target) -> Asked:
    """*request* in the strongest form that *target* has for its schema."""
    mode = mode_for(request, target)
    return Asked(request=request, target=target, mode=mode, sent=fitted(request, mode))


def sent_tokens(request: LLMRequest, target: Target) -> int:
    """An estimate of the prompt tokens of *request* to *target*, its schema included in the form it takes there."""
    return prompt_tokens(asked_of(request, target).sent)


def completed(asked: Asked, response: LLMResponse) -> LLMResponse:
    """The answer as the native form would have given it, with a price, and with an estimate where the provider told
    no usage."""
    answer = unfitted(response, asked.request, asked.mode)
    return changed(answer, usage=usage_of(asked, answer.usage, answer.content))


def usage_of(asked: Asked, told: Usage, text: str) -> Usage:
    """What was used for *text*, priced: as the provider *told*, and estimated where it did not."""
    usage = told
    if told.prompt_tokens is None or told.completion_tokens is None:
        prompt = prompt_tokens(asked.sent) if told.prompt_tokens is None else told.prompt_tokens
        answer = text_tokens(text) if told.completion_tokens is None else told.completion_tokens
        usage = changed(
            told, prompt_tokens=prompt, completion_tokens=answer, total_tokens=prompt + answer, estimated=True
        )
    cost = price_of(asked.target.facts, usage)
    return usage if cost is usage.cost else changed(usage, cost=cost)


def usage_so_far(asked: Asked, told: Usage, text: str) -> Usage:
    """What had been used when the answer had come as far as *text*: at least that, whatever the provider had *told*."""
    counted = max(told.completion_tokens or 0, text_tokens(text))
    usage = usage_of(asked, changed(told, completion_tokens=counted), text)
    total = (usage.prompt_tokens or 0) + counted
    return changed(usage, total_tokens=total, estimated=True)
