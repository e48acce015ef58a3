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
    OnUnsupported,
    Preferences,
    TextPart,
    Tool,
    ToolChoice,
)
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import HttpSettings, KeySettings, RoutingSettings
from llm_manager.policies.asked import asked_of
from llm_manager.policies.candidate import Skipped
from llm_manager.policies.planning import plan_of
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.routing import candidates
from llm_manager.policies.targets import resolve

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


def dropped_by(model: str, preferences: Preferences, unsupported: OnUnsupported | None = None) -> object:
    """What is not sent to *model*, or the error for which it is passed over."""
    asked = wishing(replace(preferences, model=model, fallback="none", unsupported=unsupported))
    [target] = plan_of(CONFIG, asked, {}, ()).unwrap().targets
    return target.dropped if target.skipped is None else target.skipped


@pytest.mark.parametrize(
    ("model", "preferences", "dropped", "refusal"),
    [
        (SONNET, Preferences(), (), ()),
        (SONNET, Preferences(seed=0), ("seed",), Unsupported(SONNET, "seed", "the API of anthropic has no seed")),
        (
            SONNET,
            Preferences(temperature=0.0),
            ("temperature",),
            Unsupported(SONNET, "temperature", "anthropic refuses temperature"),
        ),
        (SONNET, Preferences(top_p=0.0), ("top_p",), Unsupported(SONNET, "top_p", "anthropic refuses top_p")),
        (SONNET, Preferences(stop=("a",)), (), ()),
        ("claude-sonnet-4-6", Preferences(temperature=0.0, top_p=0.5), (), ()),
        ("gpt-4o", Preferences(temperature=0.0, top_p=0.5, seed=7, stop=("a",)), (), ()),
        ("gpt-5.4-mini", Preferences(temperature=0.0), (), ()),
        (
            "gpt-5.4-mini",
            Preferences(stop=("a",)),
            ("stop",),
            Unsupported("gpt-5.4-mini", "stop", "openai refuses stop"),
        ),
        (
            "gpt-6.1-terra",
            Preferences(temperature=0.0, top_p=0.5, seed=7, stop=("a",)),
            ("temperature", "top_p", "stop"),
            Unsupported("gpt-6.1-terra", "temperature", "openai refuses temperature"),
        ),
        ("gpt-6.1-terra", Preferences(temperature=1, top_p=1), (), ()),
    ],
)
def test_an_option_that_a_model_refuses_is_dropped_and_told_or_else_the_model_is_skipped(
    model: str, preferences: Preferences, dropped: tuple[str, ...], refusal: object
) -> None:
    assert dropped_by(model, preferences) == dropped
    assert dropped_by(model, preferences, "drop") == dropped
    assert dropped_by(model, preferences, "refuse") == refusal


def test_a_request_says_before_the_configuration_what_becomes_of_an_option() -> None:
    strict = replace(CONFIG, routing=RoutingSettings(unsupported="refuse"))
    told = {
        said: isinstance(
            candidates(
                strict,
                wishing(Preferences(model=SONNET, fallback="none", seed=1, unsupported=said)),
                {},
            ).unwrap()[0],
            Skipped,
        )
        for said in (None, "drop", "refuse")
    }
    assert told == {None: True, "drop": False, "refuse": True}


def test_what_is_sent_lacks_the_refused_options_and_nothing_else() -> None:
    preferences = Preferences(temperature=1.0, top_p=0.5, seed=7, stop=("a",), max_tokens=9, priority="high")
    asked = LLMRequest(prompt="x", context={"a": 1}, preferences=preferences)
    prepared = asked_of(asked, resolve(CONFIG, "gpt-6.1-terra").unwrap())
    sent = replace(asked, preferences=replace(preferences, temperature=None, top_p=None, stop=()))
    assert (prepared.sent, prepared.dropped) == (sent, ("top_p", "stop"))
    assert asked_of(asked, resolve(CONFIG, "gpt-4o").unwrap()).sent is asked


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
    said = None if capability is None else Unsupported("m", capability, f"the API of ollama has no {capability}")
    assert passed_over("ollama/m", request_) == said


@pytest.mark.parametrize(("model", "takes"), [(SONNET, False), ("claude-opus-5-5", False), ("claude-opus-5", True)])
def test_a_model_that_refuses_forced_tools_is_skipped_for_them(model: str, takes: bool) -> None:
    refused = None if takes else Unsupported(model, "tool_choice", "anthropic refuses tool_choice")
    assert [passed_over(model, choosing(choice)) for choice in ("required", NamedTool("f"))] == [refused, refused]
    assert passed_over(model, choosing("auto")) is None


@pytest.mark.parametrize("image", [BY_URL, BY_VALUE])
def test_an_image_is_shown_to_no_model_that_sees_nothing(image: ImagePart) -> None:
    assert passed_over("openai/gpt-oss-20b", seen(TextPart("this"), image)) == Unsupported(
        "openai/gpt-oss-20b", "vision"
    )
    assert passed_over("openai/gpt-oss-20b", seen(TextPart("this"))) is None
    assert passed_over("gpt-4o", seen(image)) is None


FEWEST = prompt_tokens(LLMRequest(prompt="abcd"), "openai/gpt-oss-20b").low


@pytest.mark.parametrize(
    ("max_tokens", "error"),
    [
        (131_072 - FEWEST, None),
        (131_073 - FEWEST, ContextTooLarge("openai/gpt-oss-20b", 131_073, 131_072)),
        (None, None),
    ],
)
def test_prompt_and_answer_have_to_fit_the_window_to_the_token(max_tokens: int | None, error: LLMError | None) -> None:
    request = LLMRequest(prompt="abcd", preferences=Preferences(max_tokens=max_tokens))
    assert passed_over("openai/gpt-oss-20b", request) == error


def test_a_window_nobody_knows_is_not_checked() -> None:
    assert passed_over("openai/new", LLMRequest(prompt="x" * 4_000_000)) is None
