"""What a value costs on its way through a stream, and an opening, beside async generators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Never

import anyio

from benchmarks.row import Row, row, us_a_call
from llm_manager.effect.op import run, succeed
from llm_manager.effect.sources import from_iterable
from llm_manager.effect.stream import Stream

VALUES = 1_000
CHUNK_US = 8.0
"""What a chunk of an answer may cost in all: the wire and the decoding come on top of the stages here."""

NUMBERS = from_iterable(range(VALUES))
STAGES: Stream[str, object, object] = NUMBERS.filter(lambda number: number >= 0).map(str).take(VALUES)
SETTLED = NUMBERS.settle(succeed, 8)
EMPTY: Stream[object, Never, object] = from_iterable(())


async def _numbers() -> AsyncIterator[int]:
    for number in range(VALUES):
        yield number


async def _generated() -> int:
    """The same stages as generators, which release nothing when the reader leaves."""
    kept = (number async for number in _numbers() if number >= 0)
    return sum([1 async for _ in (str(number) async for number in kept)])


async def _folded(stream: Stream[object, object, object]) -> object:
    return await run(stream.fold(0, lambda count, _: count + 1), None)


async def _measured() -> list[Row]:
    calls = {
        "ours": lambda: _folded(STAGES),
        "generators": _generated,
        "settled": lambda: _folded(SETTLED),
    }
    each = await us_a_call(calls, 5)
    per_value = {name: [figure / VALUES for figure in figures] for name, figures in each.items()}
    opened = await us_a_call({"opened": lambda: _folded(EMPTY)}, 500)
    peer = row("  peer: three async generators, a value", "us", per_value["generators"])
    return [
        row("a stream of three stages, a value", "us", per_value["ours"], CHUNK_US, peer),
        peer,
        row("a stream, eight effects at once, a value", "us", per_value["settled"]),
        row("a stream opened and closed", "us", opened["opened"]),
    ]


def rows() -> list[Row]:
    """All of them, on asyncio."""
    return anyio.run(_measured)
