"""Which errors are retried, in the user's own words: ``retry.retryable``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from returns.result import Failure

from llm_manager import (
    AuthenticationFailed,
    CircuitOpen,
    ConfigurationError,
    ContentFiltered,
    InvalidRequest,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    MalformedResponse,
    ModelUnavailable,
    NetworkError,
    Preferences,
    Problem,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    Secret,
    ServerError,
    UnsupportedCapability,
    generate,
    parse_config,
    run,
)
from llm_manager.domain.events import AttemptStarted
from llm_manager.domain.settings import Retryable
from llm_manager.policies.retryable import again_for, is_excluded
from llm_manager.testing import Line, scripted
from tests.operations.asking import Listener

pytestmark = pytest.mark.anyio

ALONE = LLMRequest(prompt="hi", preferences=Preferences(model="m", fallback="none"))


def always(_error: LLMError) -> bool:
    return True


def is_overloaded(error: LLMError) -> bool:
    return "overloaded" in error.message


async def asked(retryable: Retryable | None, *errors: LLMError, **more: object) -> int:
    """How often the only model is asked that fails with *errors* and would then answer."""
    listener = Listener()
    script: dict[str, list[Line]] = {"m": [*errors, "an answer"]}
    retry = RetrySettings(retryable=retryable, **more)  # type: ignore[arg-type]
    async with scripted(script, config=LLMConfig(retry=retry), observer=listener) as context:
        await run(generate(ALONE), context)
    return sum(isinstance(event, AttemptStarted) for event in listener.events)


@pytest.mark.parametrize(
    ("retryable", "error", "times"),
    [
        (None, ServerError("m", 500), 2),
        (("RateLimitExceeded",), ServerError("m", 500), 1),
        (("RateLimitExceeded",), RateLimitExceeded("m", 2.0), 2),
        (("ServerError",), RateLimitExceeded("m", 2.0), 1),
        (("ServerError",), RateLimitExceeded("m"), 1),
        (None, InvalidRequest(()), 1),
        (("InvalidRequest",), InvalidRequest(()), 2),
        (is_overloaded, ModelUnavailable("m", "overloaded"), 2),
        (is_overloaded, ModelUnavailable("m", "gone"), 1),
        (always, ContentFiltered("m"), 2),
        ((), NetworkError("m"), 1),
    ],
)
async def test_what_is_retried_is_what_the_user_says(retryable: Retryable | None, error: LLMError, times: int) -> None:
    assert await asked(retryable, error) == times


@pytest.mark.parametrize(
    "error", [NetworkError("m", ambiguous=True), ServerError("m", 502), RequestTimedOut("m", 1.0, "first_byte")]
)
async def test_what_may_have_been_billed_is_retried_no_more_freely_than_by_the_matrix(error: LLMError) -> None:
    assert await asked(always, error, error) == 2, "once"
    assert await asked(always, error, ambiguous=False) == 1
    assert await asked((), error) == 1


async def test_retries_stay_within_their_number_and_their_budget() -> None:
    assert await asked(always, *[InvalidRequest(())] * 9, max_retries=2) == 3


@pytest.mark.parametrize(
    "error", [CircuitOpen("m", 1.0), RateLimitExceeded("m", 1.0, local=True), UnsupportedCapability("m", "tools")]
)
def test_a_refusal_of_ours_is_not_repeated_and_not_excluded(error: LLMError) -> None:
    assert again_for(RetrySettings(retryable=always), error) == "no"
    assert not is_excluded(RetrySettings(retryable=()), error)


async def test_another_key_is_tried_whatever_is_retried() -> None:
    keys = KeySettings(providers={"custom": (Secret("one-key-0123456789"), Secret("other-key-01234567"))})
    config = LLMConfig(retry=RetrySettings(retryable=()), keys=keys)
    async with scripted({"m": [AuthenticationFailed("m"), "yes"]}, config=config) as context:
        assert (await run(generate(ALONE), context)).unwrap().content == "yes"


def test_tags_come_from_a_file_and_a_wrong_one_is_named() -> None:
    read = parse_config({"retry": {"retryable": ["RateLimitExceeded", "ServerError"]}}).unwrap()
    assert read.retry == RetrySettings(retryable=("RateLimitExceeded", "ServerError"))
    said = "'ServerEror' is the tag of no error: did you mean ServerError?"
    assert parse_config({"retry": {"retryable": ["ServerEror"]}}) == Failure(
        ConfigurationError((Problem("retry.retryable", said),))
    )
    wrong = parse_config({"retry": {"retryable": "ServerError"}}).failure()
    assert [problem.path for problem in wrong.problems] == ["retry.retryable"]


def test_settings_with_a_function_are_a_value_all_the_same() -> None:
    functions: list[Callable[[LLMError], bool]] = [always, lambda error: isinstance(error, MalformedResponse)]
    assert len({RetrySettings(retryable=function) for function in functions}) == 2
