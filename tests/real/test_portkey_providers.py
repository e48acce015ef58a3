"""Every hosted provider through the real gateway: it speaks each vendor's own wire to the simulator behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from llm_manager import HttpSettings, KeySettings, LLMConfig, ModelSettings, RetrySettings, Secret
from tests.providers.checks import EVERYTHING, FEATURES, Provider

pytestmark = pytest.mark.anyio

KEY = Secret("sk-upstream-canary-0123456789")


def behind(gateway: str, name: str, model: str, path: str) -> Callable[[str], LLMConfig]:
    """*model* of *name* behind *gateway*, whose vendors are the simulator."""

    def config(url: str) -> LLMConfig:
        return LLMConfig(
            models={"mine": ModelSettings(provider=name, model=model)},
            keys=KeySettings(providers={name: (KEY,)}),
            http=HttpSettings(base_urls={"portkey": gateway, name: url + path}),
            retry=RetrySettings(max_retries=0),
        )

    return config


UNREASONED = replace(EVERYTHING, reasoning_tokens=None)

HOSTED: Mapping[str, Callable[[str], Provider]] = {
    "openai": lambda gateway: Provider("openai", "gpt-4o", behind(gateway, "openai", "gpt-4o", "/v1")),
    "groq": lambda gateway: Provider(
        "groq",
        "openai/gpt-oss-120b",
        behind(gateway, "groq", "openai/gpt-oss-120b", "/openai/v1"),
        told_streamed=replace(UNREASONED, cached_tokens=None),
        clean=False,
    ),
    "anthropic": lambda gateway: Provider(
        "anthropic",
        "claude-sonnet-5",
        behind(gateway, "anthropic", "claude-sonnet-5", "/v1"),
        told=UNREASONED,
        clean=False,
    ),
    "gemini": lambda gateway: Provider(
        "gemini", "gemini-3.8-flash", behind(gateway, "gemini", "gemini-3.8-flash", ""), clean=False
    ),
}
"""What the gateway loses on the way back is said here, so that it is not taken for ours."""

CELLS = [(name, feature) for name in HOSTED for feature in FEATURES if (name, feature) != ("groq", "images")]


@pytest.mark.parametrize(("name", "feature"), CELLS)
async def test_a_provider_has_the_feature_behind_the_gateway(gateway: str, name: str, feature: str) -> None:
    await FEATURES[feature](HOSTED[name](gateway))
