"""What of a long conversation goes to a model: whole turns, the newest, and never more than fits."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from llm_manager import (
    ContextTooLarge,
    JsonSchema,
    KeySettings,
    LLMConfig,
    LLMRequest,
    Message,
    ModelSettings,
    Preferences,
    Secret,
    ToolCall,
)
from llm_manager.domain.request_problems import request_problems
from llm_manager.domain.target import Target
from llm_manager.policies.asked import sent_tokens
from llm_manager.policies.calibration import Calibration
from llm_manager.policies.candidate import Chosen, Skipped
from llm_manager.policies.prompt_estimate import message_tokens, prompt_tokens
from llm_manager.policies.routing import candidates
from llm_manager.policies.targets import resolve
from llm_manager.policies.window import (
    LONGEST_ANSWER,
    MARGIN,
    available_tokens,
    prompt_limit_tokens,
    too_large,
    windowed,
    within,
)


def target(window: int | None, max_output: int | None = None) -> Target:
    settings = ModelSettings(provider="custom", window_tokens=window, max_output_tokens=max_output)
    return resolve(LLMConfig(models={"m": settings}), "m").unwrap()


OPENAI = LLMConfig(keys=KeySettings(providers={"openai": (Secret("k"),)}))
WORDS = " word" * 10
CALL = ToolCall(id="1", name="look", arguments="{}")
WITH_TOOL = (
    Message(role="user", content="x" * 40),
    Message(role="assistant", tool_calls=(CALL,)),
    Message(role="tool", content="y" * 40, tool_call_id="1"),
    Message(role="assistant", content="z" * 40),
    Message(role="user", content="next"),
    Message(role="assistant", tool_calls=(CALL,)),
)
turns = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["user", "assistant", "tool", "system"]), st.integers(0, 200)), min_size=1, max_size=5
    ),
    max_size=8,
)


@given(turns, st.integers(-50, 600), st.booleans())
def test_what_stays_is_every_system_prompt_and_the_newest_whole_turns(
    drawn: list[list[tuple[str, int]]], room: int, prompted: bool
) -> None:
    messages = tuple(
        Message(role=role, content="x" * size)  # type: ignore[arg-type]
        for one in drawn
        for role, size in one
    )
    request = LLMRequest(prompt="now" if prompted else "", messages=messages)
    short = within(request, room)
    kept = [each for each in short.messages if each.role != "system"]
    every = [each for each in messages if each.role != "system"]
    assert [each for each in short.messages if each.role == "system"] == [m for m in messages if m.role == "system"]
    assert kept == every[len(every) - len(kept) :]
    assert len(kept) == len(every) or not kept or kept[0].role == "user"
    last_user = max((index for index, each in enumerate(every) if each.role == "user"), default=None)
    if not prompted:
        assert len(kept) >= (len(every) if last_user is None else len(every) - last_user)
    if prompt_tokens(short).likely > room:
        assert not kept or (not prompted and (last_user is None or len(kept) == len(every) - last_user))
    assert replace(short, messages=messages) == request


@given(turns, st.integers(0, 600))
def test_no_more_is_left_out_than_has_to_be(drawn: list[list[tuple[str, int]]], room: int) -> None:
    said = [
        (Message(role="user", content="x" * one[0][1]), Message(role="assistant", content="y" * one[-1][1]))
        for one in drawn
    ]
    messages = tuple(each for pair in said for each in pair)
    request = LLMRequest(prompt="now", messages=messages)
    gone = len(messages) - len(within(request, room).messages)
    if gone:
        assert prompt_tokens(replace(request, messages=messages[gone - 2 :])).likely > room


def test_a_result_never_loses_its_call() -> None:
    result = Message(role="tool", content="blue", tool_call_id="1")
    request = LLMRequest(messages=(*WITH_TOOL, result), truncation="auto")
    assert windowed(request, target(60)).messages == (*WITH_TOOL[4:], result)


def test_what_is_to_be_kept_stays_with_the_turn_that_it_is_in() -> None:
    result = Message(role="tool", content="blue", tool_call_id="1")
    said = Message(role="user", content="a long document")
    request = LLMRequest(prompt="now", messages=(*WITH_TOOL, result, said), truncation="auto")
    left = [windowed(replace(request, kept_messages=kept), target(10)).messages for kept in range(8)]
    last = (*WITH_TOOL[4:], result, said)
    assert left == [(), (said,), last, last, last, *[request.messages] * 3]
    assert windowed(replace(request, kept_messages=99), target(20)).messages == request.messages


def test_fewer_than_no_messages_are_kept_by_nobody() -> None:
    assert [str(each) for each in request_problems(LLMRequest(prompt="x", kept_messages=-1))] == [
        "kept_messages: is -1: give how many of the last messages are kept"
    ]


def test_what_is_not_to_be_cut_is_not_cut() -> None:
    request = LLMRequest(prompt="now", messages=WITH_TOOL[:4])
    assert windowed(request, target(10)) is request
    assert windowed(replace(request, truncation="auto"), target(None)).messages == request.messages
    assert windowed(replace(request, truncation="auto"), target(10_000)).messages == request.messages


def test_room_is_kept_for_the_answer() -> None:
    request = _long()
    asked = replace(request, preferences=Preferences(max_tokens=150))
    one, all_of_them = message_tokens(request.messages[0]).likely, prompt_tokens(request).likely
    window = int((all_of_them + 20) / (1 - MARGIN)) + 2

    def kept(answer: int) -> int:
        return 20 - ceil((all_of_them - (int(window * (1 - MARGIN)) - answer)) / one)

    assert len(windowed(request, target(window, max_output=20)).messages) == 20
    assert len(windowed(request, target(window)).messages) == kept(int(window * LONGEST_ANSWER)) < 20
    assert len(windowed(asked, target(window)).messages) == kept(150)


def test_a_gateway_that_falls_back_by_itself_is_sent_what_fits_all() -> None:
    small, large = target(100), target(10_000)
    assert len(windowed(_long(), large).messages) == 20
    assert windowed(_long(), replace(large, alternates=(small,))) == windowed(_long(), small) != _long()


def _long() -> LLMRequest:
    return LLMRequest(
        prompt="now", messages=tuple(Message(role="user", content=WORDS) for _ in range(20)), truncation="auto"
    )


def test_the_gate_passes_over_only_what_is_too_small_for_the_newest_turn() -> None:
    models = {"gpt": ModelSettings(provider="custom", window_tokens=100)}
    config = LLMConfig(models=models)
    only = Preferences(model="gpt", fallback="none")

    def gated(request: LLMRequest) -> object:
        [candidate] = candidates(config, replace(request, preferences=only), {}).unwrap()
        return type(candidate)

    assert gated(_long()) is Chosen
    assert gated(replace(_long(), truncation="disabled")) is Skipped
    assert gated(replace(_long(), prompt=WORDS * 20)) is Skipped


GREETED = LLMRequest(
    prompt="now",
    messages=(Message(role="assistant", content="Hello!"), Message(role="user", content="x" * 40)),
)


def test_what_fits_to_the_token_is_left_as_it_is_and_a_token_more_is_not() -> None:
    """Also where the first to speak was not the user, whose message nothing begins."""
    tokens = prompt_tokens(GREETED).likely
    assert within(GREETED, tokens) == GREETED
    assert within(GREETED, tokens - 1).messages == GREETED.messages[1:]


def test_no_more_turns_go_than_have_to() -> None:
    said = tuple(Message(role="user", content="x" * 40) for _ in range(3))
    asked = LLMRequest(prompt="now", messages=said)
    one = prompt_tokens(asked).likely - prompt_tokens(replace(asked, messages=said[1:])).likely
    assert within(asked, prompt_tokens(asked).likely - one).messages == said[1:]
    assert within(asked, prompt_tokens(asked).likely - one - 1).messages == said[2:]


def test_a_schema_in_words_takes_its_room_from_the_messages() -> None:
    settings = ModelSettings(provider="custom", window_tokens=1_000, max_output_tokens=100, capabilities=frozenset())
    told = resolve(LLMConfig(models={"m": settings}), "m").unwrap()
    plain = LLMRequest(prompt="now")
    asked = replace(plain, response_format=JsonSchema(schema={"enum": ["a" * 300]}))
    words = sent_tokens(asked, told).likely - prompt_tokens(asked).likely
    assert words > 0
    assert (available_tokens(plain, told) or 0) - (available_tokens(asked, told) or 0) == words


def bounded(*, prompt: int | None = None, window: int | None = None) -> Target:
    settings = ModelSettings(provider="custom", max_prompt_tokens=prompt, window_tokens=window)
    return resolve(LLMConfig(models={"m": settings}), "m").unwrap()


def test_a_window_is_two_facts() -> None:
    """The most of a prompt, and of a prompt and its answer: a prompt may be as long as the first, whatever is left."""
    request = LLMRequest(prompt=WORDS * 100)
    low = sent_tokens(request, bounded()).low
    long = replace(request, preferences=Preferences(max_tokens=1_000))
    assert too_large(bounded(prompt=low, window=low + 1_000), long) is None
    assert too_large(bounded(prompt=low - 1, window=low + 1_000), long) == ContextTooLarge("m", low, low - 1)
    assert too_large(bounded(prompt=low, window=low + 999), long) == ContextTooLarge("m", low + 1_000, low + 999)
    assert too_large(bounded(window=low), request) is None
    assert too_large(bounded(window=low - 1), request) == ContextTooLarge("m", low, low - 1)
    assert too_large(bounded(), long) is None
    limits = [prompt_limit_tokens(bounded(prompt=p, window=w).facts) for p, w in ((5, 9), (9, 5), (None, 7), (7, None))]
    assert limits == [5, 5, 7, 7]
    assert prompt_limit_tokens(bounded().facts) is None


def test_the_models_of_openai_have_both() -> None:
    def told(model: str, words: int, max_tokens: int | None = None) -> ContextTooLarge | None:
        request = LLMRequest(prompt=" word" * words, preferences=Preferences(max_tokens=max_tokens))
        return too_large(resolve(OPENAI, model).unwrap(), request)

    assert told("gpt-5", 250_000, 100_000) is None, "272,000 in, and 400,000 in all"
    assert told("gpt-5", 250_000, 399_000) is not None
    refused = told("gpt-5.4", 1_100_000)
    assert refused is not None
    assert refused.max_tokens == 922_000


def test_what_may_fit_is_sent() -> None:
    russian = "Комитет собрался во вторник, чтобы рассмотреть квартальные результаты. " * 2_800
    gpt = resolve(OPENAI, "gpt-4o").unwrap()
    assert too_large(gpt, LLMRequest(prompt=russian[:200_000])) is None


def test_a_window_that_was_learnt_narrows_what_is_known() -> None:
    request = _long()
    assert too_large(bounded(window=10_000), request) is None
    assert too_large(bounded(window=10_000), request, Calibration(window_tokens=10)) is not None
    assert windowed(request, bounded(window=10_000)) == request
    assert windowed(request, bounded(window=10_000), Calibration(window_tokens=200)) == windowed(request, target(200))
    assert available_tokens(request, bounded(), Calibration(window_tokens=200)) is not None


def test_a_prompt_alone_has_its_room_too() -> None:
    assert windowed(_long(), bounded(prompt=100, window=10_000)) != _long()
    assert windowed(_long(), bounded(prompt=10_000, window=10_000)) == _long()


def test_what_was_learnt_cuts_more_off_and_never_less() -> None:
    request, small = _long(), target(300, 20)
    kept = [len(windowed(request, small, Calibration(factor)).messages) for factor in (0.5, 1.0, 1.5, 2.0)]
    assert kept[0] == kept[1] > kept[2] > kept[3]
