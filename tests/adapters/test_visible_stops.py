"""Stops of a model that thinks: they end its answer and none of its thoughts."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.adapters.visible_stops import VisibleStops
from llm_manager.policies.stop_strings import StopCutter

TIMINGS = {"cache_n": 2, "prompt_n": 3, "predicted_n": 4}


def chunk(finish: str | None = None, **delta: str) -> dict[str, Any]:
    return {"choices": [{"delta": delta, "finish_reason": finish}], "timings": TIMINGS}


def shown(stops: VisibleStops, *chunks: dict[str, Any]) -> list[tuple[Any, Any]]:
    cut = [stops.cut(each) for each in chunks]
    return [(each["choices"][0]["delta"].get("content"), each["choices"][0]["finish_reason"]) for each in cut]


def test_a_stop_in_the_thoughts_ends_nothing() -> None:
    stops = VisibleStops(["Observation:"])
    thought = stops.cut(chunk(reasoning_content="an Observation: first"))
    assert thought["choices"][0]["delta"]["reasoning_content"] == "an Observation: first"
    assert not stops.ended


def test_a_stop_in_the_answer_ends_it_with_what_was_used_by_then() -> None:
    stops = VisibleStops(["Observation:"])
    assert shown(stops, chunk(content="Act. Obser")) == [("Act. ", None)]
    last = stops.cut(chunk(content="vation: none"))
    assert (last["choices"][0]["delta"]["content"], last["choices"][0]["finish_reason"]) == ("", "stop")
    assert last["usage"] == {
        "prompt_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens": 4,
        "total_tokens": 9,
    }
    assert stops.ended


def test_what_only_looked_like_the_beginning_of_a_stop_is_given_at_the_end() -> None:
    stops = VisibleStops(["END"])
    assert shown(stops, chunk(content="the E"), chunk("stop")) == [("the ", None), ("E", "stop")]
    assert not stops.ended


def test_a_chunk_without_a_choice_is_left_as_it_is() -> None:
    usage: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 1}}
    assert VisibleStops(["x"]).cut(usage) == usage


@given(
    st.lists(st.text("abc", max_size=5), max_size=8),
    st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3),
)
def test_what_is_shown_is_the_text_before_the_first_stop_however_it_comes(pieces: list[str], stops: list[str]) -> None:
    cutter, text, ended = StopCutter(stops), "", False
    for piece in pieces:
        more, ended = cutter.feed(piece)
        text += more
        if ended:
            break
    text += cutter.rest()
    whole = "".join(pieces)
    found = [whole.find(stop) for stop in stops if stop in whole]
    assert ended == bool(found)
    assert whole.startswith(text)
    if found:
        assert not any(stop in text for stop in stops)
    else:
        assert text == whole
