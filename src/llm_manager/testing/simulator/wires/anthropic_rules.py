"""What Anthropic's Messages API understands and what it refuses (API reference and error messages, 2026-11-21).

The version of 2023 is spoken. Fields it does not know are refused, as the vendor does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from llm_manager.testing.simulator.asked import Asked, Tool
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Status
from llm_manager.testing.simulator.wires.values import (
    Fields,
    fields_in,
    keywords_of,
    object_in,
    open_objects,
    rows_in,
)

_KNOWN = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "system",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "tools",
        "tool_choice",
        "output_config",
        "thinking",
        "metadata",
        "service_tier",
    }
)
_SAMPLED = re.compile(r"claude-(3|haiku-4|sonnet-4|opus-4(?!-[78]))")
"""Models that still take a temperature: those before Opus 4.7 ("Migration guide"; "`temperature` is deprecated for this
model" in Comfy-Org/ComfyUI#13923). Read 2026-11-21."""

_UNFORCED = re.compile(r"claude-(sonnet-5-[5-9]|opus-5-[5-9]|fable-5-[1-9]|mythos-5-[1-9])")
"""Models that refuse a tool that must be called: "What's new in Claude Sonnet 5.5" and in Opus 5.5, anthropics/
claude-cookbooks#854 (Fable 5.1), can1357/oh-my-pi#12939 (Opus 5.5); Haiku 5.5 takes one. Read 2026-11-21."""

_REFUSED_WORDS = frozenset({"minimum", "maximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems"})
_MEDIA = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_BLOCKS = frozenset({"text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking"})


def asked_by(received: Received) -> Asked | Status:
    """What a ``POST .../messages`` asks for, or how Anthropic refuses it."""
    if received.method != "POST" or not received.path.split("?")[0].endswith("/messages"):
        return Status(404, None, "Not found")
    if not _key(received):
        return Status(401, None, "x-api-key header is required")
    if "anthropic-version" not in received.headers:
        return Status(400, None, "anthropic-version: header is required")
    fields = object_in(received.body)
    if fields is None:
        return Status(400, None, "The request body is not valid JSON")
    complaint = next(_complaints(fields), None)
    return _asked(fields) if complaint is None else Status(400, None, complaint)


def _key(received: Received) -> str:
    """The older header and the newer one: the vendor takes both."""
    return received.headers.get("x-api-key") or received.headers.get("authorization", "").removeprefix("Bearer ")


def _asked(fields: Fields) -> Asked:
    return Asked(
        model=str(fields["model"]),
        last_text=_text(rows_in(fields, "messages")[-1]),
        streamed=bool(fields.get("stream")),
        usage_streamed=True,
        schema=fields_in(fields_in(fields, "output_config"), "format").get("schema"),
        tool=_tool(fields),
    )


def _tool(fields: Fields) -> Tool | None:
    """The tool that the model is made to call: the one named, or the first if any will do."""
    choice = fields_in(fields, "tool_choice")
    if choice.get("type") not in {"any", "tool"}:
        return None
    for tool in rows_in(fields, "tools"):
        if choice.get("name") in {None, tool["name"]}:
            return Tool(name=str(tool["name"]), schema=tool["input_schema"])
    return None


def _text(message: Fields) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return " ".join(str(block.get("text", f"<{block.get('type')}>")) for block in rows_in(message, "content"))


def _complaints(fields: Fields) -> Iterator[str]:
    """Everything Anthropic would refuse, in the order in which it looks."""
    for name in ("model", "max_tokens", "messages"):
        if name not in fields:
            yield f"{name}: Field required"
    for name in fields:
        if name not in _KNOWN:
            yield f"{name}: Extra inputs are not permitted"
    most = fields.get("max_tokens")
    if not isinstance(most, int) or most < 1:
        yield "max_tokens: must be greater than or equal to 1"
    yield from _sampling_complaints(fields)
    yield from _message_complaints(rows_in(fields, "messages"))
    yield from _tool_complaints(fields)
    yield from _format_complaints(fields)


def _sampling_complaints(fields: Fields) -> Iterator[str]:
    for name in ("temperature", "top_p"):
        value = fields.get(name)
        if value is None:
            continue
        if not _SAMPLED.match(str(fields.get("model"))):
            yield f"`{name}` is deprecated for this model."
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            yield f"{name}: range: 0..1"


def _message_complaints(messages: Sequence[Fields]) -> Iterator[str]:
    if not messages:
        yield "messages: at least one message is required"
    called: set[object] = set()
    for index, message in enumerate(messages):
        if message.get("role") not in {"user", "assistant"}:
            yield f"messages.{index}.role: Input should be 'user' or 'assistant'"
        if message.get("content") in ("", []):
            yield f"messages.{index}: all messages must have non-empty content"
        for block in rows_in(message, "content"):
            yield from _block_complaints(f"messages.{index}", block, called)
    if messages and messages[-1].get("role") == "assistant":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."


def _block_complaints(at: str, block: Fields, called: set[object]) -> Iterator[str]:
    match block.get("type"):
        case "text" if not block.get("text"):
            yield f"{at}: text content blocks must be non-empty"
        case "image":
            yield from _image_complaints(at, fields_in(block, "source"))
        case "tool_use":
            yield from _id_complaints(f"{at}.content.tool_use.id", block.get("id"))
            if block.get("id") in called:
                yield f"{at}: `tool_use` ids must be unique"
            called.add(block.get("id"))
            if not isinstance(block.get("input"), dict):
                yield f"{at}.content.tool_use.input: Input should be a valid dictionary"
        case "tool_result" if block.get("tool_use_id") not in called:
            yield f"{at}: unexpected `tool_use_id` found in `tool_result` blocks: {block.get('tool_use_id')}"
        case "thinking" if not block.get("signature"):
            yield f"{at}.content.thinking.signature: Field required"
        case kind if kind not in _BLOCKS:
            yield f"{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        case _:
            pass


def _id_complaints(at: str, id_: object) -> Iterator[str]:
    """langchain-ai/langchain#37756, NVIDIA-NeMo/Switchyard#502 (2026)."""
    if not isinstance(id_, str) or not re.fullmatch(r"[a-zA-Z0-9_-]+", id_):
        yield f"{at}: String should match pattern '^[a-zA-Z0-9_-]+$'"


def _image_complaints(at: str, source: Fields) -> Iterator[str]:
    if source.get("type") == "base64" and source.get("media_type") not in _MEDIA:
        yield f"{at}.source.media_type: Input should be one of {sorted(_MEDIA)}"
    if source.get("type") == "url" and not str(source.get("url")).startswith("https://"):
        yield f"{at}.source.url: Only HTTPS URLs are supported"
    if source.get("type") not in {"base64", "url", "file"}:
        yield f"{at}.source: Input tag does not match any of the expected tags"


def _tool_complaints(fields: Fields) -> Iterator[str]:
    tools = rows_in(fields, "tools")
    for index, tool in enumerate(tools):
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", str(tool.get("name", ""))):
            yield f"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if fields_in(tool, "input_schema").get("type") != "object":
            yield f"tools.{index}.custom.input_schema.type: Field required"
    if fields.get("tool_choice") is not None and not tools:
        yield "tool_choice: may only be specified while providing tools"
    forced = fields_in(fields, "tool_choice").get("type") in {"any", "tool"}
    if forced and _UNFORCED.match(str(fields.get("model"))):
        yield 'tool_choice: type "tool" and "any" are not supported for this model.'


def _format_complaints(fields: Fields) -> Iterator[str]:
    wanted = fields_in(fields_in(fields, "output_config"), "format")
    if not wanted:
        return
    if wanted.get("type") != "json_schema":
        yield "output_config.format.type: Input should be 'json_schema'"
    refused = keywords_of(wanted.get("schema")) & _REFUSED_WORDS
    if refused:
        yield f"output_config.format.schema: For this type, property '{min(refused)}' is not supported"
    if open_objects(wanted.get("schema")):
        yield "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
