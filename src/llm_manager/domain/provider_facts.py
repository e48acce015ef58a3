"""What is known of a provider: how it is spoken to, where it is, which key it wants and what its models can usually do.

The rows are in :mod:`llm_manager.domain.catalog` and :mod:`llm_manager.domain.compatible_providers`; a configuration
can state rows of its own (:mod:`llm_manager.domain.providers`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Wire: TypeAlias = Literal["openai", "anthropic", "gemini", "ollama", "llama_cpp", "custom"]
"""How a provider is spoken to."""

Capability: TypeAlias = Literal["vision", "tools", "json_mode", "json_schema"]


SamplingOption: TypeAlias = Literal["temperature", "top_p", "seed", "stop"]
"""The preferences of a request that can be left out of it: the answer is then another one, and still an answer."""

Wish: TypeAlias = SamplingOption | Literal["image_urls", "tool_choice"]
"""What a request may ask for beside its capabilities. ``image_urls`` are pictures that the provider is to fetch,
``tool_choice`` is that some tool must be called."""


LimitField: TypeAlias = Literal["max_tokens", "max_completion_tokens"]
"""How the most tokens of an answer are called on the OpenAI wire."""


CallIds: TypeAlias = Literal["any", "short", "words", "nine"]
"""Which ids of tool calls are taken: any, those of 40 characters at most, those of letters, digits, ``_`` and ``-``, or
those of nine letters and digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFacts:
    """A vendor's own batches: what may be in one, and what part of the standard price its tokens cost.

    *cached_factor* is for the price of cached tokens, where it differs. *window_s* is within how long the vendor
    answers or gives up. As of the day on which the vendor's page *source* said so.
    """

    price_factor: float
    cached_factor: float
    most_requests: int
    most_bytes: int
    window_s: float
    as_of: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """One provider: its *wire*, where it is, which key it wants and what its models can usually do.

    *version_path* is what its wire puts between the address of a server and everything else; it is added to a base URL
    that does not end in a version. *key_header* is the header that carries the key as it is, None for the one of its
    wire. *portkey_slug* is its name in the ``x-portkey-provider`` header, None for what runs on this machine.
    *limit_field* is how its wire calls the most tokens of an answer, and *default_max_tokens* what is sent there when
    the caller names none and the wire wants one. Models whose names begin with one of *keeps_limit_field* refuse every
    other name of it, wherever they are asked. *unsupported* is what its wire cannot express. *sampling_defaults* are
    the values at which its models sample when a request names none: leaving such a value out changes nothing.

    Where *formats_with_tools* is false, it takes no ``response_format`` beside tools.
    *schema_refuses* are the keywords of JSON schema that its native form refuses; ``strict`` stands for every schema
    that leaves something open. *lost_behind_gateway* is what the gateway does not pass on to it, *lost_at_copies* what
    other servers that speak its wire may pass over without a word, and *numbers_calls_behind_gateway* is false where it
    gives all tool calls of a stream the same number. *batches* is None for a provider that takes none. What is
    *self_hosted*, on a machine of one's own, costs nothing unless a price is set for it. *asks_for_usage* is false
    where a request for the usage of a stream is refused, and usage comes anyway. *call_ids* is which ids of tool calls
    it takes, and where it *takes_reasoning*, the reasoning that led to a call is to come back with it. As of the day on
    which the vendor's page *source* said so, where these are set.
    """

    name: str
    wire: Wire
    base_url: str = ""
    version_path: str = "/v1"
    needs_key: bool = True
    key_variable: str | None = None
    url_variable: str | None = None
    portkey_slug: str | None = None
    capabilities: frozenset[Capability] = frozenset()
    lost_behind_gateway: frozenset[Capability] = frozenset()
    lost_at_copies: frozenset[Capability] = frozenset()
    numbers_calls_behind_gateway: bool = True
    unsupported: frozenset[Wish] = frozenset()
    sampling_defaults: frozenset[tuple[SamplingOption, float]] = frozenset()
    formats_with_tools: bool = True
    schema_refuses: frozenset[str] = frozenset()
    default_max_tokens: int | None = None
    prefixes: tuple[str, ...] = ()
    limit_field: LimitField = "max_tokens"
    keeps_limit_field: tuple[str, ...] = ()
    key_header: str | None = None
    asks_for_usage: bool = True
    batches: BatchFacts | None = None
    self_hosted: bool = False
    call_ids: CallIds = "any"
    takes_reasoning: bool = False
    as_of: str = ""
    source: str = ""
