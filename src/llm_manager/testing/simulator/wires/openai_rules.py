"""What OpenAI's chat completions understand and what they refuse (API reference and error messages, 2026-11-21).

A simulator that accepts everything proves nothing: what the vendor answers with 400 is answered with 400 here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from llm_manager.testing.simulator.asked import Asked, Tool
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Status
from llm_manager.testing.simulator.wires.openai_models import refusals
from llm_manager.testing.simulator.wires.values import Fields, fields_in, object_in, rows_in

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_PARTS = frozenset({"text", "image_url", "input_audio", "file", "refusal"})
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NO_MAX_TOKENS = re.compile(r"(o\d|gpt-[5-9])")


def asked_by(received: Received) -> Asked | Status:
    """What a ``POST .../chat/completions`` asks for, or how OpenAI refuses it."""
    if received.method != "POST" or not received.path.endswith("/chat/completions"):
        return Status(404, "unknown_url", f"Unknown request URL: {received.method} {received.path}.")
    fields = object_in(received.body)
    if fields is None:
        return Status(400, None, "We could not parse the JSON body of your request.")
    if not received.headers.get("authorization", "").removeprefix("Bearer "):
        return Status(401, None, "You didn't provide an API key.")
    complaint = next(_complaints(fields), None)
    return _asked(fields) if complaint is None else complaint


def _asked(fields: Fields) -> Asked:
    wanted = fields_in(fields, "response_format")
    return Asked(
        model=str(fields["model"]),
        last_text=_text(rows_in(fields, "messages")[-1]),
        streamed=bool(fields.get("stream")),
        usage_streamed=bool(fields_in(fields, "stream_options").get("include_usage")),
        json_only=wanted.get("type") == "json_object",
        schema=fields_in(wanted, "json_schema").get("schema"),
        tool=_tool(fields),
    )


def _tool(fields: Fields) -> Tool | None:
    """The tool that the model is made to call: the one named, or the first if any will do."""
    choice = fields.get("tool_choice")
    if isinstance(choice, dict):
        wanted = fields_in(cast("Fields", choice), "function").get("name")
    elif choice == "required":
        wanted = None
    else:
        return None
    for tool in rows_in(fields, "tools"):
        function = fields_in(tool, "function")
        if wanted in {None, function["name"]}:
            return Tool(name=str(function["name"]), schema=function.get("parameters", {"type": "object"}))
    return None


def _complaints(fields: Fields) -> Iterator[Status]:
    """Everything OpenAI would refuse, in the order in which it looks."""
    if not isinstance(fields.get("model"), str) or not fields["model"]:
        yield Status(400, "missing_required_parameter", "you must provide a model parameter")
    if not rows_in(fields, "messages"):
        yield Status(400, "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1.")
    yield from _message_complaints(rows_in(fields, "messages"))
    yield from _number_complaints(fields)
    yield from _format_complaints(fields)
    yield from _tool_complaints(fields)
    yield from refusals(fields)


def _message_complaints(messages: Sequence[Fields]) -> Iterator[Status]:
    called: set[object] = set()
    for index, message in enumerate(messages):
        role = message.get("role")
        if role not in _ROLES:
            yield Status(400, "invalid_value", f"Invalid value: {role!r}. Supported values are: {sorted(_ROLES)}.")
        if role == "tool" and message.get("tool_call_id") not in called:
            yield Status(400, None, "messages with role 'tool' must be a response to a preceding 'tool_calls'.")
        if role != "assistant" and message.get("content") is None:
            yield Status(400, "invalid_type", f"Invalid value for 'messages[{index}].content': expected a string.")
        for part in rows_in(message, "content"):
            if part.get("type") not in _PARTS:
                yield Status(400, "invalid_value", f"Invalid value: {part.get('type')!r}.")
            if part.get("type") == "image_url" and not _is_image(fields_in(part, "image_url").get("url")):
                yield Status(400, "invalid_image_url", "Expected a URL of an image or a data URL in base64.")
        for at, call in enumerate(rows_in(message, "tool_calls")):
            yield from _id_complaints(f"messages[{index}].tool_calls[{at}].id", call.get("id"))
        called |= {call.get("id") for call in rows_in(message, "tool_calls")}


def _id_complaints(at: str, id_: object) -> Iterator[Status]:
    """agno-agi/agno#5382 (2025), anomalyco/opencode#12653 (2026)."""
    if not isinstance(id_, str) or not id_:
        yield Status(400, "invalid_type", f"Invalid type for '{at}': expected a string.")
    elif len(id_) > 40:
        said = f"Invalid '{at}': string too long. Expected a string with maximum length 40"
        message = f"{said}, but got a string with length {len(id_)} instead."
        yield Status(400, "string_above_max_length", message, param=at)


