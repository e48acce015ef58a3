"""When it is open whether a vendor took a batch, or the journal fails: what is believed, and what is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import final

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    Context,
    JournalLayer,
    LLMError,
    LLMRequest,
    LLMResponse,
    MalformedResponse,
    NetworkError,
    Outcome,
    RequestTimedOut,
    StoreUnavailable,
    batch_at_vendor,
    memory_journal,
)
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import (
    BatchPage,
    Desk,
    Inquiry,
    Look,
    Recent,
    Result,
    Submission,
    Uploaded,
    VendorBatch,
)
from llm_manager.effect.layer import scoped
from llm_manager.effect.scope import Scope
from llm_manager.ports import BatchResults, Journal, Work
from llm_manager.testing.simulator import Course, Fault, Simulator, Status

from .vendor_batches import ANTHROPIC, ASKED, OPENAI, Found, Kept, Vendor, context_for, texts, told

pytestmark = pytest.mark.anyio

FULL = StoreUnavailable("journal", "disk full")
BOTH = pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC], ids=lambda vendor: vendor.name)
DONE = {0: "You said: n0", 1: "You said: n1"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


@final
class _Failing:
    """A journal that works *left* times and then no more."""

    def __init__(self, journal: Journal, left: int) -> None:
        self._journal = journal
        self._left = left

    async def claim(self, key: str, /) -> Outcome[Work, StoreUnavailable]:
        self._left -= 1
        return Failure(FULL) if self._left < 0 else await self._journal.claim(key)

    async def keep(self, work: Work, text: str, /) -> Outcome[None, StoreUnavailable]:
        self._left -= 1
        return Failure(FULL) if self._left < 0 else await self._journal.keep(work, text)


def failing(kept: Kept, left: int) -> JournalLayer:
    async def build(_needs: None, scope: Scope) -> Outcome[Journal, StoreUnavailable]:
        built = await memory_journal(kept).build(None, scope, {})
        return Success(_Failing(built.unwrap(), left)) if isinstance(built, Success) else built

    return scoped(build)


async def ending(
    context: Context, vendor: Vendor, *, kept: Kept, left: int = 10_000, limit_s: float = 60.0
) -> tuple[Found, LLMError | None]:
    """What a run over a failing journal tells, and how it ends."""
    stream = batch_at_vendor(ASKED[:2], model=vendor.model, journal=failing(kept, left), limit_s=limit_s)
    async with stream.opened(context) as outcomes:
        found = {index: outcome async for index, outcome in outcomes}
    return found, None if outcomes.failure is None else outcomes.failure.failure()


@BOTH
async def test_a_journal_that_fails_at_any_moment_has_nothing_paid_twice(vendor: Vendor) -> None:
    ends = set[str]()
    for left in range(12):
        kept: Kept = {}
        async with Simulator() as simulator, context_for(vendor, simulator) as context:
            found, error = await ending(context, vendor, kept=kept, left=left)
            assert error in (None, FULL), left
            assert set(texts(found).values()) <= {"StoreUnavailable", *DONE.values()}, left
            ends.add(" ".join(sorted(texts(found).values(), reverse=True)))
            assert texts(await told(context, vendor, ASKED[:2], kept=kept)) == DONE, left
            assert len(simulator.room.batches) == 1, left
    assert {"", "StoreUnavailable StoreUnavailable", "You said: n1 You said: n0"} <= ends


async def test_notes_that_cannot_be_read_stop_the_run_before_anything_is_sent(simulator: Simulator) -> None:
    kept: Kept = {}
    async with context_for(OPENAI, simulator) as context:
        await told(context, OPENAI, ASKED[:1], kept=kept)
        notes = [place for place in kept if place[0].startswith("vendor batch ")]
        ends = [await ending(context, OPENAI, kept={**kept, place: "{ torn"}) for place in notes]
    unreadable = StoreUnavailable("journal", "its notes on batches are not those of this version")
    assert ends == [({}, unreadable)] * 2
    assert len(simulator.room.batches) == 1


@BOTH
async def test_what_cannot_be_searched_for_is_not_handed_in_again(vendor: Vendor, simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script(f"POST {vendor.batches}", [Fault("reset")])
    simulator.script(f"GET {vendor.batches}", [Status(403)] * 2)
    async with context_for(vendor, simulator) as context:
        first = await told(context, vendor, ASKED[:2], kept=kept)
        second = await ending(context, vendor, kept=kept)
        third = await told(context, vendor, ASKED[:2], kept=kept)
    assert texts(first) == {0: "AuthenticationFailed", 1: "AuthenticationFailed"}
    assert second[0] == {}
    assert isinstance(second[1], AuthenticationFailed)
    assert texts(third) == DONE
    assert len(simulator.room.batches) == 1


async def test_a_batch_that_may_be_ours_is_waited_for_as_long_as_there_is_time(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script_batches([Course(("in_progress",) * 60 + ("completed",))])
    simulator.script(f"POST {ANTHROPIC.batches}", [Fault("reset")])
    async with context_for(ANTHROPIC, simulator) as context:
        first = await told(context, ANTHROPIC, ASKED[:2], kept=kept, limit_s=60.0)
        second = await ending(context, ANTHROPIC, kept=kept, limit_s=60.0)
        third = await told(context, ANTHROPIC, ASKED[:2], kept=kept, limit_s=36_000.0)
    assert texts(first) == {0: "RequestTimedOut", 1: "RequestTimedOut"}
    assert second[0] == {}
    assert isinstance(second[1], RequestTimedOut)
    assert texts(third) == DONE
    assert len(simulator.room.batches) == 1


async def test_a_file_that_is_gone_is_handed_in_anew(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script(f"POST {OPENAI.batches}", [Status(500)])
    async with context_for(OPENAI, simulator, max_retries=0) as context:
        first = await told(context, OPENAI, ASKED[:2], kept=kept)
        simulator.room.files.clear()
        second = await told(context, OPENAI, ASKED[:2], kept=kept)
    assert texts(first) == {0: "ServerError", 1: "ServerError"}
    assert texts(second) == DONE


async def test_a_request_that_nobody_asks_for_any_more_is_not_told(simulator: Simulator) -> None:
    kept: Kept = {}
    async with context_for(OPENAI, simulator) as context:
        simulator.script_batches([Course(("in_progress",) * 9 + ("completed",))])
        await told(context, OPENAI, ASKED[:2], kept=kept, limit_s=10.0)
        assert await told(context, OPENAI, [], kept=kept) == {}
        found = await told(context, OPENAI, ASKED[1:2], kept=kept)
    assert texts(found) == {0: "You said: n1"}
    assert len(simulator.room.batches) == 1


@final
class _Lines:
    def __init__(self, pieces: Sequence[Outcome[Sequence[Result] | None, LLMError]]) -> None:
        self._pieces = list(pieces)

    async def pull(self) -> Outcome[Sequence[Result] | None, LLMError]:
        return self._pieces.pop(0) if self._pieces else Success(None)

    async def aclose(self) -> None:
        return None


@final
class _Odd:
    """A vendor without tags that loses its first answer; every page of its list has the same batch, which has ended."""

    def __init__(self, opened: Outcome[BatchResults, LLMError], looked: Sequence[VendorBatch] = ()) -> None:
        self._opened = opened
        self._looked = tuple(looked)
        self.submitted = 0

    def line(self, custom_id: str, request: LLMRequest, target: Target, /) -> bytes:
        return f"{custom_id} {request.prompt} {target.model}".encode()

    async def submit(self, desk: Desk, submission: Submission, /) -> Outcome[Uploaded | VendorBatch, LLMError]:
        self.submitted += 1
        if self.submitted == 1:
            return Failure(NetworkError(desk.target.model, ambiguous=True))
        return Success(VendorBatch(id="new", status="in_progress", ended=False))

    async def find(self, desk: Desk, inquiry: Inquiry, /) -> Outcome[BatchPage, LLMError]:
        if isinstance(inquiry, Recent):
            old = VendorBatch(id="old", status="ended", ended=True, total=2, places=("p",))
            return Success(BatchPage((old,), Recent("old")))
        return Success(BatchPage(self._looked if isinstance(inquiry, Look) else ()))

    async def results(self, desk: Desk, place: str, /) -> Outcome[BatchResults, LLMError]:
        return self._opened


ENDED = VendorBatch(id="new", status="ended", ended=True)
NONE: Outcome[LLMResponse, LLMError] = Failure(MalformedResponse("m", "empty"))


@pytest.mark.parametrize(
    ("pieces", "submitted"),
    [
        ([], 2),  # results of nobody are not ours
        ([Success([]), Success([("somebody-0", NONE)])], 2),
        ([Failure(AuthenticationFailed("m"))], 1),  # what cannot be read may be ours
    ],
)
async def test_only_results_that_were_read_say_whose_a_batch_is(
    pieces: Sequence[Outcome[Sequence[Result] | None, LLMError]], submitted: int, simulator: Simulator
) -> None:
    vendor = _Odd(Success(_Lines(pieces)), [ENDED])
    async with context_for(ANTHROPIC, simulator) as context:
        found = await told(replace(context, batches={"anthropic": vendor}), ANTHROPIC, ASKED[:2])
    assert vendor.submitted == submitted
    assert set(texts(found).values()) == {"MalformedResponse" if submitted == 2 else "AuthenticationFailed"}


async def test_results_that_cannot_be_opened_may_be_ours(simulator: Simulator) -> None:
    vendor = _Odd(Failure(AuthenticationFailed("m")), [ENDED])
    async with context_for(ANTHROPIC, simulator) as context:
        found = await told(replace(context, batches={"anthropic": vendor}), ANTHROPIC, ASKED[:2])
    assert (vendor.submitted, set(texts(found).values())) == (1, {"AuthenticationFailed"})


async def test_a_look_that_shows_nothing_is_no_answer(simulator: Simulator) -> None:
    vendor = _Odd(Success(_Lines([])))
    async with context_for(ANTHROPIC, simulator) as context:
        found = await told(replace(context, batches={"anthropic": vendor}), ANTHROPIC, ASKED[:1])
    assert found == {0: Failure(MalformedResponse(ANTHROPIC.model, "protocol", "what came is no batch"))}
