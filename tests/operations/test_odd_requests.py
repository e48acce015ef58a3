"""Whatever a program puts into a field of a request, there is an outcome: an answer, or an error with the path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from returns.result import Failure, Success

from llm_manager import InvalidRequest, custom, describe, generate, plan, query_with_schema, run
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.request import JsonSchema, LLMRequest, Message, Preferences, Tool
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import HttpSettings, KeySettings
from llm_manager.testing import Simulator, scripted

pytestmark = pytest.mark.anyio


class Mute:
    """Something that cannot be shown, and be no key of a mapping."""

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def __repr__(self) -> str:
        raise RuntimeError("cannot be shown")


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def looped() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["a"] = [value]
    return value


ODD: dict[str, Any] = {
    "none": None,
    "true": True,
    "zero": 0,
    "below": -1,
    "long": 10**400,
    "longer": 10**5000,
    "endless": float("inf"),
    "no number": float("nan"),
    "empty": "",
    "half a pair": "\ud800",
    "bytes": b"x",
    "set": {1, 2},
    "mapping": {"a": 1},
    "mixed names": {1: 2, "a": 3},
    "no name": {None: 1},
    "names of pairs": {(1, 2): 3},
    "list": [1],
    "list of texts": ["a"],
    "object": object(),
    "mute": Mute(),
    "mute inside": {"a": Mute()},
    "bytes inside": {"a": b"x"},
    "digits inside": {"a": 10**5000},
    "endless inside": {"a": float("inf")},
    "looped": looped(),
    "deep": deep(100_000),
    "too deep": deep(300),
    "required of objects": {"type": "object", "properties": {}, "required": [{}]},
    "required of lists": {"type": "object", "properties": {"a": {}}, "required": [[]]},
    "properties of numbers": {"type": "object", "properties": {1: {}, "a": {}}},
    "function": deep,
    "class": int,
}

SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


def request(**fields: Any) -> LLMRequest:
    given: dict[str, Any] = {"prompt": "hi", **fields}
    return LLMRequest(**given)


def message(**fields: Any) -> LLMRequest:
    given: dict[str, Any] = {"role": "user", "content": "hi", **fields}
    return LLMRequest(messages=(Message(**given),))


def wish(**fields: Any) -> LLMRequest:
    return request(preferences=Preferences(**fields))


def tool(**fields: Any) -> LLMRequest:
    given: dict[str, Any] = {"name": "t", "description": "d", "parameters": SCHEMA, **fields}
    return request(tools=(Tool(**given),))


def schema(**fields: Any) -> LLMRequest:
    given: dict[str, Any] = {"name": "t", "schema": SCHEMA, **fields}
    return request(response_format=JsonSchema(**given))


def each(at: str, make: Callable[..., LLMRequest], names: str) -> dict[str, Callable[[Any], LLMRequest]]:
    def making(name: str) -> Callable[[Any], LLMRequest]:
        return lambda odd: make(**{name: odd})

    return {f"{at}{name}": making(name) for name in names.split()}


MAKE: dict[str, Callable[[Any], LLMRequest]] = {
    **each("", request, "prompt task_type messages system_prompt context tools tool_choice response_format namespace"),
    **each("", request, "deadline_s streaming labels truncation kept_messages preferences"),
    **each("preferences.", wish, "model fallback max_tokens temperature top_p seed stop priority unsupported"),
    **each("messages.0.", message, "role content tool_calls tool_call_id"),
    **each("tools.0.", tool, "name description parameters"),
    **each("response_format.", schema, "name schema strict"),
    "context.in": lambda odd: request(context={"in": [odd]}),
    "labels.in": lambda odd: request(labels={"in": odd}),
    "messages.0": lambda odd: LLMRequest(messages=(odd,)),
    "messages.0.content.0": lambda odd: message(content=(odd,)),
    "tools.0": lambda odd: request(tools=(odd,)),
    "response_format.schema.properties.in": lambda odd: schema(schema={"type": "object", "properties": {"in": odd}}),
}


@pytest.mark.parametrize("path", MAKE)
async def test_what_is_odd_is_an_outcome_with_its_path(path: str) -> None:
    """On a wire: a request that no look found wrong is written too."""
    async with Simulator() as vendor, custom(_config(vendor.url)) as context:
        for name, odd in ODD.items():
            for outcome in [await run(op, context) for op in _operations(MAKE[path](odd))]:
                if isinstance(outcome, Success):
                    continue
                assert isinstance(outcome, Failure)
                assert describe(outcome.failure()), name
                if isinstance(outcome.failure(), InvalidRequest):
                    found = {problem.path.partition(".")[0] for problem in outcome.failure().problems}
                    assert found <= {path.partition(".")[0], "prompt", ""}, name  # the vendor names no path


def _operations(request: LLMRequest) -> Iterator[Any]:
    yield generate(request)
    yield plan(request)
    yield query_with_schema(request, dict[str, int])


def _config(url: str) -> LLMConfig:
    keys = KeySettings(providers={"openai": (Secret("sk-canary-0123456789"),)})
    return LLMConfig(keys=keys, http=HttpSettings(base_urls={"openai": f"{url}/v1"}, allow_http=True))


@pytest.mark.parametrize(
    ("path", "odd", "said"),
    [
        ("preferences.max_tokens", "longer", "preferences.max_tokens: is a int"),
        ("preferences.seed", "long", "preferences.seed: is a int: give a number of at most 64 bits"),
        ("deadline_s", "endless", "deadline_s: is inf: give at most 1,000,000,000 seconds, or None"),
        ("context", "mixed names", "context: has names of several kinds, such as 'a': write them as text"),
        ("context.in", "looped", "context.in.0.a.0: contains itself"),
        ("context.in", "bytes inside", "context.in.0.a: is a bytes, which JSON has no form for"),
        ("context.in", "endless inside", "context.in.0.a: is inf, which JSON has no word for"),
        ("context.in", "digits inside", "context.in.0.a: is a whole number of more than 4300 digits: write it as text"),
        ("response_format.schema", "deep", "a.a.a: is nested more than 100 levels deep"),
        ("response_format.schema", "too deep", "a.a.a: is nested more than 100 levels deep"),
        ("tools.0.parameters", "required of objects", "tools.0.parameters.required: names a dict, which is not among"),
    ],
)
async def test_the_problem_says_where_and_what_to_write(path: str, odd: str, said: str) -> None:
    async with scripted({"gpt": ["fine"]}) as context:
        outcome = await run(generate(MAKE[path](ODD[odd])), context)
    assert isinstance(outcome, Failure)
    error = outcome.failure()
    assert isinstance(error, InvalidRequest)
    assert any(said in str(problem) for problem in error.problems), error.problems
