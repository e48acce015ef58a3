"""Each id names one call in a conversation, and is sent in the form that its reader takes."""

from __future__ import annotations

import re

import pytest

from llm_manager.domain.provider_facts import CallIds
from llm_manager.domain.request import Message, ToolCall
from llm_manager.policies.call_ids import unique_id, with_fitting_ids, with_unique_ids

FORMS: dict[CallIds, str] = {
    "any": r".+",
    "short": r".{1,40}",
    "words": r"[a-zA-Z0-9_-]{1,64}",
    "nine": r"[a-zA-Z0-9]{9}",
}
LONG = "chatcmpl-tool-" + "0123456789abcdef" * 2


def turn(*ids: str) -> tuple[Message, ...]:
    """An answer that calls tools under *ids*, and the results."""
    calls = tuple(ToolCall(id=id_, name=f"f{at}", arguments="{}") for at, id_ in enumerate(ids))
    results = (Message(role="tool", content=f"r{at}", tool_call_id=id_) for at, id_ in enumerate(ids))
    return (Message(role="assistant", tool_calls=calls), *results)


def pairs(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    """Which result belongs to which call, by the ids of *messages* alone."""
    named = {call.id: call.name for message in messages for call in message.tool_calls}
    return [(named[each.tool_call_id or ""], str(each.content)) for each in messages if each.role == "tool"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "ids",
    [
        (("call_0",), ("call_0",), ("call_0", "call_1")),
        (("functions.f:0",), ("functions.f:1",), ("functions_f_0",)),
        (("", ""), ("",)),
        ((LONG,), (LONG + "x",)),
        (("a b", "a.b", "a_b"), ("é", "日本")),
        (("D681PevKs", "toolu_01A", "call_abc"),),
        (("same", "same"), ("same", "same")),
        (("a", "a_2"), ("a",)),
    ],
)
def test_every_call_has_an_id_of_its_own_and_its_result_the_same(
    form: CallIds, ids: tuple[tuple[str, ...], ...]
) -> None:
    sent = with_fitting_ids([message for each in ids for message in turn(*each)], form)
    found = [call.id for message in sent for call in message.tool_calls]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(FORMS[form], id_) for id_ in found)
    assert pairs(sent) == [(f"f{at}", f"r{at}") for each in ids for at in range(len(each))]


@pytest.mark.parametrize("form", FORMS)
def test_what_was_sent_before_is_sent_alike_again(form: CallIds) -> None:
    first = turn("functions.f:0") + turn("call_0")
    later = first + turn("call_0") + turn("functions_f_0")
    assert with_fitting_ids(later, form)[: len(first)] == with_fitting_ids(first, form)


def test_an_id_that_fits_is_left_as_it_is() -> None:
    messages = (Message(role="user", content="hi"), *turn("toolu_01A"), *turn("toolu_01B"))
    assert with_fitting_ids(messages, "words") == messages


def test_results_out_of_order_find_their_calls() -> None:
    asked, first, second = turn("a.1", "a.2")
    sent = with_fitting_ids((asked, second, first), "nine")
    assert pairs(sent) == [("f1", "r1"), ("f0", "r0")]


def test_a_result_of_no_call_is_left_alone() -> None:
    stray = Message(role="tool", content="x", tool_call_id="who?")
    assert with_fitting_ids((*turn("a"), stray), "words")[-1] == stray


def test_calls_of_an_answer_get_ids_that_its_conversation_has_not() -> None:
    calls = tuple(ToolCall(id=id_, name="f", arguments="{}") for id_ in ("call_0", "", "new", "new"))
    named = with_unique_ids(calls, turn("call_0"))
    assert [call.id for call in named] == ["call_0_2", "call_2", "new", "new_2"]


def test_a_made_id_is_not_one_that_is_taken() -> None:
    assert unique_id("a", {"a", "a_2", "a_3"}) == "a_4"
