"""The providers behind the simulator, each as a configuration, and what their vendors do not have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from llm_manager import HttpSettings, KeySettings, LLMConfig, ModelSettings, RetrySettings, Secret, Usage
from tests.providers.checks import EVERYTHING, Provider

KEY = Secret("key-canary-0123456789abcdef")


def direct(name: str, model: str, path: str = "", **aliased: object) -> Callable[[str], LLMConfig]:
    """*model* at the provider *name*, whose address is the simulator's with *path* behind it."""

    def config(url: str) -> LLMConfig:
        return LLMConfig(
            models={"mine": ModelSettings(provider=name, model=model)},
            keys=KeySettings(providers={name: (KEY,)}),
            http=HttpSettings(base_urls={name: url + path}),
            retry=RetrySettings(max_retries=0),
        )

    return config


def gateway(url: str) -> LLMConfig:
    """Through the gateway that the simulator plays."""
    return LLMConfig(
        models={"mine": ModelSettings(provider="openai", model="gpt-4o")},
        keys=KeySettings(providers={"openai": (KEY,), "portkey": (KEY,)}),
        http=HttpSettings(base_urls={"portkey": f"{url}/v1"}),
        retry=RetrySettings(max_retries=0),
    )


PROVIDERS: Mapping[str, Provider] = {
    "OpenAI": Provider("openai", "gpt-4o", direct("openai", "gpt-4o", "/v1")),
    "Anthropic": Provider(
        "anthropic",
        "claude-sonnet-5",  # which can be made to call a tool, as Sonnet 5.5 cannot
        direct("anthropic", "claude-sonnet-5"),
        told=replace(EVERYTHING, cache_write_tokens=0),  # it says that it wrote none to its cache
    ),
    "Gemini": Provider("gemini", "gemini-3.8-flash", direct("gemini", "gemini-3.8-flash")),
    "Groq": Provider("groq", "openai/gpt-oss-120b", direct("groq", "openai/gpt-oss-120b", "/openai/v1")),
    "Ollama": Provider(
        "ollama",
        "llama3.2:latest",
        direct("ollama", "llama3.2:latest"),
        told=Usage(prompt_tokens=11, completion_tokens=22, total_tokens=33),
        image_urls=False,
        forced_tools=False,
    ),
    "LM Studio": Provider("lm_studio", "gpt-4o", direct("lm_studio", "gpt-4o", "/v1"), image_urls=False),
    "Portkey": Provider("openai", "gpt-4o", gateway),
}

NONE: Mapping[tuple[str, str], str] = {
    ("Groq", "images"): "the models of our catalog see none",
}
"""Cells without a test, and why."""
