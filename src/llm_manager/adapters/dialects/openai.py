"""The OpenAI wire, as OpenAI, Groq, LM Studio, Portkey and many others speak it: chat completions.

Checked on 2026-11-21 against OpenAI's API reference ("Create chat completion", "Error codes") and Groq's
("OpenAI compatibility"). What a request's ``context`` holds is sent as a JSON block in front of the prompt.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llm_manager.adapters.dialects.anthropic_thoughts import Before, bound, is_bound, laid_out
from llm_manager.adapters.dialects.dialect import Dialect, Encoded, Headers
from llm_manager.adapters.dialects.json_values import Json, written
from llm_manager.adapters.dialects.openai_answers import read_answer, read_models
from llm_manager.adapters.dialects.openai_stream import CompletionReader
from llm_manager.adapters.dialects.signatures import compatible_proofs, gemini_proofs, reasoning_for
from llm_manager.adapters.dialects.texts import system_text, with_context
from llm_manager.domain.provider_facts import CallIds
from llm_manager.domain.request import (
    ImagePart,
    JsonMode,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    Tool,
    ToolCall,
)
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from llm_manager.policies.call_ids import with_fitting_ids


def encode(request: LLMRequest, target: Target, streamed: bool) -> Encoded:  # noqa: FBT001  # the shape of a dialect
    """``POST /chat/completions``. A stream is asked to tell its usage at the end."""
    fields = chat_fields(request, target)
    if streamed:
        fields |= STREAMED if target.provider.asks_for_usage else {"stream": True}
    return Encoded(path="chat/completions", body=written(fields))


def authorization(key: Secret | None) -> Headers:
    """The header that carries *key*; a server on this machine wants none."""
    return {} if key is None else {"authorization": f"Bearer {key.reveal()}"}


_NOTHING: Json = {}

STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def chat_fields(request: LLMRequest, target: Target) -> dict[str, Any]:
    """What a chat completion is asked with. What the caller left open is not mentioned."""
    wish = request.preferences
    fields: dict[str, Any] = {"model": target.model, "messages": _messages(request, target)}
    options = {
        target.provider.limit_field: wish.max_tokens or target.default_max_tokens,
        "temperature": wish.temperature,
        "top_p": wish.top_p,
        "seed": wish.seed,
        "stop": list(wish.stop) or None,
        "response_format": _response_format(request),
    }
    fields.update((name, value) for name, value in options.items() if value is not None)
    if request.tools:
        fields["tools"] = [_tool(tool) for tool in request.tools]
        fields["tool_choice"] = _tool_choice(request)
        if not target.facts.reasons_with_tools:
            fields["reasoning_effort"] = "none"
    return fields


def _messages(request: LLMRequest, target: Target, before: Before | None = None) -> list[Json]:
    """The turns. Behind a gateway may stand a vendor of another wire: one that takes a single system prompt, and that
    wants to be told whose result a result is. *before* is told each of them."""
    foreign = target.provider.wire != "openai"
    system = system_text(request) if foreign else request.system_prompt
    messages: list[Json] = [{"role": "system", "content": system}] if system else []
    names: dict[str, str] = {}
    if before is None and _is_claude(target) and any(is_bound(message.tool_calls) for message in request.messages):
        before = _before(request)
    for message in with_fitting_ids(request.messages, _call_ids(target)):
        names.update((call.id, call.name) for call in message.tool_calls)
        if foreign and message.role == "system":
            continue
        name = names.get(message.tool_call_id or "") if foreign else None
        thoughts = _NOTHING if before is None else _thoughts(message, before)
        fields = {**_message(message, target), **thoughts, **({} if name is None else {"name": name})}
        messages.append(fields)
        if before is not None:
            before.add(message.role, [fields])
    prompt = with_context(request)
    if prompt:
        messages.append({"role": "user", "content": prompt})
        if before is not None:
            before.add("user", messages[-1:])
    return messages


def _is_claude(target: Target) -> bool:
    """Does a gateway pass the request on to Claude, and to nobody else?"""
    return target.provider.wire == "anthropic" and not target.alternates


def _before(request: LLMRequest) -> Before:
    return Before(system_text(request), [_tool(tool) for tool in request.tools])


def _thoughts(message: Message, before: Before) -> Json:
    """Claude's thoughts in *message* with the text around them, as Portkey's gateway takes them back."""
    if not is_bound(message.tool_calls):
        return _NOTHING
    text = message.content if isinstance(message.content, str) else None
    said: list[Json] = [{"type": "text", "text": text}] if text else []
    blocks = [each for each in laid_out(text, message.tool_calls, said, before.name) if each.get("type") != "tool_use"]
    return {"content_blocks": blocks} if any(each.get("type") != "text" for each in blocks) else _NOTHING


def sign(response: LLMResponse, request: LLMRequest, target: Target) -> LLMResponse:
    """*response* whose thoughts, if they are Claude's, know what they are bound to."""
    if not _is_claude(target) or not is_bound(response.tool_calls):
        return response
    before = _before(request)
    _messages(request, target, before)
    calls = (replace(call, signature=bound(call.signature, before.name)) for call in response.tool_calls)
    return replace(response, tool_calls=tuple(calls))


