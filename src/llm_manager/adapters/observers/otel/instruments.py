"""What is counted and measured: the metrics of the conventions, and a few of our own where they have none.

Each is a fold over the same events as the spans. Nothing that a program's users write becomes an attribute, except the
name of a model they may choose.
"""

from __future__ import annotations

from typing import final

from opentelemetry.metrics import Meter

from llm_manager.adapters.observers.otel import names
from llm_manager.adapters.observers.otel.attributes import Attributes, served_model
from llm_manager.adapters.observers.otel.names import Names
from llm_manager.domain.events import (
    AttemptFinished,
    CacheRead,
    FellBack,
    RequestFinished,
    RequestLeft,
    RetryScheduled,
)
from llm_manager.domain.response import LLMResponse, UnknownCost

_SECONDS = [0.01 * 2**power for power in range(14)]
_TOKENS = [4**power for power in range(14)]
"""The boundaries that the conventions ask for."""


@final
class Instruments:
    """The instruments of one meter."""

    __slots__ = (
        "_cost",
        "_duration",
        "_fallbacks",
        "_first_chunk",
        "_reads",
        "_retries",
        "_run_duration",
        "_tokens",
        "_words",
    )

    def __init__(self, meter: Meter, words: Names) -> None:
        self._words = words
        self._duration = meter.create_histogram(
            names.DURATION, "s", "GenAI operation duration.", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE,
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._first_chunk = (
            None
            if words.first_chunk_metric is None
            else meter.create_histogram(
                words.first_chunk_metric,
                "s",
                "Time to receive the first chunk.",
                explicit_bucket_boundaries_advisory=_SECONDS,
            )
        )
        self._run_duration = meter.create_histogram(
            names.RUN_DURATION,
            "s",
            "Whole operations, with retries, fallbacks and waits.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._cost = meter.create_counter(names.COST, "{USD}", "What has been spent, as far as prices are known.")
        self._retries = meter.create_counter(names.RETRIES, "{retry}", "Requests sent again to the same model.")
        self._fallbacks = meter.create_counter(names.FALLBACKS, "{fallback}", "Models replaced by the next one.")
        self._reads = meter.create_counter(names.CACHE_READS, "{read}", "Questions to the cache, hits and misses.")

    def attempted(self, event: AttemptFinished, asked: Attributes) -> None:
        """One request to one model is over; *asked* is what was known when it was sent."""
        attempt = event.attempt
        told = dict(asked) if event.answer is None else {**asked, names.RESPONSE_MODEL: served_model(event.answer)}
        if attempt.first_ms is not None and self._first_chunk is not None:
            self._first_chunk.record(attempt.first_ms / 1000, told)
        usage = attempt.usage
        if usage is not None:
            for kind, count in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
                if count is not None:
                    self._tokens.record(count, {**told, names.TOKEN_TYPE: kind})
            if not isinstance(usage.cost, UnknownCost):
                provider = self._words.provider
                paid = {provider: told[provider], names.REQUEST_MODEL: attempt.model, names.COST_KIND: usage.cost.tag}
                self._cost.add(usage.cost.usd, paid)
        if attempt.outcome != "ok":
            told[names.ERROR_TYPE] = attempt.outcome
        self._duration.record(attempt.latency_ms / 1000, told)

    def ended(self, event: RequestFinished | RequestLeft) -> None:
        """One operation is over."""
        told: Attributes = {names.RUN_OPERATION: event.operation}
        if isinstance(event, RequestLeft):
            told[names.RUN_ENDED] = event.reason
        elif isinstance(event.answer, LLMResponse):
            told |= {names.RUN_ENDED: "answered", names.RUN_CACHED: event.answer.metadata.cached}
        else:
            told |= {names.RUN_ENDED: "failed", names.ERROR_TYPE: event.answer.tag}
        self._run_duration.record(event.latency_ms / 1000, told)

    def counted(self, event: RetryScheduled | FellBack | CacheRead) -> None:
        """One more."""
        match event:
            case RetryScheduled(model=model, error=error):
                self._retries.add(1, {names.REQUEST_MODEL: model, names.ERROR_TYPE: error.tag})
            case FellBack(model=model, error=error):
                self._fallbacks.add(1, {names.REQUEST_MODEL: model, names.ERROR_TYPE: error.tag})
            case CacheRead(hit=hit):
                self._reads.add(1, {names.CACHE_HIT: hit})
