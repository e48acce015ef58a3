"""What this library reads in the bytes of an answer is what the vendor's own SDK reads: text, calls, counts, reason."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import types
from returns.result import Failure

from llm_manager import collect, custom, generate, generate_stream, run
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.request import LLMRequest, Preferences, Tool
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import CacheSettings, HttpSettings, KeySettings
from llm_manager.testing.simulator import CallTools, Say, Simulator

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Google's SDK's own
]

MODELS = {"openai": "gpt-4o", "anthropic": "claude-haiku-4-5", "gemini": "gemini-3.8-flash", "ollama": "llama3.2"}
LENGTH = {"openai": "length", "anthropic": "max_tokens", "gemini": "MAX_TOKENS", "ollama": "length"}
REASONS = {
    **dict.fromkeys(("stop", "end_turn", "STOP"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "MAX_TOKENS"), "length"),
    **dict.fromkeys(("tool_calls", "tool_use"), "tool_calls"),
}
"""Theirs as ours. Google and Ollama have no word of their own for calls."""

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
LOOK = Tool(name="look", description="Look.", parameters=SCHEMA)
QUESTION = "Why is the sky blue?"


@dataclass(frozen=True, slots=True)
class Heard:
    text: str
    calls: Sequence[tuple[str, Mapping[str, Any]]]
    counts: tuple[int | None, int | None]
    reason: str


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The SDKs work on asyncio alone."""
    return str(request.param)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


async def by_openai(url: str, *, streamed: bool) -> Heard:
    asked: dict[str, Any] = {
        "model": MODELS["openai"],
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
    }
    client: Any = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-x", max_retries=0)
    async with client as sdk:
        if streamed:
            return await _pieces_of_openai(sdk, asked)
        answer = await sdk.chat.completions.create(**asked)
    choice = answer.choices[0]
    calls = [(each.function.name, json.loads(each.function.arguments)) for each in choice.message.tool_calls or ()]
    counts = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    return Heard(choice.message.content or "", calls, counts, REASONS[choice.finish_reason])


async def _pieces_of_openai(sdk: Any, asked: Mapping[str, Any]) -> Heard:
    """By hand: the SDK's own helper raises for an answer that is cut off."""
    text, names, arguments, reason, counts = "", list[str](), list[str](), "", (None, None)
    stream: Any = await sdk.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    async for chunk in stream:
        counts = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens) if chunk.usage else counts
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or ():
                if call.index == len(names):
                    names.append(call.function.name)
                    arguments.append("")
                arguments[call.index] += call.function.arguments or ""
    calls = [(name, json.loads(made)) for name, made in zip(names, arguments, strict=True)]
    return Heard(text, calls, counts, REASONS[reason])


async def by_anthropic(url: str, *, streamed: bool) -> Heard:
    asked: dict[str, Any] = {
        "model": MODELS["anthropic"],
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [{"name": "look", "input_schema": SCHEMA}],
        "max_tokens": 100,
    }
    headers = {"anthropic-version": "2023-06-01"}
    client: Any = anthropic.AsyncAnthropic(base_url=url, api_key="x", max_retries=0, default_headers=headers)
    async with client as sdk:
        if streamed:
            async with sdk.messages.stream(**asked) as stream:
                answer: Any = await stream.get_final_message()
        else:
            answer = await sdk.messages.create(**asked)
    text = "".join(block.text for block in answer.content if block.type == "text")
    calls = [(block.name, block.input) for block in answer.content if block.type == "tool_use"]
    return Heard(text, calls, (answer.usage.input_tokens, answer.usage.output_tokens), REASONS[answer.stop_reason])


