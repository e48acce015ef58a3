"""A check in the background brings back what rests, earlier than its time, and closes no circuit by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    BreakerSettings,
    CircuitOpen,
    Context,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    NetworkError,
    Preferences,
    QuotaExhausted,
    RetrySettings,
    RoutingSettings,
    Secret,
    ServerError,
    custom,
    dev,
    generate,
    replacing,
    run,
)
from llm_manager.adapters.health_check import CHECK_S, check
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.target import Target
from llm_manager.policies.targets import resolve
from llm_manager.ports import Dispatch
from llm_manager.testing import VirtualClock, scripted
from tests.operations.asking import Unstreamed, only

pytestmark = pytest.mark.anyio

FIRST, SECOND = Secret("first-key-0123456789"), Secret("second-key-012345678")
TOUCHY = LLMConfig(
    retry=RetrySettings(max_retries=0),
    circuit_breaker=BreakerSettings(failure_threshold=1, open_s=600.0, max_open_s=600.0, success_threshold=1),
)
WATCHED = replace(TOUCHY, routing=RoutingSettings(health_check_interval_s=30.0))
DOWN = ServerError("m", 500)


async def states(context: Context, model: str = "m") -> str:
    return (await context.breakers.state(resolve(context.config, model).unwrap().key, context.clock.monotonic()))[0]


async def test_an_open_circuit_is_probed_after_a_check_and_not_before() -> None:
    async with scripted({"m": [DOWN, "well again"]}, config=WATCHED) as context:
        await run(generate(only("m")), context)
        await context.clock.sleep(29.0)
        assert (await run(generate(only("m")), context)).failure() == CircuitOpen("m", 571.0)
        await context.clock.sleep(2.0)
        assert await states(context) == "half-open", "only a call closes it"
        assert isinstance(await run(generate(only("m")), context), Success)
        assert await states(context) == "closed"


async def test_a_model_that_lists_and_does_not_answer_is_probed_once_a_check() -> None:
    async with scripted({"m": [DOWN] * 9}, config=WATCHED) as context:
        for _ in range(3):
            await run(generate(only("m")), context)
            assert await states(context) == "open"
            await context.clock.sleep(31.0)
        assert await states(context) == "half-open"


@pytest.mark.parametrize("interval_s", [None, 0.0])
async def test_without_an_interval_nothing_is_checked(interval_s: float | None) -> None:
    config = replace(TOUCHY, routing=RoutingSettings(health_check_interval_s=interval_s))
    async with scripted({"m": [DOWN]}, config=config) as context:
        await run(generate(only("m")), context)
        await context.clock.sleep(599.0)
        assert await states(context) == "open"


class Listing(Unstreamed):
    """A provider that lists as *answer* says, by the key, and answers nothing."""

    def __init__(self, answers: Mapping[Secret, Outcome[tuple[str, ...], LLMError]]) -> None:
        self.answers = dict(answers)
        self.asked: list[Secret] = []
        self.hangs = False
        self.clock = VirtualClock(autojump=True)

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        return Failure(DOWN)

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        self.asked.append(keys["openai"])
        if self.hangs:
            await self.clock.sleep(1e6)
        return self.answers[keys["openai"]]


KEYED = replace(
    TOUCHY,
    models={"m": ModelSettings(provider="openai", model="m")},
    keys=KeySettings(providers={"openai": (FIRST, SECOND)}),
)


async def told(context: Context, *errors: LLMError | None) -> None:
    """Each key in turn is told of one of *errors*."""
    for error in errors:
        lease = (await context.keys.lease("openai", "m", 0.0, context.clock)).unwrap()
        await context.keys.give_back(lease, error, context.clock.monotonic())


async def usable(context: Context) -> bool:
    return await context.keys.usable("openai", "m", context.clock.monotonic())


async def test_a_refused_key_is_back_when_a_list_takes_it_and_not_before() -> None:
    refused: Outcome[tuple[str, ...], LLMError] = Failure(AuthenticationFailed("m"))
    listing = Listing({FIRST: refused, SECOND: refused})
    async with scripted({}, config=KEYED) | replacing(providers={"openai": listing}) as context:
        await told(context, AuthenticationFailed("m"), AuthenticationFailed("m"))
        await check(context)
        assert not await usable(context)
        listing.answers[SECOND] = Success(("m",))
        await check(context)
        assert [await usable(context), listing.asked] == [True, [FIRST, SECOND, FIRST, SECOND]]
        lease = (await context.keys.lease("openai", "m", 0.0, context.clock)).unwrap()
        assert lease.key_id == "openai#2"


async def test_who_is_well_is_not_asked_and_a_quota_is_no_matter_for_a_list() -> None:
    listing = Listing({FIRST: Success(("m",)), SECOND: Success(("m",))})
    async with scripted({}, config=KEYED) | replacing(providers={"openai": listing}) as context:
        await check(context)
        await told(context, QuotaExhausted("m"), QuotaExhausted("m"))
        await check(context)
        assert [await usable(context), listing.asked] == [False, []]


@pytest.mark.parametrize(
    ("listed", "state"),
    [
        (Success(("m", "n")), "half-open"),
        (Success(("n",)), "open"),
        (Failure(NetworkError("m")), "open"),
    ],
)
async def test_a_circuit_is_probed_early_where_the_provider_lists_the_model(
    listed: Outcome[tuple[str, ...], LLMError], state: str
) -> None:
    listing = Listing(dict.fromkeys((FIRST, SECOND), listed))
    async with scripted({}, config=KEYED) | replacing(providers={"openai": listing}) as context:
        wish = Preferences(model="m", fallback="none")
        await run(generate(LLMRequest(prompt="hi", preferences=wish)), context)
        await check(context)
        assert await states(context) == state


async def test_a_provider_that_hangs_keeps_no_check_from_ending() -> None:
    listing = Listing({})
    listing.hangs = True
    layer = scripted({}, config=KEYED, clock=listing.clock) | replacing(providers={"openai": listing})
    async with layer as context:
        await told(context, AuthenticationFailed("m"))
        await check(context)
        assert context.clock.monotonic() == CHECK_S


async def test_a_live_layer_ends_its_check_when_it_is_left() -> None:
    config = replace(WATCHED, routing=RoutingSettings(health_check_interval_s=3600.0))
    for layer in (custom(config), dev(config)):
        for _ in range(2):
            with anyio.fail_after(5):
                async with layer as context:
                    assert context.config.routing.health_check_interval_s == 3600.0
        with pytest.raises(KeyError):
            async with layer:
                raise KeyError
    with anyio.move_on_after(0) as left:
        async with custom(config):
            await anyio.sleep_forever()
    assert left.cancelled_caught
