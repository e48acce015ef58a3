"""Many requests to vendors' own batches: every outcome at the batch's price, and nothing paid twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from llm_manager import (
    ComputedCost,
    LLMRequest,
    Preferences,
    generate,
    run,
)
from llm_manager.testing.simulator import Say, Simulator, Status

from .vendor_batches import (
    ANTHROPIC,
    ASKED,
    OPENAI,
    VENDORS,
    Fuse,
    Kept,
    Killed,
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
    assert simulator.batches == 1


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
            assert simulator.batches == 1, moment
        moment += 1
    assert moment > 12
