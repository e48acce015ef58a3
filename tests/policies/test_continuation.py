"""Where one model goes on for another: what is asked, and what of the answer is new."""

from __future__ import annotations

import pytest

from llm_manager.domain.request import JsonMode, LLMRequest, Message
from llm_manager.policies.continuation import GO_ON, Seam, can_continue, continued


def joined(before: str, *pieces: str) -> str:
    seam = Seam(before)
    return before + "".join([*(seam.feed(piece) for piece in pieces), seam.close()])


@pytest.mark.parametrize(
    ("before", "pieces"),
    [
        ("one two three", [" four"]),
        ("one two three", ["one two three four"]),
        ("one two three", ["one ", "two ", "three", " four"]),
        ("one two three", ["two three", " four"]),
        ("one two three", ["o", "ne two t", "hree four"]),
    ],
)
def test_what_was_said_before_the_break_is_not_said_again(before: str, pieces: list[str]) -> None:
    assert joined(before, *pieces) == "one two three four"


@pytest.mark.parametrize(
    ("before", "pieces", "text"),
    [
        ("The cat sat. ", ["The dog sat."], "The cat sat. The dog sat."),
        ("ha ha ", ["he he"], "ha ha he he"),
        ("", ["anything"], "anything"),
        ("a, b, c", [], "a, b, c"),
        ("a, b, c", ["a, b, c"], "a, b, c"),
        ("I like it. ", ["I", " like that."], "I like it. I like that."),
    ],
)
def test_what_only_sounds_alike_is_kept(before: str, pieces: list[str], text: str) -> None:
    """Eight characters in common are a repetition; fewer may be chance."""
    assert joined(before, *pieces) == text


def test_a_piece_that_cannot_be_a_repetition_is_told_at_once() -> None:
    seam = Seam("one two three")
    assert seam.feed(" four") == " four"
    assert seam.feed("one two three") == "one two three", "later it is text like any other"


def test_the_next_model_is_shown_the_conversation_and_what_had_come() -> None:
    asked = continued(LLMRequest(prompt="Why?", messages=(Message(role="user", content="Hello"),)), "Because")
    assert [(each.role, each.content) for each in asked.messages] == [
        ("user", "Hello"),
        ("user", "Why?"),
        ("assistant", "Because"),
    ]
    assert asked.prompt == GO_ON
    assert continued(LLMRequest(messages=asked.messages), "x").messages[-1].content == "x"


def test_an_answer_with_a_form_of_its_own_is_not_continued() -> None:
    assert can_continue(LLMRequest(prompt="x"))
    assert not can_continue(LLMRequest(prompt="x", response_format=JsonMode()))
