"""What of a request every wire writes the same way: the context in front of the prompt, and the system prompts."""

from __future__ import annotations

import json

from llm_manager.domain.request import LLMRequest, Message, TextPart


def with_context(request: LLMRequest) -> str:
    """The prompt, with what ``request.context`` holds as a JSON block in front of it.

    >>> with_context(LLMRequest(prompt="Why?"))
    'Why?'
    """
    if not request.context:
        return request.prompt
    block = json.dumps(request.context, indent=2, ensure_ascii=False)
    return f"Context:\n```json\n{block}\n```\n\n{request.prompt}".rstrip()


def system_text(request: LLMRequest) -> str:
    """All system prompts in one, for wires that take one: the request's own, then those among its messages."""
    texts = [request.system_prompt or "", *(text_of(each) for each in request.messages if each.role == "system")]
    return "\n\n".join(text for text in texts if text)


def text_of(message: Message) -> str:
    """The text of *message*, without its images."""
    if isinstance(message.content, str):
        return message.content
    return "".join(part.text for part in message.content if isinstance(part, TextPart))
