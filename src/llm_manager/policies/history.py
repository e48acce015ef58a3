"""What of a conversation could reach a model at all, so that a long one costs no more than a window.

The rule: nothing that any model of a chain could be shown is left out here; which of it one model is shown, its window
says (:mod:`llm_manager.policies.window`). Turns are read from the newest back, and not further than the widest window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_manager.domain.conversation import StoredMessage, Turn, message_of
from llm_manager.domain.request import Message
from llm_manager.policies.prompt_estimate import message_tokens


def opening_prompt(turns: Sequence[Turn]) -> StoredMessage | None:
    """The system prompt that a conversation began with."""
    return next((each for turn in turns[:1] for each in turn.messages if each.role == "system"), None)


def recent(turns: Sequence[Turn], widest_tokens: int | None) -> tuple[Message, ...]:
    """What was said in *turns* after their opening prompt: all that fits a window of *widest_tokens* and a turn more.

    A message counts for the fewest tokens that it may be. None is a window of unknown width: everything. What the
    system said later stays, wherever that was. An answer without a word, such as a refusal may be, is left out, for
    vendors do not take it back.
    """
    opening = opening_prompt(turns)
    told = [each for each in _newest_first(turns) if each is not opening and not _is_nothing(each)]
    reach = len(told) if widest_tokens is None else _reach(told, widest_tokens)
    kept = told[:reach] + [each for each in told[reach:] if each.role == "system"]
    return tuple(message_of(each) for each in reversed(kept))


def _reach(told: Sequence[StoredMessage], widest_tokens: int) -> int:
    """How many of the messages, newest first, are more than a window holds and begin with one of the user."""
    tokens = 0
    for count, message in enumerate(told, 1):
        if message.role != "system":
            tokens += _fewest(message)
        if tokens > widest_tokens and message.role == "user":
            return count
    return len(told)


def _fewest(message: StoredMessage) -> int:
    """About how few tokens *message* may be to a model: at most, tokenizers differ by a factor of four."""
    tokens = message_tokens(message)
    return max(tokens.low, tokens.likely // 4)


def _newest_first(turns: Sequence[Turn]) -> Iterator[StoredMessage]:
    return (message for turn in reversed(turns) for message in reversed(turn.messages))


def _is_nothing(stored: StoredMessage) -> bool:
    return stored.role == "assistant" and not stored.content and not stored.tool_calls
