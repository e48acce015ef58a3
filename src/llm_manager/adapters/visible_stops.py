"""The stops of a request to llama.cpp, for a model that thinks: its engine looks for them in the thoughts as well.

A text that a thought happens to hold would end the answer before it began. So the engine is not told of them, and its
chunks are cut here, where its split of thought and answer has been made. What was used by then stands in each chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.policies.stop_strings import StopCutter


@final
class VisibleStops:
    """Cuts one answer at *stops*; it *ended* at one of them."""

    __slots__ = ("_cutter", "ended")

    def __init__(self, stops: Sequence[str]) -> None:
        self._cutter = StopCutter(stops)
        self.ended = False

    def cut(self, chunk: Json) -> Json:
        """*chunk* with as much of the text as belongs to the answer; the one with a stop is the last."""
        choice = next(map(as_object, as_list(chunk.get("choices"))), None)
        if choice is None:
            return chunk
        delta = as_object(choice.get("delta"))
        text, self.ended = self._cutter.feed(as_text(delta.get("content")) or "")
        finish = choice.get("finish_reason")
        if finish is not None and not self.ended:
            text += self._cutter.rest()
        shown = {**choice, "delta": {**delta, "content": text}, "finish_reason": "stop" if self.ended else finish}
        told: dict[str, Any] = {**chunk, "choices": [shown]}
        return {**told, "usage": _usage(as_object(chunk.get("timings")))} if self.ended else told


def _usage(timings: Json) -> Json:
    """What *timings*, which llama.cpp counts as it goes, say of the tokens."""
    cached, read = as_count(timings.get("cache_n")), as_count(timings.get("prompt_n"))
    made = as_count(timings.get("predicted_n"))
    if cached is None or read is None or made is None:
        return {}
    prompt = {"prompt_tokens": cached + read, "prompt_tokens_details": {"cached_tokens": cached}}
    return {**prompt, "completion_tokens": made, "total_tokens": cached + read + made}
