"""The words in which servers say why an answer ended: one table for all wires, for gateways pass on each other's.

No word means one thing to one vendor and another to the next. Case does not count. A word that is not here is an ending
too, ``unknown``: such an answer is not cached, and no value is made of one that is not whole JSON. From the types of
the SDKs openai 3.52, anthropic 2.11, google-genai 3.4, ollama 0.6, groq 1.7 and mistralai 2.6, and what servers were
seen to send (read 2026-12-01).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from llm_manager.domain.response import FinishReason

Ending: TypeAlias = FinishReason | Literal["failed"]
"""``failed``: the answer broke off, and what there is of it is a part."""

_WORDS: Final[Mapping[Ending, tuple[str, ...]]] = {
    "stop": (
        *("stop", "end_turn", "stop_sequence", "eos", "eos_token", "eos_found", "end_of_turn"),
        *("complete", "completed", "done", "stop_str", "matched_stop"),
    ),
    "length": (
        *("length", "max_tokens", "max_token", "max_length", "max_output_tokens", "max_completion_tokens"),
        *("model_length", "model_context_window_exceeded", "context_length_exceeded", "context_length", "token_limit"),
        *("continuation", "length_capped"),
    ),
    "tool_calls": ("tool_calls", "tool_call", "tool_use", "function_call"),
    "refusal": ("refusal", "refused"),
    "content_filter": (
        *("content_filter", "content_filtered", "content_filtering", "sensitive", "guardrail_intervened", "blocked"),
        *("safety", "recitation", "blocklist", "prohibited_content", "spii", "model_armor", "language", "escalation"),
        *("image_safety", "image_prohibited_content", "image_recitation"),
    ),
    "failed": (
        *("error", "failed", "insufficient_system_resource", "overloaded", "abort", "aborted", "cancelled", "canceled"),
        *("timeout", "interrupted", "model_not_loaded"),
        *("malformed_function_call", "unexpected_tool_call", "too_many_tool_calls", "missing_thought_signature"),
        *("malformed_response", "pup_limited_disabled"),
    ),
    "unknown": (
        *("pause_turn", "compaction", "other", "unknown", "finish_reason_unspecified", "load", "unload"),
        *("no_image", "image_other"),
    ),
}

_MEANS: Final[Mapping[str, Ending]] = {word: ending for ending, words in _WORDS.items() for word in words}


def ending_of(word: str) -> Ending:
    """What *word* means.

    >>> ending_of("LENGTH"), ending_of("end_turn"), ending_of("network_error"), ending_of("tired")
    ('length', 'stop', 'failed', 'unknown')
    """
    lower = word.lower()
    return _MEANS.get(lower) or ("failed" if lower.endswith("_error") else "unknown")


def is_known(word: str) -> bool:
    """Does the table hold *word*?"""
    return word.lower() in _MEANS
