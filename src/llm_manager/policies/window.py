"""What of a long conversation a model is shown: as many of the newest turns as fit its window.

A turn begins at a message of the user and is left out as a whole, so that the result of a tool never loses its call.
System prompts stay, and so does the newest turn, with everything that is said in it (``kept_messages``): when not even
that fits, the request is not made smaller and the gate says that it is too large.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from llm_manager.domain.catalog import ModelFacts
from llm_manager.domain.errors import ContextTooLarge
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.target import Target
from llm_manager.policies.asked import sent_tokens
from llm_manager.policies.calibration import NOTHING_LEARNT, Calibration
from llm_manager.policies.prompt_estimate import message_tokens, prompt_tokens

MARGIN = 0.15
"""The part of a window that is kept free: half of all estimates are too low, most of them by less than this, and what
is too long after all is refused by the vendor, and cut again."""

LONGEST_ANSWER = 0.25
"""The part of a window that is kept for an answer when the request does not say how long it may be."""


def windowed(request: LLMRequest, target: Target, learnt: Calibration = NOTHING_LEARNT) -> LLMRequest:
    """*request* as *target* can be asked it: without its oldest turns, where it wants ``truncation`` and needs it.

    What was *learnt* of the target cuts more off, never less: a plan that knows nothing of it stays an upper bound.
    """
    if request.truncation == "disabled":
        return request
    room = available_tokens(request, target, learnt)
    return request if room is None else within(request, room, target.model, max(learnt.factor, 1.0))


def too_large(target: Target, request: LLMRequest, learnt: Calibration = NOTHING_LEARNT) -> ContextTooLarge | None:
    """Why *target* refuses *request* for certain: even the fewest tokens that it can be are too many, alone or with
    the longest answer that it asks for. What may fit is sent, and the vendor counts."""
    facts, window = target.facts, _narrower(target.facts.window_tokens, learnt.window_tokens)
    most = _narrower(facts.max_prompt_tokens, window)
    if most is None:
        return None
    prompt, answer = sent_tokens(request, target).low, request.preferences.max_tokens or 0
    if prompt > most:
        return ContextTooLarge(target.model, prompt, most)
    return ContextTooLarge(target.model, prompt + answer, window) if window and prompt + answer > window else None


def prompt_limit_tokens(facts: ModelFacts) -> int | None:
    """The longest prompt that a model can take, with an answer of no length; None where that is not known."""
    return _narrower(facts.max_prompt_tokens, facts.window_tokens)


def _narrower(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def available_tokens(request: LLMRequest, target: Target, learnt: Calibration = NOTHING_LEARNT) -> int | None:
    """How many tokens the request itself may take at *target* and those its gateway may go on to, without its schema in
    the form it takes there; None where no window of them is known."""
    everyone = (target, *target.alternates)
    windows = [each.facts.window_tokens for each in everyone] + [learnt.window_tokens]
    window = min((each for each in windows if each is not None), default=None)
    prompts = [each.facts.max_prompt_tokens for each in everyone]
    most = min((each for each in prompts if each is not None), default=None)
    rooms = [] if most is None else [int(most * (1 - MARGIN))]
    if window is not None:
        longest = min(target.facts.max_output_tokens or window, int(window * LONGEST_ANSWER))
        rooms.append(int(window * (1 - MARGIN)) - (request.preferences.max_tokens or longest))
    if not rooms:
        return None
    return min(rooms) - (0 if request.response_format is None else _schema_tokens(request, target))


def _schema_tokens(request: LLMRequest, target: Target) -> int:
    return sent_tokens(request, target).likely - prompt_tokens(request, target.model).likely


def within(request: LLMRequest, room: int, model: str | None = None, factor: float = 1.0) -> LLMRequest:
    """*request* without as many of its oldest turns as have to go for it to take at most *room* tokens, of which the
    estimate is taken times *factor*.

    >>> from llm_manager.domain.request import Message
    >>> said = [Message(role=role, content=role * 9) for role in ("system", "user", "assistant", "user", "assistant")]
    >>> short = within(LLMRequest(prompt="And now?", messages=tuple(said)), 65)
    >>> [message.role for message in short.messages]
    ['system', 'user', 'assistant']
    """
    excess = prompt_tokens(request, model).likely - room / factor
    if excess <= 0:
        return request
    first, gone = _first_kept(request, excess, model)
    if not gone:
        return request
    kept = (each for index, each in enumerate(request.messages) if index >= first or each.role == "system")
    return replace(request, messages=tuple(kept))


def _first_kept(request: LLMRequest, excess: float, model: str | None) -> tuple[int, bool]:
    """The index of the first message that stays for *excess* tokens to go, and whether any that could go is before."""
    starts = {index for index, message in enumerate(request.messages) if message.role == "user"}
    last = _newest_turn(request, starts)
    freed, gone = 0, False
    for index, message in enumerate(request.messages[:last]):
        if freed >= excess and index in starts:
            return index, gone
        if message.role != "system":
            freed, gone = freed + message_tokens(message, model).likely, True
    return last, gone


def _newest_turn(request: LLMRequest, starts: Set[int]) -> int:
    """Where that turn begins, of those that *starts* begin, that stays whatever it takes: the one of the prompt, of
    the last message where there is none, and of the first that is to be kept."""
    count = len(request.messages)
    first = min(count - request.kept_messages, count if request.prompt else count - 1)
    return count if first == count else max((start for start in starts if start <= first), default=0)
