"""How many tokens a text is, roughly."""

from __future__ import annotations

from llm_manager.domain.request import (
    ImagePart,
    LLMRequest,
    Message,
    TextPart,
    Tool,
    ToolCall,
)
from llm_manager.policies.tokens import prompt_tokens, text_tokens


def test_the_estimate_counts_everything_that_is_sent() -> None:
    bare = prompt_tokens(LLMRequest(prompt="hello world!"))
    assert bare == 7
    full = LLMRequest(
        prompt="hello world!",
        system_prompt="be kind",
        messages=(
            Message(role="user", content=(TextPart("look"), ImagePart(url="https://x/y.png"))),
            Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),)),
        ),
        context={"a": [1, 2]},
        tools=(Tool(name="f", description="does", parameters={"type": "object"}),),
    )
    assert prompt_tokens(full) > 1000 + bare


def test_text_that_is_not_ascii_counts_a_token_a_character() -> None:
    assert text_tokens("日本") == 2
    assert text_tokens("ab日") == 2
