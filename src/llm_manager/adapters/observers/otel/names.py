"""The names of the semantic conventions for generative AI, in both of the sets that are in use.

The conventions are not stable yet. Until they are, an instrumentation keeps to version 1.36 unless the variable
``OTEL_SEMCONV_STABILITY_OPT_IN`` says ``gen_ai_latest_experimental``; then it speaks the newest it knows and not the
old one (OpenTelemetry, "Semantic conventions for generative client AI spans", read 2026-11-21). What only the newest
set has a name for is None in the other, and not told there. To follow a new version, change this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OPT_IN: Final = "OTEL_SEMCONV_STABILITY_OPT_IN"
LATEST: Final = "gen_ai_latest_experimental"

OPERATION: Final = "gen_ai.operation.name"
OUTPUT_TYPE: Final = "gen_ai.output.type"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_STOP: Final = "gen_ai.request.stop_sequences"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # no password
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
OTHER_ERROR: Final = "_OTHER"
"""What the conventions call an error that has no word of its own."""

DURATION: Final = "gen_ai.client.operation.duration"
TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105  # as above


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The words in which the two sets differ."""

    provider: str
    streamed: str | None = None
    first_chunk: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    reasoning: str | None = None
    instructions: str | None = None
    input_messages: str | None = None
    output_messages: str | None = None
    first_chunk_metric: str | None = None


V1_36: Final = Names(provider="gen_ai.system")

NEWEST: Final = Names(
    provider="gen_ai.provider.name",
    streamed="gen_ai.request.stream",
    first_chunk="gen_ai.response.time_to_first_chunk",
    cache_read="gen_ai.usage.cache_read.input_tokens",
    cache_write="gen_ai.usage.cache_creation.input_tokens",
    reasoning="gen_ai.usage.reasoning.output_tokens",
    instructions="gen_ai.system_instructions",
    input_messages="gen_ai.input.messages",
    output_messages="gen_ai.output.messages",
    first_chunk_metric="gen_ai.client.operation.time_to_first_chunk",
)


def names_for(opt_in: str) -> Names:
    """The set that *opt_in*, the text of the variable, asks for: categories with commas between them.

    >>> names_for("http, gen_ai_latest_experimental").provider, names_for("").provider
    ('gen_ai.provider.name', 'gen_ai.system')
    """
    return NEWEST if LATEST in (part.strip() for part in opt_in.split(",")) else V1_36


PROVIDERS: Final[Mapping[str, str]] = {"gemini": "gcp.gemini"}
"""What the conventions call a provider otherwise than we do; the rest go by our name for them."""

OPERATIONS: Final[Mapping[str, str]] = {"gemini": "generate_content"}
"""What they call asking it, where that is not ``chat``."""

# Our own words, for what the conventions have none.
RUN_OPERATION: Final = "llm_manager.operation"
RUN_TASK: Final = "llm_manager.task_type"
LABEL: Final = "llm_manager.label."
"""Stands before the name of each label that a request bears."""
RUN_CACHED: Final = "llm_manager.cached"
RUN_ATTEMPTS: Final = "llm_manager.attempts"
RUN_ENDED: Final = "llm_manager.ended"
COST_USD: Final = "llm_manager.cost_usd"
COST_KIND: Final = "llm_manager.cost_kind"
KEY_ID: Final = "llm_manager.key_id"
REQUEST_ID: Final = "llm_manager.request_id"
SERVICE_TIER: Final = "llm_manager.service_tier"
REGION: Final = "llm_manager.region"
CACHE_HOUR_TOKENS: Final = "llm_manager.usage.cache_hour_tokens"
WAITED_S: Final = "llm_manager.waited_s"
DELAY_S: Final = "llm_manager.delay_s"
NEXT_MODEL: Final = "llm_manager.next_model"
ROUND: Final = "llm_manager.round"
DROPPED_OPTIONS: Final = "llm_manager.dropped_options"
SCHEMA_MODE: Final = "llm_manager.schema_mode"
GATEWAY_S: Final = "llm_manager.gateway.latency_s"
GATEWAY_RETRIES: Final = "llm_manager.gateway.retries"
CACHE_HIT: Final = "llm_manager.cache.hit"
BATCH_ID: Final = "llm_manager.batch.id"
BATCH_STATUS: Final = "llm_manager.batch.status"

RUN_DURATION: Final = "llm_manager.operation.duration"
COST: Final = "llm_manager.cost"
RETRIES: Final = "llm_manager.retries"
FALLBACKS: Final = "llm_manager.fallbacks"
CACHE_READS: Final = "llm_manager.cache.reads"
