"""What the gateway is told and what its answers mean, without a gateway; ``tests/real`` asks the real one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from llm_manager.adapters.portkey import answered_by, gateway_headers, option_index, read_gateway_error, timed
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.errors import GatewayError
from llm_manager.domain.events import GatewayTimed
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import PortkeySettings
from llm_manager.domain.target import Target

GPT = Target(
    model="gpt-4o",
    provider=PROVIDERS["openai"],
    facts=ModelFacts(name="gpt-4o", provider="openai"),
    service="portkey",
    base_url="https://api.portkey.ai/v1",
    key="k",
)
CLAUDE = replace(
    GPT, model="claude-sonnet-5-5", provider=PROVIDERS["anthropic"], virtual_key=Secret("vk-canary-0123456789")
)
KEYS = {"openai": Secret("sk-openai"), "portkey": Secret("pk-portkey")}


def headers(target: Target, settings: PortkeySettings | None = None) -> dict[str, str]:
    return gateway_headers(
        target, settings or PortkeySettings(), keys=KEYS, trace_id="t1", timeout_s=1.5, namespace="tenant"
    )


def test_a_call_names_the_provider_the_keys_the_run_and_the_tenant() -> None:
    assert headers(GPT) == {
        "authorization": "Bearer sk-openai",
        "x-portkey-api-key": "pk-portkey",
        "x-portkey-cache-namespace": "tenant",
        "x-portkey-mode": "single",
        "x-portkey-provider": "openai",
        "x-portkey-request-timeout": "1500",
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
        "strategy": {"mode": "fallback"},
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
    assert read_gateway_error(400, own) == GatewayError(400, "Invalid config")
    assert read_gateway_error(401, b'{"error": {"message": "openai error: bad key"}, "provider": "openai"}') is None
    assert read_gateway_error(502, b"<html>") is None
    assert read_gateway_error(200, own) is None


@pytest.mark.parametrize(
    ("text", "index"), [("config.targets[1]", 1), ("0", 0), ("", None), ("config", None), ("config.targets[7]", 7)]
)
def test_which_target_answered_is_read_from_its_place(text: str, index: int | None) -> None:
    both = replace(GPT, alternates=(CLAUDE,))
    answer = {"x-portkey-last-used-option-index": text}
    assert option_index(answer) == index
    assert answered_by(both, answer) == (CLAUDE if index == 1 else both)


def test_the_timing_of_a_call_is_read_from_its_answer() -> None:
    answer = {"x-portkey-trace-id": "t2", "x-portkey-retry-attempt-count": "2", "x-portkey-cache-status": "MISS"}
    assert timed(GPT, answer, "t1", 5.0, 12.0) == GatewayTimed(
        at_s=5.0, model="gpt-4o", trace_id="t2", latency_ms=12.0, retries=2, option_index=None, cache_status="MISS"
    )
    odd = timed(GPT, {"x-portkey-retry-attempt-count": "many"}, None, 0.0, 0.0)
    assert (odd.trace_id, odd.retries) == ("", 0)
