"""Google's Gemini API: how a request is written.

Checked on 2026-11-21 against the Gemini API reference ("Generating content", "Structured outputs", "Function calling",
"File input methods", "Thought signatures") and the types of its SDK 3.4. The key goes into a header, never into the
URL. An image by URL is named to Google, which fetches it. What ToolCall carries as its signature is the proof of the
thoughts that led to the call: Gemini 3 refuses a call without it, and takes a word of its own for those of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from llm_manager.adapters.dialects.dialect import Dialect, Encoded, Headers
from llm_manager.adapters.dialects.gemini_answers import OUR_ID, read_answer, read_models
from llm_manager.adapters.dialects.gemini_stream import ContentReader
from llm_manager.adapters.dialects.images import inline
from llm_manager.adapters.dialects.json_values import Json, arguments_of, object_in, written
from llm_manager.adapters.dialects.signatures import gemini_proofs
from llm_manager.adapters.dialects.texts import system_text, text_of, with_context
from llm_manager.adapters.dialects.turns import merged
from llm_manager.domain.request import (
    ImagePart,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    TextPart,
    Tool,
    ToolCall,
)
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from llm_manager.policies.call_ids import with_fitting_ids

_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
}

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def encode(request: LLMRequest, target: Target, streamed: bool) -> Encoded:  # noqa: FBT001  # the shape of a dialect
    """``POST /models/{model}:generateContent``, or its streaming twin."""
    system = system_text(request)
    options: dict[str, Any] = {
        "systemInstruction": {"parts": [{"text": system}]} if system else None,
        "generationConfig": _config(request) or None,
        "tools": [{"functionDeclarations": [_tool(tool) for tool in request.tools]}] if request.tools else None,
        "toolConfig": {"functionCallingConfig": _calling(request)} if request.tools else None,
    }
    name = target.model.removeprefix("models/")
    fields = {
        "contents": _contents(request, name),
        **{name: value for name, value in options.items() if value is not None},
    }
    verb = "streamGenerateContent?alt=sse" if streamed else "generateContent"
    return Encoded(path=f"models/{quote(name, safe='')}:{verb}", body=written(fields))


def authorization(key: Secret | None) -> Headers:
    """The header that carries *key*."""
    return {} if key is None else {"x-goog-api-key": key.reveal()}


def _config(request: LLMRequest) -> Json:
    wish = request.preferences
    wanted = request.response_format
    options = {
        "maxOutputTokens": wish.max_tokens,
        "temperature": wish.temperature,
        "topP": wish.top_p,
        "seed": wish.seed,
        "stopSequences": list(wish.stop) or None,
        "responseMimeType": None if wanted is None else "application/json",
        "responseJsonSchema": wanted.schema if isinstance(wanted, JsonSchema) else None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _contents(request: LLMRequest, model: str) -> list[Json]:
    """The turns: neighbours of one role are one, and the results of tools are said by the user."""
    return [{"role": role, "parts": parts} for role, parts in merged(_turns(request, model))]


def _turns(request: LLMRequest, model: str) -> Iterator[tuple[str, list[Json]]]:
    names: dict[str, str] = {}
    for message in with_fitting_ids(request.messages, "any"):
        names.update((call.id, call.name) for call in message.tool_calls)
        if message.role == "assistant":
            yield "model", [*_content(message), *_calls(message.tool_calls, model)]
        elif message.role == "tool":
            yield "user", _result(message, names)
        elif message.role == "user":
            yield "user", _content(message)
    prompt = with_context(request)
    if prompt:
        yield "user", [{"text": prompt}]


def _content(message: Message) -> list[Json]:
    content = message.content
    parts = (TextPart(content),) if isinstance(content, str) else content
    return [_part(part) for part in parts if isinstance(part, ImagePart) or part.text]


def _part(part: TextPart | ImagePart) -> Json:
    if isinstance(part, TextPart):
        return {"text": part.text}
    image = inline(part)
    if image is not None:
        return {"inlineData": {"mimeType": image.media_type, "data": image.base64}}
    url = part.url or ""
    kind = part.media_type or _TYPES.get(urlsplit(url).path.rpartition(".")[2].lower())
    return {"fileData": {"fileUri": url, **({} if kind is None else {"mimeType": kind})}}


def _calls(calls: Sequence[ToolCall], model: str) -> Iterator[Json]:
    """The calls of one answer as they came, each with its own id, if it had one, and its signature."""
    for call, proof in zip(calls, gemini_proofs(calls, model), strict=True):
        said = {**_id(call.id), "name": call.name, "args": arguments_of(call.arguments)}
        yield {"functionCall": said, **({} if proof is None else {"thoughtSignature": proof})}


def _result(message: Message, names: Mapping[str, str]) -> list[Json]:
    """What a tool gave. Its images go inside, where the vendor takes bytes alone: those by address stand beside."""
    id_ = message.tool_call_id or ""
    content = () if isinstance(message.content, str) else message.content
    images = [_part(part) for part in content if isinstance(part, ImagePart)]
    inside = [image for image in images if "inlineData" in image]
    said = {**_id(id_), "name": names.get(id_, ""), "response": _response(text_of(message))}
    return [
        {"functionResponse": {**said, **({"parts": inside} if inside else {})}},
        *(image for image in images if "inlineData" not in image),
    ]


def _id(id_: str) -> Json:
    """The vendor's own id; one that we gave would mean nothing to it."""
    return {} if not id_ or id_.startswith(OUR_ID) else {"id": id_}


def _response(text: str) -> Json:
    """What a tool gave, as the object that the wire wants."""
    value = object_in(text)
    return {"result": text} if value is None else value


def _tool(tool: Tool) -> Json:
    described = {"description": tool.description} if tool.description else {}
    schema = {"parametersJsonSchema": tool.parameters} if tool.parameters else {}
    return {"name": tool.name, **described, **schema}


def _calling(request: LLMRequest) -> Json:
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    return {"mode": _MODES[choice]}


DIALECT = Dialect(
    encode=encode,
    authorization=authorization,
    read_answer=read_answer,
    read_models=read_models,
    reader=ContentReader,
    models_path="models?pageSize=1000",
)
