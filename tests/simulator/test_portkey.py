"""The gateway that is played, where the real one cannot be asked the same; the rest is in ``tests/real``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import httpx2
import pytest

from llm_manager.testing.simulator import Fault, Reply, Say, Simulator

pytestmark = pytest.mark.anyio

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
FALLBACK = {
    "strategy": {"mode": "fallback"},
    "targets": [{"provider": "openai", "api_key": "k"}, {"provider": "groq", "api_key": "k"}],
}


async def asked(headers: Mapping[str, str], replies: Sequence[Reply] = ()) -> httpx2.Response:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        simulator.script("gpt-4o", replies)
        return await client.post(f"{simulator.url}/v1/chat/completions", json=ASK, headers=headers)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"x-portkey-api-key": "pk"}, "Either x-portkey-config or x-portkey-provider header is required"),
        ({"x-portkey-config": "[]"}, "Invalid config passed. You need to pass a valid json"),
    ],
)
async def test_what_the_gateway_cannot_use_is_its_own_failure(headers: Mapping[str, str], said: str) -> None:
    answer = await asked(headers)
    assert (answer.status_code, answer.json()) == (400, {"status": "failure", "message": said})


@pytest.mark.parametrize(
    "headers",
    [
        {"x-portkey-api-key": "pk", "x-portkey-provider": "@my-openai"},
        {"x-portkey-api-key": "pk", "x-portkey-provider": "openai", "x-portkey-virtual-key": "vk"},
        {"x-portkey-config": json.dumps({"virtual_key": "vk", "provider": "openai"})},
    ],
)
async def test_a_key_that_portkey_keeps_need_not_be_sent(headers: Mapping[str, str]) -> None:
    answer = await asked(headers)
    assert (answer.status_code, answer.headers["x-portkey-cache-status"]) == (200, "DISABLED")


async def test_a_broken_connection_goes_through_the_gateway() -> None:
    with pytest.raises(httpx2.TransportError):
        await asked({"x-portkey-config": json.dumps(FALLBACK)}, [Fault("reset"), Say("not asked again")])


async def test_what_the_client_sent_is_kept_and_not_what_the_gateway_sends_on() -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        headers = {"x-portkey-config": json.dumps({"provider": "openai", "api_key": "k"})}
        await client.post(f"{simulator.url}/v1/chat/completions", json=ASK, headers=headers)
    [received] = simulator.received
    assert (received.json, "x-portkey-config" in received.headers, "authorization" in received.headers) == (
        ASK,
        True,
        False,
    )
