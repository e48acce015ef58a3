"""What would be done with a request, and the most it could take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import (
    CircuitOpen,
)
from llm_manager.domain.request import LLMRequest, Preferences
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings
from llm_manager.policies.planning import plan_of
from llm_manager.policies.targets import resolve

KEY = (Secret("sk-canary-0123456789"),)
OPENAI = LLMConfig(keys=KeySettings(providers={"openai": KEY}))
ASK = LLMRequest(prompt="hi")


def test_a_plan_bounds_attempts_cost_and_time() -> None:
    request = LLMRequest(
        prompt="hello world!", preferences=Preferences(model="gpt-4o", fallback="none", max_tokens=100)
    )
    planned = plan_of(OPENAI, request, {}, ()).unwrap()
    [target] = planned.targets
    assert target.worst_attempts == planned.worst_attempts == 4
    assert planned.worst_cost_usd == pytest.approx(4 * (7 * 2.5 + 100 * 10) / 1e6)
    assert planned.worst_latency_s == 300.0
    assert plan_of(OPENAI, replace(request, deadline_s=5.0), {}, ()).unwrap().worst_latency_s == 5.0


def test_a_plan_with_a_model_of_unknown_price_has_an_unknown_cost() -> None:
    request = replace(ASK, preferences=Preferences(model="openai/new", fallback="none"))
    assert plan_of(OPENAI, request, {}, ()).unwrap().worst_cost_usd is None


def test_a_plan_passes_over_what_has_an_open_circuit() -> None:
    target = resolve(OPENAI, "gpt").unwrap()
    planned = plan_of(OPENAI, ASK, {}, ((target.key, 12.0),)).unwrap()
    assert planned.targets[0].skipped == CircuitOpen("gpt-5.6-terra", 12.0)
    assert planned.worst_attempts == 0


def test_a_plan_fails_as_the_request_would() -> None:
    assert isinstance(plan_of(LLMConfig(), ASK, {}, ()), Failure)
    assert isinstance(plan_of(OPENAI, ASK, {}, ()), Success)
