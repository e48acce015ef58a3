"""What goes back to a vendor: calls under ids it takes, and thoughts in their places as long as they may be sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from returns.result import Success

from llm_manager.adapters.conversing import answering, reader_answering
from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.request import LLMRequest, Message, Tool
from llm_manager.domain.response import Cost, LLMResponse, ReportedCost, UnknownCost
from llm_manager.domain.stream import ToolCallDelta
from llm_manager.domain.target import Target

TOOLS = (Tool(name="f"), Tool(name="g"))
ASK = LLMRequest(prompt="hi", tools=TOOLS, system_prompt="Be brief.")


def target(name: str, base_url: str = "http://one/v1", model: str = "m-1") -> Target:
    facts = ModelFacts(name=model, provider=name)
    return Target(model=model, provider=PROVIDERS[name], facts=facts, service=name, base_url=base_url, key="k")


def whole(dialect: Dialect, body: Any, request: LLMRequest, to: Target) -> LLMResponse:
    read = dialect.read_answer(200, {}, json.dumps(body).encode(), to)
    return answering(read, dialect, request, to).unwrap()


def sent(dialect: Dialect, request: LLMRequest, to: Target) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(dialect.encode(request, to, False).body)
    return fields


def followed(request: LLMRequest, response: LLMResponse, *, prompt: str = "") -> LLMRequest:
    """The request after *request* was answered by *response* and its tools have run."""
    asked = (*request.messages, Message(role="user", content=request.prompt)) if request.prompt else request.messages
    said = Message(role="assistant", content=response.content, tool_calls=response.tool_calls)
    results = (Message(role="tool", content="12", tool_call_id=call.id) for call in response.tool_calls)
    return replace(request, messages=(*asked, said, *results), prompt=prompt)


def thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": f"s-{text}"}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def called(id_: str, name: str = "f") -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": name, "input": {"a": 1}}


def message(*content: dict[str, Any]) -> dict[str, Any]:
    return {"id": "msg", "type": "message", "role": "assistant", "content": list(content), "stop_reason": "tool_use"}


LAYOUTS: tuple[Sequence[dict[str, Any]], ...] = (
    (thought("one"), called("t1")),
    (thought("one"), said("Look."), called("t1")),
    (thought("one"), said("Look."), thought("two"), called("t1")),
    (said("First."), thought("one"), called("t1")),
    (thought("one"), said("A."), called("t1"), thought("two"), said("B."), called("t2", "g")),
    (thought("one"), called("t1"), thought("two"), said("B."), called("t2", "g")),
    (thought("one"), called("t1"), called("t2", "g")),
    ({"type": "redacted_thinking", "data": "x"}, said("Look."), thought("two"), called("t1")),
    (said("A."), called("t1"), said("B."), called("t2", "g")),
    (said("A."), called("t1")),
    (called("t1"),),
)


def events(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """*blocks* as Claude streams them."""
    found: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "msg", "usage": {}}}]
    for index, block in enumerate(blocks):
        start, deltas = dict(block), list[dict[str, Any]]()
        match block["type"]:
            case "text":
                start["text"] = ""
                deltas = [{"type": "text_delta", "text": piece} for piece in block["text"]]
            case "thinking":
                start |= {"thinking": "", "signature": ""}
                deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            case "tool_use":
                start["input"] = {}
                deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
            case _:
                pass
        found.append({"type": "content_block_start", "index": index, "content_block": start})
        found += ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        found.append({"type": "content_block_stop", "index": index})
    found.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}})
    return [*found, {"type": "message_stop"}]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("blocks", LAYOUTS)
def test_an_answer_of_claude_goes_back_as_it_came(blocks: Sequence[dict[str, Any]], *, is_streamed: bool) -> None:
    dialect, to = anthropic.DIALECT, target("anthropic")
    if is_streamed:
        reader = reader_answering(dialect.reader({}, to), dialect, ASK, to)
        assert all(isinstance(reader.read(json.dumps(event).encode()), Success) for event in events(blocks))
        response = reader.end().unwrap()
    else:
        response = whole(dialect, message(*blocks), ASK, to)
    back = sent(dialect, followed(ASK, response), to)["messages"][1]["content"]
    assert back == list(blocks)


def kinds(request: LLMRequest) -> list[list[str]]:
    turns = sent(anthropic.DIALECT, request, target("anthropic"))["messages"]
    return [[block["type"] for block in each["content"]] for each in turns if each["role"] == "assistant"]


def test_thoughts_are_left_out_whole_where_what_they_are_bound_to_has_changed() -> None:
    dialect, to = anthropic.DIALECT, target("anthropic")
    blocks = (thought("one"), said("Look."), thought("two"), called("t1"))
    begun = followed(ASK, whole(dialect, message(*blocks), ASK, to))
    again = followed(begun, whole(dialect, message(thought("three"), called("t2")), begun, to), prompt="go on")

    full = [["thinking", "text", "thinking", "tool_use"], ["thinking", "tool_use"]]
    bare = [["text", "tool_use"], ["tool_use"]]
    assert kinds(again) == full
    assert kinds(replace(again, messages=(*again.messages, Message(role="user", content="more")))) == full
    assert kinds(replace(again, system_prompt="Be long.")) == bare
    assert kinds(replace(again, tools=TOOLS[:1])) == bare
    assert kinds(replace(again, messages=(Message(role="user", content="other"), *again.messages[1:]))) == bare
    assert kinds(replace(again, messages=(*again.messages[:2], replace(again.messages[2], content="13"), *again.messages[3:]))) == [full[0], bare[1]]  # fmt: skip  # noqa: E501


def test_thoughts_that_were_kept_before_they_knew_what_they_follow_go_back() -> None:
    dialect, to = anthropic.DIALECT, target("anthropic")
    response = dialect.read_answer(200, {}, json.dumps(message(thought("one"), called("t1"))).encode(), to).unwrap()
    old = followed(ASK, response)
    assert kinds(replace(old, system_prompt="Be long.")) == [["thinking", "tool_use"]]


def completion(**fields: Any) -> dict[str, Any]:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, **fields.pop("call", {})}
    given = {"role": "assistant", "content": None, "tool_calls": [call], **fields}
    return {"id": "cc", "choices": [{"index": 0, "message": given, "finish_reason": "tool_calls"}]}


def piece(body: dict[str, Any]) -> dict[str, Any]:
    """A whole answer as the one piece of a stream."""
    choice = body["choices"][0]
    return {"id": "cc", "choices": [{"index": 0, "delta": choice["message"], "finish_reason": "tool_calls"}]}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_reasoning_goes_back_to_who_gave_it_and_to_who_wants_it(*, is_streamed: bool) -> None:
    dialect, giver = openai.DIALECT, target("openai", "http://one/v1")
    body = completion(reasoning_content="I need f.")
    if is_streamed:
        reader = reader_answering(dialect.reader({}, giver), dialect, ASK, giver)
        reader.read(json.dumps(piece(body)).encode())
        response = reader.end().unwrap()
    else:
        response = whole(dialect, body, ASK, giver)
    later = followed(ASK, response)

    def returned(to: Target) -> Any:
        return sent(dialect, later, to)["messages"][2].get("reasoning_content")

    assert returned(giver) == "I need f."
    assert returned(target("deepseek", "https://api.deepseek.com/v1")) == "I need f."
    assert returned(target("openai", "http://another/v1")) is None
    assert returned(target("groq", "https://api.groq.com/openai/v1")) is None
    assert kinds(later) == [["tool_use"]]


def test_reasoning_that_a_server_gives_by_another_name_is_not_returned() -> None:
    response = whole(openai.DIALECT, completion(reasoning="hm"), ASK, target("openai"))
    assert response.reasoning == "hm"
    assert "reasoning_content" not in sent(openai.DIALECT, followed(ASK, response), target("openai"))["messages"][2]


def test_the_proof_of_googles_compatible_endpoint_goes_back_there_and_to_gemini() -> None:
    google = target("openai", "https://generativelanguage.googleapis.com/v1beta/openai", "gemini-3.8-flash")
    body = completion(call={"extra_content": {"google": {"thought_signature": "c2ln"}}})
    later = followed(ASK, whole(openai.DIALECT, body, ASK, google))
    proof = {"google": {"thought_signature": "c2ln"}}
    assert sent(openai.DIALECT, later, google)["messages"][2]["tool_calls"][0]["extra_content"] == proof
    assert "extra_content" not in sent(openai.DIALECT, later, target("openai"))["messages"][2]["tool_calls"][0]
    parts = sent(gemini.DIALECT, later, target("gemini", model="gemini-3.8-flash"))["contents"][1]["parts"]
    assert parts[0]["thoughtSignature"] == "c2ln"

    through = target("openai", "http://one/v1")
    kept = followed(ASK, whole(openai.DIALECT, body, ASK, through))
    assert sent(openai.DIALECT, kept, through)["messages"][2]["tool_calls"][0]["extra_content"] == proof


def test_a_turn_with_calls_and_no_text_has_no_content() -> None:
    turn = sent(
        openai.DIALECT, followed(ASK, whole(openai.DIALECT, completion(), ASK, target("openai"))), target("openai")
    )
    assert "content" not in turn["messages"][2]


def test_ollamas_calls_differ_from_turn_to_turn() -> None:
    dialect, to = ollama.DIALECT, target("ollama")
    body: dict[str, Any] = {
        "message": {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
        "done": True,
        "done_reason": "stop",
    }
    first = whole(dialect, body, ASK, to)
    second = whole(dialect, body, followed(ASK, first), to)
    assert first.tool_calls[0].id != second.tool_calls[0].id


def test_pieces_of_a_call_have_the_id_that_the_whole_has() -> None:
    dialect, to = openai.DIALECT, target("lm_studio")
    reader = reader_answering(dialect.reader({}, to), dialect, ASK, to)
    calls = [{"index": at, "function": {"name": name, "arguments": "{}"}} for at, name in enumerate("fg")]
    body = {"choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]}
    deltas = [each for each in reader.read(json.dumps(body).encode()).unwrap() if isinstance(each, ToolCallDelta)]
    ids = [call.id for call in reader.end().unwrap().tool_calls]
    assert [delta.id for delta in deltas] == ids
    assert len(set(ids)) == 2
    assert all(ids)


@pytest.mark.parametrize(("name", "fits"), [("mistral", 9), ("openai", 40)])
def test_ids_go_out_in_the_form_of_the_vendor(name: str, fits: int) -> None:
    long = {"id": "chatcmpl-tool-0123456789abcdef0123456789abcdef"}
    response = whole(openai.DIALECT, completion(call=long), ASK, target("vllm"))
    turns = sent(openai.DIALECT, followed(ASK, response), target(name))["messages"]
    id_ = turns[2]["tool_calls"][0]["id"]
    assert len(id_) <= fits
    assert turns[3]["tool_call_id"] == id_


def test_behind_a_gateway_ids_fit_every_vendor_that_may_be_asked() -> None:
    kimis = whole(openai.DIALECT, completion(call={"id": "functions.f:0"}), ASK, target("openai"))
    to = replace(target("openai"), alternates=(target("anthropic"),))
    assert sent(openai.DIALECT, followed(ASK, kimis), to)["messages"][2]["tool_calls"][0]["id"] == "functions_f_0"
    assert (
        sent(openai.DIALECT, followed(ASK, kimis), target("openai"))["messages"][2]["tool_calls"][0]["id"]
        == "functions.f:0"
    )


@pytest.mark.parametrize(
    ("told", "cost"),
    [("0.0125", ReportedCost(0.0125)), ("0.0", UnknownCost()), ("-1", UnknownCost()), ("nan", UnknownCost())],
)
def test_what_a_gateway_says_an_answer_cost_is_believed(told: str, cost: Cost) -> None:
    headers = {"x-litellm-response-cost": told}
    chat = json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
    claude = json.dumps({**message(said("hi")), "stop_reason": "end_turn"}).encode()
    for dialect, name, body in ((openai.DIALECT, "openai", chat), (anthropic.DIALECT, "anthropic", claude)):
        assert dialect.read_answer(200, headers, body, target(name)).unwrap().usage.cost == cost
