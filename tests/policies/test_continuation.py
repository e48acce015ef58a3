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
        ("one two three", ["two ", "three", " four"]),
        ("one two three", ["two ", "three four"]),
        ("one two three", ["wo three", " four"]),
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
        ("12345678 and on", ["12345678, else"], "12345678 and on, else"),
        ("1234567 and on", ["1234567, else"], "1234567 and on1234567, else"),
        ("so 12345678", ["12345678, else"], "so 12345678, else"),
        ("so 123456789", ["123456789, else"], "so 123456789, else"),
        ("so 1234567", ["1234567, else"], "so 12345671234567, else"),
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
    so_far = Message(role="assistant", content="x")
    without_prompt = LLMRequest(messages=asked.messages, system_prompt="s")
    assert continued(without_prompt, "x") == LLMRequest(
        messages=(*asked.messages, so_far), prompt=GO_ON, system_prompt="s"
    )


def test_an_answer_with_a_form_of_its_own_is_not_continued() -> None:
    assert can_continue(LLMRequest(prompt="x"))
    assert not can_continue(LLMRequest(prompt="x", response_format=JsonMode()))


COUNTED = "".join(f"{number:05d}" for number in range(200))


def test_a_repetition_of_the_last_words_is_looked_for_in_the_last_four_hundred_characters() -> None:
    assert joined(COUNTED, COUNTED[-400:] + "!") == COUNTED + "!"
    assert joined(COUNTED, COUNTED[-400:], "!") == COUNTED + "!"
    assert joined(COUNTED, COUNTED[-401:] + "!") == COUNTED + COUNTED[-401:] + "!"


def test_a_piece_is_held_back_only_while_it_could_still_become_a_repetition() -> None:
    seam = Seam(COUNTED)
    assert seam.feed(COUNTED[-390:-380]) == ""
    assert seam.feed("!") == COUNTED[-390:-380] + "!"
