"""A load that several wait for: who leaves, who stays, and what becomes of it when all is closed."""

from __future__ import annotations

import threading

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager.adapters.shared_loads import SharedLoads, Stopped
from llm_manager.domain.outcome import Outcome

pytestmark = pytest.mark.anyio


class Loading:
    """A load that goes on until it is allowed to end, or until it is stopped."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Event()
        self.was_stopped = threading.Event()

    def __call__(self, stopped: Stopped) -> Outcome[str, str]:
        self.begun += 1
        while not self.may_end.wait(0.001):
            if stopped():
                self.was_stopped.set()
                return Failure("stopped")
        return Success(f"load {self.begun}")


async def test_one_load_serves_all_who_wait_and_those_who_come_later() -> None:
    loads, loading = SharedLoads[str, str, str]("closed"), Loading()
    found: list[Outcome[str, str]] = []

    async def wait() -> None:
        found.append(await loads.get("k", loading))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        loading.may_end.set()
    assert [*found, await loads.get("k", loading)] == [Success("load 1")] * 3


async def test_a_waiter_leaves_at_its_deadline_and_the_load_goes_on_for_the_next() -> None:
    loads, loading = SharedLoads[str, str, str]("closed"), Loading()
    with anyio.move_on_after(0) as left:
        await loads.get("k", loading)
    loading.may_end.set()
    assert (left.cancelled_caught, await loads.get("k", loading)) == (True, Success("load 1"))


async def test_one_waiter_that_leaves_does_not_take_the_load_from_the_other() -> None:
    loads, loading = SharedLoads[str, str, str]("closed"), Loading()
    found: list[Outcome[str, str]] = []

    async def wait() -> None:
        found.append(await loads.get("k", loading))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        with anyio.move_on_after(0):
            await loads.get("k", loading)
        loading.may_end.set()
    assert found == [Success("load 1")]


async def test_a_load_that_failed_is_tried_again() -> None:
    loads = SharedLoads[str, str, str]("closed")
    answers: list[Outcome[str, str]] = [Failure("cut off"), Success("whole")]

    def load(_stopped: Stopped) -> Outcome[str, str]:
        return answers.pop(0)

    assert [await loads.get("k", load), await loads.get("k", load)] == [Failure("cut off"), Success("whole")]


async def test_closing_stops_what_is_loading_and_answers_those_who_wait() -> None:
    loads, loading = SharedLoads[str, str, str]("closed"), Loading()
    found: list[Outcome[str, str]] = []

    async def wait() -> None:
        found.append(await loads.get("k", loading))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await loads.aclose()
    assert loading.was_stopped.is_set()
    assert [*found, await loads.get("k", loading)] == [Failure("closed")] * 2


async def test_what_is_loaded_is_released_when_all_is_closed() -> None:
    gone = threading.Event()

    class Engine:
        def __del__(self) -> None:
            gone.set()

    loads: SharedLoads[str, Engine, str] = SharedLoads("closed")
    await loads.get("k", lambda _stopped: Success(Engine()))
    await loads.aclose()
    assert gone.is_set()
