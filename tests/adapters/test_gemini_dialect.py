"""What Gemini does and no other vendor: proofs of thoughts, calls without ids, reasons to end that leave no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from returns.result import Failure

from llm_manager import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLarge,
    HttpSettings,
    ImagePart,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    MalformedResponse,
    Message,
    Outcome,
    Preferences,
    QuotaExhausted,
    RateLimitExceeded,
    RetrySettings,
    Secret,
    ServerError,
    TextPart,
    Tool,
    ToolCall,
    Usage,
    custom,
    generate,
    run,
)
from llm_manager.adapters.dialects.gemini import DIALECT
from llm_manager.adapters.dialects.openai import chat_fields
from llm_manager.adapters.dialects.signatures import NO_PROOF
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.target import Target
from llm_manager.testing.simulator import Say, Simulator, Status
from tests.adapters.chosen import CHOSEN

NEWEST = "gemini-3.8-flash"
TARGET = Target(
    model=NEWEST,
    provider=PROVIDERS["gemini"],
    facts=ModelFacts(name=NEWEST, provider="gemini"),
    service="gemini",
    base_url="https://x",
    key="k",
)
LOOK = Tool(name="look", parameters={"type": "object", "properties": {"at": {"type": "string"}}})


def looked(*calls: ToolCall) -> LLMRequest:
    """A conversation in which a model has made *calls*, and got what it asked for."""
    results = (Message(role="tool", content="blue", tool_call_id=call.id) for call in calls)
    asked = Message(role="user", content="Look.")
    return LLMRequest(messages=(asked, Message(role="assistant", tool_calls=calls), *results), tools=(LOOK,))


def contents(request: LLMRequest, model: str = NEWEST) -> Sequence[Mapping[str, Any]]:
    written: Sequence[Mapping[str, Any]] = json.loads(
        DIALECT.encode(request, replace(TARGET, model=model), False).body
    )["contents"]
    return written


def piece(*parts: Mapping[str, Any], reason: str | None = "STOP", **fields: object) -> Mapping[str, Any]:
    ended = {} if reason is None else {"finishReason": reason}
    return {"candidates": [{"content": {"parts": parts}, **ended}], **fields}


def at_once(body: Mapping[str, Any], status: int = 200) -> Outcome[LLMResponse, LLMError]:
    return DIALECT.read_answer(status, {}, json.dumps(body).encode(), TARGET)


def streamed(*bodies: Mapping[str, Any]) -> Outcome[LLMResponse, LLMError]:
    reader = DIALECT.reader({}, TARGET)
    for body in bodies:
        read = reader.read(json.dumps(body).encode())
        if isinstance(read, Failure):
            return read
    return reader.end()


THEIRS = (ToolCall(id="call_1", name="look", arguments="{}"), ToolCall(id="call_2", name="look", arguments="{}"))


@pytest.mark.parametrize("model", [NEWEST, "models/gemini-3-pro-preview", "gemini-flash-latest"])
def test_the_first_call_of_another_vendor_gets_the_word_that_stands_for_a_proof(model: str) -> None:
    assert contents(looked(*THEIRS), model)[1]["parts"] == [
        {
            "functionCall": {"id": "call_1", "name": "look", "args": {}},
            "thoughtSignature": "skip_thought_signature_validator",
        },
        {"functionCall": {"id": "call_2", "name": "look", "args": {}}},
    ]


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "models/gemini-2.5-flash", "gemma-4-27b-it"])
def test_models_that_ask_for_no_proof_get_none(model: str) -> None:
    assert [part.get("thoughtSignature") for part in contents(looked(*THEIRS), model)[1]["parts"]] == [None, None]


def test_a_proof_of_its_own_goes_back_as_it_came() -> None:
    own = replace(THEIRS[0], signature="gemini:c2lnbmVk")
    signatures = [part.get("thoughtSignature") for part in contents(looked(own, THEIRS[1]))[1]["parts"]]
    assert signatures == ["c2lnbmVk", None]


GPT = replace(TARGET, model="gpt-4o", provider=PROVIDERS["openai"], service="portkey")


@pytest.mark.parametrize(
    ("by", "proofs"),
    [
        (replace(TARGET, service="portkey"), (["c2lnbmVk", None], [NO_PROOF, None])),
        (replace(GPT, alternates=(TARGET,)), (["c2lnbmVk", None], [NO_PROOF, None])),
        (GPT, ([None, None], [None, None])),
    ],
    ids=["Gemini behind a gateway", "the second choice of a gateway", "nobody who knows it"],
)
def test_a_proof_goes_through_a_gateway_to_gemini_alone(by: Target, proofs: tuple[list[str | None], ...]) -> None:
    own = replace(THEIRS[0], signature="gemini:c2lnbmVk")
    found: list[list[str | None]] = []
    for calls in ((own, THEIRS[1]), THEIRS):
        turn: Any = chat_fields(looked(*calls), by)["messages"][1]
        found.append([call["function"].get("thought_signature") for call in turn["tool_calls"]])
    assert tuple(found) == proofs


def test_the_images_that_a_tool_gave_are_not_lost() -> None:
    request = looked(THEIRS[0])
    shot = (
        TextPart("seen"),
        ImagePart(data=b"\x89PNG", media_type="image/png"),
        ImagePart(url="https://x.example/a.heic"),
    )
    *others, result = request.messages
    assert contents(replace(request, messages=(*others, replace(result, content=shot))))[2]["parts"] == [
        {
            "functionResponse": {
                "id": "call_1",
                "name": "look",
                "response": {"result": "seen"},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}],
            }
        },
        {"fileData": {"fileUri": "https://x.example/a.heic", "mimeType": "image/heic"}},
    ]


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("SAFETY", ContentFiltered(NEWEST, "SAFETY")),
        ("LANGUAGE", ContentFiltered(NEWEST, "LANGUAGE")),
        ("ESCALATION", ContentFiltered(NEWEST, "ESCALATION")),
        ("PUP_LIMITED_DISABLED", AuthenticationFailed(NEWEST, forbidden=True, message="PUP_LIMITED_DISABLED")),
        *(
            (reason, MalformedResponse(NEWEST, "empty", f"no whole answer: {reason}"))
            for reason in ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE")
        ),
    ],
)
def test_a_reason_that_leaves_no_answer_is_one_error_at_once_and_in_a_stream(reason: str, error: LLMError) -> None:
    begun = {"text": "I will look."}
    assert at_once(piece(begun, reason=reason)).failure() == error
    assert streamed(piece(begun, reason=None), piece(reason=reason)).failure() == error


def test_an_answer_that_could_go_on_was_cut_off() -> None:
    assert at_once(piece({"text": "It scatt"}, reason="CONTINUATION")).unwrap().finish_reason == "length"


def test_a_call_without_a_name_is_against_the_protocol() -> None:
    unnamed = piece({"functionCall": {"args": {}}})
    for read in (at_once(unnamed), streamed(unnamed)):
        assert replace(read.failure(), message="") == MalformedResponse(NEWEST, "protocol")


def test_calls_without_ids_get_some_that_no_other_answer_has_and_every_vendor_takes() -> None:
    called = [{"functionCall": {"name": "look"}}, {"functionCall": {"name": "look"}}]
    answers = [piece(*called, responseId=f"mAitaLcS1PaPnvgPtcD0iQ{number}" * 2) for number in (1, 2)]
    ids = [call.id for answer in answers for call in at_once(answer).unwrap().tool_calls]
    assert ids == [call.id for answer in answers for call in streamed(answer).unwrap().tool_calls]
    assert len(set(ids)) == 4
    assert max(map(len, ids)) <= 40
    assert "id" not in contents(looked(*at_once(answers[0]).unwrap().tool_calls))[1]["parts"][0]["functionCall"]


@pytest.mark.parametrize(
    ("counted", "usage"),
    [
        (
            {"promptTokenCount": 11, "totalTokenCount": 11},
            Usage(prompt_tokens=11, completion_tokens=0, total_tokens=11),
        ),
        (
            {"promptTokenCount": 11, "thoughtsTokenCount": 5, "totalTokenCount": 16},
            Usage(prompt_tokens=11, completion_tokens=5, reasoning_tokens=5, total_tokens=16),
        ),
        ({"promptTokenCount": 11}, Usage(prompt_tokens=11)),
    ],
)
def test_a_count_of_nothing_that_was_left_out_is_told_from_the_total(counted: Mapping[str, int], usage: Usage) -> None:
    assert at_once(piece({"text": "x"}, reason="MAX_TOKENS", usageMetadata=counted)).unwrap().usage == usage


def test_usage_behind_the_end_of_an_answer_still_counts() -> None:
    used = {"usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 22}}
    answer = streamed(piece({"text": "x"}), used).unwrap()
    assert answer.usage == Usage(prompt_tokens=11, completion_tokens=22, total_tokens=33)


LONG = "The input token count exceeds the maximum number of tokens allowed 1048576."


def refused(status: str, code: int, message: str = "said", **quota: str) -> Mapping[str, Any]:
    details = [{"violations": [quota]}] if quota else []
    return {"error": {"code": code, "status": status, "message": message, "details": details}}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (refused("INVALID_ARGUMENT", 400, LONG), ContextTooLarge(NEWEST, None, 1_048_576, LONG)),
        (refused("FAILED_PRECONDITION", 400), AuthenticationFailed(NEWEST, forbidden=True, message="said")),
        (refused("RESOURCE_EXHAUSTED", 402), QuotaExhausted(NEWEST, "said")),
        (
            refused("RESOURCE_EXHAUSTED", 429, quotaId="RequestsPerMinutePerProject", quotaValue="0"),
            QuotaExhausted(NEWEST, "said"),
        ),
        (
            refused("RESOURCE_EXHAUSTED", 429, quotaId="RequestsPerMinutePerProject", quotaValue="5"),
            RateLimitExceeded(NEWEST, None, "said"),
        ),
        (refused("CANCELLED", 499), ServerError(NEWEST, 504, "said")),
    ],
)
def test_an_error_means_the_same_as_an_answer_and_inside_a_stream(body: Mapping[str, Any], error: LLMError) -> None:
    assert at_once(body, body["error"]["code"]).failure() == error
    assert streamed(piece({"text": "It "}, reason=None), body).failure() == error


def config(url: str) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={"gemini": (Secret("key-canary"),)}),
        http=HttpSettings(base_urls={"gemini": url}, engine=CHOSEN.engine),
        retry=RetrySettings(max_retries=0),
    )


@pytest.mark.anyio
async def test_a_conversation_that_another_vendor_began_goes_on() -> None:
    """Gemini 3 refuses calls without a proof of their thoughts, and only its own carry one."""
    wish = Preferences(model=NEWEST, fallback="none")
    async with Simulator() as simulator, custom(config(simulator.url)) as context:
        simulator.script(NEWEST, [Say("It is blue.")])
        answer = await run(generate(replace(looked(*THEIRS), preferences=wish)), context)
    assert answer.unwrap().content == "It is blue."


@pytest.mark.anyio
async def test_a_prompt_that_is_too_long_is_told_as_such() -> None:
    wish = Preferences(model=NEWEST, fallback="none")
    async with Simulator() as simulator, custom(config(simulator.url)) as context:
        simulator.script(NEWEST, [Status(400, "context_length_exceeded")])
        answer = await run(generate(LLMRequest(prompt="hi", preferences=wish)), context)
    assert answer.failure() == ContextTooLarge(NEWEST, None, 1_048_576, LONG)


@pytest.mark.anyio
async def test_a_temperature_is_not_sent_to_a_model_that_would_ignore_it() -> None:
    async with Simulator() as simulator, custom(config(simulator.url)) as context:
        asked = LLMRequest(prompt="hi", preferences=Preferences(model=NEWEST, fallback="none", temperature=0.2))
        newest = (await run(generate(asked), context)).unwrap()
        older = replace(asked, preferences=replace(asked.preferences, model="gemini-2.5-flash"))
        heeded = (await run(generate(older), context)).unwrap()
    assert [b'"temperature":0.2' in each.body for each in simulator.received] == [False, True]
    assert [each.metadata.attempts[0].dropped for each in (newest, heeded)] == [("temperature",), ()]
