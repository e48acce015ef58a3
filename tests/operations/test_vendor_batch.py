"""Many requests to vendors' own batches: every outcome at the batch's price, and nothing paid twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import anyio
import pytest
from anyio import lowlevel
from returns.result import Failure

from llm_manager import (
    BudgetSettings,
    ComputedCost,
    HttpSettings,
    InvalidRequest,
    KeySettings,
    LLMConfig,
    LLMRequest,
    Preferences,
    RequestTimedOut,
    Secret,
    UnsupportedCapability,
    batch,
    batch_at_vendor,
    custom,
    generate,
    memory_journal,
    run,
)
from llm_manager.domain.events import AttemptFinished, RequestFinished, VendorBatchSeen
from llm_manager.testing import scripted
from llm_manager.testing.simulator import Course, Fault, Say, Simulator, Status

from .vendor_batches import (
    ANTHROPIC,
    ASKED,
    OPENAI,
    VENDORS,
    Fuse,
    Kept,
    Killed,
    Listener,
    Vendor,
    context_for,
    mortal,
    texts,
    told,
)

pytestmark = pytest.mark.anyio

EVERY = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


@EVERY
async def test_every_request_has_its_outcome_and_one_failure_loses_no_other(
    vendor: Vendor, simulator: Simulator
) -> None:
    simulator.script(vendor.model, [Say("first"), Status(429), Say("third")])
    async with context_for(vendor, simulator) as context:
        found = await told(context, vendor, [*ASKED, LLMRequest()])
    assert texts(found) == {0: "first", 1: "RateLimitExceeded", 2: "third", 3: "You said: n3", 4: "InvalidRequest"}
    assert len(simulator.room.batches) == 1


async def test_others_have_their_turn_while_requests_are_taken(simulator: Simulator) -> None:
    turns, seen = [0], list[int]()

    def requests() -> Iterator[LLMRequest]:
        for number in range(50):
            seen.append(turns[0])
            yield LLMRequest(prompt=f"n{number}")

    async def beside() -> None:
        while len(seen) < 50:
            turns[0] += 1
            await lowlevel.checkpoint()

    async with context_for(OPENAI, simulator) as context, anyio.create_task_group() as group:
        group.start_soon(beside)
        async with batch_at_vendor(requests(), model=OPENAI.model).opened(context) as outcomes:
            assert len([index async for index, _ in outcomes]) == 50
    assert seen[-1] >= 25, "trio shuffles whose turn it is"


@EVERY
async def test_answers_carry_the_price_of_a_batch(vendor: Vendor, simulator: Simulator) -> None:
    simulator.script(vendor.model, [Say("dear", usage=(1_000_000, 1_000_000))] * 2)
    async with context_for(vendor, simulator) as context:
        alone = await run(generate(replace(ASKED[0], preferences=Preferences(model=vendor.model))), context)
        found = await told(context, vendor, ASKED[:1])
    whole, half = (each.unwrap().usage.cost for each in (alone, found[0]))
    assert isinstance(whole, ComputedCost)
    assert half == ComputedCost(whole.usd / 2)


@pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC], ids=lambda vendor: vendor.name)
async def test_a_kill_at_any_moment_pays_nothing_twice(vendor: Vendor) -> None:
    moment, was_killed = 0, True
    while was_killed:
        was_killed = False
        kept: Kept = {}
        async with Simulator() as simulator, context_for(vendor, simulator) as context:
            mortally, journal = mortal(context, kept, Fuse(moment))
            try:
                await told(mortally, vendor, ASKED[:2], journal=journal)
            except Killed:
                was_killed = True
            found = await told(context, vendor, ASKED[:2], kept=kept)
            assert texts(found) == {0: "You said: n0", 1: "You said: n1"}, moment
            assert len(simulator.room.batches) == 1, moment
        moment += 1
    assert moment > 12


async def test_a_second_run_asks_only_what_failed_and_batch_shares_its_journal(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script(OPENAI.model, [Say("one"), Status(400)])
    async with context_for(OPENAI, simulator) as context:
        first = await told(context, OPENAI, ASKED[:2], kept=kept)
        second = await told(context, OPENAI, ASKED[:2], kept=kept)
        alone = [replace(request, preferences=Preferences(model=OPENAI.model)) for request in ASKED[:2]]
        async with batch(alone, journal=memory_journal(kept)).opened(context) as outcomes:
            third = {index: outcome async for index, outcome in outcomes}
    assert texts(first) == {0: "one", 1: "InvalidRequest"}
    assert texts(second) == texts(third) == {0: "one", 1: "You said: n1"}
    assert [received.path for received in simulator.received if "completions" in received.path] == []
    assert len(simulator.room.batches) == 2


async def test_equal_requests_are_each_asked_and_each_kept(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script(OPENAI.model, [Say("1"), Say("2"), Say("3")])
    async with context_for(OPENAI, simulator) as context:
        first = await told(context, OPENAI, [ASKED[0]] * 3, kept=kept)
        second = await told(context, OPENAI, [ASKED[0]] * 3, kept=kept)
    assert texts(first) == texts(second) == {0: "1", 1: "2", 2: "3"}


@EVERY
async def test_what_expires_is_told_so_and_asked_again_by_the_next_run(vendor: Vendor, simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script_batches([Course(("in_progress", "expired"), done=1)])
    async with context_for(vendor, simulator) as context:
        first = await told(context, vendor, ASKED[:2], kept=kept)
        second = await told(context, vendor, ASKED[:2], kept=kept)
    assert texts(first) == {0: "You said: n0", 1: "RequestTimedOut"}
    error = first[1].failure()
    assert isinstance(error, RequestTimedOut)
    assert (error.timeout_s, error.phase) == (24 * 3600.0, "total")
    assert texts(second) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 2


@EVERY
async def test_what_is_cancelled_at_the_vendor_failed(vendor: Vendor, simulator: Simulator) -> None:
    simulator.script_batches([Course(("in_progress", "cancelling", "cancelled"), done=1)])
    async with context_for(vendor, simulator) as context:
        found = await told(context, vendor, ASKED[:2])
    assert texts(found) == {0: "You said: n0", 1: "ServerError"}


@pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC], ids=lambda vendor: vendor.name)
@pytest.mark.parametrize("trouble", [Fault("reset"), Fault("short_body"), Status(500), Status(502), Status(503)])
async def test_handing_in_is_tried_again_but_never_done_twice(
    vendor: Vendor, trouble: Fault | Status, simulator: Simulator
) -> None:
    simulator.script(f"POST {vendor.batches}", [trouble])
    async with context_for(vendor, simulator) as context:
        found = await told(context, vendor, ASKED[:2])
    assert texts(found) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1


@pytest.mark.parametrize("ambiguous", [True, False])
@pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC], ids=lambda vendor: vendor.name)
async def test_a_batch_whose_acceptance_was_garbled_is_found_and_not_handed_in_again(
    vendor: Vendor, ambiguous: bool, simulator: Simulator
) -> None:
    simulator.script(f"POST {vendor.batches}", [Fault("html")])
    async with context_for(vendor, simulator, max_retries=0) as context:
        retry = replace(context.config.retry, ambiguous=ambiguous)
        found = await told(replace(context, config=replace(context.config, retry=retry)), vendor, ASKED[:2])
    assert texts(found) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1
    assert [each.path for each in simulator.received if each.method == "POST"].count(vendor.batches) == 1


async def test_a_batch_whose_acceptance_was_garbled_is_found_by_the_next_run(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script(f"POST {OPENAI.batches}", [Fault("html")])
    simulator.script(f"GET {OPENAI.batches}", [Status(403)])
    async with context_for(OPENAI, simulator, max_retries=0) as context:
        first = await told(context, OPENAI, ASKED[:2], kept=kept)
        second = await told(context, OPENAI, ASKED[:2], kept=kept)
    assert texts(first) == {0: "MalformedResponse", 1: "MalformedResponse"}
    assert texts(second) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1


@pytest.mark.parametrize("times", range(1, 8))
@pytest.mark.parametrize("trouble", [Fault("html"), Fault("reset"), Fault("short_body"), Status(500)])
async def test_however_often_handing_in_ends_in_doubt_nothing_is_handed_in_twice(
    trouble: Fault | Status, times: int, simulator: Simulator
) -> None:
    kept: Kept = {}
    simulator.script(f"POST {OPENAI.batches}", [trouble] * times)
    async with context_for(OPENAI, simulator) as context:
        runs = [texts(await told(context, OPENAI, ASKED[:2], kept=kept)) for _ in range(5)]
    assert runs[-1] == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1


async def test_a_batch_of_somebody_else_and_of_the_same_size_is_not_taken_for_ours(simulator: Simulator) -> None:
    async with context_for(ANTHROPIC, simulator) as context:
        await told(context, ANTHROPIC, ASKED[2:])
        simulator.script(f"POST {ANTHROPIC.batches}", [Fault("reset")])
        found = await told(context, ANTHROPIC, ASKED[:2])
    assert texts(found) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 2


async def test_the_account_is_searched_page_by_page(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script(f"POST {OPENAI.batches}", [Fault("html")])
    simulator.script(f"GET {OPENAI.batches}", [Status(403)])
    async with context_for(OPENAI, simulator, max_retries=0) as context:
        await told(context, OPENAI, ASKED[:1], kept=kept)
        await told(context, OPENAI, ASKED[1:3])
        simulator.room.page_size = 1
        found = await told(context, OPENAI, ASKED[:1], kept=kept)
    assert texts(found) == {0: "You said: n0"}
    assert [each.path for each in simulator.received if "limit=" in each.path] == [
        "/v1/batches?limit=100",
        "/v1/batches?limit=100",
        "/v1/batches?limit=100&after=batch_2",
    ]


@EVERY
async def test_a_refusal_of_the_whole_fails_every_request_and_the_next_run_hands_it_in_anew(
    vendor: Vendor, simulator: Simulator
) -> None:
    kept: Kept = {}
    simulator.script(f"POST {vendor.batches}", [Status(401)])
    async with context_for(vendor, simulator) as context:
        first = await told(context, vendor, ASKED[:2], kept=kept)
        assert len(simulator.room.batches) == 0
        second = await told(context, vendor, ASKED[:2], kept=kept)
    assert texts(first) == {0: "AuthenticationFailed", 1: "AuthenticationFailed"}
    assert texts(second) == {0: "You said: n0", 1: "You said: n1"}


async def test_a_batch_that_fails_without_a_word_fails_every_request(simulator: Simulator) -> None:
    simulator.script_batches([Course(("validating", "failed"))])
    async with context_for(OPENAI, simulator) as context:
        found = await told(context, OPENAI, ASKED[:1])
    assert texts(found) == {0: "MalformedResponse"}


async def test_a_parcel_is_handed_in_when_the_next_request_has_no_room(simulator: Simulator) -> None:
    large = [LLMRequest(prompt=letter * (12 * 1024 * 1024)) for letter in "abc"]
    vendor = replace(OPENAI, model="openai/with-an-unknown-window")
    async with context_for(vendor, simulator) as context:
        simulator.script("with-an-unknown-window", [Say(text) for text in "abcd"])
        found = await told(context, vendor, [*large, LLMRequest(prompt="d"), LLMRequest(prompt="e" * 40_000_000)])
    assert texts(found) == {0: "a", 1: "b", 2: "c", 3: "d", 4: "InvalidRequest"}
    error = found[4].failure()
    assert isinstance(error, InvalidRequest)
    assert error.problems[0].message.endswith("bytes: more than fits into a batch")
    assert len(simulator.room.batches) == 2


@pytest.mark.parametrize(
    ("model", "said"),
    [("gemini-3.8-flash", "gemini takes no batches"), ("ollama/llama3.2", "ollama takes no batches")],
)
async def test_a_vendor_without_batches_is_refused_before_anything_is_sent(model: str, said: str) -> None:
    urls = {"gemini": "http://127.0.0.1:9", "ollama": "http://127.0.0.1:9"}
    keys = KeySettings(providers={"gemini": (Secret("sk-canary-0123456789"),)})
    async with (
        custom(LLMConfig(http=HttpSettings(base_urls=urls), keys=keys)) as context,
        batch_at_vendor(ASKED, model=model).opened(context) as outcomes,
    ):
        assert [each async for each in outcomes] == []
        failure = outcomes.failure
    assert failure is not None
    error = failure.failure()
    assert isinstance(error, UnsupportedCapability)
    assert (error.capability, error.message.startswith(said)) == ("batch", True)


async def test_what_goes_through_a_gateway_has_no_batches() -> None:
    keys = KeySettings(providers={"portkey": (Secret("pk-canary-0123456789"),)})
    async with (
        custom(LLMConfig(keys=keys)) as context,
        batch_at_vendor(ASKED, model=OPENAI.model).opened(context) as outcomes,
    ):
        assert [each async for each in outcomes] == []
        assert outcomes.failure == Failure(
            UnsupportedCapability(
                OPENAI.model,
                "batch",
                "openai takes no batches through portkey: leave it to batch, which asks one by one",
            )
        )


async def test_a_model_that_cannot_be_told_fails_the_stream() -> None:
    async with scripted({}) as context, batch_at_vendor(ASKED, model="no such").opened(context) as outcomes:
        assert [each async for each in outcomes] == []
        failure = outcomes.failure
    assert failure is not None
    assert isinstance(failure.failure(), InvalidRequest)


async def test_a_budget_covers_the_worst_of_what_is_handed_in_and_settles_on_what_it_cost(
    simulator: Simulator,
) -> None:
    brief = [replace(request, preferences=Preferences(max_tokens=100)) for request in ASKED]
    simulator.script(OPENAI.model, [Say("one", usage=(1000, 100)), Status(400)])
    async with context_for(OPENAI, simulator, budget=BudgetSettings(limit_usd=0.01)) as context:
        found = await told(context, OPENAI, [*brief[:2], ASKED[2]])
        assert context.budget is not None
        spent_usd = await context.budget.spent_usd()
    assert texts(found) == {0: "BudgetExceeded", 1: "BudgetExceeded", 2: "BudgetExceeded"}
    assert (len(simulator.room.batches), spent_usd) == (0, 0.0)
    async with context_for(OPENAI, simulator, budget=BudgetSettings(limit_usd=0.01)) as context:
        found = await told(context, OPENAI, brief[:2])
        assert context.budget is not None
        spent_usd = await context.budget.spent_usd()
    assert texts(found) == {0: "one", 1: "InvalidRequest"}
    assert spent_usd == pytest.approx((1000 * 0.5 + 100 * 2.5) / 1_000_000)


async def test_a_price_that_nobody_knows_is_more_than_any_budget(simulator: Simulator) -> None:
    vendor = replace(OPENAI, model="openai/unheard-of")
    for unknown, came in (("refuse", "BudgetExceeded"), ("allow", "You said: n0")):
        budget = BudgetSettings(limit_usd=1.0, unknown_prices="allow" if unknown == "allow" else "refuse")
        async with context_for(vendor, simulator, budget=budget) as context:
            assert texts(await told(context, vendor, ASKED[:1])) == {0: came}


async def test_each_answer_is_a_line_of_the_ledger_and_each_look_is_seen(simulator: Simulator) -> None:
    listener = Listener()
    simulator.script(OPENAI.model, [Say("one"), Status(429)])
    async with context_for(OPENAI, simulator, listener=listener) as context:
        found = await told(context, OPENAI, ASKED[:2])
        totals = context.metrics.snapshot().totals
    seen = [event.batch for event in listener.events if isinstance(event, VendorBatchSeen)]
    assert [batch.status for batch in seen] == ["validating", "validating", "in_progress", "finalizing", "completed"]
    assert (seen[-1].total, seen[-1].succeeded, seen[-1].failed) == (2, 1, 1)
    lines = {event.attempt.outcome: event.attempt for event in listener.events if isinstance(event, AttemptFinished)}
    assert set(lines) == {"ok", "RateLimitExceeded"}
    response = found[0].unwrap()
    assert response.metadata.attempts == (lines["ok"],)
    assert (lines["ok"].key_id, lines["ok"].latency_ms) == ("openai#1", response.metadata.latency_ms)
    assert response.metadata.latency_ms == 23_750.0  # 5 + 7.5 + 11.25 seconds of looking
    assert len([event for event in listener.events if isinstance(event, RequestFinished)]) == 2
    assert (totals.requests, totals.successes) == (2, 1)