def _is_image(url: object) -> bool:
    return isinstance(url, str) and re.match(r"https?://|data:image/(png|jpeg|gif|webp);base64,", url) is not None


def _number_complaints(fields: Fields) -> Iterator[Status]:
    for name, low, high in (("temperature", 0, 2), ("top_p", 0, 1), ("presence_penalty", -2, 2)):
        value = fields.get(name)
        if isinstance(value, int | float) and not low <= value <= high:
            yield Status(400, "decimal_out_of_range", f"Invalid {name!r}: expected a value between {low} and {high}.")
    for name in ("max_tokens", "max_completion_tokens"):
        value = fields.get(name)
        if isinstance(value, int) and value < 1:
            yield Status(400, "integer_below_min_value", f"Invalid {name!r}: expected a value >= 1.")
    if _NO_MAX_TOKENS.match(str(fields.get("model"))) and fields.get("max_tokens") is not None:
        said = "Unsupported parameter: 'max_tokens' is not supported with this model."
        message = f"{said} Use 'max_completion_tokens' instead."
        yield Status(400, "unsupported_parameter", message, param="max_tokens")
    stops = fields.get("stop")
    if isinstance(stops, list) and len(cast("list[object]", stops)) > 4:
        yield Status(400, "array_above_max_length", "Invalid 'stop': array too long. Expected at most 4 elements.")
    if fields.get("stream_options") is not None and not fields.get("stream"):
        yield Status(400, None, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")


def _format_complaints(fields: Fields) -> Iterator[Status]:
    wanted = fields_in(fields, "response_format")
    if wanted.get("type") == "json_object" and "json" not in json.dumps(fields["messages"]).lower():
        yield Status(400, None, "'messages' must contain the word 'json' in some form, to use 'response_format'.")
    if wanted.get("type") != "json_schema":
        return
    held = fields_in(wanted, "json_schema")
    if not _NAME.fullmatch(str(held.get("name", ""))):
        yield Status(400, "missing_required_parameter", "Missing or invalid 'response_format.json_schema.name'.")
    schema = held.get("schema")
    reason = _not_strict(schema, "object") if held.get("strict") else None
    if reason is not None:
        name = held.get("name")
        yield Status(400, "invalid_json_schema", f"Invalid schema for response_format '{name}': {reason}")


def _tool_complaints(fields: Fields) -> Iterator[Status]:
    for tool in rows_in(fields, "tools"):
        function = fields_in(tool, "function")
        if tool.get("type") != "function" or not _NAME.fullmatch(str(function.get("name", ""))):
            yield Status(400, "invalid_value", "Invalid 'tools[].function.name': expected [a-zA-Z0-9_-]{1,64}.")
        reason = _not_strict(function.get("parameters"), "object") if function.get("strict") else None
        if reason is not None:
            said = f"Invalid schema for function {function.get('name')!r}: {reason}"
            yield Status(400, "invalid_function_parameters", said)
    if fields.get("tool_choice") is not None and not rows_in(fields, "tools"):
        yield Status(400, None, "'tool_choice' is only allowed when 'tools' are specified.")


def _not_strict(schema: object, root_type: str | None = None) -> str | None:
    """Why OpenAI does not hold a model to *schema* ("Structured model outputs: supported schemas"), None if it does."""
    if isinstance(schema, list):
        return next((why for part in cast("list[object]", schema) if (why := _not_strict(part))), None)
    if not isinstance(schema, Mapping):
        return None if root_type is None else "schema must be a JSON Schema of 'type: \"object\"'."
    fields = cast("Fields", schema)
    if root_type is not None and fields.get("type") != root_type:
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {fields.get('type')!r}'."
    properties = fields_in(fields, "properties")
    if fields.get("type") == "object" and fields.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    if set(properties) - set(cast("Sequence[str]", fields.get("required", ()))):
        return "'required' is required to be supplied and to be an array including every key in properties."
    inside = (*properties.values(), *fields_in(fields, "$defs").values(), fields.get("items"), fields.get("anyOf"))
    return next((why for part in inside if (why := _not_strict(part))), None)


def _text(message: Fields) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", f"<{part.get('type')}>")) for part in rows_in(message, "content"))
