"""The fault matrix: what each error means for the same target, the next model and the breaker."""

from __future__ import annotations

from typing import Final, get_args

import pytest

from llm_manager.domain.descriptions import describe
from llm_manager.domain.errors import (
    AllModelsFailed,
    AuthenticationFailed,
    BudgetExceeded,
    CircuitOpen,
    ConfigurationError,
    ContentFiltered,
    ContextTooLarge,
    ConversationConflict,
    ConversationNotFound,
    ExtractionFailed,
    GatewayError,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    ModelUnavailable,
    NetworkError,
    QuotaExhausted,
    RateLimitExceeded,
    RequestTimedOut,
    ResponseTruncated,
    SchemaMismatch,
    ServerError,
    StoreUnavailable,
    StreamBroken,
    UnsupportedCapability,
)
from llm_manager.domain.problem import Problem
from llm_manager.domain.verdicts import (
    Again,
    NextModel,
    again,
    counts_against_breaker,
    is_ambiguous,
    is_transient,
    next_model,
    retry_after_s,
)

OPT_IN: Final = "if_ambiguous_allowed"
PROBLEMS = (Problem("temperature", "9 is above 2"), Problem("stop.0", "is empty", "file.toml"))

MATRIX: list[tuple[LLMError, Again, NextModel, bool]] = [
    (NetworkError("m"), "yes", "yes", True),
    (NetworkError("m", cause="dns"), "once", "yes", True),
    (NetworkError("m", cause="tls"), "no", "yes", False),
    (NetworkError("m", cause="local"), "yes", "no", False),
    (NetworkError("m", ambiguous=True, cause="reset"), OPT_IN, OPT_IN, True),
    (RequestTimedOut("m", 1, "first_byte"), OPT_IN, OPT_IN, True),
    (RequestTimedOut("m", 1, "idle"), OPT_IN, OPT_IN, True),
    (RequestTimedOut("m", 1, "attempt"), OPT_IN, OPT_IN, True),
    (RequestTimedOut("m", 1, "total"), "no", "no", False),
    (StreamBroken("m", "part"), OPT_IN, OPT_IN, True),
    (MalformedResponse("m", "truncated"), OPT_IN, OPT_IN, True),
    (MalformedResponse("m", "oversize"), "no", "no", False),
    (MalformedResponse("m", "undecodable"), OPT_IN, "yes", True),
    (MalformedResponse("m", "unparsable"), "no", "yes", False),
    (MalformedResponse("m", "redirect"), "no", "no", False),
    (MalformedResponse("m", "empty"), "once", "yes", False),
    (MalformedResponse("m", "protocol"), "once", "yes", True),
    (MalformedResponse("m", "unfinished"), OPT_IN, "yes", False),
    (AuthenticationFailed("m"), "other_key", "yes", False),
    (AuthenticationFailed("m", forbidden=True), "no", "yes", False),
    (QuotaExhausted("m"), "other_key", "yes", False),
    (ModelUnavailable("m"), "no", "yes", False),
    (ContextTooLarge("m", 10, 5), "no", "larger_window", False),
    (InvalidRequest(PROBLEMS), "no", "no", False),
    (RateLimitExceeded("m"), "yes", "yes", False),
    (RateLimitExceeded("m", 60), "yes", "yes", False),
    (RateLimitExceeded("m", 3600), "no", "yes", False),
    (RateLimitExceeded("m", 3, local=True), "no", "yes", False),
    (ServerError("m", 498), "yes", "yes", True),
    (ServerError("m", 500), "yes", "yes", True),
    (ServerError("m", 502), OPT_IN, OPT_IN, True),
    (ServerError("m", 503), "yes", "yes", True),
    (ServerError("m", 504), OPT_IN, OPT_IN, True),
    (ServerError("m", 519), "yes", "yes", True),
    (ServerError("m", 520), OPT_IN, OPT_IN, True),
    (ServerError("m", 524), OPT_IN, OPT_IN, True),
    (ServerError("m", 525), "yes", "yes", True),
    (ServerError("m", 529), "yes", "yes", True),
    (GatewayError(500), "yes", "yes", True),
    (GatewayError(400), "no", "no", False),
    (ContentFiltered("m"), "no", "if_filtered_allowed", False),
    (CircuitOpen("m", 3), "no", "yes", False),
    (UnsupportedCapability("m", "vision"), "no", "yes", False),
    (ExtractionFailed("text"), "no", "no", False),
    (SchemaMismatch("text", PROBLEMS), "no", "no", False),
    (ResponseTruncated("text"), "no", "no", False),
    (AllModelsFailed((("m", CircuitOpen("m")),)), "no", "no", False),
    (BudgetExceeded(1.0, 0.5), "no", "no", False),
    (ConversationNotFound("c"), "no", "no", False),
    (ConversationConflict("c"), "no", "no", False),
    (StoreUnavailable("redis"), "no", "no", False),
    (ConfigurationError(PROBLEMS), "no", "no", False),
]


