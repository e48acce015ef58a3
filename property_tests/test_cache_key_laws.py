"""The laws of the cache's keys: whatever delimiters a text holds, only equal requests share one."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from llm_manager import LLMRequest, Message, Preferences
from llm_manager.policies.cache_key import cache_key

DELIMITERS = st.text('"\\,:{}[]|\n\x00 a', max_size=3)
"""What a form that is put together by hand would stumble over."""

messages = st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=DELIMITERS)
requests = st.builds(
    LLMRequest,
    prompt=DELIMITERS,
    system_prompt=st.none() | DELIMITERS,
    namespace=DELIMITERS,
    messages=st.lists(messages, max_size=2).map(tuple),
    preferences=st.builds(Preferences, stop=st.lists(DELIMITERS, max_size=2).map(tuple)),
    context=st.dictionaries(DELIMITERS, DELIMITERS, max_size=2),
)
routes = st.lists(DELIMITERS, max_size=2).map(tuple)


@given(requests, requests, routes, routes)
def test_two_requests_share_a_key_only_if_they_are_equal(
    one: LLMRequest, two: LLMRequest, via: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert (cache_key(one, via) == cache_key(two, other)) == ((one, via) == (two, other))


@given(requests, DELIMITERS, DELIMITERS)
def test_text_that_moves_from_one_field_to_its_neighbour_makes_another_key(
    request: LLMRequest, left: str, right: str
) -> None:
    """The ways in which two fields could run into one another."""
    if not right:
        return
    split = [(left + right, ""), (left, right), ("", left + right)]
    pairs = set(split)
    forms = {
        cache_key(replace(request, namespace=first, system_prompt=second, prompt=second), ("r",))
        for first, second in pairs
    }
    assert len(forms) == len(pairs)
