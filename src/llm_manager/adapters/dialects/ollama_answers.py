"""What comes back from Ollama: answers, the models it has, and errors, which are a sentence under a status.

Checked on 2026-11-21 against Ollama's API reference ("Generate a chat message", "List models", "Errors").
"""

from __future__ import annotations

from collections.abc import Sequence

from returns.result import Failure, Success

from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers, is_answered
from llm_manager.adapters.dialects.error_envelopes import error_in
from llm_manager.adapters.dialects.error_words import words_in, words_of
from llm_manager.adapters.dialects.fields import arguments_text_of, object_of, objects_of, strictly, text_of
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.refusals import error_inside, error_of
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target


def read_answer(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *body* holds, or the error it is."""
    if not is_answered(status):
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    answer = read.unwrap()
    told = usage_of(answer)
    return paid_for(strictly(target, _response, answer, told, headers, target), told)


def _response(answer: Json, told: Usage, headers: Headers, target: Target) -> Outcome[LLMResponse, LLMError]:
    error = error_in(answer)
    if error is not None:
        return Failure(read_error_inside(error, target))
    found = Assembly(target, headers.get("x-request-id"))
    found.usage = told
    found.served_model = as_text(answer.get("model")) or None
    read = read_message(object_of(answer.get("message"), "message"), found)
    if isinstance(read, Failure):
        return read
    end_with(found, answer)
    found.finish = found.finish or "unknown"  # it is whole, whatever it says of its end
    return found.whole()


def read_message(message: Json, answer: Assembly) -> Outcome[Sequence[Delta], LLMError]:
    """What *message*, or a piece of one, adds to *answer*. A call that has no id gets one."""
    deltas: list[Delta] = []
    if thought := text_of(message.get("thinking"), "message.thinking"):
        deltas.append(answer.think(thought))
    if text := text_of(message.get("content"), "message.content"):
        deltas.append(answer.say(text))
    for call in objects_of(message.get("tool_calls"), "message.tool_calls"):
        function = object_of(call.get("function"), "message.tool_calls.function")
        arguments = arguments_text_of(function.get("arguments"), "message.tool_calls.function.arguments") or "{}"
        name = text_of(function.get("name"), "message.tool_calls.function.name")
        id_ = text_of(call.get("id"), "message.tool_calls.id") or f"call_{len(answer.calls)}"
        called = answer.begin_call(id_, name, arguments)
        if isinstance(called, Failure):
            return called
        deltas.append(called.unwrap())
    return Success(deltas)


def end_with(answer: Assembly, told: Json) -> None:
    """Why the answer ended, as far as *told* says so."""
    answer.end_with(text_of(told.get("done_reason"), "done_reason") or "")


def usage_of(answer: Json) -> Usage:
    """The tokens that the end of *answer* tells."""
    prompt, completion = as_count(answer.get("prompt_eval_count")), as_count(answer.get("eval_count"))
    total = None if prompt is None or completion is None else prompt + completion
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total)


def read_models(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[tuple[str, ...], LLMError]:
    """The names in the answer to ``GET /tags``."""
    if not is_answered(status):
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
