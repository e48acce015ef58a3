"""The law of keys: whatever is configured, and however a vendor answers, no secret reaches a server that it was not
configured for. Which server that is, is worked out here from the configuration alone, without a word of the library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_manager import (
    CacheSettings,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    ModelSettings,
    PortkeySettings,
    Preferences,
    ProviderSettings,
    RedisSettings,
    RetrySettings,
    RoutingSettings,
    Secret,
    batch_at_vendor,
    collect,
    custom,
    generate,
    generate_stream,
    get_model_health,
    replacing,
    run,
    spaced,
)
from llm_manager.domain.catalog import PROVIDERS
from llm_manager.testing import VirtualClock
from redis_server import RedisServer

HOSTS = ("https://one.example", "https://two.example:8443", "https://three.example/proxy", "http://127.0.0.1:4000")
HOSTED = ("openai", "groq", "anthropic", "gemini", "mistral", "azure_openai", "vllm")
OWN = ("acme", "other")
GATEWAY = "https://api.portkey.ai/v1"
NOWHERE: frozenset[tuple[str, int]] = frozenset()
BEHIND_GATEWAY = ("openai", "groq", "anthropic", "gemini", "mistral")


def server(url: str) -> tuple[str, int]:
    """The host and the port of *url*."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


@dataclass(frozen=True)
class Case:
    """A configuration, the servers that each secret may be sent to, and, beside the gateway, those it may be passed on
    to."""

    config: LLMConfig
    homes: Mapping[str, frozenset[tuple[str, int]]]
    beyond: Mapping[str, frozenset[tuple[str, int]]]


@dataclass
class Vendor:
    """Whoever is called: it answers with *replies* in turn and writes down which secret came to which server."""

    case: Case
    replies: Sequence[Callable[[httpx2.Request], httpx2.Response]]
    calls: int = 0
    strays: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        here = server(str(request.url))
        sent = f"{request.url} {list(request.headers.items())} {request.content.decode(errors='replace')}"
        onward = request.headers.get("x-portkey-custom-host")
        for secret, homes in self.case.homes.items():
            if secret not in sent:
                continue
            if here not in homes:
                self.strays.append((secret, str(request.url)))
            if onward is not None and server(onward) not in self.case.beyond[secret]:
                self.strays.append((secret, onward))
        self._look_into(request.headers.get("x-portkey-config"))
        self.calls += 1
        return self.replies[self.calls % len(self.replies)](request)

    def _look_into(self, config: str | None) -> None:
        """Each target of a gateway's own fallback carries its own key to its own host."""
        for each in json.loads(config or "{}").get("targets", ()):
            key, onward = each.get("api_key"), each.get("custom_host")
            if key is not None and onward is not None and server(onward) not in self.case.beyond[key]:
                self.strays.append((key, onward))


