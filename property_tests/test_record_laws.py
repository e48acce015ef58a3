"""Laws of records that are made from others: a value in each field arrives, or the field is named here as left out.

A record that is copied by naming its fields forgets the next one. Each law walks ``dataclasses.fields``: a field that
is added later, and neither arrives nor is named, fails here. Those of facts and prices are in ``test_target_laws``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import MISSING, Field, fields, replace
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import LLMConfig, Secret, from_json, listening, replacing, to_json
from llm_manager.adapters.in_process import in_process_context
from llm_manager.adapters.observers.metrics import MemoryMetrics
from llm_manager.adapters.observers.otel import attributes
from llm_manager.adapters.observers.otel.current import Within
from llm_manager.adapters.observers.otel.names import NEWEST
from llm_manager.adapters.observers.plain import Silent
from llm_manager.adapters.redis import cache_text
from llm_manager.adapters.system import SystemClock, SystemRandom
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.conversation import Opening, StoredMessage, Turn, conversation_of, message_of, stored_message
from llm_manager.domain.conversation_text import text_of, turns_of
from llm_manager.domain.errors import LLMError, ServerError
from llm_manager.domain.events import AttemptFinished, GatewayTimed
from llm_manager.domain.masking import Mask
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import with_usage
from llm_manager.domain.request import (
    ImagePart,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    Preferences,
    TextPart,
    Tool,
    ToolCall,
)
from llm_manager.domain.response import Attempt, ComputedCost, LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.run import Run
from llm_manager.domain.target import Target
from llm_manager.effect.context import Context
from llm_manager.policies.asked import asked_of, completed
from llm_manager.policies.cache_key import cache_key
from llm_manager.policies.history import recent
from llm_manager.ports import Dispatch, Incoming, Provider
from llm_manager.testing.tape.content import request_tree
from llm_manager.testing.tape.lines import Answered, Asked, as_text, from_tree
from llm_manager.testing.tape.recorded_provider import RecordedProvider
from property_tests.test_target_laws import KEYS

CALL = ToolCall(id="c1", name="look", arguments='{"at":"sky"}', signature="gemini:c2ln")
USAGE = Usage(
    prompt_tokens=101,
    completion_tokens=53,
    cached_tokens=11,
    cache_write_tokens=7,
    cache_hour_tokens=3,
    reasoning_tokens=5,
    total_tokens=154,
    service_tier="flex",
    region="us",
    cost=ComputedCost(0.25),
    estimated=True,
)
ATTEMPT = Attempt(
    model="m-1",
    provider="openai",
    key_id="openai#1",
    started_s=3.0,
    waited_s=0.5,
    latency_ms=250.0,
    first_ms=40.0,
    outcome="ServerError",
    message="busy",
    usage=USAGE,
    schema_mode="tool",
    dropped=("temperature",),
)
METADATA = ResponseMetadata(
    latency_ms=260.0,
    retry_count=1,
    cached=True,
    provider="openai",
    request_id="req_1",
    response_id="resp_1",
    served_model="m-1-2026-08-06",
    attempts=(ATTEMPT,),
)
RESPONSE = LLMResponse(
    content="hi",
    model="m-1",
    usage=USAGE,
    finish_reason="tool_calls",
    tool_calls=(CALL,),
    reasoning="hm",
    metadata=METADATA,
)
PARTS = (TextPart("what is this?"), ImagePart(data=b"\x89PNG", media_type="image/png"))
MESSAGE = Message(role="tool", content=PARTS, tool_calls=(CALL,), tool_call_id="c0")
STORED = StoredMessage(role="tool", content=PARTS, timestamp=5.0, tool_calls=(CALL,), tool_call_id="c0", version=1)
TURN = Turn(
    id="t1",
    at=7.0,
    messages=(STORED,),
    model="m-1",
    usage=USAGE,
    opening=Opening(metadata={"owner": "ada"}, budget_usd=0.5),
    follows="t0",
    lost_usd=0.125,
)
PREFERENCES = Preferences(
    model="gpt",
    fallback="none",
    max_tokens=99,
    temperature=0.5,
    top_p=0.25,
    seed=7,
    stop=("END",),
    priority="high",
    unsupported="refuse",
)
REQUEST = LLMRequest(
    prompt="and now?",
    task_type="analysis",
    messages=(MESSAGE,),
    system_prompt="be short",
    preferences=PREFERENCES,
    context={"city": "Bern"},
    tools=(Tool(name="look", description="looks", parameters={"type": "object"}),),
    tool_choice=NamedTool("look"),
    response_format=JsonSchema(schema={"type": "object"}, name="weather", strict=False),
    namespace="tenant",
    deadline_s=9.0,
    streaming=True,
    labels={"template": "weather@1"},
    truncation="auto",
    kept_messages=1,
)

WHOLE: tuple[Any, ...] = (
    USAGE,
    ATTEMPT,
    METADATA,
    RESPONSE,
    CALL,
    MESSAGE,
    STORED,
    TURN,
    PREFERENCES,
    REQUEST,
    *REQUEST.tools,
)
"""One of each record, with a value of its own in every field."""


def default_of(field: Field[Any]) -> object:
    """What a record has in *field* when nothing is said; ``MISSING`` where something has to be said."""
    return field.default_factory() if field.default_factory is not MISSING else field.default


def optional(record: Any) -> dict[str, Any]:
    """The fields of *record* that need not be given, with what they are then."""
    return {each.name: default_of(each) for each in fields(record) if default_of(each) is not MISSING}


@pytest.mark.parametrize("record", WHOLE, ids=lambda record: type(record).__name__)
def test_the_records_of_these_laws_leave_no_field_at_its_default(record: Any) -> None:
    """A field that is new has to be given a value here, and is then in all the laws below."""
    assert [name for name, value in optional(record).items() if getattr(record, name) == value] == []


def some_of(record: Any) -> st.SearchStrategy[Any]:
    """*record* with any of its fields at their defaults."""
    given_up = st.sets(st.sampled_from(sorted(optional(record))))
    return given_up.map(lambda names: replace(record, **{name: optional(record)[name] for name in names}))


def through_json(value: Any) -> object:
    return from_json(value.__class__, to_json(value)).unwrap()


@pytest.mark.parametrize("record", WHOLE, ids=lambda record: type(record).__name__)
def test_every_field_of_a_record_comes_back_from_json(record: Any) -> None:
    @given(some_of(record))
    def law(some: Any) -> None:
        assert through_json(some) == some

    law()


@given(some_of(RESPONSE))
def test_every_field_of_an_answer_comes_back_from_a_shared_cache(answer: LLMResponse) -> None:
    text = cache_text.text_of(answer)
    assert text is not None
    held = cache_text.value_of(text.encode())
    assert held is not None
    assert held.value == answer


@given(some_of(TURN))
def test_every_field_of_a_turn_comes_back_from_a_store(turn: Turn) -> None:
    assert turns_of([text_of(turn)]).unwrap() == (turn,)


@given(some_of(RESPONSE), some_of(USAGE))
def test_every_field_of_an_answer_comes_back_from_a_tape(answer: LLMResponse, usage: Usage) -> None:
    timed = GatewayTimed(
        at_s=1.0,
        model="m-1",
        trace_id="t",
        latency_ms=2.0,
        retries=1,
        option_index=2,
        cache_status="MISS",
        run=None,
    )
    line = Answered(exchange=3, at_s=4.0, response=answer, usage=usage, at_once=True, told=(timed,))
    assert from_tree(json.loads(as_text(line))) == line


UNRECORDED = {"labels"}
"""Of a request on a tape: what nobody is asked with."""


@given(some_of(REQUEST))
def test_every_field_of_a_request_is_on_a_tape(request: LLMRequest) -> None:
    tree = request_tree(request)
    line = Asked(exchange=1, at_s=2.0, how="stream", service="openai", target={"model": "m"}, request=tree)
    written = from_tree(json.loads(as_text(line)))
    assert isinstance(written, Asked)
    again = from_json(LLMRequest, json.dumps(written.request)).unwrap()
    assert again == replace(request, **{name: optional(request)[name] for name in UNRECORDED})


LATER = {"timestamp", "version"}
"""Of a stored message: when it was said, and in which turn. A model is not told."""


@given(some_of(MESSAGE), st.floats(0, 1e9))
def test_a_message_is_stored_and_shown_again_as_it_was_said(message: Message, at: float) -> None:
    stored = stored_message(message, at)
    assert message_of(stored) == message
    assert {each.name for each in fields(StoredMessage)} - {each.name for each in fields(Message)} == LATER
    assert stored.timestamp == at


@given(some_of(STORED))
def test_every_field_of_a_stored_message_reaches_the_model_and_the_reader(stored: StoredMessage) -> None:
    turns = (Turn(id="0", at=0.0), Turn(id="1", at=1.0, messages=(stored,)))
    assert recent(turns, None) == (message_of(stored),)
    assert conversation_of("a", turns).messages == (replace(stored, version=2),)


UNSUMMED = {"id", "at", "messages", "model", "usage", "opening", "follows", "lost_usd"}
"""Of a turn: the fields that the fold of a conversation knows; those beyond are forgotten by it."""


def test_the_fold_of_a_conversation_knows_every_field_of_a_turn() -> None:
    whole = conversation_of("a", (TURN,))
    assert {each.name for each in fields(Turn)} == UNSUMMED
    assert (whole.updated_at, whole.messages, whole.model) == (TURN.at, TURN.messages, TURN.model)
    assert (whole.metadata, whole.budget_usd) == (TURN.opening and TURN.opening.metadata, 0.5)
    used = whole.usage
    assert (used.prompt_tokens, used.completion_tokens, used.cost_usd, used.lost_usd) == (101, 53, 0.25, 0.125)


@given(some_of(USAGE))
def test_every_field_of_a_usage_is_carried_by_the_error_of_an_answer(usage: Usage) -> None:
    error = with_usage(ServerError("m", 500), usage)
    assert error == ServerError("m", 500, usage=usage if usage != Usage() else None)
    again: Outcome[LLMError, object] = from_json(LLMError, to_json(error))
    assert again.unwrap() == error


REPRICED = {"cost"}
"""Of a usage: what is worked out anew when the model is known."""


@given(some_of(USAGE).filter(lambda usage: None not in (usage.prompt_tokens, usage.completion_tokens)))
def test_every_field_of_a_usage_that_a_vendor_told_survives_its_pricing(usage: Usage) -> None:
    answer = completed(asked_of(LLMRequest(prompt="hi"), TARGET), replace(RESPONSE, usage=usage))
    assert answer == replace(RESPONSE, usage=replace(usage, cost=answer.usage.cost))


FACTS = ModelFacts(name="m-1", provider="openai")
TARGET = Target(model="m-1", provider=PROVIDERS["openai"], facts=FACTS, service="openai", base_url="", key="k")

Shown = Callable[[Any], object]


def unseen(record: Any, show: Shown) -> set[str]:
    """The fields of *record* of which *show* shows nothing: it is the same without their values."""
    whole = show(record)
    return {name for name, value in optional(record).items() if show(replace(record, **{name: value})) == whole}


def finished(attempt: Attempt, answer: LLMResponse | None = None) -> AttemptFinished:
    return AttemptFinished(at_s=9.0, attempt=attempt, error=None, answer=answer)


def span_of_attempt(attempt: Attempt) -> object:
    return attributes.answered(finished(attempt), NEWEST, Mask(()), with_text=True)


def span_of_answer(answer: LLMResponse) -> object:
    return attributes.answered(finished(ATTEMPT, answer), NEWEST, Mask(()), with_text=True)


def span_of_request(request: LLMRequest) -> object:
    wished = attributes.wished(request, NEWEST, Mask(()), streamed=request.streaming, with_text=True)
    return attributes.begun(request), wished


def counted(attempt: Attempt) -> object:
    metrics = MemoryMetrics()
    metrics.notify(finished(attempt))
    return metrics.snapshot()


NOT_ON_SPANS: Mapping[str, tuple[Any, Shown, set[str]]] = {
    # the moments of a span are its beginning and end; the mode and what was dropped are events of its run, and the
    # message its status
    "attempt": (ATTEMPT, span_of_attempt, {"started_s", "latency_ms", "message", "schema_mode", "dropped"}),
    # what is a sum of others, and what is only about the trust in them
    "usage": (
        USAGE,
        lambda usage: span_of_attempt(replace(ATTEMPT, usage=usage)),
        {"total_tokens", "estimated"},
    ),
    # the ledger, of which each line is a span of its own, and what the run and the attempt tell of themselves
    "metadata": (
        METADATA,
        lambda metadata: span_of_answer(replace(RESPONSE, metadata=metadata)),
        {"latency_ms", "retry_count", "cached", "provider", "attempts"},
    ),
    # usage is told of the attempt, and thoughts are told to nobody but their reader
    "answer": (RESPONSE, span_of_answer, {"usage", "reasoning"}),
    # what a conversation, a cache or a clock wants of a request, and what is sent as a part of others
    "request": (
        REQUEST,
        span_of_request,
        {
            "context",
            "tools",
            "tool_choice",
            "namespace",
            "deadline_s",
            "truncation",
            "kept_messages",
        },
    ),
    "preferences": (
        PREFERENCES,
        lambda preferences: span_of_request(replace(REQUEST, preferences=preferences)),
        {"model", "fallback", "priority", "unsupported"},
    ),
}
"""A record, what is told of it on spans, and which of its fields are left out there."""


@pytest.mark.parametrize("kind", NOT_ON_SPANS)
def test_every_field_is_told_on_a_span_or_named_as_left_out(kind: str) -> None:
    record, show, left_out = NOT_ON_SPANS[kind]
    assert unseen(record, show) == left_out


def test_every_field_of_an_attempt_is_counted_or_named_as_left_out() -> None:
    assert unseen(ATTEMPT, counted) == {"key_id", "started_s", "waited_s", "message", "schema_mode", "dropped"}


def test_every_field_of_a_usage_is_counted_or_named_as_left_out() -> None:
    left_out = {"total_tokens", "service_tier", "region", "estimated"}
    assert unseen(USAGE, lambda usage: counted(replace(ATTEMPT, usage=usage))) == left_out


ASKED_BY_NOBODY = {"deadline_s", "streaming", "labels"}
"""Of a request: what shapes no answer, and is no part of what one is cached under."""


def test_every_field_of_a_request_is_in_its_cache_key_or_named_as_left_out() -> None:
    assert unseen(REQUEST, lambda request: cache_key(request, ())) == ASKED_BY_NOBODY


def own_context() -> Context:
    """A context with a value of its own in every field."""
    made = in_process_context(
        LLMConfig(keys=KEYS), providers={}, clock=SystemClock(), random=SystemRandom(), observer=Silent()
    )
    marks: dict[str, Any] = {name: object() for name, value in optional(made).items() if value is None}
    return replace(made, **{**marks, "started_s": 3.0, "providers": {"a": object()}, "batches": {"b": object()}})


ADDED_TO = ("providers", "batches")
MADE_ANEW = {"streams", "home", "started_s", "deadline_s", "trace_id", "run"}
"""Of a context: what belongs to a run or to an event loop, and is no service to replace."""


@given(st.sets(st.sampled_from([each.name for each in fields(Context) if each.name not in MADE_ANEW])))
def test_replacing_services_leaves_every_other_field_of_a_context_as_it_was(names: set[str]) -> None:
    before = own_context()
    given_: dict[str, Any] = {name: {"more": object()} if name in ADDED_TO else object() for name in names}
    after = replacing(**given_)(before)
    for each in fields(Context):
        old, new = getattr(before, each.name), getattr(after, each.name)
        if each.name in ADDED_TO:
            assert new == {**old, **given_.get(each.name, {})}
        else:
            assert new is given_.get(each.name, old), each.name


def test_an_observer_and_a_strand_leave_every_other_field_of_a_context_as_it_was() -> None:
    before = own_context()
    after = listening(Silent())(before)
    assert [each.name for each in fields(Context) if getattr(after, each.name) is not getattr(before, each.name)] == [
        "providers",
        "observer",
    ]
    assert before.strand("a") is before


DISPATCH = Dispatch(
    request=REQUEST,
    target=TARGET,
    sent_s=1.0,
    timeout_s=2.0,
    keys={"openai": Secret("any-key-will-do-here")},
    trace_id="t1",
    headers={"traceparent": "00"},
    observer=Silent(),
    run=Run(name="generate"),
    on_head=print,
)


class Reached:
    """A provider that keeps what it is asked."""

    def __init__(self) -> None:
        self.dispatches: list[Dispatch] = []

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        self.dispatches.append(dispatch)
        return Success(RESPONSE)

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        self.dispatches.append(dispatch)
        return Failure(ServerError("m", 500))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return Success(())


class Unwritten:
    """A log of a recording that is written nowhere."""

    def __init__(self) -> None:
        self.tape = self

    def __getattr__(self, _name: str) -> Callable[..., Any]:
        return lambda *_, **__: 1

    async def waited(self, _exchange: int, asking: Awaitable[Any]) -> tuple[Any, bool]:
        return await asking, False


class NoSpans:
    """Of a request that is in no trace."""

    def span_of(self, _dispatch: Dispatch, /) -> None:
        return None


def decorated() -> Mapping[str, Callable[[Provider], Provider]]:
    log: Any = Unwritten()
    return {
        "recorded": lambda inner: RecordedProvider("openai", inner, log),
        "within a span": lambda inner: Within(inner, NoSpans()),
    }


@pytest.mark.parametrize("how", decorated())
def test_what_stands_around_a_provider_hands_on_every_field_but_its_observer(how: str) -> None:
    reached = Reached()
    provider = decorated()[how](reached)

    async def asking() -> None:
        await provider.complete(DISPATCH)
        await provider.stream(DISPATCH)

    anyio.run(asking)
    assert [replace(each, observer=DISPATCH.observer) for each in reached.dispatches] == [DISPATCH, DISPATCH]
