"""Waiting for a batch at its vendor: until when, through what, and what becomes of one that cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from returns.result import Failure

from llm_manager import (
    AuthenticationFailed,
    RequestTimedOut,
    batch_at_vendor,
)
from llm_manager.testing.simulator import Course, Fault, Simulator, Status

from .vendor_batches import (
    ANTHROPIC,
    ASKED,
    OPENAI,
    VENDORS,
    Kept,
    Vendor,
    context_for,
    texts,
    told,
)

pytestmark = pytest.mark.anyio

EVERY = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


async def test_waiting_ends_at_its_limit_and_a_later_run_goes_on(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script_batches([Course(("in_progress",) * 12 + ("completed",))])
    async with context_for(OPENAI, simulator) as context:
        first = await told(context, OPENAI, ASKED[:2], kept=kept, limit_s=600.0)
        assert context.clock.monotonic() == 600.0
        second = await told(context, OPENAI, ASKED[:2], kept=kept)
    assert {error.failure() for error in first.values()} == {
        RequestTimedOut(
            OPENAI.model,
            600.0,
            "total",
            "the batch goes on at the vendor: the same requests over the same journal wait for it again",
        )
    }
    assert texts(second) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1


@EVERY
async def test_leaving_leaves_the_batch_alone_unless_it_is_to_be_cancelled(
    vendor: Vendor, simulator: Simulator
) -> None:
    simulator.script_batches([Course(("in_progress",))] * 2)
    async with context_for(vendor, simulator) as context:
        for cancel in (False, True):
            stream = batch_at_vendor(ASKED[:1], model=vendor.model, limit_s=60.0, cancel=cancel)
            async with stream.opened(context) as outcomes:
                assert [index async for index, _ in outcomes] == [0]
    cancelled = [received.path for received in simulator.received if received.path.endswith("/cancel")]
    assert len(cancelled) == 1
    assert cancelled[0].startswith(f"{vendor.batches}/")


@EVERY
async def test_results_that_break_off_are_read_again_and_told_once(vendor: Vendor, simulator: Simulator) -> None:
    place = "/messages/batches/msgbatch_1/results" if vendor is ANTHROPIC else "/files/file-2/content"
    simulator.script(f"GET {vendor.path}{place}", [Fault("reset_in_body"), Fault("reset"), Status(503)])
    async with context_for(vendor, simulator, max_retries=0) as context:
        found = await told(context, vendor, ASKED[:2])
    assert texts(found) == {0: "You said: n0", 1: "You said: n1"}


async def test_results_that_cannot_be_read_are_left_for_the_next_run(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script("GET /v1/files/file-2/content", [Fault("error_in_ok")] * 6)
    async with context_for(OPENAI, simulator, max_retries=0) as context:
        first = await told(context, OPENAI, ASKED[:1], kept=kept)
        second = await told(context, OPENAI, ASKED[:1], kept=kept)
    assert (texts(first), texts(second)) == ({0: "MalformedResponse"}, {0: "You said: n0"})
    assert len(simulator.room.batches) == 1


async def test_results_that_are_gone_are_asked_for_anew_by_the_next_run(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script("GET /v1/files/file-2/content", [Status(404, "not_found", "No such File object: file-2")])
    async with context_for(OPENAI, simulator) as context:
        first = await told(context, OPENAI, ASKED[:1], kept=kept)
        second = await told(context, OPENAI, ASKED[:1], kept=kept)
    assert (texts(first), texts(second)) == ({0: "ModelUnavailable"}, {0: "You said: n0"})
    assert len(simulator.room.batches) == 2


async def test_an_outage_while_waiting_is_waited_out(simulator: Simulator) -> None:
    simulator.script("GET /v1/batches/batch_1", [Status(500)] * 6)
    async with context_for(OPENAI, simulator, max_retries=1) as context:
        found = await told(context, OPENAI, ASKED[:1])
    assert texts(found) == {0: "You said: n0"}


@pytest.mark.parametrize("asked_s", [1, 61, 3600])
async def test_a_look_comes_again_when_the_vendor_asked_and_not_before(simulator: Simulator, asked_s: int) -> None:
    simulator.script("GET /v1/batches/batch_1", [Status(429, headers={"Retry-After": str(asked_s)})] * 5)
    async with context_for(OPENAI, simulator) as context:
        found = await told(context, OPENAI, ASKED[:1], limit_s=36_000.0)
        assert texts(found) == {0: "You said: n0"}
        assert context.clock.monotonic() >= 5 * asked_s
    looks = [received for received in simulator.received if received.path == "/v1/batches/batch_1"]
    assert len(looks) == 5 + 4  # each refusal was one request, and the batch ends with the fourth look


async def test_a_wait_that_is_longer_than_there_is_time_ends_with_the_time(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script("GET /v1/batches/batch_1", [Status(429, headers={"Retry-After": "3600"})])
    async with context_for(OPENAI, simulator) as context:
        first = await told(context, OPENAI, ASKED[:1], kept=kept, limit_s=600.0)
        assert (texts(first), context.clock.monotonic()) == ({0: "RequestTimedOut"}, 600.0)
        second = await told(context, OPENAI, ASKED[:1], kept=kept)
    assert texts(second) == {0: "You said: n0"}


@EVERY
@pytest.mark.parametrize(
    "trouble", [Status(503), Status(500), Status(429), Status(429, headers={"Retry-After": "61"}), Fault("reset")]
)
async def test_an_outage_of_looks_or_results_is_waited_out_however_often_it_is_met(
    vendor: Vendor, trouble: Status | Fault, simulator: Simulator
) -> None:
    looks = "/messages/batches/msgbatch_1" if vendor is ANTHROPIC else "/batches/batch_1"
    results = f"{looks}/results" if vendor is ANTHROPIC else "/files/file-2/content"
    for path in (looks, results):
        simulator.script(f"GET {vendor.path}{path}", [trouble] * 12)
    async with context_for(vendor, simulator, max_retries=0) as context:
        found = await told(context, vendor, ASKED[:2], limit_s=36_000.0)
    assert texts(found) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1


async def test_results_that_break_off_are_read_on_as_long_as_each_time_something_new_is_told(
    simulator: Simulator,
) -> None:
    script: list[Status | Fault] = [Fault("reset_in_body"), Status(503)]
    simulator.script("GET /v1/files/file-2/content", script * 4)
    async with context_for(OPENAI, simulator, max_retries=0) as context:
        found = await told(context, OPENAI)
    assert texts(found) == {number: f"You said: n{number}" for number in range(4)}


async def test_an_outage_when_an_earlier_batch_is_looked_for_is_waited_out(simulator: Simulator) -> None:
    """The vendor took it, the answer was lost, and nothing answers for minutes: it is paid for, and found at last."""
    simulator.script(f"POST {OPENAI.batches}", [Fault("html")])
    simulator.script(f"GET {OPENAI.batches}", [Status(503)] * 20 + [Status(429, headers={"Retry-After": "61"})])
    async with context_for(OPENAI, simulator) as context:
        found = await told(context, OPENAI, ASKED[:2], limit_s=36_000.0)
    assert texts(found) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1


async def test_a_run_that_takes_up_what_an_earlier_one_left_in_doubt_waits_out_an_outage(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script(f"POST {ANTHROPIC.batches}", [Fault("html")])
    simulator.script(f"GET {ANTHROPIC.batches}", [Status(403), *[Status(503)] * 20])
    async with context_for(ANTHROPIC, simulator) as context:
        first = await told(context, ANTHROPIC, ASKED[:2], kept=kept)
        second = await told(context, ANTHROPIC, ASKED[:2], kept=kept, limit_s=36_000.0)
    assert texts(first) == {0: "AuthenticationFailed", 1: "AuthenticationFailed"}
    assert texts(second) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1


@pytest.mark.parametrize("asked_s", [1, 61, 3600])
async def test_handing_in_waits_in_the_queue_of_a_vendor_that_says_how_long_it_is(
    simulator: Simulator, asked_s: int
) -> None:
    simulator.script(f"POST {OPENAI.batches}", [Status(429, headers={"Retry-After": str(asked_s)})] * 5)
    async with context_for(OPENAI, simulator) as context:
        found = await told(context, OPENAI, ASKED[:2], limit_s=36_000.0)
        assert context.clock.monotonic() >= 5 * asked_s
    assert texts(found) == {0: "You said: n0", 1: "You said: n1"}
    assert len(simulator.room.batches) == 1


async def test_a_refusal_while_waiting_ends_the_waiting_but_not_the_batch(simulator: Simulator) -> None:
    kept: Kept = {}
    simulator.script("GET /v1/batches/batch_1", [Status(403)])
    async with context_for(OPENAI, simulator) as context:
        first = await told(context, OPENAI, ASKED[:1], kept=kept)
        second = await told(context, OPENAI, ASKED[:1], kept=kept)
    assert first == {0: Failure(AuthenticationFailed(OPENAI.model, True, "You are not allowed to use this model."))}
    assert texts(second) == {0: "You said: n0"}
