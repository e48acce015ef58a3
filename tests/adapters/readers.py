"""What a reader makes of a body, or of the pieces of a stream, and these as they are written on the OpenAI wire."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from returns.result import Failure

from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target

Fields: TypeAlias = dict[str, Any]
Call: TypeAlias = tuple[str, Any]

DIALECTS = {
    "openai": openai.DIALECT,
    "groq": openai.DIALECT,
    "anthropic": anthropic.DIALECT,
    "gemini": gemini.DIALECT,
    "ollama": ollama.DIALECT,
}
DONE = b"[DONE]"


@dataclass(frozen=True)
class Is:
    """What an answer says."""

    content: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    reasoning: str = ""


F: Call = ("f", {"a": 1})
G: Call = ("g", {"a": 2})
F1 = Is(calls=(F,), finish="tool_calls")
FG = Is(calls=(F, G), finish="tool_calls")


def target(name: str) -> Target:
    facts = ModelFacts(name="m", provider=name)
    return Target(model="m", provider=PROVIDERS[name], facts=facts, service=name, base_url="", key="k")


def is_of(outcome: Outcome[LLMResponse, LLMError]) -> Is | LLMError:
    if isinstance(outcome, Failure):
        return outcome.failure()
    response = outcome.unwrap()
    calls = tuple((call.name, json.loads(call.arguments)) for call in response.tool_calls)
    return Is(response.content, calls, response.finish_reason, response.reasoning)


def streamed(name: str, pieces: Sequence[Fields | bytes]) -> Is | LLMError:
    reader = DIALECTS[name].reader({}, target(name))
    for piece in pieces:
        read = reader.read(piece if isinstance(piece, bytes) else json.dumps(piece).encode())
        if isinstance(read, Failure):
            return read.failure()
        if reader.finished:
            break
    return is_of(reader.end())


def whole(name: str, body: object) -> Is | LLMError:
    return is_of(DIALECTS[name].read_answer(200, {}, json.dumps(body).encode(), target(name)))


def chunk(delta: Fields | None = None, finish: str | None = None, **beside: object) -> Fields:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish, **beside}
    return {"id": "r1", "model": "m", "choices": [choice]}


def call(index: int | None = 0, id_: str | None = None, name: str | None = None, arguments: object = None) -> Fields:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {key: value for key, value in (("index", index), ("id", id_), ("function", function)) if value is not None}


def calls(*pieces: Fields) -> Fields:
    return chunk({"tool_calls": list(pieces)})


def message(content: object, finish: str | None = "stop", **beside: object) -> Fields:
    return {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content, **beside}, "finish_reason": finish}
        ]
    }


ENDED = chunk({}, "tool_calls")
STOPPED = chunk({}, "stop")
