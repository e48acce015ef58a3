"""What is known of providers and models, as data: where they are, what they can do, what they cost, and since when.

The rule of this room: a fact is a row with its source and date, never an ``if`` elsewhere. An OpenAI-compatible
provider is one row in :mod:`llm_manager.domain.compatible_providers`; a model is one row in
:data:`llm_manager.domain.models.MODELS`. A model without a row is usable: it can do what its provider can, and its
window and price are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Le

from llm_manager.domain.compatible_providers import COMPATIBLE
from llm_manager.domain.provider_facts import BatchFacts as BatchFacts
from llm_manager.domain.provider_facts import Capability as Capability
from llm_manager.domain.provider_facts import ProviderFacts as ProviderFacts
from llm_manager.domain.provider_facts import SamplingOption as SamplingOption
from llm_manager.domain.provider_facts import Wire as Wire
from llm_manager.domain.provider_facts import Wish as Wish

_Usd: TypeAlias = Annotated[float, Ge(0), Le(1_000_000)]


STANDARD_TIERS = frozenset({"default", "standard", "on_demand", "batch"})
"""How OpenAI, Anthropic and Groq name the service that their listed prices are for, and Anthropic that of its batches,
which have a price of their own before it is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """US dollars for a million tokens.

    *cached_usd* is for prompt tokens read from the vendor's cache, *cache_write_usd* for those written to it, and
    *reasoning_usd* for what a model thinks before it answers; None where they cost what the other tokens do.
    *cache_hour_usd* is for those that are written to live an hour; None where that is not known.
    """

    prompt_usd: _Usd
    completion_usd: _Usd
    cached_usd: _Usd | None = None
    cache_write_usd: _Usd | None = None
    cache_hour_usd: _Usd | None = None
    reasoning_usd: _Usd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRates(Rates):
    """What all tokens of a request cost whose prompt has more than *above_tokens*."""

    above_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Rates):
    """The rates of one class of service, and the day on which the vendor's page *source* said so.

    *long* are the higher ones of long prompts, and *service_tiers* what vendors call the service that they are for.
    *services* are the prices of other classes of service. *regions* are factors on all rates where a request is
    processed in that region. *then* are the prices that follow, each from its *from_day* (``YYYY-MM-DD``) on.
    """

    long: tuple[LongRates, ...] = ()
    service_tiers: frozenset[str] = STANDARD_TIERS
    services: tuple[Price, ...] = ()
    regions: tuple[tuple[str, float], ...] = ()
    from_day: str | None = None
    then: tuple[Price, ...] = ()
    as_of: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """One model of one provider. None means unknown: a window is then not checked and a price not computed.

    *unsupported* is what this model refuses and others of its provider take. Where *reasons_with_tools* is false, it
    takes tools only when it is told not to reason.
    *window_tokens* bounds the prompt and the answer together, and *max_prompt_tokens* the prompt alone, where the
    vendor states such a bound. *ends_on* is the day, as ``YYYY-MM-DD``, from which the vendor refuses the model, and
    *successor* the model that it names instead. *batch_cached_factor* is what part of its price a cached token costs in
    a batch, where that is not as for most models of the provider. Where *guessed_from* names a model, this one is in no
    source: what it can do and what it refuses are those of that model, and its window and price are not known.
    *typical_latency_ms* is a guess from the vendor's own words (fast, slow), good for ranking until something has been
    observed and for nothing else.
    """

    name: str
    provider: str
    capabilities: frozenset[Capability] = frozenset()
    window_tokens: int | None = None
    max_prompt_tokens: int | None = None
    max_output_tokens: int | None = None
    price: Price | None = None
    ends_on: str | None = None
    successor: str | None = None
    guessed_from: str | None = None
    kind: Literal["chat", "embedding"] = "chat"
    batch_cached_factor: float | None = None
    unsupported: frozenset[Wish] = frozenset()
    reasons_with_tools: bool = True
    typical_latency_ms: float | None = None


_FULL: frozenset[Capability] = frozenset({"vision", "tools", "json_mode", "json_schema"})
_TEXT: frozenset[Capability] = frozenset({"tools", "json_mode", "json_schema"})

# Anthropic, "Structured outputs", "JSON Schema limitations" (2026-11-21).
_ANTHROPIC_REFUSES = frozenset(
    {
        "strict",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
    }
)

_DAY_S = 24 * 3600.0

_OPENAI_BATCHES = BatchFacts(
    price_factor=0.5,
    cached_factor=0.5,
    most_requests=50_000,
    most_bytes=200_000_000,
    window_s=_DAY_S,
    as_of="2026-11-21",
    source='OpenAI, "Batch API"',
)

_ANTHROPIC_BATCHES = BatchFacts(
    price_factor=0.5,
    cached_factor=0.5,
    most_requests=100_000,
    most_bytes=256_000_000,
    window_s=_DAY_S,
    as_of="2026-11-21",
    source='Anthropic, "Batch processing"',
)

# Nothing is said of a further discount for cached tokens, which cost half anyway: no more is reckoned with.
_GROQ_BATCHES = BatchFacts(
    price_factor=0.5,
    cached_factor=1.0,
    most_requests=50_000,
    most_bytes=200_000_000,
    window_s=_DAY_S,
    as_of="2026-11-21",
    source='Groq, "Batch processing"',
)

