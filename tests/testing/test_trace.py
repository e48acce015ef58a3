"""A line of the trace has the facts of what happened, and neither prompt nor answer."""

from __future__ import annotations

import json

import pytest

from llm_manager import LLMRequest, LLMResponse, ServerError
from llm_manager.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CacheRead,
    FellBack,
    GatewayTimed,
    OptionsDropped,
    Reasked,
    RequestFinished,
    RequestLeft,
    RequestStarted,
    RetryScheduled,
    SchemaModeChosen,
    SpanFinished,
    SpanStarted,
    TargetSkipped,
    VendorBatchSeen,
)
from llm_manager.domain.response import Attempt
from llm_manager.domain.vendor_batch import VendorBatch
from llm_manager.testing.simulation import BreakerMoved, CallRefused, Happening, Queued, trace_line

DOWN = ServerError("gpt", 503, "a secret")
REQUEST = LLMRequest(prompt="a secret")
ANSWER = LLMResponse(content="a secret", model="gpt")


@pytest.mark.parametrize(
    ("happening", "facts"),
    [
        (RequestStarted(at_s=1, operation="generate", request=REQUEST), {"operation": "generate", "task": "general"}),
        (
            RequestFinished(at_s=1, operation="generate", latency_ms=2.0, request=REQUEST, answer=ANSWER),
            {"operation": "generate", "model": "gpt", "latency_ms": 2.0},
        ),
        (
            RequestFinished(at_s=1, operation="generate", latency_ms=2.0, request=REQUEST, answer=DOWN),
            {"operation": "generate", "error": "ServerError", "latency_ms": 2.0},
        ),
        (
            RequestLeft(at_s=1, operation="generate", latency_ms=2.0, request=REQUEST, reason="left", partial=ANSWER),
            {"operation": "generate", "reason": "left", "latency_ms": 2.0},
        ),
        (CacheRead(at_s=1, key="k", hit=False), {"hit": False}),
        (TargetSkipped(at_s=1, model="gpt", provider="openai", error=DOWN), {"model": "gpt", "error": "ServerError"}),
        (AttemptStarted(at_s=1, model="gpt", provider="openai"), {"model": "gpt"}),
        (
            AttemptFinished(
                at_s=1,
                attempt=Attempt(model="gpt", provider="openai", key_id="openai#1", outcome="ServerError"),
                error=DOWN,
            ),
            {"model": "gpt", "outcome": "ServerError", "key": "openai#1", "waited_s": 0.0, "latency_ms": 0.0},
        ),
        (
            RetryScheduled(at_s=1, model="gpt", delay_s=1 / 3, error=DOWN),
            {"model": "gpt", "delay_s": 0.333333, "error": "ServerError"},
        ),
        (
            FellBack(at_s=1, model="gpt", next_model="claude", error=DOWN),
            {"model": "gpt", "next_model": "claude", "error": "ServerError"},
        ),
        (Reasked(at_s=1, round=2, error=DOWN), {"round": 2, "error": "ServerError"}),
        (
            OptionsDropped(at_s=1, model="gpt", dropped=("temperature", "stop")),
            {"model": "gpt", "dropped": "temperature, stop"},
        ),
        (SchemaModeChosen(at_s=1, model="gpt", mode="tool"), {"model": "gpt", "mode": "tool"}),
        (
            GatewayTimed(
                at_s=1, model="gpt", trace_id="t", latency_ms=3.0, retries=0, option_index=None, cache_status=None
            ),
            {"model": "gpt", "latency_ms": 3.0},
        ),
        (
            VendorBatchSeen(at_s=1, model="gpt", provider="p", batch=VendorBatch(id="b", status="ended", ended=True)),
            {"model": "gpt", "batch": "b", "status": "ended"},
        ),
        (SpanStarted(at_s=1, name="mine"), {"name": "mine"}),
        (SpanFinished(at_s=1, name="mine", latency_ms=3.0, error=None), {"name": "mine", "latency_ms": 3.0}),
        (
            BreakerMoved(at_s=1, key="openai|gpt", before="closed", after="open"),
            {"breaker": "openai|gpt", "before": "closed", "after": "open"},
        ),
        (CallRefused(at_s=1, key="openai|gpt", retry_after_s=None), {"breaker": "openai|gpt", "retry_after_s": None}),
        (Queued(at_s=1, where="key", waited_s=2.0), {"for": "key", "waited_s": 2.0}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_happening_is_one_line(happening: Happening, facts: dict[str, object]) -> None:
    line = trace_line(7, happening)
    assert json.loads(line) == {"at_s": 1, "call": 7, "event": type(happening).__name__, **facts}
    assert "secret" not in line
