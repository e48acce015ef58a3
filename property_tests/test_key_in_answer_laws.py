"""Laws of keys and what models say: an answer comes as it was sent, whatever the key is, and a failure shows no key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import anyio
import httpx2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from returns.result import Success

from llm_manager import (
    CacheSettings,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    Preferences,
    RetrySettings,
    Secret,
    StreamFinished,
    collect,
    custom,
    describe,
    generate,
    generate_stream,
    replacing,
    run,
)
from llm_manager.domain.errors import LLMError
from llm_manager.domain.masking import ANYWHERE, SHOWN_START, Mask
from llm_manager.domain.outcome import Outcome
from llm_manager.testing import VirtualClock
from llm_manager.testing.simulator import CallTools, Say
from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.replies import Answered
from property_tests.recorded_streams import WIRES

DUMMIES = (
    "x",
    "k",
    "1",
    "test",
    "none",
    "EMPTY",
    "ollama",
    "token",
    "sk-1234",
    "lm-studio",
    "sk-local",
    "content",
    "d",
)
VENDOR = "https://vendor.example"
FEED = {"openai": "/v1", "groq": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "ollama": "/api"}

printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
unquoted = printable.filter(lambda text: text[0] not in "\"'`" and text[-1] not in "\"'`")
keys = st.sampled_from(DUMMIES) | unquoted


def config(name: str, key: str) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={name: (Secret(key),)}),
        http=HttpSettings(base_urls={name: f"{VENDOR}{FEED[name]}"}),
        retry=RetrySettings(max_retries=0),
        cache=CacheSettings(enabled=False),
    )


def answering(name: str, reply: Answered, *, streamed: bool) -> httpx2.MockTransport:
    wire = WIRES[name][1]
    asked = Asked(model="m", last_text="hi", streamed=streamed, usage_streamed=True)
    content = b"".join(wire.events(asked, reply, 1)) if streamed else wire.body(asked, reply, 1)
    kind = wire.stream_type if streamed else "application/json"
    return serving(200, content, kind)


def serving(status: int, content: bytes, kind: str = "application/json") -> httpx2.MockTransport:
    """A server that gives the same answer to all."""
    headers = {"content-type": kind}
    return httpx2.MockTransport(lambda _: httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(content)))


async def told(
    name: str, key: str, transport: httpx2.MockTransport, *, streamed: bool
) -> Outcome[LLMResponse, LLMError]:
    """What comes of a request to *name* with *key*."""
    request = LLMRequest(prompt="hi", preferences=Preferences(model=f"{name}/m", fallback="none"))
    async with httpx2.AsyncClient(transport=transport) as client:
        layer = custom(config(name, key), http_client=client) | replacing(clock=VirtualClock(autojump=True))
        async with layer as context:
            if not streamed:
                return await run(generate(request), context)
            opened = await run(generate_stream(request), context)
            if not isinstance(opened, Success):
                return opened
            async with opened.unwrap() as stream:
                return await collect(stream)


def said(outcome: Outcome[LLMResponse, LLMError]) -> Mapping[str, object]:
    response = outcome.unwrap()
    calls = [(call.id, call.name, call.arguments) for call in response.tool_calls]
    usage = response.usage
    counts = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    return {"text": response.content, "calls": calls, "counts": counts, "finish": response.finish_reason}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", WIRES)
@settings(max_examples=30)
@given(key=keys, around=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
@example(key="k", around="")
def test_an_answer_that_holds_the_key_comes_as_it_was_sent(
    name: str,
    streamed: bool,
    key: str,
    around: str,  # a parameter of the test
) -> None:
    text = f"{around}{key}{around}{key}!"
    came = anyio.run(lambda: told(name, key, answering(name, Say(text), streamed=streamed), streamed=streamed))
    assert said(came)["text"] == text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", WIRES)
@settings(max_examples=20)
@given(key=keys)
def test_an_answer_is_read_alike_whatever_the_key_is(name: str, streamed: bool, key: str) -> None:
    replies: list[Answered] = [CallTools([("look_up", {"token": key, "at": "sky"})]), Say(f"{key} test content")]
    for reply in replies:
        ask = partial(told, name, transport=answering(name, reply, streamed=streamed), streamed=streamed)
        with_it, with_another = anyio.run(ask, key), anyio.run(ask, "an-unrelated-key-0123456789")
        assert said(with_it) == said(with_another)


@pytest.mark.parametrize("name", WIRES)
@settings(max_examples=50)
@given(
    key=unquoted.filter(lambda text: len(text) >= ANYWHERE),
    before=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=600),
    status=st.sampled_from([400, 401, 403, 404, 429, 500]),
)
def test_no_failure_shows_the_key_wherever_it_stands_and_wherever_it_is_cut(
    name: str, key: str, before: str, status: int
) -> None:
    body = {"error": {"message": f"{before}{key}{before}", "type": "x", "code": "x", "status": "X"}}
    transport = serving(status, json.dumps(body).encode())
    error = anyio.run(lambda: told(name, key, transport, streamed=False)).failure()
    shown = f"{error!r} {describe(error)}"
    if key not in before:
        assert not any(form in shown for form in (key, repr(key)[1:-1], json.dumps(key)[1:-1]))
    kept = getattr(error, "message", "")
    for length in range(SHOWN_START + 1, len(key)):
        assert not kept.endswith(key[:length])


@given(st.sampled_from([dummy for dummy in DUMMIES if len(dummy) < ANYWHERE]))
def test_a_short_key_is_masked_as_a_word_and_damages_no_other(key: str) -> None:
    mask = Mask([Secret(key)])
    assert mask.text(f"the key {key} is wrong: '{key}'.") == "the key Secret('...') is wrong: 'Secret('...')'."
    assert mask.text(f"in{key}side a-{key}-b") == f"in{key}side a-{key}-b"


def test_a_failure_in_the_middle_of_a_stream_keeps_its_text_and_shows_no_key() -> None:
    key = "sk-canary-0123456789"
    half = b'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "' + key.encode() + b'"}}]}\n\n'
    event = b'data: {"error": {"message": "who is ' + key.encode() + b'?", "code": 500}}\n\n'
    transport = serving(200, half + event, "text/event-stream")

    async def main() -> list[object]:
        async with (
            httpx2.AsyncClient(transport=transport) as client,
            custom(config("openai", key), http_client=client) as context,
        ):
            opened = (await run(generate_stream(LLMRequest(prompt="hi")), context)).unwrap()
            async with opened as stream:
                return [event async for event in stream]

    events = anyio.run(main)
    assert not any(isinstance(each, StreamFinished) for each in events)
    assert key in repr(events[0])
    assert key not in repr(getattr(events[-1], "error", events[-1]))
