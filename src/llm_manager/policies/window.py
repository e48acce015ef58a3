"""What of a long conversation a model is shown: as many of the newest turns as fit its window.

A turn begins at a message of the user and is left out as a whole, so that the result of a tool never loses its call.
System prompts stay, and so does the newest turn, with everything that is said in it (``kept_messages``): when not even
that fits, the request is not made smaller and the gate says that it is too large.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from llm_manager.domain.request import LLMRequest
from llm_manager.domain.target import Target
from llm_manager.policies.asked import sent_tokens
from llm_manager.policies.tokens import message_tokens, prompt_tokens

MARGIN = 0.15
"""The part of a window that is kept free: code and tables take more tokens than the estimate says, and what is too long
after all is refused by the vendor."""

LONGEST_ANSWER = 0.25
"""The part of a window that is kept for an answer when the request does not say how long it may be."""


def windowed(request: LLMRequest, target: Target) -> LLMRequest:
    """*request* as *target* can be asked it: without its oldest turns, where it wants ``truncation`` and needs it."""
    if request.truncation == "disabled":
        return request
    window = window_tokens(target)
    return request if window is None else within(request, room_tokens(request, target, window))


def window_tokens(target: Target) -> int | None:
    """The smallest window among *target* and those its gateway may go on to; None when none is known."""
    known = [each.facts.window_tokens for each in (target, *target.alternates)]
    return min((window for window in known if window is not None), default=None)


def room_tokens(request: LLMRequest, target: Target, window: int) -> int:
    """How many tokens of *window* the request itself may take, without its schema in the form it takes there."""
    longest = min(target.facts.max_output_tokens or window, int(window * LONGEST_ANSWER))
    schema = 0 if request.response_format is None else sent_tokens(request, target) - prompt_tokens(request)
    return int(window * (1 - MARGIN)) - schema - (request.preferences.max_tokens or longest)


def within(request: LLMRequest, room: int) -> LLMRequest:
    """*request* without as many of its oldest turns as have to go for it to take at most *room* tokens.

    >>> from llm_manager.domain.request import Message
    >>> said = [Message(role=role, content=role * 9) for role in ("system", "user", "assistant", "user", "assistant")]
    >>> short = within(LLMRequest(prompt="And now?", messages=tuple(said)), 65)
    >>> [message.role for message in short.messages]
    ['system', 'user', 'assistant']
    """
    excess = prompt_tokens(request) - room
    if excess <= 0:
        return request
    first, gone = _first_kept(request, excess)
    if not gone:
        return request
    kept = (each for index, each in enumerate(request.messages) if index >= first or each.role == "system")
    return replace(request, messages=tuple(kept))


def _first_kept(request: LLMRequest, excess: int) -> tuple[int, bool]:
    """The index of the first message that stays for *excess* tokens to go, and whether any that could go is before."""
    starts = {index for index, message in enumerate(request.messages) if message.role == "user"}
    last = _newest_turn(request, starts)
    freed, gone = 0, False
    for index, message in enumerate(request.messages[:last]):
        if freed >= excess and index in starts:
            return index, gone
        if message.role != "system":
            freed, gone = freed + message_tokens(message), True
    return last, gone


def _newest_turn(request: LLMRequest, starts: Set[int]) -> int:
    """Where that turn begins, of those that *starts* begin, that stays whatever it takes: the one of the prompt, of
    the last message where there is none, and of the first that is to be kept."""
    count = len(request.messages)
    first = min(count - request.kept_messages, count if request.prompt else count - 1)
    return count if first == count else max((start for start in starts if start <= first), default=0)
