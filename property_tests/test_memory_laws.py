"""Whatever a server sends, what is kept of it stays within twice the cap: objects are counted, not what was sent.

Scaled down to a cap of 128 KiB, unless ``PROMISES=full`` asks for that of the defaults, 8 MiB.
"""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Success

from llm_manager import (
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    Preferences,
    Secret,
    generate,
    generate_stream,
    replacing,
    run,
)
from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.hosted import Direct, Hosted
from llm_manager.adapters.http.driver import Http
from llm_manager.adapters.http.engine import OVER, Coming, HttpCall
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import BreakerSettings, CacheSettings, RetrySettings, TimeoutSettings
from llm_manager.testing import scripted

MEBIBYTE = 1024 * 1024
IS_FULL = os.environ.get("PROMISES") == "full"
CAP = 8 * MEBIBYTE if IS_FULL else MEBIBYTE // 8
MOST = 2 * CAP + (0 if IS_FULL else 3 * MEBIBYTE // 2)
"""The cap twice; beside a small one, room for what is under way, whatever the cap."""

CHUNK_BYTES = 64 * 1024

Unit = Callable[[int], bytes]
"""A piece of a stream, by its number."""

WORD = "\N{GRINNING FACE}" + "ab " * 100


def event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def chunk(delta: str) -> bytes:
    return event(f'{{"choices":[{{"index":0,"delta":{delta}}}]}}')


def called(number: int, arguments: str) -> bytes:
    function = f'{{"name":"f","arguments":"{arguments}"}}'
    return chunk(f'{{"tool_calls":[{{"index":{number},"id":"c","function":{function}}}]}}')


def block(kind: str, **more: str) -> bytes:
    content = {"type": kind, **more}
    return event(json.dumps({"type": "content_block_start", "index": 0, "content_block": content}))


def grown(kind: str, **more: str) -> bytes:
    delta = {"type": kind, **more}
    return event(json.dumps({"type": "content_block_delta", "index": 0, "delta": delta}))


def part(**more: object) -> bytes:
    return event(json.dumps({"candidates": [{"content": {"parts": [more]}}]}))


def line(**more: object) -> bytes:
    return json.dumps({"message": more}).encode() + b"\n"


SSE: Mapping[str, Unit] = {
    "pings": lambda _: b": ping\n\n",
    "data without end": lambda _: b"data:\n",
    "short data without end": lambda _: b"data: ab\n",
    "an event of values": lambda _: event("[" + "[]," * (CAP // 7) + "0]"),
    "an event of text": lambda _: event('{"x":"' + "a" * (CAP // 3) + '"}'),
}
CALL = {"name": "f", "args": dict[str, object]()}
UNITS: Mapping[str, Mapping[str, Unit]] = {
    "openai": {
        **SSE,
        "words": lambda n: chunk(f'{{"content":"{n:05x}"}}'),
        "wide words": lambda _: chunk(f'{{"content":"{WORD}"}}'),
        "thoughts": lambda n: chunk(f'{{"reasoning_content":"{n:05x}"}}'),
        "calls": lambda n: called(n, ""),
        "arguments": lambda _: called(0, "1,"),
        "no arguments": lambda _: called(0, ""),
    },
    "anthropic": {
        **SSE,
        "words": lambda n: grown("text_delta", text=f"{n:05x}"),
        "blocks of thoughts": lambda _: block("thinking", thinking="", signature=""),
        "blocks of fields": lambda n: block("thinking", **{f"a{n}": "b"}),
        "signatures without end": lambda _: block("thinking") + grown("signature_delta", signature="ab"),
        "calls": lambda n: block("tool_use", id=f"c{n}", name="f"),
        "long names": lambda n: block("tool_use", id=f"c{n}", name="f" * 5_000),
    },
    "gemini": {
        **SSE,
        "words": lambda n: part(text=f"{n:05x}"),
        "calls": lambda _: part(functionCall=CALL),
        "signed calls": lambda _: part(functionCall=CALL, thoughtSignature="a" * 3_000),
        "counts": lambda n: event(json.dumps({"usageMetadata": {f"count{n}": "a" * 100}})),
    },
    "ollama": {
        "words": lambda n: line(content=f"{n:05x}"),
        "thoughts": lambda n: line(thinking=f"{n:05x}"),
        "calls": lambda _: line(tool_calls=[{"function": {"name": "f", "arguments": dict[str, object]()}}]),
        "blank lines": lambda _: b" " * 20 + b"\n",
        "a line of values": lambda _: b"[" + b"{}," * (CAP // 7) + b"0]\n",
    },
}
DIALECTS: Mapping[str, Dialect] = {
    "openai": openai.DIALECT,
    "anthropic": anthropic.DIALECT,
    "gemini": gemini.DIALECT,
    "ollama": ollama.DIALECT,
}
CONFIG = LLMConfig(
    keys=KeySettings(providers={name: (Secret("the-only-key-there-is"),) for name in DIALECTS}),
    http=HttpSettings(max_body_bytes=CAP, max_event_bytes=CAP // 2, base_urls={"ollama": "http://127.0.0.1:1"}),
    cache=CacheSettings(enabled=False),
    retry=RetrySettings(max_retries=0),
    circuit_breaker=BreakerSettings(enabled=False),
    timeouts=TimeoutSettings(total_s=3600.0, attempt_s=3600.0, first_byte_s=3000.0),
)


@dataclass
class Body:
    """An answer that comes as it is read, made then, so that it takes no memory itself."""

    chunks: Iterator[bytes]
    headers: Mapping[str, str]
    status: int = 200
    ended: bool = False

    async def read(self) -> Outcome[bytes | None, LLMError]:
        piece = next(self.chunks, None)
        return OVER if piece is None else Success(piece)

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass
class Serving:
    """An engine whose every answer is the next of *bodies*."""

    bodies: Iterator[Body]

    async def open(self, _call: HttpCall, /) -> Outcome[Coming, LLMError]:
        return Success(next(self.bodies))

    async def aclose(self) -> None:
        """Nothing is held."""


def cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """*pieces* in chunks of some size, as they come from a socket."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer[:CHUNK_BYTES])
            del buffer[:CHUNK_BYTES]


def endless(units: Sequence[Unit]) -> Iterator[bytes]:
    return cut(unit(number) for number in count() for unit in units)


async def peak_bytes(name: str, body: Body, *, is_stream: bool, config: LLMConfig = CONFIG) -> int:
    """The most memory that a call takes; one before it has made what is made once."""
    bodies = iter([Body(iter([b"{}"]), WHOLE), body])
    provider = Hosted(
        Http(config.http, config.timeouts, Serving(bodies)), config, DIALECTS[name], Direct(DIALECTS[name])
    )
    async with scripted({}, config=config) | replacing(providers={name: provider}) as context:
        await ask(context, name, is_stream=False)
        tracemalloc.start()
        try:
            await ask(context, name, is_stream=is_stream)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


async def ask(context: Context, name: str, *, is_stream: bool) -> None:
    request = LLMRequest(prompt="?", preferences=Preferences(model=f"{name}/m", fallback="none"))
    if not is_stream:
        await run(generate(request), context)
    elif isinstance(opened := await run(generate_stream(request), context), Success):
        await opened.unwrap().whole()


WHOLE = {"content-type": "application/json"}


@pytest.mark.parametrize("name", UNITS)
@given(data=st.data())
@settings(max_examples=3, deadline=None)
def test_a_stream_without_end_takes_no_more_memory_than_its_cap_twice(name: str, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(UNITS[name])), min_size=1, max_size=2, unique=True))
    body = Body(endless([UNITS[name][kind] for kind in kinds]), {})
    assert anyio.run(lambda: peak_bytes(name, body, is_stream=True)) <= MOST


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, units in UNITS.items() for kind in units])
def test_each_hostile_stream_takes_no_more_memory_than_its_cap_twice(name: str, kind: str) -> None:
    body = Body(endless([UNITS[name][kind]]), {})
    assert anyio.run(lambda: peak_bytes(name, body, is_stream=True)) <= MOST


VALUES = (b"[],", b"{},", b'{"a":[]},', b'"ab",', b"1.5,", b"[[[[]]]],", b'"\\",",')


@pytest.mark.parametrize("name", DIALECTS)
@given(unit=st.sampled_from(VALUES), share=st.floats(0.01, 1.0))
@settings(max_examples=10, deadline=None)
def test_a_whole_body_of_values_takes_no_more_than_16_mebibytes(name: str, unit: bytes, share: float) -> None:
    most_bytes = 8 * MEBIBYTE
    sent = b'{"x":[' + unit * int((most_bytes - 100) // len(unit) * share) + b"0]}"
    config = replace(CONFIG, http=replace(CONFIG.http, max_body_bytes=most_bytes))
    taken = anyio.run(lambda: peak_bytes(name, Body(iter([sent]), WHOLE), is_stream=False, config=config))
    assert taken <= 16 * MEBIBYTE
