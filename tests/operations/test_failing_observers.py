"""What an observer raises never reaches the caller: the answer comes, is counted, and the failure is counted too."""

from __future__ import annotations

import io
import warnings

import pytest
from returns.result import Success

from llm_manager import Context, LLMError, LLMResponse, Outcome, collect, generate, get_metrics, listening, run
from llm_manager.adapters.observers.log import LogObserver
from llm_manager.domain.events import Event
from llm_manager.domain.settings import ObserveSettings
from llm_manager.ports import Observer
from llm_manager.testing import scripted
from tests.operations.streaming import ASK, Listener, opened

pytestmark = pytest.mark.anyio


class Raising:
    def notify(self, event: Event, /) -> None:
        raise KeyError(type(event).__name__)


class FullDisk(io.StringIO):
    def write(self, _text: str, /) -> int:
        raise OSError(28, "No space left on device")


OBSERVERS: tuple[Observer, ...] = (Raising(), LogObserver(ObserveSettings(log="json"), FullDisk()))


async def answered(context: Context, *, streamed: bool) -> Outcome[LLMResponse, LLMError]:
    return await collect(await opened(context)) if streamed else await run(generate(ASK), context)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("observer", OBSERVERS, ids=["raises", "full disk"])
async def test_the_answer_comes_although_the_observer_raises(observer: Observer, streamed: bool) -> None:
    heard = Listener()
    async with scripted({"gpt": ["fine"]}, observer=observer) | listening(heard) as context:
        answer = await answered(context, streamed=streamed)
        counted = (await run(get_metrics(), context)).unwrap()
    assert isinstance(answer, Success)
    assert (answer.unwrap().content, counted.totals.successes) == ("fine", 1)
    assert counted.observer_failures == len(heard.events) > 0


async def test_a_failing_observer_is_warned_of_once() -> None:
    async with scripted({"gpt": ["one", "two"]}, observer=Raising()) as context:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for _ in range(2):
                await run(generate(ASK), context)
    told = [str(each.message) for each in caught]
    assert told == ["the observer Raising raised KeyError: what it raises for is not observed"]