def answer(request: httpx2.Request) -> httpx2.Response:
    """An answer on OpenAI's wire, which the others find malformed."""
    message = {"role": "assistant", "content": "fine"}
    body = {"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "data": [{"id": "m"}]}
    return responding(200, body, request)


def responding(status: int, body: object, request: httpx2.Request) -> httpx2.Response:
    """What has been read already could not be read by the driver."""
    headers = {"content-type": "application/json"}
    return httpx2.Response(
        status, headers=headers, stream=httpx2.ByteStream(json.dumps(body).encode()), request=request
    )


def refusing(status: int) -> Callable[[httpx2.Request], httpx2.Response]:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        return responding(status, {"error": {"message": "no", "code": "x"}}, request)

    return refuse


def redirecting(url: str) -> Callable[[httpx2.Request], httpx2.Response]:
    def redirect(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(307, headers={"location": f"{url}/chat/completions"}, request=request)

    return redirect


replies = st.lists(
    st.sampled_from([answer, *map(refusing, (400, 401, 403, 404, 429, 500)), *map(redirecting, HOSTS)]),
    min_size=1,
    max_size=4,
)
urls = st.sampled_from([f"{host}/v1" for host in HOSTS])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Keys, headers and addresses at every level that there is."""
    count = iter(range(1000))

    def secret() -> Secret:
        return Secret(f"sk-canary-{next(count):03d}-0123456789")

    def perhaps(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    keys = {
        name: tuple(secret() for _ in range(draw(st.integers(1, 2)))) for name in draw(st.sets(st.sampled_from(HOSTED)))
    }
    base_urls = {name: draw(urls) for name in draw(st.sets(st.sampled_from(HOSTED), max_size=3))}
    if draw(st.booleans()):
        keys["portkey"] = (secret(),)
    if draw(st.integers(0, 3)) == 0:
        base_urls["portkey"] = draw(urls)
    stated = {name: _stated(draw, perhaps, secret, has_address=True) for name in draw(st.sets(st.sampled_from(OWN)))}
    for name in draw(st.sets(st.sampled_from(HOSTED), max_size=2)):
        stated[name] = _stated(draw, perhaps, secret, has_address=False)
    known = [*HOSTED, *stated]
    models = {
        f"m{index}": ModelSettings(
            provider=draw(st.sampled_from(known)),
            model="m",
            base_url=perhaps(urls),
            key=perhaps(st.builds(secret)),
            virtual_key=perhaps(st.builds(secret)),
        )
        for index in range(draw(st.integers(1, 4)))
    }
    config = LLMConfig(
        models=models,
        providers=stated,
        keys=KeySettings(providers=keys, cool_down_s=0.0),
        http=HttpSettings(
            base_urls=base_urls,
            allow_http=True,
            portkey=PortkeySettings(mode=draw(st.sampled_from(["single", "fallback"]))),
        ),
        routing=RoutingSettings(chains={"general": tuple(models)}),
        retry=RetrySettings(max_retries=1, base_s=0.001, cap_s=0.001),
        cache=CacheSettings(enabled=False),
    )
    return _case(config)


def _stated(draw: st.DrawFn, perhaps: Any, secret: Callable[[], Secret], *, has_address: bool) -> ProviderSettings:
    return ProviderSettings(
        wire=draw(st.sampled_from(["openai", "anthropic"])) if has_address else None,
        base_url=draw(urls) if has_address else perhaps(urls),
        key=perhaps(st.builds(secret)),
        headers={"x-secret": secret()} if draw(st.booleans()) else {},
    )


def _case(config: LLMConfig) -> Case:  # noqa: C901  # one kind of secret after the other
    homes: dict[str, frozenset[tuple[str, int]]] = {}
    beyond: dict[str, frozenset[tuple[str, int]]] = {}
    is_gated = "portkey" in config.keys.providers or "portkey" in config.http.base_urls
    gateway = server(config.http.base_urls.get("portkey", GATEWAY))

    def home(name: str) -> frozenset[tuple[str, int]]:
        own = config.providers.get(name)
        url = (own.base_url if own else None) or config.http.base_urls.get(name)
        url = url or (PROVIDERS[name].base_url if name in PROVIDERS else "")
        return frozenset({server(url)}) if url else frozenset()

    def put(secret: Secret, at: frozenset[tuple[str, int]], *, gated: bool) -> None:
        beyond[secret.reveal()] = at
        homes[secret.reveal()] = at | {gateway} if gated else at

    def gated(name: str) -> bool:
        own = config.providers.get(name)
        return is_gated and name in BEHIND_GATEWAY and not (own and own.base_url)

    for name, keys in config.keys.providers.items():
        own = config.providers.get(name)
        for key in keys:
            if name == "portkey":
                put(key, frozenset({gateway}), gated=False)
            elif own is not None and own.key is not None:  # what a provider states goes before: this one is not used
                put(key, frozenset(), gated=False)
            else:
                put(key, home(name), gated=gated(name))
    for name, settings_ in config.providers.items():
        if settings_.key is not None:
            put(settings_.key, home(name), gated=gated(name))
        for value in settings_.headers.values():
            put(value, home(name), gated=False)
    for each in config.models.values():
        provider = each.provider or ""
        if each.key is not None:
            at = home(provider) if each.base_url is None else frozenset({server(each.base_url)})
            put(each.key, at, gated=each.base_url is None and gated(provider))
        if each.virtual_key is not None:
            put(each.virtual_key, frozenset({gateway}), gated=False)
            beyond[each.virtual_key.reveal()] = homes[each.virtual_key.reveal()] | home(provider)
    for key in config.keys.providers.get("portkey", ()):  # it shows the gateway who asks, and goes no further
        beyond[key.reveal()] = frozenset(map(server, (*HOSTS, GATEWAY))) | frozenset().union(*map(home, HOSTED))
    return Case(config, homes, beyond)


async def everything(vendor: Vendor) -> None:
    """All that calls a server: answers, streams, fallbacks, health, and the vendors' own batches."""
    transport, config = httpx2.MockTransport(vendor), vendor.case.config
    async with httpx2.AsyncClient(transport=transport) as client, AsyncExitStack() as stack:
        layer = custom(config, http_client=client)
        is_alone = config.redis.url is None
        clock = VirtualClock(autojump=True)
        context = await stack.enter_async_context(layer | replacing(clock=clock) if is_alone else layer)
        for name in config.models:
            asked = LLMRequest(prompt="hi", preferences=Preferences(model=name))
            await run(generate(asked), context)
            opened = await run(generate_stream(replace(asked, streaming=True)), context)
            if hasattr(opened.value_or(None), "aclose"):
                async with opened.unwrap() as stream:
                    await collect(stream)
            at_vendor = batch_at_vendor([asked], model=name, poll=spaced(0.001), limit_s=0.01)
            await run(at_vendor.collect(), context)
        await run(get_model_health(), context)


def strays(case: Case, told: Sequence[Callable[[httpx2.Request], httpx2.Response]]) -> list[tuple[str, str]]:
    """Each secret that came to a server which is not its home."""
    vendor = Vendor(case, told)
    anyio.run(everything, vendor)
    return vendor.strays


@given(cases(), replies)
def test_no_secret_reaches_a_server_that_it_was_not_configured_for(
    case: Case, told: Sequence[Callable[[httpx2.Request], httpx2.Response]]
) -> None:
    assert strays(case, told) == []


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases(), replies)
def test_nor_does_one_where_the_rests_of_keys_are_shared_over_redis(
    redis: RedisServer, case: Case, told: Sequence[Callable[[httpx2.Request], httpx2.Response]]
) -> None:
    shared = replace(case, config=replace(case.config, redis=RedisSettings(url=Secret(redis.url), prefix="home")))
    assert strays(shared, told) == []


@pytest.mark.parametrize("alias", [ModelSettings(provider="acme", model="m"), ModelSettings(model="acme/m")])
def test_and_a_key_does_reach_its_home(alias: ModelSettings) -> None:
    stated = {"acme": ProviderSettings(base_url="https://one.example/v1", key=Secret("sk-canary-of-acme-0123"))}
    case = _case(LLMConfig(models={"mine": alias}, providers=stated))
    vendor = Vendor(replace(case, homes=dict.fromkeys(case.homes, NOWHERE)), [answer])
    anyio.run(everything, vendor)
    assert ("sk-canary-of-acme-0123", "https://one.example/v1/chat/completions") in vendor.strays
