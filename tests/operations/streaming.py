"""What the tests of streams share: requests, scripts, and somebody who listens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llm_manager import (
    CacheSettings,
    Context,
    HttpSettings,
    KeySettings,
    Layer,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMStream,
    Preferences,
    RoutingSettings,
    Secret,
    StreamBroken,
    StreamEvent,
    TextDelta,
    generate_stream,
    replacing,
    run,
)
from llm_manager.domain.events import AttemptFinished, Event
from llm_manager.testing import Line, Pieces, ScriptedProvider, VirtualClock, scripted

ASK = LLMRequest(prompt="hi")
BROKEN = StreamBroken("gpt", message="cut off")
WORDS = Pieces(["one ", "two ", "three"])
GOES_ON = LLMConfig(routing=RoutingSettings(mid_stream="continue"))


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)

    def attempts(self) -> list[tuple[str, str]]:
        told = (event.attempt for event in self.events if isinstance(event, AttemptFinished))
        return [(attempt.model, attempt.outcome) for attempt in told]


async def opened(context: Context, request: LLMRequest = ASK) -> LLMStream:
    return (await run(generate_stream(request), context)).unwrap()


async def events_of(context: Context, request: LLMRequest = ASK) -> list[StreamEvent]:
    async with await opened(context, request) as stream:
        return [event async for event in stream]


def said(events: Sequence[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def uncached() -> LLMConfig:
    return LLMConfig(cache=CacheSettings(enabled=False))


ONE_KEY = replace(
    uncached(), keys=KeySettings(providers={"openai": (Secret("k" * 20),)}), http=HttpSettings(max_connections=1)
)
GPT = LLMRequest(prompt="hi", preferences=Preferences(model="gpt-4o", fallback="none"))


def keyed(lines: Sequence[Line], config: LLMConfig = ONE_KEY) -> Layer[Context, LLMError, None]:
    """One model behind one key that serves one call at a time."""
    models = {"openai": ScriptedProvider({"gpt-4o": lines}, VirtualClock(autojump=True))}
    return scripted({}, config=config) | replacing(providers=models)
