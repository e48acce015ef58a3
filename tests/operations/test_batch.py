"""Many requests at once: every outcome, a slow reader, and a journal that makes a second run cheap."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Never

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    CacheSettings,
    Context,
    InvalidRequest,
    JournalLayer,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    Outcome,
    RetrySettings,
    ServerError,
    StoreUnavailable,
    batch,
    memory_journal,
    run,
)
from llm_manager.effect.layer import scoped
from llm_manager.effect.opened import END
from llm_manager.effect.scope import Scope
from llm_manager.ports import Journal, Work
from llm_manager.testing import Line, Pause, scripted

pytestmark = pytest.mark.anyio

CONFIG = LLMConfig(cache=CacheSettings(enabled=False), retry=RetrySettings(max_retries=0))
ASKED = [LLMRequest(prompt=f"n{number}") for number in range(6)]


def echo(request: LLMRequest) -> Line:
    return request.prompt.upper()


def moody(*bad: str) -> Line:
    """Says what it is asked, in capitals, but fails when that is one of *bad*."""
    return lambda request: ServerError("gpt", 500) if request.prompt in bad else request.prompt.upper()


class Counted:
    """A script that counts what is asked of it."""

    def __init__(self, *bad: str) -> None:
        self.prompts: list[str] = []
        self.bad = bad

    def __call__(self, request: LLMRequest) -> Line:
        self.prompts.append(request.prompt)
        return Pause(0.5, ServerError("gpt", 500)) if request.prompt in self.bad else request.prompt.upper()


async def told(
    context: Context, requests: list[LLMRequest], *, concurrency: int = 3, journal: JournalLayer | None = None
) -> dict[int, Outcome[LLMResponse, LLMError]]:
    async with batch(requests, concurrency=concurrency, journal=journal).opened(context) as outcomes:
        found = {index: outcome async for index, outcome in outcomes}
        assert outcomes.ended is END
    return found


def texts(found: dict[int, Outcome[LLMResponse, LLMError]]) -> dict[int, str]:
    return {
        index: outcome.unwrap().content if isinstance(outcome, Success) else outcome.failure().tag
        for index, outcome in sorted(found.items())
    }


async def test_every_request_has_its_outcome_and_one_failure_loses_no_other() -> None:
    async with scripted({"gpt": [moody("n2")] * 8}, config=CONFIG) as context:
        found = await told(context, [*ASKED, LLMRequest()])
    assert texts(found) == {0: "N0", 1: "N1", 2: "ServerError", 3: "N3", 4: "N4", 5: "N5", 6: "InvalidRequest"}
    assert isinstance(found[6].failure(), InvalidRequest)


@pytest.mark.parametrize("concurrency", [1, 2, 9])
async def test_a_row_that_fails_for_a_reason_of_its_own_is_asked_three_times_and_keeps_no_other_waiting_for_long(
    concurrency: int,
) -> None:
    script = Counted("n2")
    async with scripted({"gpt": [script] * 8}, config=CONFIG) as context:
        found = await told(context, ASKED, concurrency=concurrency)
        assert context.clock.monotonic() == 4.5, "three tries, and pauses of one and of two seconds"
    assert texts(found) == {0: "N0", 1: "N1", 2: "ServerError", 3: "N3", 4: "N4", 5: "N5"}
    assert script.prompts.count("n2") == 3


async def test_rows_that_all_fail_wait_for_the_end_of_it() -> None:
    """What fails them is not theirs: none of them is lost, and few requests are sent meanwhile."""
    asked = 0

    def away_for_five_minutes(request: LLMRequest) -> Line:
        nonlocal asked
        asked += 1
        return Pause(0.5, ServerError("gpt", 500) if context.clock.monotonic() < 300 else request.prompt.upper())

    async with scripted({"gpt": [away_for_five_minutes] * 99}, config=CONFIG) as context:
        found = await told(context, ASKED, concurrency=2)
    assert texts(found) == {number: f"N{number}" for number in range(6)}
    assert asked < 30


async def test_outcomes_come_as_they_are_ready() -> None:
    script: list[Line] = [Pause(9, "slow"), Pause(1, "quick"), Pause(2, "then")]
    async with (
        scripted({"gpt": script}, config=CONFIG) as context,
        batch(ASKED[:3], concurrency=3).opened(context) as outcomes,
    ):
        order = [outcome.unwrap().content async for _, outcome in outcomes]
    assert order == ["quick", "then", "slow"]


async def test_requests_are_taken_as_there_is_room_for_them() -> None:
    taken: list[int] = []

    class Requests:
        def __iter__(self) -> Iterator[LLMRequest]:
            for number in range(1_000_000):
                taken.append(number)
                yield LLMRequest(prompt=f"n{number}")

    async with (
        scripted({"gpt": [echo] * 50}, config=CONFIG) as context,
        batch(Requests(), concurrency=4).opened(context) as outcomes,
    ):
        for read in range(1, 11):
            await anext(aiter(outcomes))
            await anyio.wait_all_tasks_blocked()
            assert len(taken) <= read + 4


async def test_a_second_run_asks_only_what_failed() -> None:
    kept: MutableMapping[tuple[str, int], str] = {}
    first, second = Counted("n2", "n5"), Counted()
    async with scripted({"gpt": [first] * 10}, config=CONFIG) as context:
        before = await told(context, ASKED, journal=memory_journal(kept))
    async with scripted({"gpt": [second] * 9}, config=CONFIG) as context:
        after = await told(context, ASKED, journal=memory_journal(kept))
    assert sorted(second.prompts) == ["n2", "n5"]
    assert texts(after) == {number: f"N{number}" for number in range(6)}
    assert all(after[index] == outcome for index, outcome in before.items() if isinstance(outcome, Success))


async def test_the_order_of_the_requests_may_change_between_runs() -> None:
    kept: MutableMapping[tuple[str, int], str] = {}
    again = Counted()
    async with scripted({"gpt": [echo] * 9}, config=CONFIG) as context:
        await told(context, ASKED, journal=memory_journal(kept))
    async with scripted({"gpt": [again] * 9}, config=CONFIG) as context:
        found = await told(context, [LLMRequest(prompt="new"), *reversed(ASKED)], journal=memory_journal(kept))
    assert again.prompts == ["new"]
    assert list(texts(found).values()) == ["NEW", "N5", "N4", "N3", "N2", "N1", "N0"]


async def test_equal_requests_are_each_asked_and_each_kept() -> None:
    kept: MutableMapping[tuple[str, int], str] = {}
    dice = [LLMRequest(prompt="throw a die")] * 3
    async with scripted({"gpt": ["1", "2", "3"]}, config=CONFIG) as context:
        before = await told(context, dice, concurrency=1, journal=memory_journal(kept))
    async with scripted({"gpt": ["4"]}, config=CONFIG) as context:
        after = await told(context, [*dice, dice[0]], concurrency=1, journal=memory_journal(kept))
    assert texts(before) == {0: "1", 1: "2", 2: "3"}
    assert texts(after) == {0: "1", 1: "2", 2: "3", 3: "4"}


async def test_what_shapes_an_answer_makes_it_another_request() -> None:
    kept: MutableMapping[tuple[str, int], str] = {}
    again = Counted()
    async with scripted({"gpt": [echo]}, config=CONFIG) as context:
        await told(context, ASKED[:1], journal=memory_journal(kept))
    async with scripted({"gpt": [again] * 2}, config=CONFIG) as context:
        await told(context, [replace(ASKED[0], system_prompt="shout")], journal=memory_journal(kept))
        await told(context, [replace(ASKED[0], deadline_s=5.0)], journal=memory_journal(kept))
    assert again.prompts == ["n0"], "a deadline shapes no answer, a system prompt does"


async def test_values_of_a_schema_are_kept_too_and_another_schema_is_asked_for_anew() -> None:
    kept: MutableMapping[tuple[str, int], str] = {}
    journal = memory_journal(kept)
    async with scripted({"gpt": ["[1, 2]"]}, config=CONFIG) as context:
        first = await run(batch(ASKED[:1], journal=journal, schema=list[int]).collect(), context)
    async with scripted({"gpt": ['["a"]']}, config=CONFIG) as context:
        again = await run(batch(ASKED[:1], journal=journal, schema=list[int]).collect(), context)
        other = await run(batch(ASKED[:1], journal=journal, schema=list[str]).collect(), context)
    assert first == again == Success(((0, Success([1, 2])),))
    assert other == Success(((0, Success(["a"])),))


async def test_what_a_journal_holds_that_cannot_be_read_is_asked_again() -> None:
    kept: MutableMapping[tuple[str, int], str] = {}
    async with scripted({"gpt": [echo, echo]}, config=CONFIG) as context:
        await told(context, ASKED[:1], journal=memory_journal(kept))
        [place] = kept
        kept[place] = "{ torn"
        assert texts(await told(context, ASKED[:1], journal=memory_journal(kept))) == {0: "N0"}
    assert kept[place] != "{ torn"


async def test_a_batch_that_was_left_goes_on_where_it_was() -> None:
    kept: MutableMapping[tuple[str, int], str] = {}
    first, second = Counted(), Counted()
    async with (
        scripted({"gpt": [first] * 9}, config=CONFIG) as context,
        batch(ASKED, concurrency=2, journal=memory_journal(kept)).opened(context) as outcomes,
    ):
        for _ in range(3):
            await anext(aiter(outcomes))
    assert len(kept) >= 3, "what was told had been kept"
    async with scripted({"gpt": [second] * 9}, config=CONFIG) as context:
        found = await told(context, ASKED, journal=memory_journal(kept))
    assert texts(found) == {number: f"N{number}" for number in range(6)}
    assert len(first.prompts) + len(second.prompts) == 6, "nothing was under way, so nothing is asked twice"


def broken_journal(*, opens: bool) -> JournalLayer:
    away = StoreUnavailable("journal", "disk full")

    class Full:
        async def claim(self, key: str, /) -> Outcome[Work, Never]:
            return Success(Work(key, 0, None))

        async def keep(self, _work: Work, _text: str, /) -> Outcome[None, StoreUnavailable]:
            return Failure(away)

    async def build(_needs: None, _scope: Scope) -> Outcome[Journal, StoreUnavailable]:
        return Success(Full()) if opens else Failure(away)

    return scoped(build)


async def test_a_journal_that_cannot_be_opened_fails_the_batch_before_anything_is_sent() -> None:
    asked = Counted()
    async with scripted({"gpt": [asked]}, config=CONFIG) as context:
        outcome = await run(batch(ASKED, journal=broken_journal(opens=False)).collect(), context)
    assert outcome == Failure(StoreUnavailable("journal", "disk full"))
    assert asked.prompts == []


async def test_once_a_journal_cannot_be_written_what_is_paid_is_told_and_no_more_is_sent() -> None:
    asked = Counted()
    async with scripted({"gpt": [asked] * 9}, config=CONFIG) as context:
        found = await told(context, ASKED, concurrency=1, journal=broken_journal(opens=True))
    assert texts(found) == {0: "N0", **dict.fromkeys(range(1, 6), "StoreUnavailable")}
    assert asked.prompts == ["n0"]
