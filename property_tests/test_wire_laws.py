"""Laws of all wires: an answer is the same whichever way it comes, and one that is not as its wire has it is an error,
and never taken for one that says less.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.adapters.dialects.dialect import ErrorEvent
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.codec import to_json
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target
from property_tests.messages import GOLDEN, WIRES, Fields, Message, Path

Said: TypeAlias = tuple[str, str, tuple[tuple[str, Any], ...]]

CASES = [(name, golden) for name in WIRES for golden in GOLDEN]


def target(name: str) -> Target:
    facts = ModelFacts(name="m", provider=name)
    return Target(model="m", provider=PROVIDERS[name], facts=facts, service=name, base_url="", key="k")


def read_whole(name: str, body: object) -> Outcome[LLMResponse, LLMError]:
    return WIRES[name].dialect.read_answer(200, {}, json.dumps(body).encode(), target(name))


def read_pieces(name: str, pieces: Sequence[object]) -> Outcome[LLMResponse, LLMError]:
    """What comes of *pieces*, and then of the proper end of the body."""
    reader = WIRES[name].dialect.reader({}, target(name))
    frames = [json.dumps(piece).encode() for piece in pieces]
    for frame in [*frames, *([b"[DONE]"] if name == "openai" else [])]:
        got = reader.read(frame)
        if isinstance(got, Failure):
            return got
        if reader.finished:
            break
    return reader.end()


def said(response: LLMResponse) -> Said:
    calls = tuple((call.name, json.loads(call.arguments)) for call in response.tool_calls)
    return response.content, response.reasoning, calls


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=6,
)
calls_ = st.lists(
    st.tuples(st.sampled_from(["look", "f", "get_weather"]), st.dictionaries(texts, values, max_size=3)), max_size=3
)
messages = st.builds(Message, thought=texts, text=texts, calls=calls_.map(tuple), was_cut=st.booleans()).filter(
    lambda message: message.was_cut or bool(message.text or message.calls)
)


@pytest.mark.parametrize("name", WIRES)
@given(message=messages, sizes=st.lists(st.integers(1, 9), max_size=5))
@example(message=GOLDEN["cut off in thought"], sizes=[])
@example(message=Message("", "", (("look", {}), ("look", {}))), sizes=[])
def test_an_answer_in_pieces_is_the_answer_as_a_whole(name: str, message: Message, sizes: list[int]) -> None:
    whole = read_whole(name, WIRES[name].whole(message)).unwrap()
    pieces = read_pieces(name, WIRES[name].pieces(message, sizes)).unwrap()
    assert said(whole) == said(pieces) == (message.text, message.thought, message.calls)
    assert (pieces.finish_reason, pieces.usage) == (whole.finish_reason, whole.usage)
    assert [call.id for call in pieces.tool_calls] == [call.id for call in whole.tool_calls]
    assert [call.signature for call in pieces.tool_calls] == [call.signature for call in whole.tool_calls]


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """Every place in *value*."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, each in cast("Fields", value).items():
            yield from paths(each, (*path, name))
    if isinstance(value, list):
        for at, each in enumerate(cast("Sequence[Any]", value)):
            yield from paths(each, (*path, at))


def at_path(value: Any, path: Path) -> Any:
    """What stands where *path* leads."""
    for step in path:
        value = value[step]
    return value


def changed(value: Any, path: Path, change: Callable[[Any, Any], None]) -> Any:
    """A copy of *value* with the *change* made where *path* leads."""
    copy = deepcopy(value)
    change(at_path(copy, path[:-1]), path[-1])
    return copy


def put(new: object) -> Callable[[Any, Any], None]:
    def change(place: Any, step: Any) -> None:
        place[step] = new

    return change


def drop(place: Any, step: Any) -> None:
    del place[step]


OTHERS: Sequence[object] = ("x", True, [True], {"z": [True]}, 7.5)
"""Of each type but null one that means nothing else anywhere."""

TEXTS = frozenset({"content", "text", "thinking", "reasoning_content", "arguments", "partial_json", "name"})
OF_THE_MODEL = frozenset({"input", "args"})
"""What a model says: another text, or another object, is another answer."""


def is_of_the_model(path: Path) -> bool:
    return any(step in OF_THE_MODEL or step == "arguments" for step in path[:-1])


def is_another(old: object, new: object, path: Path) -> bool:
    """Is *new* of a type other than *old* has, so that nobody can mean it?"""
    is_of_another_type = type(old) is not type(new)
    if isinstance(old, bool) or isinstance(new, bool):
        return is_of_another_type
    if isinstance(old, int | float) and isinstance(new, int | float):
        return False
    if isinstance(old, str) and isinstance(new, int | float):  # digits are a text, too
        return path[-1] not in TEXTS
    if path[-1] in OF_THE_MODEL | {"arguments", "partial_json"} and isinstance(new, str | dict):
        return False  # another object, or text that the model is taken to have written
    if path[-1] == "content" and isinstance(old, str | list) and isinstance(new, str | list | dict):
        return False  # a text, or parts of one
    return is_of_another_type


def holds(outcome: Outcome[LLMResponse, LLMError], message: Message) -> bool:
    """Is it a typed error, or an answer that says what *message* does?"""
    if isinstance(outcome, Failure):
        return True
    return said(outcome.unwrap()) == (message.text, message.thought, message.calls)


