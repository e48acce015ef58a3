"""Whatever ids the calls of a conversation have, each is sent under one of its own, in a form that its reader takes."""

from __future__ import annotations

import re
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.domain.provider_facts import CallIds
from llm_manager.domain.request import Message, ToolCall
from llm_manager.policies.call_ids import with_fitting_ids, with_unique_ids

FORMS: dict[CallIds, str] = {
    "any": r"(?s).+",
    "short": r"(?s).{1,40}",
    "words": r"[a-zA-Z0-9_-]{1,64}",
    "nine": r"[a-zA-Z0-9]{9}",
}
forms = st.sampled_from(get_args(CallIds))
ids = st.one_of(
    st.sampled_from(["", "call_0", "call_0_2", "call_1", "functions.f:0", "functions_f_0", "a" * 46, "D681PevKs"]),
    st.text(max_size=50),
)
turns = st.lists(st.lists(ids, min_size=1, max_size=4), max_size=5)


def conversation(turns: list[list[str]]) -> list[Message]:
    """Answers that call tools, each followed by its results in order."""
    messages: list[Message] = []
    for number, turn in enumerate(turns):
        calls = tuple(ToolCall(id=id_, name=f"f{number}_{at}", arguments="{}") for at, id_ in enumerate(turn))
        messages.append(Message(role="assistant", tool_calls=calls))
        results = (Message(role="tool", tool_call_id=id_, content=f"{number}_{at}") for at, id_ in enumerate(turn))
        messages.extend(results)
    return messages


@given(turns=turns, form=forms)
def test_every_call_is_sent_under_an_id_of_its_own_that_fits(turns: list[list[str]], form: CallIds) -> None:
    sent = with_fitting_ids(conversation(turns), form)
    found = [call.id for message in sent for call in message.tool_calls]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(FORMS[form], id_) for id_ in found)


@given(turns=turns, form=forms)
def test_every_result_is_sent_under_the_id_of_its_call(turns: list[list[str]], form: CallIds) -> None:
    sent = with_fitting_ids(conversation(turns), form)
    names = {call.id: call.name for message in sent for call in message.tool_calls}
    assert all(names[each.tool_call_id or ""] == f"f{each.content}" for each in sent if each.role == "tool")


@given(turns=turns, more=turns, form=forms)
def test_what_comes_later_changes_nothing_before_it(
    turns: list[list[str]], more: list[list[str]], form: CallIds
) -> None:
    first = with_fitting_ids(conversation(turns), form)
    assert with_fitting_ids(conversation(turns + more), form)[: len(first)] == first


@given(turns=turns, form=forms)
def test_what_was_made_to_fit_is_left_as_it_is(turns: list[list[str]], form: CallIds) -> None:
    once = with_fitting_ids(conversation(turns), form)
    assert with_fitting_ids(once, form) == once


@given(turns=turns, calls=st.lists(ids, max_size=4))
def test_the_calls_of_an_answer_get_ids_that_its_conversation_has_not(turns: list[list[str]], calls: list[str]) -> None:
    made = tuple(ToolCall(id=id_, name="f", arguments="{}") for id_ in calls)
    before = conversation(turns)
    named = [call.id for call in with_unique_ids(made, before)]
    taken = {call.id for message in before for call in message.tool_calls}
    assert all(named)
    assert len(set(named)) == len(named)
    assert taken.isdisjoint(named)
