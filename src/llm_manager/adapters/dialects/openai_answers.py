"""What comes back on the OpenAI wire: answers, lists of models, and errors told apart by status and code.

Checked on 2026-11-21 against OpenAI's API reference and error guide. What a refusal means is decided by its code where
it has one, and else by the tables of :mod:`~llm_manager.adapters.dialects.refusal_words`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from returns.result import Failure, Success

from llm_manager.adapters.dialects.anthropic_thoughts import GatewayBlocks
from llm_manager.adapters.dialects.error_words import words_in, words_of
from llm_manager.adapters.dialects.header_costs import with_cost
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.refusals import error_inside, error_of
from llm_manager.adapters.dialects.signatures import signed, with_reasoning
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.adapters.dialects.totals import in_total_only
from llm_manager.domain.errors import (
    ContentFiltered,
    LLMError,
    MalformedResponse,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.request import ToolCall
from llm_manager.domain.response import (
    Cost,
    FinishReason,
    LLMResponse,
    ReportedCost,
    ResponseMetadata,
    UnknownCost,
    Usage,
)
from llm_manager.domain.target import Target

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    # As Portkey's gateway passes them on from Claude and Gemini.
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "LANGUAGE", "IMAGE_SAFETY"),
        "content_filter",
    ),
}


def read_answer(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *body* holds, or the error it is."""
    if status != 200:
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    answer = read.unwrap()
    return response_of(answer, headers, target)


def response_of(answer: Json, headers: Mapping[str, str], target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response in a chat completion that has been parsed, or the error it is, with what either has used."""
    told = with_cost(usage_of(as_object(answer.get("usage")), as_text(answer.get("service_tier"))), headers)
    return paid_for(_read(answer, told, headers, target), told)


def _read(answer: Json, told: Usage, headers: Mapping[str, str], target: Target) -> Outcome[LLMResponse, LLMError]:
    if "choices" not in answer and answer.get("error") is not None:
        return Failure(read_error_inside(answer, headers, target))
    choices = as_list(answer.get("choices"))
    if not choices:
        return Failure(MalformedResponse(target.model, "empty", "the answer has no choices"))
    return _response(answer, as_object(choices[0]), told, headers, target)


def _response(
    answer: Json, choice: Json, told: Usage, headers: Mapping[str, str], target: Target
) -> Outcome[LLMResponse, LLMError]:
    message = as_object(choice.get("message"))
    refusal = as_text(message.get("refusal"))
    content = content_of(message.get("content"))
    made = tuple(_tool_call(as_object(call), target) for call in as_list(message.get("tool_calls")))
    calls = with_reasoning(made, as_text(message.get("reasoning_content")), target)
    if target.provider.wire == "anthropic":
        blocks = GatewayBlocks()
        blocks.add(blocks_of(message))
        calls = with_thoughts(calls, blocks)
    finish = finish_of(choice, calls=bool(calls))
    if finish == "content_filter":
        return Failure(ContentFiltered(target.model, content or ""))
    if content is None and refusal is None and not calls:
        return Failure(MalformedResponse(target.model, "empty", "the answer has neither text nor a tool call"))
    return Success(
        LLMResponse(
            content=refusal if content is None and refusal is not None else content or "",
            model=target.model,
            usage=told,
            finish_reason="refusal" if refusal is not None else finish,
            tool_calls=calls,
            reasoning=reasoning_of(message),
            metadata=ResponseMetadata(
                provider=target.provider.name,
                request_id=headers.get("x-request-id") or as_text(answer.get("id")),
                response_id=as_text(answer.get("id")),
                served_model=as_text(answer.get("model")) or None,
            ),
        )
    )


def finish_of(choice: Json, *, calls: bool) -> FinishReason:
    """Why the answer ended, in our own words; some gateways say ``stop`` behind a tool call too."""
    finish = _FINISH.get(as_text(choice.get("finish_reason")) or "", "unknown")
    return "tool_calls" if calls and finish == "stop" else finish


def reasoning_of(message: Json) -> str:
    """What a message or a piece of one tells of the thoughts before the answer: DeepSeek's name for it, or Groq's, or
    the blocks in which Portkey's gateway passes on those of Claude and Gemini."""
    told = as_text(message.get("reasoning_content")) or as_text(message.get("reasoning"))
    return told or "".join(map(_thought_in, blocks_of(message)))


def blocks_of(message: Json) -> Sequence[Json]:
    """The blocks of Claude and Gemini in a message or a piece of one, as Portkey's gateway passes them on."""
    return [as_object(block) for block in as_list(message.get("content_blocks"))]


def with_thoughts(calls: Sequence[ToolCall], blocks: GatewayBlocks) -> tuple[ToolCall, ...]:
    """*calls* that the thoughts in *blocks* led to: the first carries them."""
    signature = blocks.signature() if calls and calls[0].signature is None else None
    return tuple(calls) if signature is None else (replace(calls[0], signature=signature), *calls[1:])


def _thought_in(block: Json) -> str:
    """The thought of a block, or of a piece of one."""
    return as_text(block.get("thinking")) or as_text(as_object(block.get("delta")).get("thinking")) or ""


def content_of(content: object) -> str | None:
    """The text, which some servers send in parts."""
    listed = as_list(content)
    if listed:
        parts = (as_text(as_object(part).get("text")) for part in listed)
        return "".join(part for part in parts if part is not None)
    return as_text(content)


def _tool_call(call: Json, target: Target) -> ToolCall:
    function = as_object(call.get("function"))
    return ToolCall(
        id=as_text(call.get("id")) or "",
        name=as_text(function.get("name")) or "",
        arguments=as_text(function.get("arguments")) or "",
        signature=signature_of(call, target),
    )


def signature_of(call: Json, target: Target) -> str | None:
    """The proof of thoughts that Google's endpoint for this wire gives, or Portkey's gateway passes on from Gemini."""
    google = as_object(as_object(call.get("extra_content")).get("google"))
    behind = as_object(call.get("function")).get("thought_signature")
    return signed("gemini", as_text(google.get("thought_signature")), target) or signed("gemini", as_text(behind))


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
    if status != 200:
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
