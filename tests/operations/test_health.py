"""Which key a provider is asked with for its models, and which of their names stand for a model."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    InvalidRequest,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMResponse,
    ModelSettings,
    ModelUnavailable,
    NetworkError,
    Problem,
    RateLimitExceeded,
    Secret,
    ServerError,
    get_model_health,
    is_healthy,
    replacing,
    run,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.target import Target
from llm_manager.policies.listed import is_listed
from llm_manager.ports import Dispatch
from llm_manager.testing import scripted
from tests.operations.asking import Unstreamed

pytestmark = pytest.mark.anyio

FIRST, SECOND = Secret("first-key-0123456789"), Secret("second-key-012345678")
CONFIG = LLMConfig(
    models={"mine": ModelSettings(provider="openai", model="m")},
    keys=KeySettings(providers={"openai": (FIRST, SECOND)}),
)


class Listing(Unstreamed):
    """A provider that lists ``m`` to those whose key it does not refuse, and keeps the keys it was asked with."""

    def __init__(self, *refused: Secret) -> None:
        self._refused = refused
        self.asked: list[Secret] = []

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        raise NotImplementedError

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        self.asked.append(keys["openai"])
        return Failure(AuthenticationFailed("openai")) if keys["openai"] in self._refused else Success(("m",))


async def checked(listing: Listing, *, first_rests: bool = False) -> tuple[bool, list[Secret]]:
    """Is the model healthy, and which keys was its provider asked with?"""
    async with scripted({}, config=CONFIG) | replacing(providers={"openai": listing}) as context:
        if first_rests:
            lease = (await context.keys.lease("openai", "m", 0.0, context.clock)).unwrap()
            error = RateLimitExceeded("m", 60.0)
            await context.keys.give_back(lease, error, context.clock.monotonic())
        health = (await run(get_model_health(), context)).unwrap()
    return next(each.healthy for each in health if each.model == "m"), listing.asked


async def test_a_key_that_rests_is_not_asked_with_while_another_is_well() -> None:
    assert await checked(Listing(), first_rests=True) == (True, [SECOND])


async def test_a_key_that_is_refused_gives_way_to_the_next() -> None:
    assert await checked(Listing(FIRST)) == (True, [FIRST, SECOND])


async def test_with_no_key_that_is_taken_the_model_is_not_healthy() -> None:
    assert await checked(Listing(FIRST, SECOND)) == (False, [FIRST, SECOND])


class Answering(Unstreamed):
    """A provider that answers every request for its models with *answer*."""

    def __init__(self, answer: Outcome[tuple[str, ...], LLMError]) -> None:
        self._answer = answer

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        raise NotImplementedError

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return self._answer


@pytest.mark.parametrize(
    ("answer", "healthy", "listed"),
    [
        (Success(("m",)), True, True),
        (Success(("another",)), False, False),
        (Success(()), True, None),
        (Failure(ModelUnavailable("m", "Not Found")), True, None),
        (Failure(InvalidRequest((Problem("", "Method Not Allowed"),))), True, None),
        (Failure(ServerError("m", 501)), True, None),
        (Failure(ServerError("m", 503)), False, None),
        (Failure(NetworkError("m")), False, None),
        (Failure(AuthenticationFailed("m", forbidden=True)), False, None),
    ],
)
async def test_a_server_without_a_list_of_models_is_not_ill_for_that(
    answer: Outcome[tuple[str, ...], LLMError], *, healthy: bool, listed: bool | None
) -> None:
    async with scripted({}, config=CONFIG) | replacing(providers={"openai": Answering(answer)}) as context:
        status = next(each for each in (await run(get_model_health(), context)).unwrap() if each.model == "m")
        is_well = (await run(is_healthy(), context)).unwrap()
    assert (status.healthy, status.listed) == (healthy, listed)
    assert is_well or not healthy


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "gpt-4o"),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("gemini-2.0-flash", "models/gemini-2.0-flash-001"),
        ("mistral-large", "mistral-large-latest"),
        ("llama3", "llama3:latest"),
        ("llama3:latest", "llama3"),
    ],
)
def test_a_name_that_its_vendor_resolves_is_listed(model: str, name: str) -> None:
    assert is_listed(model, ["other", name])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("claude-haiku", "claude-haiku-4-5"),
        ("claude-haiku-4-5-20990101", "claude-haiku-4-5-20251001"),
        ("llama3:8b", "llama3:latest"),
        ("gpt-5", "gpt-4"),
    ],
)
def test_another_model_does_not_stand_for_one(model: str, name: str) -> None:
    assert not is_listed(model, [name])
