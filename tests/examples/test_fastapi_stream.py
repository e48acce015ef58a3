"""The endpoint: what a client hears, and what becomes of the model when nobody listens any more."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import httpx2
import pytest
import uvicorn
from starlette.types import Message

from fastapi_stream import Refusal, application, main, refusal, refused
from llm_manager import (
    AuthenticationFailed,
    Context,
    HttpSettings,
    KeySettings,
    Layer,
    LLMConfig,
    LLMError,
    RateLimitExceeded,
    Secret,
    ServerError,
    custom,
)
from llm_manager.testing import Pieces, Simulator, VirtualClock, scripted
from llm_manager.testing.scripted import Line
from llm_manager.testing.simulator import Fault, Say, Status

ASK = b'{"prompt": "Why?"}'


@dataclass
class Client:
    """A client that speaks ASGI: it sends one question, hears what comes, and is gone when *gone* is set."""

    body: bytes = ASK
    heard: list[Message] = field(default_factory=list[Message])
    gone: anyio.Event = field(default_factory=anyio.Event)
    leaves_after_text: bool = False
    _is_sent: bool = False

    async def receive(self) -> Message:
        if not self._is_sent:
            self._is_sent = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.heard.append(message)
        if self.leaves_after_text and message.get("body"):
            self.gone.set()

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.heard).decode()


async def ask(layer: Layer[Context, LLMError, None], client: Client) -> Context:
    """What *client* hears of the application on *layer*; the context, to look at afterwards."""
    async with layer as context:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/ask",
            "raw_path": b"/ask",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "state": {"context": context},
        }
        await application(layer)(scope, client.receive, client.send)
        return context


async def asked_while(
    advance: Callable[[float], Awaitable[None]], layer: Layer[Context, LLMError, None], client: Client
) -> Context:
    """As :func:`ask`, while a second passes on the clock."""
    contexts: list[Context] = []

    async def asking() -> None:
        contexts.append(await ask(layer, client))

    async with anyio.create_task_group() as group:
        group.start_soon(asking)
        await advance(1)
    return contexts[0]


def saying(*lines: Line) -> Layer[Context, LLMError, None]:
    return scripted({"gpt": lines})


@pytest.mark.anyio
async def test_the_answer_comes_in_pieces_and_says_that_it_is_whole() -> None:
    client = Client()
    await ask(saying(Pieces(["It ", "scatters."])), client)
    assert client.heard[0]["status"] == 200
    assert client.text == (
        'event: text\ndata: {"text": "It "}\n\n'
        'event: text\ndata: {"text": "scatters."}\n\n'
        'event: done\ndata: {"model": "gpt", "finish_reason": "stop"}\n\n'
    )


@pytest.mark.anyio
async def test_what_fails_before_the_first_piece_is_a_status() -> None:
    client = Client()
    await ask(saying(RateLimitExceeded("gpt", retry_after_s=600)), client)
    headers = dict(client.heard[0]["headers"])
    assert (client.heard[0]["status"], headers[b"retry-after"]) == (429, b"601")
    assert json.loads(client.text) == {"message": "too many questions at the moment"}


@pytest.mark.anyio
async def test_what_fails_after_the_first_piece_is_the_last_event() -> None:
    client = Client()
    await ask(saying(Pieces(["It "], ServerError("gpt", 500, "our secret insides"))), client)
    assert client.heard[0]["status"] == 200
    assert client.text.endswith('event: failed\ndata: {"message": "the model could not answer", "characters": 3}\n\n')
    assert "secret" not in client.text


@pytest.mark.anyio
async def test_a_client_that_goes_away_stops_the_model() -> None:
    client = Client(leaves_after_text=True)
    standing_still = VirtualClock()  # so the second piece would never come
    layer = scripted({"gpt": [Pieces(["It ", "scatters."], gap_s=1)]}, clock=standing_still)
    with anyio.fail_after(10):
        context = await asked_while(standing_still.advance, layer, client)
    totals = context.metrics.snapshot().totals
    assert (totals.requests, totals.left, totals.failures) == (1, 1, {})
    assert "done" not in client.text


@pytest.mark.anyio
async def test_a_client_that_goes_away_before_the_first_piece_stops_the_model() -> None:
    client = Client()
    client.gone.set()
    with anyio.fail_after(10):
        context = await ask(scripted({"gpt": [Pieces(["late"], gap_s=1)]}, clock=VirtualClock()), client)
    assert context.metrics.snapshot().totals.left == 1
    assert client.heard == []


@pytest.mark.anyio
async def test_a_question_without_words_is_refused_before_anybody_is_asked() -> None:
    client = Client(body=b'{"prompt": ""}')
    context = await ask(saying("never"), client)
    assert client.heard[0]["status"] == 422
    assert context.metrics.snapshot().totals.requests == 0


def test_a_wrong_key_of_ours_is_no_business_of_a_client() -> None:
    assert refusal(AuthenticationFailed("gpt", message="sk-...")) == Refusal(500, "this service is not set up properly")
    assert "retry-after" not in refused(Refusal(500, "x")).headers


KEYS = KeySettings(providers={"openai": (Secret("sk-canary-0123456789"),)})


@asynccontextmanager
async def served(vendor: Simulator, contexts: list[Context]) -> AsyncGenerator[str]:
    """The address of the application behind a real server, in front of *vendor*; it is stopped when the block ends."""
    config = LLMConfig(keys=KEYS, http=HttpSettings(base_urls={"openai": f"{vendor.url}/v1"}))

    def kept(context: Context) -> Context:
        contexts.append(context)
        return context

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application(custom(config) | kept), log_level="error"))
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            server.should_exit = True


def client_of(url: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # uvicorn knows no other
async def test_a_vendor_answers_over_two_sockets(anyio_backend: str) -> None:
    async with Simulator() as vendor, served(vendor, []) as url, client_of(url) as client:
        vendor.script("gpt-6.1-terra", [Say("It scatters."), Status(401)])
        whole = await client.post("/ask", json={"prompt": "Why?"})
        refused_ = await client.post("/ask", json={"prompt": "And at dusk?"})
    assert whole.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert whole.text.endswith('event: done\ndata: {"model": "gpt-6.1-terra", "finish_reason": "stop"}\n\n')
    assert (refused_.status_code, refused_.json()) == (500, {"message": "this service is not set up properly"})


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # as above
async def test_a_browser_tab_that_is_closed_ends_the_stream_of_a_silent_vendor(anyio_backend: str) -> None:
    contexts: list[Context] = []
    with anyio.fail_after(20):  # the server ends when its last request has: the vendor would be silent for ever
        async with Simulator() as vendor, served(vendor, contexts) as url:
            vendor.script("gpt-6.1-terra", [Fault("idle_stream")])
            async with client_of(url) as client, client.stream("POST", "/ask", json={"prompt": "Why?"}) as answer:
                first = await anext(answer.aiter_text())
    assert first.startswith("event: text")
    totals = contexts[0].metrics.snapshot().totals
    assert (totals.requests, totals.left) == (1, 1)


@pytest.mark.usefixtures("no_account")
def test_settings_that_are_wrong_are_told_before_anybody_asks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("fastapi_stream: the configuration is wrong: ")
