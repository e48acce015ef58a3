"""The real Portkey gateway and the one the simulator plays, asked the same things: to a client they must be alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import pytest

from llm_manager.testing.simulator import Reply, Say, Simulator, Status

pytestmark = pytest.mark.anyio

KEY = {"authorization": "Bearer sk-x"}
DIRECT = {**KEY, "x-portkey-provider": "openai", "x-portkey-trace-id": "t-1"}


def config(**fields: object) -> dict[str, str]:
    return {**KEY, "x-portkey-trace-id": "t-1", "x-portkey-config": json.dumps(fields)}


def target(**fields: object) -> dict[str, object]:
    return {"provider": "openai", "api_key": "sk-y", **fields}


def placed(headers: Mapping[str, str], url: str) -> dict[str, str]:
    """*headers*, with every provider found at *url*."""
    found = dict(headers)
    if "x-portkey-provider" in found:
        found["x-portkey-custom-host"] = url
    try:
        fields: dict[str, Any] = json.loads(found.get("x-portkey-config", "{}"))
    except ValueError:
        return found
    if fields:
        found["x-portkey-config"] = json.dumps(_hosted(fields, url))
    return found


def _hosted(fields: dict[str, Any], url: str) -> dict[str, Any]:
    inside = {"targets": [_hosted(each, url) for each in fields["targets"]]} if "targets" in fields else {}
    return {**fields, **inside, **({"custom_host": url} if "provider" in fields else {})}


async def seen(at: str | None, headers: Mapping[str, str], replies: Sequence[Reply], **fields: object) -> object:
    """What a client sees of the gateway *at* an address, or of the simulated one: status, headers, words, requests."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], **fields}
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        simulator.script("gpt-4o", replies)
        address = f"{simulator.url}/v1" if at is None else at
        sent = placed(headers, f"{simulator.url}/v1")
        answer = await client.post(f"{address}/chat/completions", json=body, headers=sent)
        named = {
            name: value
            for name, value in answer.headers.items()
            if name.startswith("x-portkey-") or name == "retry-after"
        }
    return answer.status_code, named, _words(answer)


def _words(answer: httpx2.Response) -> object:
    if answer.headers["content-type"].startswith("text/event-stream"):
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    return {name: value for name, value in answer.json().items() if name not in {"id", "errors"}}


FALLBACK = {"strategy": {"mode": "fallback"}, "targets": [target(), target(override_params={"model": "gpt-4o-mini"})]}


@pytest.mark.parametrize(
    ("headers", "replies"),
    [
        (DIRECT, [Say("It scatters.")]),
        (DIRECT, [Status(429, headers={"retry-after": "7"})]),
        (DIRECT, [Status(401)]),
        (DIRECT, [Status(500)]),
        ({**KEY, "x-portkey-provider": "nobody"}, []),
        ({**KEY, "x-portkey-config": "{"}, []),
        (config(strategy={"mode": "no-such-mode"}, targets=[]), []),
        (config(cache={"mode": "simple"}), []),
        (config(**FALLBACK), [Say("first")]),
        (config(**FALLBACK), [Status(503)]),
        (config(**{**FALLBACK, "strategy": {"mode": "fallback", "on_status_codes": [429]}}), [Status(503)]),
        (config(strategy={"mode": "fallback"}, targets=[target(), FALLBACK]), [Status(503), Status(503)]),
        (config(**target(retry={"attempts": 2})), [Status(503), Say("second")]),
        (config(**target(retry={"attempts": 1, "on_status_codes": [503]})), [Status(503), Status(503)]),
        ({**DIRECT, "x-portkey-request-timeout": "50"}, [Say("late", after_s=0.5)]),
    ],
)
async def test_the_simulated_gateway_answers_as_the_real_one(
    gateway: str, headers: Mapping[str, str], replies: Sequence[Reply]
) -> None:
    assert await seen(None, headers, replies) == await seen(gateway, headers, replies)


async def test_a_stream_passes_through_both_alike(gateway: str) -> None:
    reply = Say("It scatters a lot.")
    assert await seen(None, DIRECT, [reply], stream=True) == await seen(gateway, DIRECT, [reply], stream=True)
