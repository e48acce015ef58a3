"""How many tokens a text is, roughly: for admission, for the window and for cost bounds, never for a bill."""

from __future__ import annotations

import json

from llm_manager.domain.conversation import StoredMessage
from llm_manager.domain.request import ImagePart, JsonSchema, LLMRequest, Message

ASCII_PER_TOKEN = 4
"""OpenAI's own rule of thumb for English ("What are tokens and how to count them", help centre)."""

IMAGE_TOKENS = 1000
"""About what the vendors bill for a picture of a thousand pixels a side."""

MESSAGE_TOKENS = 4
"""What wraps one message (OpenAI cookbook, "How to count tokens with tiktoken")."""


def text_tokens(text: str) -> int:
    """A token for four ASCII characters, and one for every other character: high for Europe, about right for Asia.

    >>> text_tokens("abcdefgh"), text_tokens("\\u65e5\\u672c")
    (2, 2)
    """
    if text.isascii():
        return (len(text) + ASCII_PER_TOKEN - 1) // ASCII_PER_TOKEN
    ascii_ = len(text.encode("ascii", "ignore"))
    return (ascii_ + ASCII_PER_TOKEN - 1) // ASCII_PER_TOKEN + len(text) - ascii_


def prompt_tokens(request: LLMRequest) -> int:
    """An estimate of everything that is sent: messages, prompt, context, tools and schema."""
    count = MESSAGE_TOKENS + text_tokens(request.prompt)
    if request.system_prompt:
        count += MESSAGE_TOKENS + text_tokens(request.system_prompt)
    for message in request.messages:
        count += message_tokens(message)
    for data in (request.context, *(tool.parameters for tool in request.tools)):
        if data:
            count += text_tokens(json.dumps(data, default=repr))
    for tool in request.tools:
        count += MESSAGE_TOKENS + text_tokens(tool.name) + text_tokens(tool.description)
    if isinstance(request.response_format, JsonSchema):
        count += MESSAGE_TOKENS + text_tokens(json.dumps(request.response_format.schema, default=repr))
    return count


def message_tokens(message: Message | StoredMessage) -> int:
    """An estimate of one message, with what wraps it."""
    content = message.content
    if isinstance(content, str):
        count = MESSAGE_TOKENS + text_tokens(content)
    else:
        count = MESSAGE_TOKENS
        for part in content:
            count += IMAGE_TOKENS if isinstance(part, ImagePart) else text_tokens(part.text)
    for call in message.tool_calls:
        count += text_tokens(call.arguments) + text_tokens(call.name)
    return count
