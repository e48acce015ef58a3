"""What Gemini's API understands and what it refuses (API reference and error messages, 2026-11-21).

Fields it does not know are refused, as the vendor does. The key may be in its header or, as Portkey's gateway has it,
in the URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import cast

from llm_manager.testing.simulator.asked import Asked, Tool
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Status
from llm_manager.testing.simulator.wires.values import Fields, fields_in, object_in, rows_in

_PATH = re.compile(r"/models/(?P<model>[^/:?]+):(?P<verb>generateContent|streamGenerateContent)(?P<query>\?.*)?$")

_KNOWN = frozenset(
    {
        "contents",
        "systemInstruction",
        "generationConfig",
        "tools",
        "toolConfig",
        "safetySettings",
        "cachedContent",
        "model",
    }
)
_CONFIG = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "maxOutputTokens",
        "stopSequences",
        "seed",
        "candidateCount",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
        "presencePenalty",
        "frequencyPenalty",
    }
)
_MOST_STOPS = 5
_MODES = frozenset({"AUTO", "ANY", "NONE", "VALIDATED"})
_PARTS = ("text", "inlineData", "fileData", "functionCall", "functionResponse")


def is_generation(path: str) -> bool:
    """Does *path* ask a model for an answer?"""
    return _PATH.search(path) is not None


def wants_list(path: str) -> bool:
    """Does *path* ask for a stream that is no stream of events but one long list?"""
    found = _PATH.search(path)
    return found is not None and found["verb"] == "streamGenerateContent" and "alt=sse" not in (found["query"] or "")


def version_of(model: str) -> tuple[int, int]:
    """The generation of *model*: nothing for one that is no Gemini or does not tell."""
    found = re.match(r"gemini-(\d+)(?:\.(\d+))?-", model)
    return (0, 0) if found is None else (int(found[1]), int(found[2] or 0))


def asked_by(received: Received) -> Asked | Status:
    """What a ``POST .../models/{model}:generateContent`` asks for, or how Gemini refuses it."""
    path = _PATH.search(received.path)
    if received.method != "POST" or path is None:
        return Status(404, None, "Requested entity was not found.")
    if not received.headers.get("x-goog-api-key") and "key=" not in (path["query"] or ""):
        return Status(403, None, "Method doesn't allow unregistered callers. Please use API Key.")
    body = object_in(received.body)
    if body is None:
        return Status(400, None, "Invalid JSON payload received.")
    fields = _camel(body)
    streamed = path["verb"] == "streamGenerateContent"
    complaint = next(_complaints(fields, path["model"]), None)
    return _asked(fields, path["model"], streamed=streamed) if complaint is None else Status(400, None, complaint)


_THEIRS = frozenset({"args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema"})
"""Under these stand the caller's own names."""


def _camel(fields: Fields) -> Fields:
    """*fields* with their names as the vendor writes them; it reads ``tool_config`` for ``toolConfig`` as well."""
    renamed = {re.sub(r"_(\w)", lambda found: found[1].upper(), name): value for name, value in fields.items()}
    return {name: value if name in _THEIRS else _camelled(value) for name, value in renamed.items()}


def _camelled(value: object) -> object:
    if isinstance(value, list):
        return [_camelled(item) for item in cast("list[object]", value)]
    return _camel(cast("Fields", value)) if isinstance(value, dict) else value


def _asked(fields: Fields, model: str, *, streamed: bool) -> Asked:
    config = fields_in(fields, "generationConfig")
    schema = config.get("responseJsonSchema", config.get("responseSchema"))
    return Asked(
        model=model,
        last_text=_text(rows_in(fields, "contents")[-1]),
        streamed=streamed,
        usage_streamed=True,
        json_only=config.get("responseMimeType") == "application/json" and schema is None,
        schema=schema,
        tool=_tool(fields),
    )


def _declared(fields: Fields) -> Sequence[Fields]:
    return [tool for group in rows_in(fields, "tools") for tool in rows_in(group, "functionDeclarations")]


def _tool(fields: Fields) -> Tool | None:
    """The tool that the model is made to call: the first that is allowed."""
    calling = fields_in(fields_in(fields, "toolConfig"), "functionCallingConfig")
    if calling.get("mode") != "ANY":
        return None
    allowed = calling.get("allowedFunctionNames")
    for tool in _declared(fields):
        if not isinstance(allowed, list) or tool["name"] in allowed:
            schema = tool.get("parametersJsonSchema", tool.get("parameters", {"type": "object"}))
            return Tool(name=str(tool["name"]), schema=schema)
    return None


def _text(content: Fields) -> str:
    return " ".join(str(part.get("text", f"<{next(iter(part), '')}>")) for part in rows_in(content, "parts"))


