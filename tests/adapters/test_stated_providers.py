"""What is sent to a provider that the configuration states, and to the ready rows: headers, keys and fields."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest
from returns.result import Success

from llm_manager import (
    CacheSettings,
    ConfigurationError,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    ModelSettings,
    ObserveSettings,
    Preferences,
    ProviderSettings,
    RetrySettings,
    Secret,
    collect,
    custom,
    generate,
    generate_stream,
    get_model_health,
    listening,
    run,
    validate_config,
)
from llm_manager.adapters.observers.log import LogObserver

pytestmark = pytest.mark.anyio

KEY = Secret("sk-canary-0123456789")
BODY = {
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "fine"}}],
    "data": [{"id": "m"}],
}


class Server:
    """Whatever is called: it writes down what came and says what it is told to."""

    def __init__(self, body: object = BODY, status: int = 200) -> None:
        self.seen: list[httpx2.Request] = []
        self._reply: Callable[[], httpx2.Response] = lambda: httpx2.Response(
            status,
            headers={"content-type": "application/json"},
            stream=httpx2.ByteStream(json.dumps(body).encode()),
        )

    def client(self) -> httpx2.AsyncClient:
        def answer(request: httpx2.Request) -> httpx2.Response:
            self.seen.append(request)
            return self._reply()

        return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


def ask(model: str) -> LLMRequest:
    return LLMRequest(prompt="hi", preferences=Preferences(model=model, fallback="none", max_tokens=5))


async def sent(config: LLMConfig, model: str, *, streamed: bool = False) -> httpx2.Request:
    """What goes to the server of *model*."""
    server = Server()
    quick = replace(config, cache=CacheSettings(enabled=False), retry=RetrySettings(max_retries=0))
    async with server.client() as client, custom(quick, http_client=client) as context:
        if not streamed:
            await run(generate(ask(model)), context)
        else:
            async with (await run(generate_stream(ask(model)), context)).unwrap() as stream:
                await collect(stream)
    assert len(server.seen) == 1
    return server.seen[0]


async def test_azure_is_asked_at_its_v1_address_with_its_own_header() -> None:
    config = LLMConfig(
        keys=KeySettings(providers={"azure_openai": (KEY,)}),
        http=HttpSettings(base_urls={"azure_openai": "https://me.openai.azure.com/"}),
    )
    request = await sent(config, "azure_openai/my-deployment")
    assert str(request.url) == "https://me.openai.azure.com/openai/v1/chat/completions"
    assert (request.headers.get("api-key"), request.headers.get("authorization")) == (KEY.reveal(), None)
    assert json.loads(request.content)["max_completion_tokens"] == 5


async def test_mistral_is_asked_with_no_field_that_it_does_not_know() -> None:
    config = LLMConfig(keys=KeySettings(providers={"mistral": (KEY,)}))
    request = await sent(config, "mistral/mistral-large-latest", streamed=True)
    assert set(json.loads(request.content)) == {"model", "messages", "max_tokens", "stream"}


async def test_a_stated_provider_is_asked_with_its_key_and_its_headers() -> None:
    stated = ProviderSettings(
        base_url="https://llm.acme.example/v2", key=KEY, key_header="X-Key", headers={"X-Team": Secret("blue")}
    )
    request = await sent(LLMConfig(providers={"acme": stated}), "acme/m")
    assert str(request.url) == "https://llm.acme.example/v2/chat/completions"
    assert [request.headers.get(name) for name in ("x-key", "x-team", "authorization")] == [KEY.reveal(), "blue", None]


ORGANIZED = LLMConfig(
    providers={"openai": ProviderSettings(headers={"OpenAI-Organization": Secret("org-1")})},
    keys=KeySettings(providers={"openai": (KEY,)}),
    models={"local": ModelSettings(provider="openai", base_url="http://127.0.0.1:4000/v1")},
)


async def test_the_organization_goes_to_openai_and_to_no_other_server() -> None:
    at_home, elsewhere = await sent(ORGANIZED, "gpt-4o"), await sent(ORGANIZED, "local")
    names = ("openai-organization", "authorization")
    assert [at_home.headers.get(name) for name in names] == ["org-1", f"Bearer {KEY.reveal()}"]
    assert [elsewhere.headers.get(name) for name in names] == [None, None]


BROKEN = LLMConfig(
    keys=KeySettings(providers={"openai": (KEY,), "groq": (Secret("gsk-canary\nbroken"),)}),
    models={"fast": ModelSettings(provider="groq", model="m"), "mine": ModelSettings(provider="openai", model="m")},
    sources={"keys.providers.groq": "GROQ_API_KEY"},
)


async def test_a_broken_key_stops_its_own_provider_and_shows_wherever_one_looks() -> None:
    server = Server()
    async with server.client() as client, custom(BROKEN, http_client=client) as context:
        answered = await run(generate(ask("mine")), context)
        refused = (await run(generate(ask("fast")), context)).failure()
        health = (await run(get_model_health(), context)).unwrap()
        validated = (await run(validate_config(), context)).failure()
    assert isinstance(answered, Success)
    assert isinstance(refused, ConfigurationError)
    assert [each.source for each in refused.problems] == ["GROQ_API_KEY"]
    assert isinstance(validated, ConfigurationError)
    assert refused.problems[0] in validated.problems
    sick = [each for each in health if each.provider == "groq" and each.model == "m"]
    assert [(each.healthy, each.last_error) for each in sick] == [(False, refused)]
    assert any(each.healthy for each in health if each.provider == "openai")
    assert "canary" not in f"{refused!r}{validated!r}{health!r}"
    assert all("groq" not in str(request.url) for request in server.seen)


async def test_two_keys_at_one_address_are_each_asked_for_their_models() -> None:
    keys = [Secret(f"sk-canary-{name}-0123456789") for name in ("one", "two")]
    models = {
        f"m{index}": ModelSettings(provider="openai", base_url="https://one.example/v1", key=key)
        for index, key in enumerate(keys)
    }
    server = Server()
    async with server.client() as client, custom(LLMConfig(models=models), http_client=client) as context:
        await run(get_model_health(), context)
    listed = {request.headers["authorization"] for request in server.seen if request.method == "GET"}
    assert listed == {f"Bearer {key.reveal()}" for key in keys}


async def test_a_log_with_prompts_and_answers_shows_no_key_and_the_caller_gets_the_answer() -> None:
    said = {"choices": [{"finish_reason": "stop", "message": {"content": f"it is {KEY.reveal()}"}}]}
    server, written = Server(said), io.StringIO()
    config = LLMConfig(keys=KeySettings(providers={"openai": (KEY,)}))
    log = LogObserver(ObserveSettings(log="json", prompts=True), written)
    async with server.client() as client, custom(config, http_client=client) | listening(log) as context:
        request = replace(ask("gpt-4o"), prompt=f"is it {KEY.reveal()}?")
        response = (await run(generate(request), context)).unwrap()
    assert response.content == f"it is {KEY.reveal()}"
    assert "it is Secret('...6789')" in written.getvalue()
    assert KEY.reveal() not in written.getvalue()
