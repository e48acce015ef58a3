"""Turns and summaries as the text that stores keep, and back.

ASCII alone: JSON escapes what a database might refuse or change, such as NUL and half of a character. Equal turns have
equal texts, by which a store recognises one that it has already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from returns.result import Failure, Success

from llm_manager.domain.conversation import ConversationSummary, Turn
from llm_manager.domain.decode import adapter
from llm_manager.domain.outcome import Outcome


def text_of(value: Turn | ConversationSummary) -> str:
    """*value* as JSON in ASCII."""
    kind: Any = type(value)
    tree: Any = adapter(kind).dump_python(value, mode="json")
    return json.dumps(tree, separators=(",", ":"))


def turns_of(texts: Iterable[str | bytes]) -> Outcome[tuple[Turn, ...], str]:
    """The turns that *texts* hold; fails with what is wrong, which does not show the text."""
    return _read(tuple[Turn, ...], texts)


def summaries_of(texts: Iterable[str | bytes]) -> Outcome[tuple[ConversationSummary, ...], str]:
    """The summaries that *texts* hold; fails as :func:`turns_of`."""
    return _read(tuple[ConversationSummary, ...], texts)


def _read(kind: Any, texts: Iterable[str | bytes]) -> Outcome[Any, str]:
    from pydantic import ValidationError  # noqa: PLC0415  # heavy, and only who decodes something needs it

    try:
        return Success(adapter(kind).validate_python([json.loads(text) for text in texts]))
    except ValidationError as bad:
        where = ".".join(str(step) for step in bad.errors(include_input=False)[0]["loc"])
        return Failure(f"it holds what is no conversation of ours, at {where}")
    except (ValueError, RecursionError):
        return Failure("it holds what is no conversation of ours: text that is not JSON")