@pytest.mark.parametrize(("error", "same_target", "other_model", "breaker"), MATRIX, ids=lambda value: str(value)[:60])
def test_the_fault_matrix(error: LLMError, same_target: Again, other_model: NextModel, breaker: bool) -> None:
    assert (again(error), next_model(error), counts_against_breaker(error)) == (same_target, other_model, breaker)
    assert is_transient(error) == (same_target in ("yes", "once"))
    assert is_ambiguous(error) == (same_target == OPT_IN or isinstance(error, RequestTimedOut))


@pytest.mark.parametrize("error", [row[0] for row in MATRIX], ids=str)
def test_every_error_is_described_in_one_line_that_says_what_to_do(error: LLMError) -> None:
    line = describe(error)
    assert "\n" not in line
    assert ": " in line
    assert len(line) > 30


def test_the_matrix_covers_the_whole_union() -> None:
    assert {type(row[0]) for row in MATRIX} == set(get_args(LLMError))


def test_the_tag_is_the_name_of_the_class() -> None:
    assert all(row[0].tag == type(row[0]).__name__ for row in MATRIX)


def test_a_description_names_every_problem_and_what_the_vendor_said() -> None:
    assert describe(InvalidRequest(PROBLEMS)) == (
        "the request is invalid: temperature: 9 is above 2; stop.0 (file.toml): is empty"
    )
    assert describe(ServerError("gpt", 503, "over\nloaded")).startswith("gpt failed with status 503 (over loaded): ")


def test_limits_breakers_and_servers_may_ask_us_to_stay_away() -> None:
    assert retry_after_s(RateLimitExceeded("m", 3)) == 3
    assert retry_after_s(CircuitOpen("m", 4)) == 4
    assert retry_after_s(CircuitOpen("m", 4, probing=True)) is None, "it may close sooner"
    assert retry_after_s(ServerError("m", 503, retry_after_s=5)) == 5
    assert retry_after_s(ServerError("m", 503)) is None
    assert retry_after_s(NetworkError("m")) is None


def test_a_limit_of_our_own_and_money_that_is_reserved_are_told_apart_from_a_vendor_s_and_from_what_is_spent() -> None:
    assert describe(RateLimitExceeded("gpt", 12.0, "the queue is long", local=True)) == (
        "the limit set for gpt is reached (the queue is long): wait 12 s, or raise rate_limit"
    )
    assert describe(BudgetExceeded(2.0, 0.5, reserved_usd=1.25)) == (
        "the budget of 2.0000 USD does not allow it, 0.5000 are spent and 1.2500 reserved by requests under way: "
        "raise the budget, or lower max_tokens"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            UnsupportedCapability("gpt", "vision"),
            "gpt does not support vision: choose a model that does (see `llm-manager models`)",
        ),
        (
            AllModelsFailed(
                (
                    ("gpt", UnsupportedCapability("gpt", "tools")),
                    ("claude", UnsupportedCapability("claude", "tool_choice", "anthropic refuses tool_choice")),
                )
            ),
            "no model of the chain supports what the request needs (gpt: tools, claude: tool_choice): choose a model "
            'that does (see `llm-manager models`); or leave tool_choice at "auto" and ask for the call in the prompt, '
            "or choose a model that does (see `llm-manager models`)",
        ),
        (
            AllModelsFailed(
                (
                    ("gpt", UnsupportedCapability("gpt", "temperature")),
                    ("claude", UnsupportedCapability("claude", "temperature")),
                )
            ),
            "no model of the chain supports what the request needs (gpt: temperature, claude: temperature): leave it "
            'out, or allow unsupported="drop", or choose a model that does (see `llm-manager models`)',
        ),
    ],
)
def test_when_no_model_supports_a_request_it_is_said_what_to_change(error: LLMError, said: str) -> None:
    assert describe(error) == said


def test_an_open_circuit_says_how_long_it_is_at_the_most_while_it_is_tried_out() -> None:
    assert "for another 4 s:" in describe(CircuitOpen("m", 4))
    assert "for another 4 s at most, while one call tries it out:" in describe(CircuitOpen("m", 4, probing=True))
