"""A strand is named by what it is, and never by when it came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import pytest
from returns.result import Success

from llm_manager import (
    Context,
    LLMRequest,
    Op,
    collect,
    effect,
    gather,
    generate,
    generate_stream,
    hedged,
    observed,
    query_with_schema,
    race,
    replacing,
    run,
    settle,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.sources import from_iterable
from llm_manager.effect.strands import beside
from llm_manager.ports import Splitting
from llm_manager.testing import scripted

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="hi")


class Dice(Splitting):
    """Chance that knows which strand it belongs to."""

    def __init__(self, name: str, rolled: list[str]) -> None:
        self.name = name
        self.rolled = rolled

    def split(self, name: str, request: LLMRequest | None, /) -> Dice:
        of = "" if request is None else f"({request.prompt})"
        return Dice(f"{self.name}/{name}{of}", self.rolled)

    def random(self) -> float:
        self.rolled.append(self.name)
        return 0.5


def late(rounds: int) -> Op[None]:
    """Draws after a while: who began last draws first."""

    async def drawing(context: Context) -> Outcome[None, Any]:
        for _ in range(rounds):
            await anyio.lowlevel.checkpoint()
        context.random.random()
        return Success(None)

    return effect(drawing)


async def strands_of(program: Callable[[Context], Awaitable[object]], *lines: str) -> Sequence[str]:
    rolled: list[str] = []
    async with scripted({"gpt": lines}) | replacing(random=Dice("", rolled)) as context:
        await program(context)
    return rolled


async def test_children_are_named_by_their_position() -> None:
    ops = [late(9), late(6), late(3)]
    expected = ["/0", "/1", "/2"]
    assert sorted(await strands_of(lambda context: run(gather(ops), context))) == expected
    assert sorted(await strands_of(lambda context: run(settle(ops), context))) == expected
    assert await strands_of(lambda context: run(race(*ops), context)) == ["/2"]
    assert await strands_of(lambda context: run(hedged(60)(late(3)), context)) == ["/0"]


async def test_values_of_a_stream_are_named_by_theirs() -> None:
    settled = from_iterable([9, 6, 3]).settle(late, 2).collect()
    assert sorted(await strands_of(lambda context: run(settled, context))) == ["/0", "/1", "/2"]


async def test_operations_are_named_by_their_request_and_pieces_by_their_authors() -> None:
    assert await strands_of(lambda context: run(generate(ASK), context), "fine") == ["/generate(hi)"] * 2

    async def stream(context: Context) -> object:
        return await collect((await run(generate_stream(ASK), context)).unwrap())

    assert await strands_of(stream, "fine") == ["/generate_stream(hi)"] * 2
    named = observed("mine")(query_with_schema(ASK, int))
    assert set(await strands_of(lambda context: run(named, context), "7")) == {
        "/mine",  # the outermost draws the trace id that all of them share
        "/mine/query_with_schema(hi)/generate(hi)",
    }


async def test_a_context_that_knows_of_no_strands_is_its_own() -> None:
    async with scripted({}) as context:
        assert context.strand("any") is context
    plain = object()

    async def given(context: object) -> object:
        return context

    assert await beside(plain, 0, given) is plain
