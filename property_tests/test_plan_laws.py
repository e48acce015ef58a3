"""What is done is always inside what was planned, over random scripts of failures, in virtual time."""

from __future__ import annotations

from collections import Counter

import anyio
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure

from llm_manager import (
    AllModelsFailed,
    AuthenticationFailed,
    CircuitOpen,
    ContextTooLarge,
    InvalidRequest,
    LLMConfig,
    LLMError,
    LLMRequest,
    MalformedResponse,
    ModelSettings,
    ModelUnavailable,
    NetworkError,
    Preferences,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    ServerError,
    generate,
    plan,
    run,
)
from llm_manager.domain.events import AttemptFinished, Event
from llm_manager.testing import Line, Pause, scripted

errors: st.SearchStrategy[LLMError] = st.sampled_from(
    [
        ServerError("m", 500),
        ServerError("m", 502),
        RateLimitExceeded("m", 5.0),
        RateLimitExceeded("m", 3600.0),
        NetworkError("m", cause="dns"),
        NetworkError("m", ambiguous=True),
        RequestTimedOut("m", 1.0, "first_byte"),
        MalformedResponse("m", "empty"),
        AuthenticationFailed("m"),
        ModelUnavailable("m"),
        ContextTooLarge("m", 10, 5),
        InvalidRequest(()),
    ]
)
lines: st.SearchStrategy[Line] = st.one_of(
    st.just("an answer"), errors, st.builds(Pause, st.floats(0, 200), st.one_of(st.just("slow"), errors))
)
scripts = st.dictionaries(st.sampled_from(["gpt", "claude", "llama"]), st.lists(lines, max_size=8), min_size=1)
wishes = st.builds(
    Preferences,
    model=st.sampled_from([None, "gpt", "claude"]),
    priority=st.sampled_from(["low", "medium", "high"]),
    max_tokens=st.sampled_from([None, 100]),
)


class Listener:
    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def notify(self, event: Event, /) -> None:
        if isinstance(event, AttemptFinished):
            self.sent[event.attempt.model] += 1


@given(scripts, wishes, st.booleans(), st.sampled_from([None, 50.0]))
def test_what_is_done_is_inside_the_plan(
    script: dict[str, list[Line]], wish: Preferences, ambiguous: bool, deadline_s: float | None
) -> None:
    config = LLMConfig(
        retry=RetrySettings(ambiguous=ambiguous),
        models={name: ModelSettings(prompt_usd=1.0, completion_usd=2.0) for name in script},
    )
    request = LLMRequest(prompt="x", preferences=wish, deadline_s=deadline_s)
    listener = Listener()

    async def main() -> None:
        async with scripted(script, config=config, observer=listener) as context:
            planned = (await run(plan(request), context)).unwrap()
            outcome = await run(generate(request), context)
            order = [target.model for target in planned.targets]
            most = {target.model: target.worst_attempts for target in planned.targets}
            assert all(count <= most[model] for model, count in listener.sent.items())
            assert listener.sent.total() <= planned.worst_attempts
            assert context.clock.monotonic() <= planned.worst_latency_s + 1e-6
            error = outcome.failure() if isinstance(outcome, Failure) else None
            if isinstance(error, AllModelsFailed):
                told = [order.index(model) for model, _ in error.failures]
                assert told == sorted(told)
                assert not any(isinstance(each, CircuitOpen) for _, each in error.failures)

    anyio.run(main)
