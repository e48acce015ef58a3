"""What comes back from Anthropic: answers, lists of models, and errors told apart by their type.

Checked on 2026-11-21 against Anthropic's API reference ("Create a Message", "List Models", "Errors", "Rate limits").
Types decide where there is one; a prompt that is too long and an empty account have none of their own, and are told by
the sentences of :mod:`~llm_manager.adapters.dialects.refusal_words`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from returns.result import Failure, Success

from llm_manager.adapters.dialects.anthropic_thoughts import place_of_text, signature_of
from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers, is_answered
from llm_manager.adapters.dialects.error_envelopes import error_in, named
from llm_manager.adapters.dialects.error_words import words_in, words_of
from llm_manager.adapters.dialects.fields import WrongType, arguments_text_of, objects_of, strictly, text_of
from llm_manager.adapters.dialects.header_costs import with_cost
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.refusals import STATUS_OF, error_inside, error_of
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.target import Target


def read_answer(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *body* holds, or the error it is."""
    if not is_answered(status):
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    answer = read.unwrap()
    told = with_cost(usage_of(as_object(answer.get("usage"))), headers)
    return paid_for(strictly(target, _response, answer, told, headers, target), told)


def _response(answer: Json, told: Usage, headers: Headers, target: Target) -> Outcome[LLMResponse, LLMError]:
    error = error_in(answer)
    if error is not None:
        return Failure(read_error_inside(error, headers, target))
    found = Assembly(target, headers.get("request-id"))
    found.usage = told
    found.response_id = as_text(answer.get("id"))
    found.served_model = as_text(answer.get("model")) or None
    read = _blocks(answer.get("content"), found)
    if isinstance(read, Failure):
        return read
    end_with(found, answer, headers, target)
    found.finish = found.finish or "unknown"  # it is whole, whatever it says of its end
    return found.whole()


def _blocks(content: object, found: Assembly) -> Outcome[None, LLMError]:
    """Read the blocks of *content* in order, each call with the thinking blocks since the one before it. Blocks of
    other kinds are the vendor's own, such as what its own tools did."""
    if isinstance(content, str):
        found.say(content)
        return Success(None)
    thoughts: list[Json] = []
    for at, block in enumerate(objects_of(content, "content")):
        match kind_of(block, f"content[{at}]"):
            case "text":
                text = text_of(block.get("text"), f"content[{at}].text") or ""
                found.say(text)
                thoughts += (place_of_text(len(text)),) if text else ()
            case "thinking" | "redacted_thinking":
                thoughts.append({"type": "thinking", **block})
                found.think(text_of(block.get("thinking"), f"content[{at}].thinking") or "")
            case "tool_use":
                id_, name = (
                    text_of(block.get("id"), f"content[{at}].id"),
                    text_of(block.get("name"), f"content[{at}].name"),
                )
                arguments = arguments_text_of(block.get("input"), f"content[{at}].input")
                signature = signature_of(thoughts, is_first=not found.calls)
                called = found.begin_call(id_, name, arguments, signature)
                if isinstance(called, Failure):
                    return called
                thoughts = []
            case _:
                pass
    return Success(None)


_KINDS: Mapping[str, str] = {"text": "text", "thinking": "thinking", "data": "redacted_thinking", "input": "tool_use"}
"""What a block is that does not say so, by what it holds."""


def kind_of(block: Json, path: str) -> str:
    """The kind of a block: others than these are known to the vendor alone."""
    kind = block.get("type")
    if isinstance(kind, str):
        return kind
    if kind is not None:
        raise WrongType(f"{path}.type", kind)
    return next((kind for name, kind in _KINDS.items() if name in block), "")


def end_with(answer: Assembly, told: Json, headers: Headers, target: Target) -> None:
    """Why the answer ended, as *told* has it, with the vendor's words of a refusal; the name of an error is that
    error."""
    word = text_of(told.get("stop_reason"), "stop_reason")
    if word is None:
        return
    why = refusal_of(told) if word == "refusal" and not answer.text else ""
    if why:
        answer.say(why)
    answer.end_with(word)
    answer.refused = answer.finish == "refusal"
    if answer.failure is not None and word.lower() in STATUS_OF:
        answer.failure = read_error_inside(named(word.lower()), headers, target)


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
    if not is_answered(status):
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