_PROVIDERS = (
    ProviderFacts(
        name="openai",
        wire="openai",
        base_url="https://api.openai.com/v1",
        version_path="",  # its SDK adds nothing to a base URL (openai 3.54)
        key_variable="OPENAI_API_KEY",
        portkey_slug="openai",
        capabilities=_FULL,
        prefixes=("gpt-", "chatgpt-", "o1", "o3", "o4"),
        limit_field="max_completion_tokens",
        keeps_limit_field=("o1", "o3", "o4", "gpt-5", "gpt-6"),  # "Unsupported parameter: 'max_tokens'"
        call_ids="short",
        # OpenAI, API reference, "Create chat completion": both default to 1 (2026-11-21)
        sampling_defaults=frozenset({("temperature", 1.0), ("top_p", 1.0)}),
        batches=_OPENAI_BATCHES,
    ),
    ProviderFacts(
        name="groq",
        wire="openai",
        base_url="https://api.groq.com/openai/v1",
        version_path="/openai/v1",
        key_variable="GROQ_API_KEY",
        portkey_slug="groq",
        capabilities=frozenset({"tools", "json_mode"}),  # a JSON schema is taken by some models: their rows say so
        # 400 "json mode cannot be combined with tool/function calling", for JSON mode and schemas alike (vercel/ai
        # #10023; Groq, "Structured Outputs": no tool use; 2026-11-21)
        formats_with_tools=False,
        prefixes=("llama-", "meta-llama/", "qwen/"),
        batches=_GROQ_BATCHES,
    ),
    ProviderFacts(
        name="anthropic",
        wire="anthropic",
        base_url="https://api.anthropic.com/v1",
        key_variable="ANTHROPIC_API_KEY",
        portkey_slug="anthropic",
        capabilities=frozenset({"vision", "tools", "json_schema"}),
        lost_behind_gateway=frozenset({"json_schema"}),  # Portkey 1.15.2 knows no ``output_config``
        lost_at_copies=frozenset({"json_schema"}),  # llama-server b11549 passes ``output_config`` over
        unsupported=frozenset({"seed"}),
        sampling_defaults=frozenset({("temperature", 1.0)}),  # API reference, "Create a Message" (2026-11-21)
        schema_refuses=_ANTHROPIC_REFUSES,
        default_max_tokens=16_384,
        call_ids="words",  # 400, "String should match pattern '^[a-zA-Z0-9_-]+$'" (langchain-ai/langchain#37756)
        prefixes=("claude-",),
        batches=_ANTHROPIC_BATCHES,
    ),
    ProviderFacts(
        name="gemini",
        wire="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        version_path="/v1beta",
        numbers_calls_behind_gateway=False,  # seen with Portkey 1.15.2
        key_variable="GEMINI_API_KEY",
        portkey_slug="google",
        capabilities=_FULL,
        sampling_defaults=frozenset({("temperature", 1.0)}),  # "Gemini 3 developer guide", "Temperature" (2026-11-21)
        prefixes=("gemini-",),
    ),
    ProviderFacts(
        name="ollama",
        wire="ollama",
        version_path="/api",
        needs_key=False,
        url_variable="OLLAMA_HOST",
        self_hosted=True,
        capabilities=_FULL,
        unsupported=frozenset({"image_urls", "tool_choice"}),
    ),
    ProviderFacts(
        name="lm_studio",
        wire="openai",
        needs_key=False,
        url_variable="LM_STUDIO_URL",
        self_hosted=True,
        # It refuses ``json_object`` and images it would have to fetch (its bug tracker, 189 and 1120; 2026-11-21).
        capabilities=frozenset({"vision", "tools", "json_schema"}),
        unsupported=frozenset({"image_urls"}),
    ),
    ProviderFacts(
        name="llama_cpp",
        wire="llama_cpp",
        needs_key=False,
        capabilities=frozenset({"json_mode", "json_schema"}),
        self_hosted=True,
    ),
    # Whatever the context holds under ``providers["custom"]``: a user's own port, or a script in a test.
    ProviderFacts(name="custom", wire="custom", needs_key=False, capabilities=_FULL),
)

FREE = Price(prompt_usd=0.0, completion_usd=0.0, as_of="", source="a machine of one's own")
"""What a model of a self-hosted provider costs where no price is set for it."""

PROVIDERS: Mapping[str, ProviderFacts] = {row.name: row for row in (*_PROVIDERS, *COMPATIBLE)}

PORTKEY_URL = "https://api.portkey.ai/v1"
"""Portkey's hosted gateway."""

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "gpt": ("gpt-6.1-terra", "openai/gpt-oss-120b"),
    "claude": ("claude-sonnet-5-5",),
    "llama": ("lm_studio/local-model", "ollama/llama3.2", "openai/gpt-oss-120b"),
    "gemini": ("gemini-3.8-flash",),
}
"""Short names for the models we would choose today, the first one that the configuration can reach; none of them ends
within 30 days of the catalog's. LM Studio answers any unknown name with the model it has loaded. No hosted vendor of
this catalog serves a Llama any more: Groq names GPT-OSS in its place."""

FAMILY_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "gpt": ("gpt-", "chatgpt-", "o1", "o3", "o4"),
    "claude": ("claude-",),
    "llama": ("llama", "meta-llama/"),
    "gemini": ("gemini-",),
}
"""How the names of a family's models begin, at whichever provider. A virtual key of Portkey is for a family."""

CHAINS: Mapping[str, tuple[str, ...]] = {
    "analysis": ("claude", "gpt", "llama"),
    "ui-generation": ("gpt", "claude", "llama"),
    "config-management": ("llama", "gpt", "claude"),
    "general": ("gpt", "claude", "llama"),
}
"""Which models answer which task, in order."""
