"""What of a conversation is prepared for a request: all that any model could be shown, and hardly more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_manager import KeySettings, LLMConfig, LLMRequest, Message, ModelSettings, Preferences, RoutingSettings, Secret
from llm_manager.domain.conversation import StoredMessage, Turn
from llm_manager.domain.request import Role, ToolCall
from llm_manager.policies.history import opening_prompt, recent
from llm_manager.policies.routing import widest_window_tokens
from llm_manager.policies.targets import resolve
from llm_manager.policies.window import windowed

roles: st.SearchStrategy[Role] = st.sampled_from(["user", "assistant", "tool", "system"])
lines = st.tuples(roles, st.integers(0, 300))
conversations = st.lists(st.lists(lines, max_size=4), max_size=12)
results = st.sampled_from([(), (Message(role="tool", content="blue", tool_call_id="1"), Message(role="user"))])


@given(conversations, st.integers(1, 900), st.integers(0, 300), results, st.booleans())
def test_a_window_shows_the_same_of_what_is_prepared_as_of_all(
    drawn: list[list[tuple[Role, int]]], widest: int, narrower: int, results: tuple[Message, ...], prompted: bool
) -> None:
    turns = [turn(*(message(role, "x" * size) for role, size in one)) for one in drawn]
    settings = ModelSettings(provider="custom", window_tokens=max(widest - narrower, 1))
    target = resolve(LLMConfig(models={"m": settings}), "m").unwrap()
    asked = LLMRequest(prompt="now" if prompted else "", truncation="auto", kept_messages=len(results))
    whole = replace(asked, messages=(*recent(turns, None), *results))
    prepared = replace(asked, messages=(*recent(turns, widest), *results))
    assert windowed(prepared, target) == windowed(whole, target)


def turn(*messages: StoredMessage) -> Turn:
    return Turn(id="t", at=0.0, messages=messages)


def message(role: Role, content: str = "") -> StoredMessage:
    return StoredMessage(role=role, content=content, timestamp=0.0)


LONG = [turn(message("user", f"question {n}"), message("assistant", "an answer " * 40)) for n in range(3_000)]


def test_of_a_long_conversation_no_more_is_prepared_than_fills_the_widest_window_and_a_turn() -> None:
    kept = recent([turn(message("system", "Be brief.")), *LONG], 1_000)
    assert [each.content for each in kept[::2]] == [f"question {n}" for n in range(3_000 - len(kept) // 2, 3_000)]
    assert 2 < len(kept) < 1_000


def test_of_an_unknown_window_everything_is_prepared() -> None:
    assert len(recent(LONG, None)) == 6_000


def test_what_the_system_said_later_stays_and_the_opening_prompt_is_told_apart() -> None:
    opening = turn(message("system", "Be brief."))
    turns = [opening, turn(message("system", "From now on in French.")), *LONG]
    assert recent(turns, 100)[0] == Message(role="system", content="From now on in French.")
    assert opening_prompt(turns) == opening.messages[0]
    assert opening_prompt([]) is None


def test_an_answer_without_a_word_is_not_sent_back_and_a_call_is() -> None:
    call = replace(message("assistant"), tool_calls=(ToolCall(id="1", name="look", arguments="{}"),))
    assert recent([turn(message("user", "hi"), message("assistant")), turn(message("user", "x"), call)], None) == (
        Message(role="user", content="hi"),
        Message(role="user", content="x"),
        Message(role="assistant", tool_calls=call.tool_calls),
    )


@pytest.mark.parametrize(
    ("windows", "wish", "widest"),
    [
        ((8_000, 32_000), Preferences(), 32_000),
        ((8_000, None), Preferences(), None),
        ((8_000, None), Preferences(model="m0", fallback="none"), 8_000),
        ((), Preferences(), None),
    ],
)
def test_the_widest_window_is_that_of_every_model_that_may_be_asked(
    windows: tuple[int | None, ...], wish: Preferences, widest: int | None
) -> None:
    config = LLMConfig(
        models={f"m{n}": ModelSettings(provider="custom", window_tokens=each) for n, each in enumerate(windows)},
        routing=RoutingSettings(chains={"general": tuple(f"m{n}" for n in range(len(windows))) or ("gpt",)}),
        keys=KeySettings(providers={"mine": (Secret("k"),)}),
    )
    assert widest_window_tokens(config, LLMRequest(prompt="x", preferences=wish)) == widest
