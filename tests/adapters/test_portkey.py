"""What the gateway is told and what its answers mean, without a gateway; ``tests/real`` asks the real one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from llm_manager.adapters.dialects.openai import DIALECT
from llm_manager.adapters.observers.plain import Silent
from llm_manager.adapters.portkey import PASSED_ON, Gateway, answered_by, option_index
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.descriptions import describe
from llm_manager.domain.errors import GatewayError
from llm_manager.domain.events import Event, GatewayTimed
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import PortkeySettings
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import may_ask_next
from llm_manager.ports import Dispatch, Observer
from llm_manager.testing import VirtualClock

UNUSUAL = (407, 501)
"""No vendor uses these."""

GPT = Target(
    model="gpt-4o",
    provider=PROVIDERS["openai"],
    facts=ModelFacts(name="gpt-4o", provider="openai"),
    service="portkey",
    base_url="https://api.portkey.ai/v1",
    key="k",
    key_pool="openai",
)
CLAUDE = replace(
    GPT,
    model="claude-sonnet-5-5",
    provider=PROVIDERS["anthropic"],
    key_pool=None,
    virtual_key=Secret("vk-canary-0123456789"),
)
KEYS = {"openai": Secret("sk-openai")}


def gateway(settings: PortkeySettings | None = None) -> Gateway:
    return Gateway(settings or PortkeySettings(), Secret("pk-portkey"), VirtualClock(5.0))


def dispatch(target: Target, trace_id: str | None = "t1", observer: Observer | None = None) -> Dispatch:
    return Dispatch(
        request=LLMRequest(prompt="hi", namespace="tenant"),
        target=target,
        sent_s=4.5,
        timeout_s=1.5,
        keys=KEYS,
        trace_id=trace_id,
        observer=observer or Silent(),
    )


def headers(target: Target, settings: PortkeySettings | None = None) -> Mapping[str, str]:
    way = gateway(settings)
    return way.headers(target, way.keys(KEYS), dispatch(target))


def test_a_list_of_models_is_asked_of_one_provider() -> None:
    way = gateway()
    assert way.headers(replace(GPT, alternates=(CLAUDE,)), way.keys(KEYS), None) == {
        "authorization": "Bearer sk-openai",
        "x-portkey-api-key": "pk-portkey",
        "x-portkey-mode": "single",
        "x-portkey-provider": "openai",
        "x-portkey-request-timeout": "10000",
        "x-portkey-strict-open-ai-compliance": "false",
    }


def test_a_call_names_the_provider_the_keys_the_run_and_the_tenant() -> None:
    assert headers(GPT) == {
        "authorization": "Bearer sk-openai",
        "x-portkey-api-key": "pk-portkey",
        "x-portkey-cache-namespace": "tenant",
        "x-portkey-mode": "single",
        "x-portkey-provider": "openai",
        "x-portkey-request-timeout": "1500",
        "x-portkey-strict-open-ai-compliance": "false",
        "x-portkey-trace-id": "t1",
    }


def test_a_virtual_key_stands_for_the_providers_key() -> None:
    told = headers(CLAUDE)
    assert told["x-portkey-virtual-key"] == "vk-canary-0123456789"
    assert told["x-portkey-provider"] == "anthropic"
    assert "authorization" not in told


def test_a_slug_names_a_provider_of_the_account() -> None:
    told = headers(replace(CLAUDE, virtual_key=Secret("@my-claude")))
    assert told["x-portkey-provider"] == "@my-claude"
    assert "x-portkey-virtual-key" not in told


def test_a_custom_host_metadata_and_a_saved_config_are_passed_on() -> None:
    assert headers(replace(GPT, custom_host="https://proxy/v1"))["x-portkey-custom-host"] == "https://proxy/v1"
    saved = headers(GPT, PortkeySettings(config="pc-1", metadata={"team": "blue"}))
    assert saved["x-portkey-config"] == "pc-1"
    assert json.loads(saved["x-portkey-metadata"]) == {"team": "blue"}
    assert "x-portkey-provider" not in saved


def test_in_fallback_mode_the_config_lists_the_targets_in_order() -> None:
    host = replace(CLAUDE, custom_host="https://proxy/v1")
    told = headers(replace(GPT, alternates=(host,)), PortkeySettings(mode="fallback"))
    assert told["x-portkey-mode"] == "fallback"
    assert json.loads(told["x-portkey-config"]) == {
        "strategy": {"mode": "fallback", "on_status_codes": list(PASSED_ON)},
        "targets": [
            {"provider": "openai", "api_key": "sk-openai", "override_params": {"model": "gpt-4o"}},
            {
                "provider": "anthropic",
                "virtual_key": "vk-canary-0123456789",
                "custom_host": "https://proxy/v1",
                "override_params": {"model": "claude-sonnet-5-5"},
            },
        ],
    }


def test_the_gateways_own_errors_are_told_from_those_of_the_model() -> None:
    own = b'{"status": "failure", "message": "Invalid config"}'
    assert gateway().refusal(400, own) == GatewayError(400, "Invalid config")
    assert gateway().refusal(401, b'{"error": {"message": "openai error: bad key"}, "provider": "openai"}') is None
    assert gateway().refusal(502, b"<html>") is None
    assert gateway().refusal(200, own) is None


@pytest.mark.parametrize(
    ("text", "index"), [("config.targets[1]", 1), ("0", 0), ("", None), ("config", None), ("config.targets[7]", 7)]
)
def test_which_target_answered_is_read_from_its_place(text: str, index: int | None) -> None:
    both = replace(GPT, alternates=(CLAUDE,))
    answer = {"x-portkey-last-used-option-index": text}
    assert option_index(answer) == index
    assert answered_by(both, answer) == (CLAUDE if index == 1 else both)


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)


def test_the_timing_of_a_call_is_read_from_its_answer() -> None:
    answer = {"x-portkey-trace-id": "t2", "x-portkey-retry-attempt-count": "2", "x-portkey-cache-status": "MISS"}
    told = Told()
    way = gateway(PortkeySettings(timings=True))
    assert way.arrived(dispatch(GPT, observer=told), answer) is GPT
    way.arrived(dispatch(GPT, None, told), {"x-portkey-retry-attempt-count": "many"})
    timing, odd = (event for event in told.events if isinstance(event, GatewayTimed))
    assert timing == GatewayTimed(
        at_s=5.0,
        model="gpt-4o",
        trace_id="t2",
        latency_ms=500.0,
        retries=2,
        option_index=None,
        cache_status="MISS",
    )
    assert (odd.trace_id, odd.retries) == ("", 0)
    gateway().arrived(dispatch(GPT, observer=told), answer)
    assert len(told.events) == 2, "nobody asked for it"


def test_the_gateway_asks_the_next_target_where_we_would() -> None:
    target = replace(GPT, alternates=())
    for status in (*range(400, 430), 498, 499, 500, 501, 502, 503, 504, *range(520, 525), 529):
        error = DIALECT.read_answer(status, {}, b"{}", target).failure()
        goes_on = may_ask_next(error, ambiguous=True, after_filter=False)
        assert (status in PASSED_ON) == (goes_on and status not in UNUSUAL), status


def test_a_gateway_that_breaks_down_says_what_may_be_wrong_with_it() -> None:
    broke_down = gateway().refusal(500, b'{"status": "failure", "message": "Something went wrong"}')
    assert isinstance(broke_down, GatewayError)
    assert "hono 4.9.7" in describe(broke_down)
    assert gateway().refusal(500, b'{"error": {"message": "openai error: Something went wrong"}}') is None
    assert gateway().refusal(400, b'{"status": "failure", "message": "no"}') == GatewayError(400, "no")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("refusal", "refusal"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("end_turn", "stop"),
        ("MAX_TOKENS", "length"),
        ("stop", "stop"),  # of a gateway that is strict all the same
    ],
)
def test_what_a_vendor_says_through_the_gateway_is_understood(reason: str, finish: str) -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "All"}]
    message = {"role": "assistant", "content": "All", "content_blocks": blocks}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}
    answer = DIALECT.read_answer(200, {}, json.dumps(body).encode(), CLAUDE).unwrap()
    assert (answer.content, answer.reasoning, answer.finish_reason) == ("All", "hm", finish)

    reader = DIALECT.reader({}, CLAUDE)
    pieces: list[dict[str, Any]] = [
        {"delta": {"content_blocks": [{"index": 0, "delta": {"thinking": ""}}]}},
        {"delta": {"content_blocks": [{"index": 0, "delta": {"thinking": "hm"}}]}},
        {"delta": {"content_blocks": [{"index": 0, "delta": {"signature": "s"}}]}},
        {"delta": {"content": "All", "content_blocks": [{"index": 1, "delta": {"text": "All"}}]}},
        {"delta": {}, "finish_reason": reason},
    ]
    for piece in pieces:
        reader.read(json.dumps({"choices": [{"index": 0, **piece}]}).encode()).unwrap()
    streamed = reader.end().unwrap()
    assert (streamed.content, streamed.reasoning, streamed.finish_reason) == ("All", "hm", finish)
