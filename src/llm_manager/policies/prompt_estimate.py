"""How many tokens a request is, with all that is sent: for admission, for the window and for cost bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator

from llm_manager.domain.conversation import StoredMessage
from llm_manager.domain.request import ImagePart, JsonSchema, LLMRequest, Message
from llm_manager.domain.tokens import TokenRange, summed
from llm_manager.policies.image_tokens import image_tokens
from llm_manager.policies.token_estimate import token_range

MESSAGE_TOKENS = TokenRange(0, 4, 8)
"""What wraps one message: 3 or 4 (OpenAI cookbook, "How to count tokens with tiktoken"), 4 to 6 in the templates of
Llama 3, Qwen and Gemma."""

TOOLS_TOKENS = TokenRange(0, 12, 800)
"""What is sent beside the tools themselves: up to 804 (Anthropic, "Tool use", "Pricing")."""


def prompt_tokens(request: LLMRequest, model: str | None = None) -> TokenRange:
    """How many tokens everything is that is sent to *model*: messages, prompt, context, tools and schema."""
    return summed(_parts(request, model))


def _parts(request: LLMRequest, model: str | None) -> Iterator[TokenRange]:
    yield MESSAGE_TOKENS
    yield token_range(request.prompt, model)
    if request.system_prompt:
        yield MESSAGE_TOKENS
        yield token_range(request.system_prompt, model)
    for message in request.messages:
        yield from _parts_of_message(message, model)
    if request.context:
        yield _json_tokens(request.context, model)
    if request.tools:
        yield TOOLS_TOKENS
    for tool in request.tools:
        yield MESSAGE_TOKENS
        yield token_range(tool.name, model)
        yield token_range(tool.description, model)
        if tool.parameters:
            yield _json_tokens(tool.parameters, model)
    if isinstance(request.response_format, JsonSchema):
        yield MESSAGE_TOKENS
        yield _json_tokens(request.response_format.schema, model)


def _json_tokens(data: object, model: str | None) -> TokenRange:
    return token_range(json.dumps(data, default=repr), model)


def message_tokens(message: Message | StoredMessage, model: str | None = None) -> TokenRange:
    """How many tokens one message is for *model*, with what wraps it."""
    return summed(_parts_of_message(message, model))


def _parts_of_message(message: Message | StoredMessage, model: str | None) -> Iterator[TokenRange]:
    yield MESSAGE_TOKENS
    if isinstance(message.content, str):
        yield token_range(message.content, model)
    else:
        for part in message.content:
            yield image_tokens(part, model) if isinstance(part, ImagePart) else token_range(part.text, model)
    for call in message.tool_calls:
        yield token_range(call.arguments, model)
        yield token_range(call.name, model)
