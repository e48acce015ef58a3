"""The models we know, one row each: window, longest answer, prices and what they can do.

Every figure was read on :data:`AS_OF` from :data:`SOURCE`, a well-kept table that follows the vendors' pages. Prices
are for standard service.
To add a model, add a row; a model without one is usable, with its price unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from llm_manager.domain.catalog import PROVIDERS, Capability, LongRates, ModelFacts, Price, Wish

AS_OF = "2026-11-21"
SOURCE = "the price table of litellm 1.106.2"

_FASTEST, _FAST, _MODERATE, _SLOW = 500.0, 1000.0, 2000.0, 4000.0

_Row = tuple[str, int, int, float, float, float, float]
"""Name, window and longest answer in tokens, US dollars a million prompt, cached and completion tokens, latency."""

_OPENAI: tuple[_Row, ...] = (
    ("gpt-5.6", 922_000, 128_000, 4.0, 0.4, 20.0, _MODERATE),
    ("gpt-5.6-terra", 922_000, 128_000, 2.0, 0.2, 12.0, _FAST),
    ("gpt-5.6-luna", 922_000, 128_000, 0.2, 0.02, 1.2, _FASTEST),
    ("gpt-5.5", 1_050_000, 128_000, 5.0, 0.5, 30.0, _MODERATE),
    ("gpt-5.4", 1_050_000, 128_000, 2.5, 0.25, 15.0, _MODERATE),
    ("gpt-5.4-mini", 272_000, 128_000, 0.75, 0.075, 4.5, _FAST),
    ("gpt-5.4-nano", 272_000, 128_000, 0.2, 0.02, 1.25, _FASTEST),
    ("gpt-5", 272_000, 128_000, 1.25, 0.125, 10.0, _MODERATE),
    ("gpt-5-mini", 272_000, 128_000, 0.25, 0.025, 2.0, _FAST),
    ("gpt-5-nano", 272_000, 128_000, 0.05, 0.005, 0.4, _FASTEST),
    ("gpt-4.1", 1_047_576, 32_768, 2.0, 0.5, 8.0, _FAST),
    ("gpt-4.1-mini", 1_047_576, 32_768, 0.4, 0.1, 1.6, _FASTEST),
    ("gpt-4o", 128_000, 16_384, 2.5, 1.25, 10.0, _FAST),
    ("gpt-4o-mini", 128_000, 16_384, 0.15, 0.075, 0.6, _FASTEST),
)

_ANTHROPIC: tuple[_Row, ...] = (
    ("claude-opus-5-5", 1_000_000, 128_000, 4.0, 0.2, 20.0, _MODERATE),
    ("claude-opus-5", 1_000_000, 128_000, 5.0, 0.5, 25.0, _MODERATE),
    ("claude-sonnet-5-5", 1_000_000, 128_000, 2.0, 0.1, 10.0, _FAST),
    ("claude-sonnet-5", 1_000_000, 128_000, 2.0, 0.2, 10.0, _FAST),
    ("claude-sonnet-4-6", 1_000_000, 128_000, 3.0, 0.3, 15.0, _FAST),
    ("claude-haiku-4-5", 200_000, 64_000, 1.0, 0.1, 5.0, _FASTEST),
    ("claude-fable-5-1", 1_000_000, 128_000, 10.0, 0.25, 50.0, _SLOW),
)

_GEMINI: tuple[_Row, ...] = (
    ("gemini-3.8-flash", 1_048_576, 65_536, 0.75, 0.075, 3.75, _FAST),
    ("gemini-3.5-flash-lite", 1_048_576, 65_536, 0.3, 0.03, 2.5, _FASTEST),
    ("gemini-2.5-pro", 1_048_576, 65_536, 1.25, 0.125, 10.0, _MODERATE),
    ("gemini-2.5-flash", 1_048_576, 65_536, 0.3, 0.03, 2.5, _FAST),
)

_GROQ: tuple[_Row, ...] = (
    ("openai/gpt-oss-120b", 131_072, 65_536, 0.15, 0.075, 0.6, _FASTEST),
    ("openai/gpt-oss-20b", 131_072, 65_536, 0.075, 0.0375, 0.3, _FASTEST),
)


def _facts(provider: str, row: _Row) -> ModelFacts:
    name, window, longest, prompt_usd, cached_usd, completion_usd, latency_ms = row
    return ModelFacts(
        name=name,
        provider=provider,
        capabilities=PROVIDERS[provider].capabilities | _native_schemas(name),
        window_tokens=window,
        max_output_tokens=longest,
        price=Price(
            prompt_usd=prompt_usd,
            completion_usd=completion_usd,
            cached_usd=cached_usd,
            cache_write_usd=_CACHE_WRITES * prompt_usd if _bills_cache_writes(provider, name) else None,
            cache_hour_usd=_CACHE_HOURS * prompt_usd if provider == "anthropic" else None,
            long=_long(provider, name, prompt_usd, cached_usd, completion_usd),
            as_of=AS_OF,
            source=SOURCE,
        ),
        unsupported=_unsupported(provider, name),
        reasons_with_tools=not name.startswith(_TOOLS_OR_REASONING),
        typical_latency_ms=latency_ms,
    )


_CACHE_WRITES = 1.25
"""What a prompt token costs that is also written to the vendor's cache for the usual five minutes, against one that is
not (Anthropic, "Prompt caching", and OpenAI, "Prompt caching", for GPT-5.6; the same in genai-prices 0.2.3, read
2026-11-21). Thoughts are billed as the rest of the answer by all four vendors."""


_CACHE_HOURS = 2.0
"""The same for an hour (Anthropic, "Prompt caching", read 2026-11-21)."""

_LONG_PROMPTS: Mapping[str, int] = {
    **dict.fromkeys(("gpt-5.6", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-5.5", "gpt-5.4"), 272_000),
    "gemini-2.5-pro": 200_000,
}
"""The models of which a longer prompt makes the whole request dearer: its prompt twice, its answer one and a half times
(genai-prices 0.2.3 and, of the models it knows, litellm 1.106.2; read 2026-11-21)."""

_LONG_PROMPT, _LONG_COMPLETION = 2.0, 1.5


def _long(
    provider: str, name: str, prompt_usd: float, cached_usd: float, completion_usd: float
) -> tuple[LongRates, ...]:
    if name not in _LONG_PROMPTS:
        return ()
    dear_usd = _LONG_PROMPT * prompt_usd
    return (
        LongRates(
            above_tokens=_LONG_PROMPTS[name],
            prompt_usd=dear_usd,
            completion_usd=round(_LONG_COMPLETION * completion_usd, 6),
            cached_usd=_LONG_PROMPT * cached_usd,
            cache_write_usd=_CACHE_WRITES * dear_usd if _bills_cache_writes(provider, name) else None,
        ),
    )


def _bills_cache_writes(provider: str, name: str) -> bool:
    return provider == "anthropic" or name.startswith("gpt-5.6")


_SAMPLED_GPTS = ("gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini")
"""The GPTs that take a temperature: those that do not reason unless they are told to. The others answer any but 1 with
400, "Only the default (1) value is supported" (khoj-ai/khoj#1377, BerriAI/litellm#34599, and the default efforts of
litellm 1.106, read 2026-11-21)."""

_TOOLS_OR_REASONING = "gpt-5.6"
"""Chat completions answers these with 400 when there are functions and "none" is not said of reasoning, also when
nothing is said of it (BerriAI/litellm#34569, which tried it, and livekit/agents#7169; read 2026-11-21)."""

_SAMPLED_CLAUDES = ("claude-sonnet-4-6", "claude-haiku-4-5")
"""The last Claudes that take a temperature; from Opus 4.7 on they answer it with 400 (Anthropic, "Migration guide",
read 2026-11-21)."""

_SAMPLED_GEMINIS = ("gemini-2.5-pro", "gemini-2.5-flash")
"""The last Geminis of ours that heed a temperature; from 3.5 Flash-Lite and 3.6 Flash on they take it and ignore it
("What's new in Gemini 3.6 Flash and 3.5 Flash-Lite", read 2026-11-21), which a caller would not notice."""

_SAMPLED: Mapping[str, tuple[str, ...]] = {
    "openai": _SAMPLED_GPTS,
    "anthropic": _SAMPLED_CLAUDES,
    "gemini": _SAMPLED_GEMINIS,
}


_WITHOUT_STOPS = ("gpt-5", "gpt-6")
"""How the names of the models begin that answer ``stop`` with 400, "Unsupported parameter: 'stop' is not supported with
this model" (huggingface/smolagents#1662, #1868 and #1893, and litellm 1.106.2, which leaves it out for both
generations; read 2026-11-21)."""

_WITHOUT_FORCED_TOOLS = (
    "claude-sonnet-5-5",
    "claude-opus-5-5",
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5-1",
)
"""The Claudes that answer a tool that must be called with 400 (Anthropic, "What's new in Claude Sonnet 5.5", "Forced
tool use is not supported", and the same of Opus 5.5 and Fable 5.1; ``supports_forced_tool_use`` of litellm 1.106.2, by
which Haiku 5.5 takes one; read 2026-11-21)."""

_SCHEMAS_OF_GROQ = ("openai/gpt-oss-120b", "openai/gpt-oss-20b")
"""The models of Groq that take a JSON schema; others answer 400, "This model does not support response format
`json_schema`" (Groq, "Structured Outputs", "Supported models"; ``supports_response_schema`` of litellm 1.106.2; read
2026-11-21)."""


def _native_schemas(name: str) -> frozenset[Capability]:
    return frozenset({"json_schema"}) if name in _SCHEMAS_OF_GROQ else frozenset()


def _unsupported(provider: str, name: str) -> frozenset[Wish]:
    refused: set[Wish] = set()
    if provider in _SAMPLED and name not in _SAMPLED[provider]:
        refused |= {"temperature", "top_p"}
    if name.startswith(_WITHOUT_STOPS):
        refused.add("stop")
    if name in _WITHOUT_FORCED_TOOLS:
        refused.add("tool_choice")
    return frozenset(refused)


_TABLES = (("openai", _OPENAI), ("anthropic", _ANTHROPIC), ("gemini", _GEMINI), ("groq", _GROQ))

MODELS: Mapping[str, ModelFacts] = {row[0]: _facts(provider, row) for provider, rows in _TABLES for row in rows}
