"""What is said of a request and its answer, in the words of one set of names. Pure: events in, attributes out.

Prompts and answers are said only when asked for, and only in the newest set, which has attributes for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from llm_manager.adapters.observers.otel import names
from llm_manager.adapters.observers.otel.names import Names
from llm_manager.domain.catalog import SamplingOption
from llm_manager.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CacheRead,
    Event,
    FellBack,
    GatewayTimed,
    OptionsDropped,
    Reasked,
    RequestFinished,
    RequestLeft,
    RetryScheduled,
    SchemaModeChosen,
    TargetSkipped,
    VendorBatchSeen,
)
from llm_manager.domain.masking import Mask
from llm_manager.domain.request import LLMRequest, Message, TextPart
from llm_manager.domain.response import LLMResponse, UnknownCost, Usage

Value: TypeAlias = str | bool | int | float | Sequence[str]
Attributes: TypeAlias = dict[str, Value]


def begun(request: LLMRequest) -> Attributes:
    """What an operation is about, and the labels that its caller gave it for those who watch."""
    labels = {f"{names.LABEL}{name}": text for name, text in request.labels.items()}
    return {names.RUN_TASK: request.task_type, **labels}


def asked(event: AttemptStarted, words: Names) -> Attributes:
    """What is known when a request is sent: the same for its span and for what is measured of it."""
    told = named(event.model, event.provider, words)
    if event.server is not None:
        host, port = event.server
        told[names.SERVER_ADDRESS] = host
        if port is not None:
            told[names.SERVER_PORT] = port
    return told


def named(model: str, provider: str, words: Names) -> Attributes:
    """Who is asked, and what the conventions call that."""
    return {
        names.OPERATION: names.OPERATIONS.get(provider, "chat"),
        words.provider: names.PROVIDERS.get(provider, provider),
        names.REQUEST_MODEL: model,
    }


def wished(request: LLMRequest, words: Names, mask: Mask, *, streamed: bool, with_text: bool) -> Attributes:
    """How the caller would like to be answered."""
    preferences = request.preferences
    wishes: Mapping[str, Value | None] = {
        names.REQUEST_MAX_TOKENS: preferences.max_tokens,
        names.REQUEST_TEMPERATURE: None if preferences.temperature is None else float(preferences.temperature),
        names.REQUEST_TOP_P: None if preferences.top_p is None else float(preferences.top_p),
        names.REQUEST_SEED: preferences.seed,
        names.REQUEST_STOP: preferences.stop or None,
        names.OUTPUT_TYPE: None if request.response_format is None else "json",
    }
    told: Attributes = {name: value for name, value in wishes.items() if value is not None}
    if words.streamed is not None and streamed:
        told[words.streamed] = True
    return {**told, **_prompts(request, words, mask)} if with_text else told


def without(wished: Attributes, dropped: Sequence[SamplingOption]) -> Attributes:
    """*wished* without what was *dropped*: a span says what was sent."""
    gone = {_OPTIONS[option] for option in dropped}
    return {name: value for name, value in wished.items() if name not in gone}


_OPTIONS: Mapping[SamplingOption, str] = {
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "seed": names.REQUEST_SEED,
    "stop": names.REQUEST_STOP,
}


def answered(event: AttemptFinished, words: Names, mask: Mask, *, with_text: bool) -> Attributes:
    """What came of it: the line of the ledger, and the answer."""
    attempt, answer = event.attempt, event.answer
    told: Attributes = {names.WAITED_S: attempt.waited_s}
    if attempt.key_id is not None:
        told[names.KEY_ID] = attempt.key_id
    if attempt.outcome != "ok":
        told[names.ERROR_TYPE] = attempt.outcome
    if words.first_chunk is not None and attempt.first_ms is not None:
        told[words.first_chunk] = attempt.first_ms / 1000
    if attempt.usage is not None:
        told |= used(attempt.usage, words)
    if answer is not None:
        told |= _answer(answer)
        if with_text and words.output_messages is not None:
            told[words.output_messages] = _written([_said(answer)], mask)
    return told


def used(usage: Usage, words: Names) -> Attributes:
    """Tokens and cost, as far as they are known."""
    counts = {
        names.INPUT_TOKENS: usage.prompt_tokens,
        names.OUTPUT_TOKENS: usage.completion_tokens,
        words.cache_read: usage.cached_tokens,
        words.cache_write: usage.cache_write_tokens,
        names.CACHE_HOUR_TOKENS: usage.cache_hour_tokens,
        words.reasoning: usage.reasoning_tokens,
    }
    told: Attributes = {name: count for name, count in counts.items() if name is not None and count is not None}
    if usage.service_tier is not None:
        told[names.SERVICE_TIER] = usage.service_tier
    if usage.region is not None:
        told[names.REGION] = usage.region
    if not isinstance(usage.cost, UnknownCost):
        told[names.COST_USD] = usage.cost.usd
        told[names.COST_KIND] = usage.cost.tag
    return told


def ended(event: RequestFinished | RequestLeft) -> Attributes:
    """How an operation ended. Tokens are said of its attempts, where they were used."""
    if isinstance(event, RequestLeft):
        told: Attributes = {names.RUN_ENDED: event.reason}
        return {**told, names.ERROR_TYPE: names.OTHER_ERROR} if event.reason == "raised" else told
    if not isinstance(event.answer, LLMResponse):
        return {names.RUN_ENDED: "failed", names.ERROR_TYPE: event.answer.tag}
    metadata = event.answer.metadata
    return {
        names.RUN_ENDED: "answered",
        names.RUN_CACHED: metadata.cached,
        names.RUN_ATTEMPTS: len(metadata.attempts),
    }


def marked(event: Event) -> Attributes:
    """What an event says that is but a mark on the span of its run."""
    match event:
        case RetryScheduled(model=model, delay_s=delay_s, error=error):
            return {names.REQUEST_MODEL: model, names.DELAY_S: delay_s, names.ERROR_TYPE: error.tag}
        case FellBack(model=model, next_model=next_model, error=error):
            return {names.REQUEST_MODEL: model, names.NEXT_MODEL: next_model, names.ERROR_TYPE: error.tag}
        case TargetSkipped(model=model, error=error):
            return {names.REQUEST_MODEL: model, names.ERROR_TYPE: error.tag}
        case CacheRead(hit=hit):
            return {names.CACHE_HIT: hit}
        case Reasked(round=round_, error=error):
            return {names.ROUND: round_, names.ERROR_TYPE: error.tag}
        case SchemaModeChosen(model=model, mode=mode):
            return {names.REQUEST_MODEL: model, names.SCHEMA_MODE: mode}
        case OptionsDropped(model=model, dropped=dropped):
            return {names.REQUEST_MODEL: model, names.DROPPED_OPTIONS: dropped}
        case GatewayTimed(model=model, latency_ms=latency_ms, retries=retries):
            return {names.REQUEST_MODEL: model, names.GATEWAY_S: latency_ms / 1000, names.GATEWAY_RETRIES: retries}
        case VendorBatchSeen(model=model, batch=batch):
            return {names.REQUEST_MODEL: model, names.BATCH_ID: batch.id, names.BATCH_STATUS: batch.status}
        case _:  # the others begin or end a span
            return {}


def served_model(answer: LLMResponse) -> str:
    """The model that gave the answer: as the answer names it, else the one that was asked."""
    return answer.metadata.served_model or answer.model


def _answer(answer: LLMResponse) -> Attributes:
    told: Attributes = {names.RESPONSE_MODEL: served_model(answer), names.FINISH_REASONS: (answer.finish_reason,)}
    if answer.metadata.response_id is not None:
        told[names.RESPONSE_ID] = answer.metadata.response_id
    if answer.metadata.request_id is not None:
        told[names.REQUEST_ID] = answer.metadata.request_id
    return told


def _prompts(request: LLMRequest, words: Names, mask: Mask) -> Attributes:
    told: Attributes = {}
    if words.instructions is not None and request.system_prompt is not None:
        told[words.instructions] = _written([_text(request.system_prompt)], mask)
    if words.input_messages is not None:
        asked_last = (Message(role="user", content=request.prompt),) if request.prompt else ()
        turns = [_turn(message) for message in (*request.messages, *asked_last)]
        told[words.input_messages] = _written(turns, mask)
    return told


_TEXTS = ("content", "arguments", "result")
"""Where text of a caller or of a model stands."""


def _written(turns: list[dict[str, object]], mask: Mask) -> str:
    """*turns* as JSON, what is said in them gone through *mask*."""
    return json.dumps(_masked(turns, mask), ensure_ascii=False)


def _masked(tree: object, mask: Mask) -> object:
    if isinstance(tree, list):
        return [_masked(each, mask) for each in cast("list[object]", tree)]
    if not isinstance(tree, dict):
        return tree
    branches = cast("dict[str, object]", tree)
    return {
        name: mask.text(value) if name in _TEXTS and isinstance(value, str) else _masked(value, mask)
        for name, value in branches.items()
    }


def _turn(message: Message) -> dict[str, object]:
    """One message in the shape of the conventions; of a picture only that there was one."""
    if message.tool_call_id is not None:
        result = message.content if isinstance(message.content, str) else _parts(message)
        parts: list[dict[str, object]] = [{"type": "tool_call_response", "id": message.tool_call_id, "result": result}]
    else:
        parts = _parts(message)
    for call in message.tool_calls:
        parts.append({"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments})
    return {"role": message.role, "parts": parts}


def _parts(message: Message) -> list[dict[str, object]]:
    if isinstance(message.content, str):
        return [_text(message.content)] if message.content else []
    return [_text(part.text) if isinstance(part, TextPart) else _IMAGE for part in message.content]


_IMAGE: dict[str, object] = {"type": "image"}


def _said(answer: LLMResponse) -> dict[str, object]:
    message = Message(role="assistant", content=answer.content, tool_calls=answer.tool_calls)
    return {**_turn(message), "finish_reason": answer.finish_reason}


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "content": text}
