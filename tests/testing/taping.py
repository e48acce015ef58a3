"""What the tests of recordings share: programs whose whole outcome is text, and both event loops to run them on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

import anyio
from returns.result import Failure, Success

from llm_manager import (
    Context,
    Layer,
    LLMError,
    LLMRequest,
    LLMResponse,
    Op,
    Outcome,
    Preferences,
    collect,
    effect,
    generate_stream,
    provide,
    replacing,
    run,
    to_json,
)
from llm_manager.domain.events import Event
from llm_manager.testing import record, replay

BACKENDS = ("asyncio", "trio")

Program: TypeAlias = Callable[[Context], Awaitable[object]]
AnyLayer: TypeAlias = Layer[Context, Any, None]


def ask(prompt: str = "hi", model: str | None = None) -> LLMRequest:
    return LLMRequest(prompt=prompt, preferences=Preferences(model=model))


def of(op: Op[Any]) -> Program:
    return lambda context: run(op, context)


def text_of(value: Any) -> str:
    """*value* to the last digit."""
    if isinstance(value, tuple):
        return "\n".join(map(text_of, cast("tuple[object, ...]", value)))
    if isinstance(value, Success):
        return f"success {text_of(cast('Success[object]', value).unwrap())}"
    if isinstance(value, Failure):
        return f"failure {text_of(cast('Failure[object]', value).failure())}"
    return repr(value) if isinstance(value, str | float | None) else to_json(value)


async def collected(context: Context, request: LLMRequest) -> Outcome[LLMResponse, LLMError]:
    """A stream, read to its end."""
    opened = await run(generate_stream(request), context)
    return opened if isinstance(opened, Failure) else await collect(opened.unwrap())


class Ear:
    """Hears everything, as text."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def notify(self, event: Event, /) -> None:
        self.told.append(repr(event))


async def heard(program: Program, layer: AnyLayer) -> tuple[str, list[str]]:
    """The outcome of *program* and everything that was told meanwhile: what happened at the same time in any order."""
    ear = Ear()

    async def running(context: Context) -> Outcome[object, Any]:
        return Success(await program(context))

    outcome = await provide(effect(running), layer | replacing(observer=ear))
    return text_of(outcome), sorted(ear.told)


def ran(program: Program, layer: AnyLayer, backend: str) -> tuple[str, list[str]]:
    return anyio.run(heard, program, layer, backend=backend)


def recorded(program: Program, layer: AnyLayer, path: Path, backend: str = "asyncio") -> tuple[str, list[str]]:
    return ran(program, record(layer, path), backend)


def replayed(program: Program, path: Path, backend: str = "asyncio") -> tuple[str, list[str]]:
    """To the last reading: whatever is left over is an exception."""
    return ran(program, replay(path, strict=True), backend)
