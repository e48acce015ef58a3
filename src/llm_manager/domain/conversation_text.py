"""Turns and summaries as the text that stores keep, and back.

ASCII alone: JSON escapes what a database might refuse or change, such as NUL and half of a character. Equal turns have
equal texts, by which a store recognises one that it has already.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from returns.result import Failure, Success

from llm_manager.domain.conversation import ConversationSummary, Turn
from llm_manager.domain.decode import adapter
from llm_manager.domain.outcome import Outcome

PART = 32
"""So many turns are read in one go, which takes a millisecond or two."""


def text_of(value: Turn | ConversationSummary) -> str:
    """*value* as JSON in ASCII."""
    kind: Any = type(value)
    tree: Any = adapter(kind).dump_python(value, mode="json")
    return json.dumps(tree, separators=(",", ":"))


def beginning_of(turn_id: str | None) -> str:
    """How the text of the turn *turn_id* begins; of any turn, if that is None.

    >>> text_of(Turn(id="seven", at=0.0)).startswith(beginning_of("seven"))
    True
    """
    return "" if turn_id is None else f'{{"id":{json.dumps(turn_id)},'


def turns_of(texts: Sequence[str | bytes]) -> Outcome[tuple[Turn, ...], str]:
    """The turns that *texts* hold; fails with what is wrong, which does not show the text."""
    return _read(tuple[Turn, ...], texts)


def summaries_of(texts: Sequence[str | bytes]) -> Outcome[tuple[ConversationSummary, ...], str]:
    """The summaries that *texts* hold; fails as :func:`turns_of`."""
    return _read(tuple[ConversationSummary, ...], texts)


def _read(kind: Any, texts: Sequence[str | bytes]) -> Outcome[tuple[Any, ...], str]:
    """Read in parts: while one is read no other thread may run, and an event loop is one of those."""
    from pydantic import ValidationError  # noqa: PLC0415  # heavy, and only who decodes something needs it

    found: list[Any] = []
    try:
        for start in range(0, len(texts), PART):
            found += adapter(kind).validate_python([json.loads(text) for text in texts[start : start + PART]])
    except ValidationError as bad:
        index, *where = bad.errors(include_input=False)[0]["loc"]
        place = ".".join(str(step) for step in (len(found) + int(index), *where))
        return Failure(f"it holds what is no conversation of ours, at {place}")
    except (ValueError, RecursionError):
        return Failure("it holds what is no conversation of ours: text that is not JSON")
    return Success(tuple(found))
