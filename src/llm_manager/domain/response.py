"""What comes back from a model, what it used, and what it took to get it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llm_manager.domain.catalog import SamplingOption
from llm_manager.domain.request import ToolCall

SchemaMode: TypeAlias = Literal["json_schema", "tool", "json_mode", "prompt"]
"""How a schema is put to a model: in its native form, as a tool, in JSON mode, or in words."""

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "refusal", "content_filter", "unknown"]


@dataclass(frozen=True, slots=True)
class ReportedCost:
    """What the provider itself says the answer cost."""

    usd: float
    tag: Literal["ReportedCost"] = field(default="ReportedCost", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ComputedCost:
    """Tokens times the catalog's dated prices."""

    usd: float
    tag: Literal["ComputedCost"] = field(default="ComputedCost", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class UnknownCost:
    """No price is known. Not zero."""

    tag: Literal["UnknownCost"] = field(default="UnknownCost", kw_only=True, repr=False)


Cost: TypeAlias = ReportedCost | ComputedCost | UnknownCost


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and cost; None means the provider did not say. *estimated* when the figures are ours and not its own.

    *cached_tokens*, read from the vendor's cache, and *cache_write_tokens*, written to it, are parts of *prompt_tokens*
    that do not overlap, and *cache_hour_tokens*, written to live an hour, are a part of the latter; *reasoning_tokens*
    are a part of *completion_tokens*. Prompt and completion add up to *total_tokens*. *service_tier* is the vendor's
    name for the class of service that it gave, which may have a price of its own, and *region* where it says that it
    processed the request, which may make it more expensive.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_hour_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None
    service_tier: str | None = None
    region: str | None = None
    cost: Cost = field(default_factory=UnknownCost)
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One line of the ledger: one request sent to one model.

    *key_id* names the key without revealing it; *started_s* is on the context's clock; *waited_s* is the time in queues
    and pauses before it; *outcome* is ``ok``, the tag of the error, or ``left`` when nobody waited for it any more: the
    reader of its stream left, or its run was cancelled. *first_ms* is when the first piece came of an
    answer in pieces, counted from the start like *latency_ms*.
    *schema_mode* is the form in which a schema was put to the model: the strongest it has, which may not be its own.
    *dropped* are the sampling options of the request that the model does not take, and that were not sent to it.
    """

    model: str
    provider: str
    key_id: str | None = None
    started_s: float = 0.0
    waited_s: float = 0.0
    latency_ms: float = 0.0
    first_ms: float | None = None
    outcome: str = "ok"
    message: str = ""
    usage: Usage | None = None
    schema_mode: SchemaMode | None = None
    dropped: tuple[SamplingOption, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseMetadata:
    """How the answer came about. *attempts* is the whole ledger, the failed ones too.

    *request_id* is what the vendor's support asks for, from a header where there is one, and *response_id* the name
    that the answer itself bears. *served_model* is the model that the answer names, a dated snapshot or one behind a
    router, None where it names none; ``LLMResponse.model`` is the one that was asked.
    """

    latency_ms: float = 0.0
    retry_count: int = 0
    cached: bool = False
    provider: str = ""
    request_id: str | None = None
    response_id: str | None = None
    served_model: str | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMResponse:
    """An answer. *model* is the one that gave it, which need not be the one that was asked first.

    *reasoning* is what the model thought before, as far as its vendor shows it; it is no part of *content*.
    """

    content: str
    model: str
    usage: Usage = field(default_factory=Usage)
    finish_reason: FinishReason = "unknown"
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    metadata: ResponseMetadata = field(default_factory=ResponseMetadata)
