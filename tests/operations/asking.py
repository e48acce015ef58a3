"""What the tests of the operations share: requests, configurations, and schemas to ask for."""

from __future__ import annotations

from dataclasses import replace

from llm_manager import (
    LLMConfig,
    LLMError,
    LLMRequest,
    Preferences,
    RetrySettings,
    ServerError,
)
from llm_manager.domain.events import Event
from llm_manager.domain.outcome import Outcome
from llm_manager.ports import Dispatch, Incoming, Provider
from llm_manager.testing import ScriptedProvider

ASK = LLMRequest(prompt="Why is the sky blue?")
BUSY = ServerError("gpt", 503)
ONCE = LLMConfig(retry=RetrySettings(max_retries=0))


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)


def only(model: str, **wish: object) -> LLMRequest:
    return replace(ASK, preferences=Preferences(model=model, fallback="none", **wish))  # type: ignore[arg-type]


class Unstreamed:
    """What a provider of these tests has beside what it is there for."""

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        raise NotImplementedError(dispatch)


def received(provider: Provider) -> list[Dispatch]:
    assert isinstance(provider, ScriptedProvider)
    return provider.received
