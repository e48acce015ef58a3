"""What may be asked, under which configuration, and what may go wrong: histories to hold a plan to.

Every failure of the union is said by some script. What a script says is never longer than a request allows, because a
vendor sees to that; and it says all that is allowed as often as not, because a bound is best tried at its edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hypothesis import strategies as st

from llm_manager import (
    AllModelsFailed,
    AuthenticationFailed,
    BreakerSettings,
    BudgetExceeded,
    BudgetSettings,
    CircuitOpen,
    ConfigurationError,
    ContentFiltered,
    ContextTooLarge,
    ConversationConflict,
    ConversationNotFound,
    ExtractionFailed,
    GatewayError,
    ImagePart,
    InvalidRequest,
    KeySettings,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    MalformedResponse,
    Message,
    ModelSettings,
    ModelUnavailable,
    NetworkError,
    Preferences,
    QuotaExhausted,
    RateLimitExceeded,
    RequestTimedOut,
    ResponseTruncated,
    RetrySettings,
    RoutingSettings,
    SchemaMismatch,
    Secret,
    ServerError,
    StoreUnavailable,
    StreamBroken,
    TimeoutSettings,
    Tool,
    UnsupportedCapability,
    Usage,
)
from llm_manager.domain.catalog import Capability
from llm_manager.domain.paid import with_usage
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.testing import Line, Pause, Pieces

NAMES = ("gpt", "claude", "llama")
LONGEST_ANSWER = 100
"""Tokens; no script says more."""

ERRORS: tuple[LLMError, ...] = (
    AllModelsFailed(()),
    AuthenticationFailed("m"),
    AuthenticationFailed("m", forbidden=True),
    BudgetExceeded(1.0, 1.0),
    CircuitOpen("m", 3.0),
    ConfigurationError(()),
    ContentFiltered("m"),
    ContextTooLarge("m", 10, 5),
    ContextTooLarge("gpt"),
    ConversationConflict("c"),
    ConversationNotFound("c"),
    ExtractionFailed("x"),
    GatewayError(500),
    GatewayError(400),
    InvalidRequest(()),
    MalformedResponse("m", "empty"),
    MalformedResponse("m", "truncated"),
    MalformedResponse("m", "oversize"),
    ModelUnavailable("m"),
    NetworkError("m"),
    NetworkError("m", cause="dns"),
    NetworkError("m", ambiguous=True),
    QuotaExhausted("m"),
    RateLimitExceeded("m", 5.0),
    RateLimitExceeded("m", 60.0),
    RateLimitExceeded("m", 3600.0),
    RateLimitExceeded("m"),
    RequestTimedOut("m", 1.0, "first_byte"),
    RequestTimedOut("m", 1.0),
    ResponseTruncated("x"),
    SchemaMismatch("x", ()),
    ServerError("m", 500),
    ServerError("m", 502),
    StoreUnavailable("redis"),
    StreamBroken("m", "par"),
    UnsupportedCapability("m", "vision"),
)
"""Of each kind one at least: a test sees to that."""
errors = st.sampled_from(ERRORS)


def dearest(request: LLMRequest) -> LLMResponse:
    """All that was sent is billed, and the longest answer."""
    longest = request.preferences.max_tokens or LONGEST_ANSWER
    usage = Usage(prompt_tokens=prompt_tokens(request).high, completion_tokens=longest)
    return LLMResponse(content="dear", model="m", finish_reason="stop", usage=usage)


def billed(error: LLMError) -> Line:
    """*error*, with an answer that is billed as the dearest one."""
    return lambda request: with_usage(error, dearest(request).usage)


failures_with_a_bill: st.SearchStrategy[Line] = st.sampled_from(
    [billed(ContentFiltered("m")), billed(MalformedResponse("m", "empty")), billed(ServerError("m", 500))]
)
answers: st.SearchStrategy[Line] = st.sampled_from(["an answer", "7", dearest, dearest])
pieces: st.SearchStrategy[Line] = st.builds(
    Pieces,
    st.lists(st.sampled_from(["one ", "two ", "7"]), max_size=3),
    st.one_of(st.none(), errors),
    st.sampled_from([0.0, 1.0, 40.0]),
)
prompt: st.SearchStrategy[Line] = st.one_of(answers, errors, errors, failures_with_a_bill, pieces)
lines = st.one_of(prompt, prompt, st.builds(Pause, st.sampled_from([0.5, 7.0, 90.0, 1e6]), prompt))


def again_and_again(runs: Sequence[tuple[Line, int]]) -> list[Line]:
    return [line for line, times in runs for _ in range(times)]


def stubborn(refused_keys: int, then: LLMError) -> list[Line]:
    """As many refusals as there may be keys, and then what is retried for as long as that is allowed."""
    return again_and_again([(AuthenticationFailed("m"), refused_keys), (then, 20)])


failing_for_long: st.SearchStrategy[LLMError] = st.sampled_from(
    [ServerError("m", 500), GatewayError(500), RateLimitExceeded("m", 60.0), NetworkError("m")]
)
scripts = st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(
        st.lists(st.tuples(lines, st.sampled_from([1, 1, 2, 4])), max_size=8).map(again_and_again),
        st.builds(stubborn, st.sampled_from([0, 2]), failing_for_long),
    ),
    min_size=1,
)

PICTURE = Message(role="user", content=(ImagePart(url="https://example.com/a.png"),))
requests = st.builds(
    LLMRequest,
    prompt=st.sampled_from(["x", "y", "z", "x" * 4000]),
    messages=st.sampled_from([(), (), (), (), (PICTURE,)]),
    tools=st.sampled_from([(), (), (), (), (Tool(name="f"),)]),
    deadline_s=st.sampled_from([None, None, None, None, 10.0, 200.0]),
    streaming=st.booleans(),
    preferences=st.builds(
        Preferences,
        model=st.sampled_from([None, None, None, None, "gpt", "claude", "nobody", "openai/unconfigured"]),
        fallback=st.sampled_from(["chain", "chain", "none"]),
        max_tokens=st.sampled_from([None, LONGEST_ANSWER]),
        priority=st.sampled_from(["low", "medium", "high"]),
    ),
)
Way = Literal["generate", "route_request", "generate_stream", "query_with_schema"]
ways: st.SearchStrategy[Way] = st.sampled_from(["generate", "route_request", "generate_stream", "query_with_schema"])


@dataclass(frozen=True)
class Step:
    """After *gap_s* somebody asks *request* in this *way*."""

    gap_s: float
    way: Way
    request: LLMRequest


steps = st.builds(Step, gap_s=st.sampled_from([0.0, 0.0, 2.0, 30.0]), way=ways, request=requests)

SKILLS: tuple[Capability, ...] = ("vision", "tools", "json_schema", "json_mode")
models_of = st.builds(
    ModelSettings,
    capabilities=st.one_of(st.just(frozenset(SKILLS)), st.frozensets(st.sampled_from(SKILLS))),
    window_tokens=st.sampled_from([None, None, None, 120, 100_000]),
    max_output_tokens=st.sampled_from([None, LONGEST_ANSWER]),
)


@st.composite
def priced_models(draw: st.DrawFn) -> ModelSettings:
    usd = draw(st.sampled_from([1.0, 3.0, None]))
    return replace(draw(models_of), prompt_usd=usd, completion_usd=usd)


configurations = st.builds(
    LLMConfig,
    models=st.fixed_dictionaries({name: priced_models() for name in NAMES}),
    routing=st.builds(
        RoutingSettings,
        strategy=st.sampled_from(["cost", "performance", "balanced"]),
        after_filter=st.booleans(),
        mid_stream=st.sampled_from(["fail", "restart", "continue"]),
        chains=st.sampled_from([{}, {"general": ("llama", "gpt", "claude")}]),
    ),
    retry=st.builds(
        RetrySettings,
        max_retries=st.sampled_from([0, 1, 3]),
        base_s=st.sampled_from([0.5, 100.0]),
        cap_s=st.sampled_from([1.0, 200.0]),
        ambiguous=st.booleans(),
        retryable=st.sampled_from([None, None, None, (), ("ServerError", "ContentFiltered"), bool]),  # bool: all
    ),
    timeouts=st.builds(
        TimeoutSettings,
        first_byte_s=st.sampled_from([2.0, 60.0]),
        attempt_s=st.sampled_from([1.0, 8.0, 120.0]),
        total_s=st.sampled_from([5000.0, 5000.0, 300.0, 20.0]),
    ),
    rate_limit=st.builds(
        LimiterSettings,
        requests_per_minute=st.sampled_from([None, None, 1, 4]),
        tokens_per_minute=st.sampled_from([None, None, None, 1200]),
        max_wait_s=st.sampled_from([0.0, 30.0, 60.0]),
    ),
    circuit_breaker=st.builds(
        BreakerSettings, failure_threshold=st.sampled_from([1, 2, 100]), open_s=st.sampled_from([3.0, 30.0, 300.0])
    ),
    budget=st.builds(
        BudgetSettings,
        limit_usd=st.sampled_from([None, None, None, 0.001, 1.0]),
        unknown_prices=st.sampled_from(["refuse", "allow"]),
    ),
    keys=st.sampled_from([(), ("a",), ("a", "b", "c")]).map(
        lambda keys: KeySettings(providers={"custom": tuple(map(Secret, keys))} if keys else {})
    ),
)