def _message(message: Message, target: Target) -> Json:
    content: Any = message.content
    if not isinstance(content, str):
        content = [_part(part) for part in message.content]
    fields: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        fields["tool_calls"] = _tool_calls(message.tool_calls, target)
        reasoning = reasoning_for(message.tool_calls, target)
        if reasoning is not None:
            fields["reasoning_content"] = reasoning
        if not content:
            del fields["content"]  # llama-cpp-python 0.3.36 answers null with 500; left out it is taken by all
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    return fields


def _part(part: Any) -> Json:
    if not isinstance(part, ImagePart):
        return {"type": "text", "text": part.text}
    url = part.url
    if part.data is not None:
        url = f"data:{part.media_type};base64,{b64encode(part.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _call_ids(target: Target) -> CallIds:
    """The narrowest form that those take who may get the request."""
    forms = {each.provider.call_ids for each in (target, *target.alternates)}
    return next(form for form in _NARROWEST_FIRST if form in forms)


_NARROWEST_FIRST: tuple[CallIds, ...] = ("nine", "words", "short", "any")


def _tool_calls(calls: Sequence[ToolCall], target: Target) -> list[Json]:
    """The calls of one answer; with Gemini's proof of its thoughts where a gateway may pass them on to it, or where its
    own endpoint for this wire is asked, and there alone: nobody else knows the fields."""
    geminis = [each.model for each in (target, *target.alternates) if each.provider.wire == "gemini"]
    if geminis:
        proofs = gemini_proofs(calls, geminis[0])
        return [
            _tool_call(call, inside={"thought_signature": proof}) for call, proof in zip(calls, proofs, strict=True)
        ]
    proofs = compatible_proofs(calls, target)
    return [
        _tool_call(call, beside={"extra_content": {"google": {"thought_signature": proof}}} if proof else {})
        for call, proof in zip(calls, proofs, strict=True)
    ]


def _tool_call(call: ToolCall, inside: Json = _NOTHING, beside: Json = _NOTHING) -> Json:
    known = {name: value for name, value in inside.items() if value is not None}
    function = {"name": call.name, "arguments": call.arguments, **known}
    return {"id": call.id, "type": "function", "function": function, **beside}


def _tool(tool: Tool) -> Json:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _tool_choice(request: LLMRequest) -> Any:
    if isinstance(request.tool_choice, NamedTool):
        return {"type": "function", "function": {"name": request.tool_choice.name}}
    return request.tool_choice


def _response_format(request: LLMRequest) -> Json | None:
    match request.response_format:
        case None:
            return None
        case JsonMode():
            return {"type": "json_object"}
        case JsonSchema(schema=schema, name=name, strict=strict):
            return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": strict}}


DIALECT = Dialect(
    encode=encode,
    authorization=authorization,
    read_answer=read_answer,
    read_models=read_models,
    reader=CompletionReader,
    sign=sign,
)