@pytest.mark.parametrize(("name", "golden"), CASES)
def test_a_field_of_another_type_is_an_error_or_changes_nothing(name: str, golden: str) -> None:
    message = GOLDEN[golden]
    body, pieces = WIRES[name].whole(message), WIRES[name].pieces(message, [3, 5])
    for value, read in ((body, read_whole), (pieces, read_pieces)):
        for path in paths(value):
            old = at_path(value, path)
            for new in OTHERS:
                if old is None or is_of_the_model(path) or not is_another(old, new, path):
                    continue
                outcome = read(name, changed(value, path, put(new)))
                assert holds(outcome, message), (path, new, outcome)


BEARING = frozenset(
    TEXTS
    | OF_THE_MODEL
    | {"message", "delta", "choices", "candidates", "parts", "tool_calls", "function", "functionCall", "content_block"}
    | {"thought", "id"}
)
"""Fields that an answer without them has never had."""


@pytest.mark.parametrize(("name", "golden"), CASES)
@pytest.mark.parametrize("change", [drop, put(None)], ids=["dropped", "null"])
def test_a_field_that_is_missing_is_an_error_or_changes_nothing(
    name: str, golden: str, change: Callable[[Any, Any], None]
) -> None:
    message = GOLDEN[golden]
    body, pieces = WIRES[name].whole(message), WIRES[name].pieces(message, [3, 5])
    for value, read in ((body, read_whole), (pieces, read_pieces)):
        for path in paths(value):
            outcome = read(name, changed(value, path, change))
            assert isinstance(outcome, Success | Failure)
            if not is_of_the_model(path) and path[-1] not in BEARING and not isinstance(path[-1], int):
                assert holds(outcome, message), (path, outcome)


@pytest.mark.parametrize(("name", "golden"), CASES)
def test_a_stream_that_is_cut_is_an_error_or_had_said_all(name: str, golden: str) -> None:
    message = GOLDEN[golden]
    pieces = WIRES[name].pieces(message, [3, 5])
    for length in range(len(pieces)):
        assert holds(read_pieces(name, pieces[:length]), message), length


@pytest.mark.parametrize(("name", "golden"), CASES)
def test_an_end_that_is_said_again_changes_nothing(name: str, golden: str) -> None:
    message = GOLDEN[golden]
    pieces = WIRES[name].pieces(message, [3, 5])
    for count in (1,) if name == "gemini" else (1, 2):
        again = [*pieces, *pieces[-count:]]
        assert holds(read_pieces(name, again), message)
        assert isinstance(read_pieces(name, again), Success)


KEYS = st.sampled_from(
    [
        *(
            "choices",
            "delta",
            "message",
            "content",
            "tool_calls",
            "function",
            "arguments",
            "name",
            "id",
            "index",
            "text",
        ),
        *(
            "finish_reason",
            "error",
            "code",
            "usage",
            "x_groq",
            "type",
            "content_block",
            "partial_json",
            "input",
            "thinking",
        ),
        *("stop_reason", "candidates", "parts", "functionCall", "args", "finishReason", "promptFeedback", "detail"),
        *("done", "done_reason", "refusal", "reasoning", "function_call", "prompt_tokens", "details", "status"),
    ]
)
KINDS = st.sampled_from(
    [
        *(
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_start",
            "message_delta",
            "error",
        ),
        *("tool_use", "text", "thinking", "input_json_delta", "text_delta", "stop", "\ud83d", "429"),
    ]
)
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | KINDS
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", WIRES)
@given(values=st.lists(st.dictionaries(KEYS, ODD, max_size=5) | ODD, min_size=1, max_size=4))
def test_no_json_makes_a_reader_raise(name: str, values: list[object]) -> None:
    assert isinstance(read_whole(name, values[0]), Success | Failure)
    reader = WIRES[name].dialect.reader({}, target(name))
    for value in values:
        assert isinstance(reader.read(json.dumps(value).encode()), Success | Failure)
        assert isinstance(reader.read(ErrorEvent(json.dumps(value).encode())), Success | Failure)
    ended = reader.end()
    assert isinstance(ended, Success | Failure)
    to_json(ended.unwrap() if isinstance(ended, Success) else ended.failure())


FAILED = ["error", "ERROR", "insufficient_system_resource", "overloaded_error", "network_error", "abort"]
LENGTH = ["length", "LENGTH", "max_tokens", "MAX_TOKENS", "model_length"]


@pytest.mark.parametrize("name", WIRES)
@given(word=st.sampled_from(FAILED + LENGTH) | st.text(st.characters(codec="ascii"), max_size=12))
@example(word="")
def test_a_renamed_reason_is_the_one_it_means_an_error_or_unknown(name: str, word: str) -> None:
    message = GOLDEN["text"]
    body = changed(WIRES[name].whole(message), WIRES[name].reason, put(word))
    pieces = WIRES[name].pieces(message, [4])
    at = len(pieces) - (1 if name in ("gemini", "ollama") else 2)
    places = {"openai": ("choices", 0, "finish_reason"), "anthropic": ("delta", "stop_reason")}
    pieces[at] = changed(pieces[at], places.get(name, WIRES[name].reason), put(word))
    for outcome in (read_whole(name, body), read_pieces(name, pieces)):
        assert holds(outcome, message)
        assert isinstance(outcome, Failure) or word not in FAILED
        assert word not in LENGTH or outcome.unwrap().finish_reason == "length"
