"""What comes back from Ollama: answers, the models it has, and errors, which are a sentence under a status.

Checked on 2026-11-21 against Ollama's API reference ("Generate a chat message", "List models", "Errors").
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from returns.result import Failure, Success

from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.error_words import words_in, words_of
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.refusals import error_inside, error_of
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.domain.errors import LLMError, MalformedResponse
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.request import ToolCall
from llm_manager.domain.response import FinishReason, LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.target import Target

_FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}


def read_answer(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *body* holds, or the error it is."""
    if status != 200:
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    answer = read.unwrap()
    told = usage_of(answer)
    return paid_for(_response(answer, told, headers, target), told)


def _response(answer: Json, told: Usage, headers: Headers, target: Target) -> Outcome[LLMResponse, LLMError]:
    if answer.get("error") is not None:
        return Failure(read_error_inside(answer, target))
    message = as_object(answer.get("message"))
    calls = tuple(call_of(as_object(call), index) for index, call in enumerate(as_list(message.get("tool_calls"))))
    text = as_text(message.get("content")) or ""
    finish = finish_of(answer, calls=bool(calls))
    if not text and not calls and finish != "length":
        return Failure(MalformedResponse(target.model, "empty", "the answer has neither text nor a tool call"))
    return Success(
        LLMResponse(
            content=text,
            model=target.model,
            usage=told,
            finish_reason=finish,
            tool_calls=calls,
            reasoning=as_text(message.get("thinking")) or "",
            metadata=ResponseMetadata(
                provider=target.provider.name,
                request_id=headers.get("x-request-id"),
                served_model=as_text(answer.get("model")) or None,
            ),
        )
    )


def finish_of(answer: Json, *, calls: bool) -> FinishReason:
    """Why the answer ended, in our own words; the vendor stops alike behind a tool call and a text."""
    finish = _FINISH.get(as_text(answer.get("done_reason")) or "", "unknown")
    return "tool_calls" if calls and finish == "stop" else finish


def call_of(call: Json, index: int) -> ToolCall:
    """The tool call at *index*, which gets an id if it has none."""
    function = as_object(call.get("function"))
    return ToolCall(
        id=as_text(call.get("id")) or f"call_{index}",
        name=as_text(function.get("name")) or "",
        arguments=json.dumps(as_object(function.get("arguments")), ensure_ascii=False),
    )


def usage_of(answer: Json) -> Usage:
    """The tokens that the end of *answer* tells."""
    prompt, completion = as_count(answer.get("prompt_eval_count")), as_count(answer.get("eval_count"))
    total = None if prompt is None or completion is None else prompt + completion
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total)


def read_models(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[tuple[str, ...], LLMError]:
    """The names in the answer to ``GET /tags``."""
    if status != 200:
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    listed = as_list(read.unwrap().get("models"))
    names = (as_text(as_object(row).get("model")) or as_text(as_object(row).get("name")) for row in listed)
    return Success(tuple(name for name in names if name is not None))


def read_error(status: int, headers: Headers, body: bytes, target: Target) -> LLMError:
    """What an answer with an error *status* means."""
    return error_of(status, words_of(body), headers, target)


def read_error_inside(answer: Json, target: Target) -> LLMError:
    """What an error under status 200, or in a stream, means: the model's runner failed, where it says nothing else."""
    return error_inside(words_in(answer), {}, target)
