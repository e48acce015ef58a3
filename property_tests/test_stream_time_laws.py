"""Whatever a server sends, and however well it is packed, other tasks get their turn while it is read."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.http.driver import Http, HttpStream
from llm_manager.adapters.http.engine import OVER, Coming, HttpCall
from llm_manager.adapters.http.loop_share import READ_BYTES, SHARE_BYTES
from llm_manager.adapters.incoming import Streamed
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import LLMError, MalformedResponse
from llm_manager.domain.masking import Mask
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.settings import HttpSettings, TimeoutSettings
from llm_manager.policies.targets import resolve

CALL = HttpCall(method="POST", url="https://one.example/v1", headers={}, pool="one", model="M")
DIALECTS: Mapping[str, Dialect] = {
    "openai": openai.DIALECT,
    "anthropic": anthropic.DIALECT,
    "gemini": gemini.DIALECT,
    "ollama": ollama.DIALECT,
}
NOTHINGS = (
    b":\n",
    b"\n",
    b"\r",
    b" \n",
    b"data:\n\n",
    b"data: {}\n\n",
    b"{}\n",
    b'event: ping\ndata: {"type": "ping"}\n\n',
    b'data: {"choices": [{"delta": {"content": ""}}]}\n\n',
    b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n',
    b'{"message": {"content": "a"}}\n',
)


class Body:
    """An answer that has arrived as a whole: no read of it waits."""

    status = 200
    ended = False

    def __init__(self, chunks: Sequence[bytes], packing: str) -> None:
        self.headers = {"content-encoding": packing}
        self._chunks = iter(chunks)

    async def read(self) -> Outcome[bytes | None, LLMError]:
        chunk = next(self._chunks, None)
        return OVER if chunk is None else Success(chunk)

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass
class Served:
    body: Coming

    async def open(self, _call: HttpCall, /) -> Outcome[Coming, LLMError]:
        return Success(self.body)

    async def aclose(self) -> None:
        """Nothing is held."""


async def opened(body: bytes, chunk_bytes: int, *, packed: bool) -> HttpStream:
    sent = zlib.compress(body, wbits=31) if packed else body
    chunks = [sent[at : at + chunk_bytes] for at in range(0, len(sent), chunk_bytes)]
    http = Http(HttpSettings(), TimeoutSettings(), Served(Body(chunks, "gzip" if packed else "")))
    return (await http.stream(CALL)).unwrap()


def streamed(stream: HttpStream, dialect: Dialect) -> Streamed:
    target = resolve(LLMConfig(http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1"})), "ollama/M").unwrap()
    reader = dialect.reader({}, target)

    async def read_whole(body: bytes) -> Outcome[LLMResponse, LLMError]:
        return dialect.read_answer(200, {}, body, target)

    settings = HttpSettings()
    return Streamed(stream, reader, dialect.framing, settings, read_whole, idle_s=1.0, model="M", mask=Mask(()))


async def longest_stretch(pulling: Streamed) -> int:
    """The most pulls between two turns of another task."""
    pulls, longest, is_over = 0, 0, False

    async def other() -> None:
        nonlocal pulls, longest
        while not is_over:
            await checkpoint()
            longest, pulls = max(longest, pulls), 0

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        await checkpoint()
        while True:
            got = await pulling.pull()
            pulls += 1
            if isinstance(got, Failure) or isinstance(got.unwrap(), LLMResponse):
                break
        is_over = True
    return max(longest, pulls)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", DIALECTS)
@given(
    unit=st.sampled_from(NOTHINGS),
    mib=st.sampled_from((0.05, 0.3)),
    chunk_bytes=st.sampled_from((5, 333, 65_536, 10_000_000)),
    packed=st.booleans(),
)
@settings(max_examples=12, deadline=None)
def test_a_reader_gives_way_after_few_pulls(
    name: str, backend: Literal["asyncio", "trio"], unit: bytes, mib: float, chunk_bytes: int, packed: bool
) -> None:
    body = unit * (int(mib * 2**20) // len(unit))

    async def main() -> None:
        pulling = streamed(await opened(body, chunk_bytes, packed=packed), DIALECTS[name])
        # trio runs the tasks of a round in any order: one may be last in a round and first in the next
        assert await longest_stretch(pulling) <= 2 * SHARE_BYTES / READ_BYTES

    anyio.run(main, backend=backend)


@given(unit=st.sampled_from(NOTHINGS), name=st.sampled_from(tuple(DIALECTS)), packed=st.booleans())
@settings(max_examples=20, deadline=None)
def test_no_pull_reads_more_than_its_share(unit: bytes, name: str, packed: bool) -> None:
    body = unit * (2**19 // len(unit))

    async def main() -> None:
        pulling = streamed(await opened(body, 10_000_000, packed=packed), DIALECTS[name])
        pulls = 0
        while isinstance(got := await pulling.pull(), Success):
            if isinstance(piece := got.unwrap(), LLMResponse):
                break
            assert len(piece) <= SHARE_BYTES / len(unit) + 1
            pulls += 1
        assert pulls >= 2**19 // SHARE_BYTES or isinstance(got, Failure)

    anyio.run(main)


@given(mib=st.integers(2, 6), unit=st.sampled_from(NOTHINGS[:3]))
@settings(max_examples=5, deadline=None)
def test_what_unpacks_to_far_too_much_is_refused(mib: int, unit: bytes) -> None:
    async def main() -> None:
        stream = await opened(unit * (mib * 2**20 // len(unit)), 65_536, packed=True)
        got = await stream.whole(64 * 2**20)
        assert isinstance(got, Failure)
        refused = got.failure()
        assert isinstance(refused, MalformedResponse)
        assert refused.reason == "oversize"

    anyio.run(main)