def _complaints(fields: Fields, model: str) -> Iterator[str]:
    """Everything Gemini would refuse, in the order in which it looks."""
    for name in fields:
        if name not in _KNOWN:
            yield f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    config = fields_in(fields, "generationConfig")
    for name in config:
        if name not in _CONFIG:
            yield f"Invalid JSON payload received. Unknown name \"{name}\" at 'generation_config': Cannot find field."
    yield from _content_complaints(rows_in(fields, "contents"))
    yield from _turn_complaints(rows_in(fields, "contents"), version_of(model), model)
    yield from _number_complaints(config)
    schema = config.get("responseJsonSchema", config.get("responseSchema"))
    if schema is not None and config.get("responseMimeType") != "application/json":
        yield "Function calling config: response_schema is only supported with a response mime type of json"
    yield from _tool_complaints(fields)


def _content_complaints(contents: Sequence[Fields]) -> Iterator[str]:
    if not contents:
        yield "* GenerateContentRequest.contents: contents is not specified"
    for content in contents:
        if content.get("role") not in {"user", "model", "function"}:
            yield "Please use a valid role: user, model."
        parts = rows_in(content, "parts")
        if not parts:
            yield "* GenerateContentRequest.contents.parts: contents.parts must not be empty."
        for part in parts:
            if not any(name in part for name in _PARTS):
                yield "* GenerateContentRequest.contents.parts: required oneof field 'data' must have one value"
            media = fields_in(part, "inlineData")
            if media and not str(media.get("mimeType", "")).startswith(
                ("image/", "audio/", "video/", "application/pdf")
            ):
                yield f"Unsupported MIME type: {media.get('mimeType')}"


_NO_PREFILL = (3, 6)
"""From here on a request may not end with the model's turn. 3.5 Flash-Lite, which came out with it, is as strict."""


def _turn_complaints(contents: Sequence[Fields], version: tuple[int, int], model: str) -> Iterator[str]:
    """What is wrong with one turn beside the others: results without their calls, and calls without their proof."""
    calls: Sequence[Fields] = ()
    for content in contents:
        results = _held(content, "functionResponse")
        yield from _result_complaints(calls, results)
        calls = _held(content, "functionCall")
    if version >= (3, 0):
        yield from _proof_complaints(contents)
    strict = version >= _NO_PREFILL or model.startswith("gemini-3.5-flash-lite")
    if strict and contents and contents[-1].get("role") == "model":
        yield "Requests ending with a model turn are not supported."


def _held(content: Fields, name: str) -> Sequence[Fields]:
    """The calls, or the results, in *content*."""
    return [fields_in(part, name) for part in rows_in(content, "parts") if name in part]


def _result_complaints(calls: Sequence[Fields], results: Sequence[Fields]) -> Iterator[str]:
    names = [call.get("name") for call in calls]
    if any(result.get("name") not in names for result in results):
        yield "Please ensure that function response turn comes immediately after a function call turn."
    if len(calls) != len(results):
        yield (
            "Please ensure that the number of function response parts is equal to the number of function call parts "
            "of the function call turn."
        )
    if {call.get("id") for call in calls} != {result.get("id") for result in results}:
        yield "functionResponse.id does not match functionCall.id"


def _proof_complaints(contents: Sequence[Fields]) -> Iterator[str]:
    """Gemini 3 wants, since the user last said something, the signature of the first call of each of its turns."""
    for content in reversed(contents):
        parts = rows_in(content, "parts")
        if content.get("role") != "model" and any("functionResponse" not in part for part in parts):
            return
        called = [part for part in parts if "functionCall" in part]
        if called and not called[0].get("thoughtSignature"):
            name = fields_in(called[0], "functionCall").get("name")
            yield (
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                f"work correctly. Additional data, function call `default_api:{name}`."
            )


def _number_complaints(config: Fields) -> Iterator[str]:
    for name, low, high in (("temperature", 0, 2), ("topP", 0, 1)):
        value = config.get(name)
        if isinstance(value, int | float) and not low <= value <= high:
            yield f"* GenerateContentRequest.generation_config.{name}: must be in the range [{low}, {high}]"
    stops = config.get("stopSequences")
    if isinstance(stops, list) and len(cast("list[object]", stops)) > _MOST_STOPS:
        yield f"* GenerateContentRequest.generation_config.stop_sequences: at most {_MOST_STOPS}"


def _tool_complaints(fields: Fields) -> Iterator[str]:
    declared = _declared(fields)
    for tool in declared:
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", str(tool.get("name", ""))):
            yield "Invalid function name. Must start with a letter or an underscore."
        if "parametersJsonSchema" in tool and fields_in(tool, "parametersJsonSchema").get("type") != "object":
            yield "function parameters schema should be of type OBJECT"
    calling = fields_in(fields_in(fields, "toolConfig"), "functionCallingConfig")
    if calling and calling.get("mode") not in _MODES:
        yield "Invalid value at 'tool_config.function_calling_config.mode'"
    if calling and not declared:
        yield "Function calling config is set without function_declarations."
