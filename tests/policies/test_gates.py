"""Which models are passed over for a request, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ContextTooLarge, LLMError
from llm_manager.domain.errors import UnsupportedCapability as Unsupported
from llm_manager.domain.request import (
    ImagePart,
    LLMRequest,
    Message,
    NamedTool,
    Preferences,
    TextPart,
    Tool,
    ToolChoice,
)
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import HttpSettings, KeySettings
from llm_manager.policies.routing import Skipped, candidates

KEY = (Secret("sk-canary-0123456789"),)
CONFIG = LLMConfig(
    keys=KeySettings(providers={"anthropic": KEY, "groq": KEY, "openai": KEY}),
    http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1"}),
)
BY_URL = ImagePart(url="https://x/y.png")
BY_VALUE = ImagePart(data=b"png", media_type="image/png")
TOOLS = (Tool(name="f"),)
SONNET = "claude-sonnet-5-5"


def passed_over(model: str, request: LLMRequest) -> LLMError | None:
    """The error for which *model* is passed over; None if it is asked."""
    preferences = replace(request.preferences, model=model, fallback="none")
    [candidate] = candidates(CONFIG, replace(request, preferences=preferences), {}).unwrap()
    return candidate.error if isinstance(candidate, Skipped) else None


def seen(*parts: TextPart | ImagePart) -> LLMRequest:
    return LLMRequest(messages=(Message(role="user", content="Look:"), Message(role="user", content=parts)))


def wishing(preferences: Preferences) -> LLMRequest:
    return LLMRequest(prompt="x", preferences=preferences)


def choosing(choice: ToolChoice, tools: tuple[Tool, ...] = TOOLS) -> LLMRequest:
    return LLMRequest(prompt="x", tools=tools, tool_choice=choice)


@pytest.mark.parametrize(
    ("model", "request_", "error"),
    [
        (SONNET, wishing(Preferences()), None),
        (SONNET, wishing(Preferences(seed=0)), Unsupported(SONNET, "seed", "anthropic has no words for it")),
        (
            SONNET,
            wishing(Preferences(temperature=0.0)),
            Unsupported(SONNET, "temperature", "anthropic takes none with this model"),
        ),
        (SONNET, wishing(Preferences(top_p=0.0)), Unsupported(SONNET, "top_p", "anthropic takes none with this model")),
        ("claude-sonnet-4-6", wishing(Preferences(temperature=0.0, top_p=0.5)), None),
        ("gpt-4o", wishing(Preferences(temperature=0.0, top_p=0.5, seed=7)), None),
        ("gpt-5.4-mini", wishing(Preferences(temperature=0.0)), None),
        (
            "gpt-6.1-terra",
            wishing(Preferences(temperature=0.0)),
            Unsupported("gpt-6.1-terra", "temperature", "openai takes none with this model"),
        ),
    ],
)
def test_a_wish_that_a_model_cannot_heed_is_never_dropped_in_silence(
    model: str, request_: LLMRequest, error: LLMError | None
) -> None:
    assert passed_over(model, request_) == error


@pytest.mark.parametrize(
    ("request_", "capability"),
    [
        (seen(TextPart("this"), BY_URL), "image_urls"),
        (seen(BY_VALUE, BY_URL), "image_urls"),
        (seen(BY_VALUE), None),
        (seen(ImagePart(url="data:image/png;base64,AAAA")), None),
        (seen(TextPart("this")), None),
        (choosing("required"), "tool_choice"),
        (choosing(NamedTool("f")), "tool_choice"),
        (choosing("auto"), None),
        (choosing("none"), None),
        (choosing("required", tools=()), None),
    ],
)
def test_ollama_fetches_no_images_and_need_not_call_a_tool(request_: LLMRequest, capability: str | None) -> None:
    said = None if capability is None else Unsupported("m", capability, "ollama has no words for it")
    assert passed_over("ollama/m", request_) == said


@pytest.mark.parametrize("image", [BY_URL, BY_VALUE])
def test_an_image_is_shown_to_no_model_that_sees_nothing(image: ImagePart) -> None:
    assert passed_over("openai/gpt-oss-20b", seen(TextPart("this"), image)) == Unsupported(
        "openai/gpt-oss-20b", "vision"
    )
    assert passed_over("openai/gpt-oss-20b", seen(TextPart("this"))) is None
    assert passed_over("gpt-4o", seen(image)) is None


@pytest.mark.parametrize(
    ("max_tokens", "error"),
    [
        (131_067, None),
        (131_068, ContextTooLarge("openai/gpt-oss-20b", 131_073, 131_072)),
        (None, None),
    ],
)
def test_prompt_and_answer_have_to_fit_the_window_to_the_token(max_tokens: int | None, error: LLMError | None) -> None:
    request = LLMRequest(prompt="abcd", preferences=Preferences(max_tokens=max_tokens))
    assert passed_over("openai/gpt-oss-20b", request) == error


def test_a_window_nobody_knows_is_not_checked() -> None:
    assert passed_over("openai/new", LLMRequest(prompt="x" * 4_000_000)) is None