async def by_google(url: str, *, streamed: bool) -> Heard:
    look = types.Tool(function_declarations=[types.FunctionDeclaration(name="look", parameters_json_schema=SCHEMA)])
    by_hand = types.AutomaticFunctionCallingConfig(disable=True)
    config = types.GenerateContentConfig(tools=[look], automatic_function_calling=by_hand)
    model = MODELS["gemini"]
    client: Any = genai.Client(api_key="x", http_options=types.HttpOptions(base_url=url)).aio
    async with client as sdk:
        if streamed:
            opened = await sdk.models.generate_content_stream(model=model, contents=QUESTION, config=config)
            pieces = [piece async for piece in opened]
        else:
            pieces = [await sdk.models.generate_content(model=model, contents=QUESTION, config=config)]
    last: Any = pieces[-1]
    parts: list[Any] = [
        part
        for piece in pieces
        for each in piece.candidates or ()
        for part in (each.content and each.content.parts) or ()
    ]
    text = "".join(part.text for part in parts if part.text and not part.thought)
    calls = [(part.function_call.name, part.function_call.args) for part in parts if part.function_call]
    counts = (last.usage_metadata.prompt_token_count, last.usage_metadata.candidates_token_count)
    reason = REASONS[last.candidates[0].finish_reason.value]
    return Heard(text, calls, counts, "tool_calls" if calls else reason)


async def by_ollama(url: str, *, streamed: bool) -> Heard:
    asked: dict[str, Any] = {
        "model": MODELS["ollama"],
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [{"type": "function", "function": {"name": "look", "description": "Look.", "parameters": SCHEMA}}],
    }
    sdk: Any = ollama.AsyncClient(host=url)
    try:
        answer = await sdk.chat(**asked, stream=streamed)
        pieces: list[Any] = [piece async for piece in answer] if streamed else [answer]
    finally:
        await sdk.close()
    calls = [
        (each.function.name, each.function.arguments) for piece in pieces for each in piece.message.tool_calls or ()
    ]
    text = "".join(piece.message.content or "" for piece in pieces)
    last = pieces[-1]
    counts = (last.prompt_eval_count, last.eval_count)
    return Heard(text, calls, counts, "tool_calls" if calls else REASONS[last.done_reason])


SDKS: Mapping[str, Callable[..., Awaitable[Heard]]] = {
    "openai": by_openai,
    "anthropic": by_anthropic,
    "gemini": by_google,
    "ollama": by_ollama,
}


async def by_us(provider: str, url: str, *, streamed: bool) -> Heard:
    keys = {name: (Secret("sk-canary-0123456789"),) for name in MODELS if name != "ollama"}
    urls = {name: f"{url}/v1" if name == "openai" else url for name in MODELS}
    config = LLMConfig(
        keys=KeySettings(providers=keys),
        http=HttpSettings(base_urls=urls, allow_http=True),
        cache=CacheSettings(enabled=False),
    )
    wish = Preferences(model=f"{provider}/{MODELS[provider]}", fallback="none")
    request = LLMRequest(prompt=QUESTION, tools=(LOOK,), preferences=wish)
    async with custom(config) as context:
        if streamed:
            opened = await run(generate_stream(request), context)
            outcome = opened if isinstance(opened, Failure) else await collect(opened.unwrap())
        else:
            outcome = await run(generate(request), context)
    answer: LLMResponse = outcome.unwrap()
    calls = [(call.name, json.loads(call.arguments)) for call in answer.tool_calls]
    counts = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    return Heard(answer.content, calls, counts, answer.finish_reason)


TWICE = CallTools([("look", {"at": "sky"}), ("look", {"at": 'sea and "shore"'})])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("said", ["text", "wide text", "cut off", "calls", "a call without arguments"])
@pytest.mark.parametrize("provider", MODELS)
async def test_the_sdk_of_the_vendor_hears_the_same(
    simulator: Simulator, provider: str, said: str, *, streamed: bool
) -> None:
    replies: dict[str, Say | CallTools] = {
        "text": Say("It scatters.\n\nA lot."),
        "wide text": Say('天空 \U0001f600 "blue" \\ é'),
        "cut off": Say("It scat", finish=LENGTH[provider]),
        "calls": TWICE,
        "a call without arguments": CallTools({"look": {}}),
    }
    simulator.script(MODELS[provider], [replies[said]] * 2)
    theirs = await SDKS[provider](simulator.url, streamed=streamed)
    assert await by_us(provider, simulator.url, streamed=streamed) == theirs
