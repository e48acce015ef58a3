"""What comes back from Anthropic: answers, lists of models, and errors told apart by their type.

Checked on 2026-11-21 against Anthropic's API reference ("Create a Message", "List Models", "Errors", "Rate limits").
Types decide where there is one; a prompt that is too long and an empty account have none of their own, and are told by
the sentences of :mod:`~llm_manager.adapters.dialects.refusal_words`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from returns.result import Failure, Success

from llm_manager.adapters.dialects.anthropic_thoughts import place_of_text, signature_of
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.error_words import words_in, words_of
from llm_manager.adapters.dialects.header_costs import with_cost
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.refusals import error_inside, error_of
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.domain.errors import LLMError, MalformedResponse
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.request import ToolCall
from llm_manager.domain.response import FinishReason, LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.target import Target

FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}


def read_answer(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *body* holds, or the error it is."""
    if status != 200:
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    answer = read.unwrap()
    if answer.get("type") == "error":
        return Failure(read_error_inside(answer, headers, target))
    told = with_cost(usage_of(as_object(answer.get("usage"))), headers)
    return paid_for(_response(answer, told, headers, target), told)


def _response(answer: Json, told: Usage, headers: Headers, target: Target) -> Outcome[LLMResponse, LLMError]:
    blocks = [as_object(block) for block in as_list(answer.get("content"))]
    text = "".join(as_text(block.get("text")) or "" for block in blocks if block.get("type") == "text")
    calls = _calls(blocks)
    finish = FINISH.get(as_text(answer.get("stop_reason")) or "", "unknown")
    if not text and finish == "refusal":
        text = refusal_of(answer)
    if not text and not calls and finish not in ("refusal", "length"):
        return Failure(MalformedResponse(target.model, "empty", "the answer has neither text nor a tool call"))
    return Success(
        LLMResponse(
            content=text,
            model=target.model,
            usage=told,
            finish_reason=finish,
            tool_calls=calls,
            reasoning="".join(as_text(block.get("thinking")) or "" for block in blocks),
            metadata=ResponseMetadata(
                provider=target.provider.name,
                request_id=headers.get("request-id") or as_text(answer.get("id")),
                response_id=as_text(answer.get("id")),
                served_model=as_text(answer.get("model")) or None,
            ),
        )
    )


def _calls(blocks: Sequence[Json]) -> tuple[ToolCall, ...]:
    """The calls in order, each with the thinking blocks, and the places of text, since the one before it."""
    calls: list[ToolCall] = []
    thoughts: list[Json] = []
    for block in blocks:
        match block.get("type"):
            case "thinking" | "redacted_thinking":
                thoughts.append(block)
            case "text":
                length = len(as_text(block.get("text")) or "")
                thoughts += (place_of_text(length),) if length else ()
            case "tool_use":
                arguments = json.dumps(block.get("input") or {}, ensure_ascii=False)
                name, id_ = as_text(block.get("name")) or "", as_text(block.get("id")) or ""
                calls.append(
                    ToolCall(
                        id=id_, name=name, arguments=arguments, signature=signature_of(thoughts, is_first=not calls)
                    )
                )
                thoughts = []
            case _:
                pass
    return tuple(calls)


def refusal_of(answer: Json) -> str:
    """Why the vendor refused, in its own words, as far as it says so."""
    return as_text(as_object(answer.get("stop_details")).get("explanation")) or ""


def usage_of(usage: Json, before: Usage | None = None) -> Usage:
    """The tokens that *usage* tells, and those told *before* where it is silent: null is no count.

    Counts are cumulative, and of two the larger is the later one: servers that speak this wire begin with 0, or end
    with it. The vendor counts tokens that were read from its cache, or written to it, apart from the other input
    tokens, so these three are held against what was told before as one sum.
    """
    told = before or Usage()
    later = _with_prompt(usage, told)
    completion = _larger(as_count(usage.get("output_tokens")), told.completion_tokens)
    thought = as_count(as_object(usage.get("output_tokens_details")).get("thinking_tokens"))
    prompt = later.prompt_tokens
    return replace(
        later,
        completion_tokens=completion,
        service_tier=_service(usage, told),
        region=as_text(usage.get("inference_geo")) or told.region,
        reasoning_tokens=_larger(thought, told.reasoning_tokens),
        total_tokens=None if prompt is None or completion is None else prompt + completion,
    )


def _service(usage: Json, told: Usage) -> str | None:
    """The class of service: fast mode is one, although the vendor tells it beside the others."""
    is_fast = usage.get("speed") == "fast" or told.service_tier == "fast"
    return "fast" if is_fast else as_text(usage.get("service_tier")) or told.service_tier


def _with_prompt(usage: Json, told: Usage) -> Usage:
    """What was *told*, with the prompt of *usage* if that is no smaller."""
    before, was_read, was_written = told.prompt_tokens, told.cached_tokens, told.cache_write_tokens
    read, written = (as_count(usage.get(f"cache_{kind}_input_tokens")) for kind in ("read", "creation"))
    fresh = as_count(usage.get("input_tokens"))
    read, written = was_read if read is None else read, was_written if written is None else written
    if fresh is None and before is not None:
        fresh = before - (was_read or 0) - (was_written or 0)
    prompt = None if fresh is None else fresh + (read or 0) + (written or 0)
    if before is not None and (prompt is None or prompt < before):
        return told
    an_hour = as_count(as_object(usage.get("cache_creation")).get("ephemeral_1h_input_tokens"))
    return replace(
        told,
        prompt_tokens=prompt,
        cached_tokens=read,
        cache_write_tokens=written,
        cache_hour_tokens=an_hour or told.cache_hour_tokens,
    )


def _larger(now: int | None, before: int | None) -> int | None:
    return before if now is None else now if before is None else max(now, before)


def read_models(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[tuple[str, ...], LLMError]:
    """The names in the answer to ``GET /models``."""
    if status != 200:
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    listed = as_list(read.unwrap().get("data"))
    names = (as_text(as_object(row).get("id")) for row in listed)
    return Success(tuple(name for name in names if name is not None))


def read_error(status: int, headers: Headers, body: bytes, target: Target) -> LLMError:
    """What an answer with an error *status* means."""
    return error_of(status, words_of(body), headers, target)


def read_error_inside(answer: Json, headers: Headers, target: Target) -> LLMError:
    """What an error under status 200, or in a stream, means: its type tells a status."""
    return error_inside(words_in(answer), headers, target)
