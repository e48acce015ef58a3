"""What to do about a model that does not support what a request needs."""

from __future__ import annotations

from collections.abc import Mapping

from llm_manager.domain.errors import AllModelsFailed, UnsupportedCapability

_WAYS_OUT: Mapping[str, str] = {
    "image_urls": "give the image as bytes (ImagePart(data=..., media_type=...))",
    "tool_choice": 'leave tool_choice at "auto" and ask for the call in the prompt',
    "max_tokens": 'set limit_field = "max_completion_tokens" for it',
    "max_completion_tokens": 'set limit_field = "max_tokens" for it',
    **dict.fromkeys(("temperature", "top_p", "seed", "stop"), 'leave it out, or allow unsupported="drop"'),
}

_ANOTHER = "choose a model that does (see `llm-manager models`)"


def way_out(capability: str) -> str:
    """What to change in a request that needs *capability*, or else which model to choose.

    >>> way_out("vision")
    'choose a model that does (see `llm-manager models`)'
    """
    return f"{_WAYS_OUT[capability]}, or {_ANOTHER}" if capability in _WAYS_OUT else _ANOTHER


def needs_of(error: AllModelsFailed) -> tuple[str, ...]:
    """What each model did not support, if every one was skipped for that; empty if one failed in another way."""
    lacks = [failure for _, failure in error.failures if isinstance(failure, UnsupportedCapability)]
    return tuple(each.capability for each in lacks) if len(lacks) == len(error.failures) else ()
