"""Keys are seen by their provider and by nobody else: not in logs, events, errors, tracebacks or at other hosts."""

from __future__ import annotations

import io
import logging
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import Any

import pytest

from llm_manager import (
    Context,
    LLMConfig,
    ObserveSettings,
    collect,
    custom,
    generate,
    generate_stream,
    get_model_health,
    live,
    replacing,
    run,
    to_json,
)
from llm_manager.domain.events import Event
from llm_manager.testing.simulator import Fault, Reply, Say, Simulator, Status
from tests.providers.checks import ASK, Provider
from tests.providers.providers import KEY, PROVIDERS

pytestmark = pytest.mark.anyio

CANARY = KEY.reveal()
REPLIES: list[Reply] = [
    Say("fine"),
    Status(401, message=f"bad key: {CANARY}"),
    Status(400, message=f"bad key: {CANARY}"),
    Fault("reset"),
    Fault("short_body"),
]


class Listener:
    def __init__(self) -> None:
        self.told: list[str] = []

    def notify(self, event: Event, /) -> None:
        self.told.append(repr(event))


async def everything(provider: Provider, simulator: Simulator, context: Context) -> list[str]:
    """Whatever comes back of calls and streams that go well and that fail, as text."""
    seen: list[str] = []
    for number, reply in enumerate(REPLIES):
        simulator.script(provider.model, [reply, reply])
        request = replace(ASK, namespace=str(number))
        outcome = await run(generate(request), context)
        opened = await run(generate_stream(replace(request, namespace=f"s{number}")), context)
        streamed = opened if not hasattr(opened.value_or(None), "whole") else await collect(opened.unwrap())
        simulator.clear_scripts()
        for each in (outcome, streamed):
            value: Any = each.value_or(None) or each.failure()
            seen += [repr(each), str(each), to_json(value)]
    return [*seen, repr(await run(get_model_health(), context)), repr(context.config), repr(context.providers)]


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("log", ["json", "console"])
async def test_no_log_event_error_or_answer_shows_a_key(name: str, log: str, caplog: pytest.LogCaptureFixture) -> None:
    provider, listener = PROVIDERS[name], Listener()
    out, err = io.StringIO(), io.StringIO()
    caplog.set_level(logging.DEBUG)
    with redirect_stdout(out), redirect_stderr(err):
        async with Simulator() as simulator:
            config = provider.config(simulator.url)
            shown = replace(config, observe=ObserveSettings(log="json" if log == "json" else "console", prompts=True))
            async with custom(shown) as logging_context:
                seen = await everything(provider, simulator, logging_context)
            async with custom(config) | replacing(observer=listener) as heard_context:
                seen += await everything(provider, simulator, heard_context)
            assert any(CANARY in str(received.headers) for received in simulator.received), "the key was sent"
            assert not any(CANARY in received.path for received in simulator.received), "and never in a URL"
    assert listener.told
    for text in (*seen, *listener.told, out.getvalue(), err.getvalue(), caplog.text):
        assert CANARY not in text


@pytest.mark.parametrize("name", PROVIDERS)
async def test_no_other_host_sees_a_key(name: str) -> None:
    provider = PROVIDERS[name]
    async with Simulator() as sink, Simulator() as simulator:
        simulator.script(provider.model, [Fault("redirect", location=f"{sink.url}/v1/chat/completions")] * 2)
        async with custom(provider.config(simulator.url)) as context:
            assert (await run(generate(ASK), context)).failure().tag == "MalformedResponse"
            assert (await run(generate_stream(ASK), context)).failure().tag == "MalformedResponse"
        assert sink.received == []


class Broken:
    """A client with a bug in it, so that an exception passes through all of our frames."""

    def build_request(self, *_: object, **__: object) -> object:
        return object()

    async def send(self, *_: object, **__: object) -> object:
        raise ZeroDivisionError

    async def aclose(self) -> None: ...


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_traceback_with_locals_shows_no_key_in_any_frame_of_ours(name: str) -> None:
    config: LLMConfig = PROVIDERS[name].config("http://127.0.0.1:1")
    operations: list[Any] = [generate(ASK), generate_stream(ASK), get_model_health()]
    for operation in operations:
        async with live(config, http_client=Broken()) as context:
            try:
                await run(operation, context)
            except* ZeroDivisionError as raised:
                lines = traceback.TracebackException.from_exception(raised, capture_locals=True).format()
                text = "".join(lines)
                assert "httpx_engine.py" in text
                assert CANARY not in text
            else:
                pytest.fail("the bug was swallowed")
