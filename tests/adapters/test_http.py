"""The driver over real sockets: what each broken answer is, and what is never done."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio
import httpx
import httpx2
import pytest

from llm_manager import (
    AuthenticationFailed,
    CacheSettings,
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    MalformedResponse,
    ModelSettings,
    NetworkError,
    Preferences,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    Secret,
    TimeoutSettings,
    custom,
    describe,
    generate,
    provide,
    run,
)
from llm_manager.adapters.http.driver import Http
from llm_manager.adapters.http.engine import HttpCall
from llm_manager.adapters.http.httpx_engine import Client, HttpxEngine
from llm_manager.domain.errors import ConfigurationError, InvalidRequest
from llm_manager.testing.simulator import Fault, Reply, Say, Simulator, Status
from llm_manager.testing.simulator.replies import FaultKind
from tests.adapters.chosen import CHOSEN
from tests.paid import unpaid

pytestmark = pytest.mark.anyio

CANARY = "sk-canary-0123456789-abcdef"


def config(url: str, **timeouts: float) -> LLMConfig:
    return LLMConfig(
        models={
            "gpt": ModelSettings(provider="openai", model="gpt-4o"),
            "other": ModelSettings(provider="openai", model="gpt-4o-mini"),
        },
        keys=KeySettings(providers={"openai": (Secret(CANARY),)}),
        http=HttpSettings(engine=CHOSEN.engine, base_urls={"openai": f"{url}/v1"}),
        retry=RetrySettings(max_retries=0),
        timeouts=replace(TimeoutSettings(attempt_s=0.3, idle_s=0.3), **timeouts),
    )


def uncached(url: str) -> LLMConfig:
    return replace(config(url), cache=CacheSettings(enabled=False))


ASK = LLMRequest(prompt="hi", preferences=Preferences(model="gpt", fallback="none"))


async def failure(replies: Sequence[Reply], **timeouts: float) -> LLMError:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", replies)
        return (await provide(generate(ASK), custom(config(simulator.url, **timeouts)))).failure()


EXPECTED: dict[FaultKind, LLMError] = {
    "reset": NetworkError("gpt-4o", ambiguous=True, cause="reset"),
    "reset_in_headers": NetworkError("gpt-4o", ambiguous=True, cause="reset"),
    "hang": RequestTimedOut("gpt-4o", 0.3, "attempt"),
    "slow_headers": RequestTimedOut("gpt-4o", 0.3, "attempt"),
    "short_body": MalformedResponse("gpt-4o", "truncated"),
    "cut_chunks": MalformedResponse("gpt-4o", "truncated"),
    "reset_in_body": MalformedResponse("gpt-4o", "truncated"),
    "gzip_bomb": MalformedResponse("gpt-4o", "oversize"),
    "corrupt_gzip": MalformedResponse("gpt-4o", "undecodable"),
    "html": MalformedResponse("gpt-4o", "undecodable"),
    "bad_utf8": MalformedResponse("gpt-4o", "undecodable"),
    "deep_json": MalformedResponse("gpt-4o", "unparsable"),
    "nan": MalformedResponse("gpt-4o", "unparsable"),
    "huge_integer": MalformedResponse("gpt-4o", "unparsable"),
    "redirect": MalformedResponse("gpt-4o", "redirect"),
    "no_choices": MalformedResponse("gpt-4o", "empty"),
    "null_content": MalformedResponse("gpt-4o", "empty"),
    "error_in_ok": RateLimitExceeded("gpt-4o"),
}


@pytest.mark.parametrize("kind", EXPECTED)
async def test_each_fault_is_the_error_of_the_matrix(kind: FaultKind) -> None:
    waits = {} if isinstance(EXPECTED[kind], RequestTimedOut) else {"attempt_s": 30.0, "idle_s": 30.0}
    found = await failure([Fault(kind)], **waits)  # a busy machine may take longer than a short limit
    assert unpaid(replace(found, message="")) == EXPECTED[kind]


async def test_a_slow_drip_ends_at_the_deadline() -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Fault("drip")])
        op = generate(replace(ASK, deadline_s=0.2))
        found = (await provide(op, custom(config(simulator.url)))).failure()
    assert isinstance(found, RequestTimedOut)
    assert found.phase == "total"


async def test_a_body_that_stops_is_an_idle_timeout() -> None:
    found = await failure([Fault("drip")], idle_s=0.02, attempt_s=30.0)
    assert found == RequestTimedOut("gpt-4o", 0.02, "idle")


async def test_nobody_listening_is_no_connection_and_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = (await provide(generate(ASK), custom(config(f"http://127.0.0.1:{port}")))).failure()
    assert isinstance(found, NetworkError)
    assert (found.ambiguous, found.cause) == (False, "connect")


async def test_a_host_that_has_no_address_is_a_dns_failure() -> None:
    found = (await provide(generate(ASK), custom(config("https://no-such-host.invalid")))).failure()
    assert isinstance(found, NetworkError)
    assert found.cause == "dns"


async def test_a_server_without_tls_is_a_tls_failure() -> None:
    async with Simulator() as simulator:
        url = simulator.url.replace("http://", "https://")
        found = (await provide(generate(ASK), custom(config(url)))).failure()
    assert isinstance(found, NetworkError)
    assert found.cause == "tls"


async def test_plain_http_to_another_machine_is_refused_before_anything_is_sent() -> None:
    found = (await provide(generate(ASK), custom(config("http://192.0.2.1")))).failure()
    assert isinstance(found, ConfigurationError)
    assert "not encrypted" in describe(found)


async def test_a_redirect_never_carries_the_key_on() -> None:
    async with Simulator() as sink, Simulator() as simulator:
        simulator.script("gpt-4o", [Fault("redirect", location=f"{sink.url}/v1/chat/completions")])
        await provide(generate(ASK), custom(config(simulator.url)))
        assert sink.received == []


async def test_a_key_that_the_vendor_echoes_is_not_repeated() -> None:
    found = await failure([Status(401, None, f"Incorrect API key provided: {CANARY}")])
    assert isinstance(found, AuthenticationFailed)
    assert "canary" not in repr(found)
    refused = await failure([Status(400, None, f"bad {CANARY}")])
    assert "canary" not in repr(refused)


async def test_a_compressed_answer_is_read() -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Say("packed", gzip=True)])
        assert (await provide(generate(ASK), custom(config(simulator.url)))).unwrap().content == "packed"


async def asking(context: Context, request: LLMRequest = ASK) -> None:
    await run(generate(request), context)


async def test_cancelled_calls_give_their_connections_back() -> None:
    """A pool of three: after thirty cancelled calls the next one is answered."""
    async with Simulator() as simulator:
        small = config(simulator.url, attempt_s=5.0)
        small = replace(small, http=replace(small.http, max_connections=3), cache=replace(small.cache, enabled=False))
        simulator.script("gpt-4o", [Fault("hang")] * 30)
        async with custom(small) as context:
            for _ in range(10):
                with anyio.move_on_after(0.02):
                    async with anyio.create_task_group() as group:
                        for _ in range(3):
                            group.start_soon(asking, context)
            other = replace(ASK, preferences=replace(ASK.preferences, model="other"))
            assert (await run(generate(other), context)).unwrap().content == "You said: hi"


async def test_when_every_connection_is_in_use_the_failure_is_our_own() -> None:
    async with Simulator() as simulator:
        small = config(simulator.url, connect_s=0.05, attempt_s=5.0)
        urls = {**small.http.base_urls, "lm_studio": f"{simulator.url}/v1"}
        small = replace(
            small,
            models={**small.models, "elsewhere": ModelSettings(provider="lm_studio", model="gpt-4o-mini")},
            keys=KeySettings(providers={**small.keys.providers, "lm_studio": (Secret("with-a-queue-of-its-own"),)}),
            http=replace(small.http, max_connections=1, base_urls=urls),
            cache=replace(small.cache, enabled=False),
        )
        simulator.script("gpt-4o-mini", [Fault("hang")])
        async with custom(small) as context, anyio.create_task_group() as group:
            elsewhere = replace(ASK, preferences=replace(ASK.preferences, model="elsewhere"))
            group.start_soon(asking, context, elsewhere)
            while not simulator.received:
                await anyio.lowlevel.checkpoint()
            found = (await run(generate(ASK), context)).failure()
            assert replace(found, message="") == NetworkError("gpt-4o", cause="local")
            group.cancel_scope.cancel()


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_a_client_of_the_users_own_is_used_and_left_open(library: Any) -> None:
    async with Simulator() as simulator, library.AsyncClient() as client:
        simulator.script("gpt-4o", [Say("mine"), Fault("reset"), Fault("short_body"), Fault("hang")])
        async with custom(uncached(simulator.url), http_client=client) as context:
            assert (await run(generate(ASK), context)).unwrap().content == "mine"
            kinds: tuple[FaultKind, ...] = ("reset", "short_body", "hang")
            for kind in kinds:
                found = (await run(generate(ASK), context)).failure()
                assert replace(found, message="") == EXPECTED[kind]
        assert not client.is_closed


class Strange:
    """A client that is of neither library."""

    def build_request(self, *_: object, **__: object) -> object:
        raise ValueError

    async def send(self, *_: object, **__: object) -> object:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


def driver(client: Client | None = None) -> Http:
    settings, timeouts = HttpSettings(), TimeoutSettings()
    return Http(settings, timeouts, HttpxEngine(settings, timeouts, client))


async def test_a_call_that_cannot_even_be_built_is_an_invalid_request() -> None:
    call = HttpCall(method="GET", url="http://127.0.0.1:1/", headers={}, pool="p", model="m")
    strange: Client = Strange()
    answered = await driver(strange).call(call)
    assert isinstance(answered.failure(), InvalidRequest)


async def test_a_header_with_a_line_break_is_never_sent() -> None:
    call = HttpCall(method="GET", url="http://127.0.0.1:1/", headers={"x": "a\r\nb"}, pool="p", model="m")
    assert isinstance((await driver().call(call)).failure(), InvalidRequest)


def test_a_call_does_not_show_its_headers() -> None:
    call = HttpCall(method="GET", url="u", headers={"authorization": CANARY}, body=b"x", pool="p", model="m")
    assert "canary" not in repr(call)
