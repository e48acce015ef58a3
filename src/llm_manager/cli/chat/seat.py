"""Where a chat stands, and the turns that move it on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import anyio
from returns.result import Failure, Success

from llm_manager import (
    Context,
    ConversationNotFound,
    LLMError,
    LLMRequest,
    LLMResponse,
    LLMStream,
    Op,
    Outcome,
    continue_conversation_stream,
    delete_conversation,
    effect,
    get_conversation,
    list_conversations,
    run,
    start_conversation,
)

TITLE: Final = "title"
"""The name under which a conversation's metadata holds how it began."""

_TITLE_LENGTH: Final = 60

_MOST: Final = 1_000
"""How many conversations an abbreviated id is looked for in: the last ones."""

Reading: TypeAlias = Callable[[LLMStream], Awaitable[Outcome[LLMResponse, LLMError]]]
"""How an answer is read to its end: shown while it comes, or collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Where a chat stands: *wishes* are what each turn to come is asked with, *id* is None before the first one.

    *new_id* is the id that the conversation is to have, None for a random one; *last* is the last answer.
    """

    wishes: LLMRequest
    id: str | None = None
    new_id: str | None = None
    last: LLMResponse | None = None
    is_over: bool = False


def turn(seat: Seat, text: str, reading: Reading) -> Op[Seat]:
    """Say *text* and have the answer read; gives where the chat then stands.

    A conversation begins with its first turn: one that came to nothing leaves nothing in the store.
    """

    async def taking(context: Context) -> Outcome[Seat, LLMError]:
        id_ = seat.id
        if id_ is None:
            begun = await run(_start(seat, text), context)
            if isinstance(begun, Failure):
                return begun
            id_ = begun.unwrap()
        is_stored = False
        try:
            answered = await _answered(id_, replace(seat.wishes, prompt=text), reading, context)
            is_stored = isinstance(answered, Success)
        finally:
            if seat.id is None and not is_stored:
                await _forget(id_, context)
        if isinstance(answered, Failure):
            return answered
        return Success(replace(seat, id=id_, last=answered.unwrap()))

    return effect(taking)


def _start(seat: Seat, text: str) -> Op[str]:
    title = " ".join(text.split())
    title = title if len(title) <= _TITLE_LENGTH else f"{title[: _TITLE_LENGTH - 1]}…"
    return start_conversation(seat.wishes.system_prompt, conversation_id=seat.new_id, metadata={TITLE: title})


async def _answered(
    id_: str, request: LLMRequest, reading: Reading, context: Context
) -> Outcome[LLMResponse, LLMError]:
    # nobody here can give the result of a tool that a program let the model call
    opened = await run(continue_conversation_stream(id_, request, answer_open_calls="cancelled"), context)
    return opened if isinstance(opened, Failure) else await reading(opened.unwrap())


async def _forget(id_: str, context: Context) -> None:
    """Take back that a conversation was begun, unless somebody else has gone on with it."""
    with anyio.CancelScope(shield=True):
        found = await run(get_conversation(id_), context)
        if isinstance(found, Success) and found.unwrap().version == 1:
            await run(delete_conversation(id_), context)


def resolved(wanted: str) -> Op[str]:
    """The id that *wanted* is, or is the beginning of, if there is only one like it."""

    async def resolving(context: Context) -> Outcome[str, LLMError]:
        exact = await run(get_conversation(wanted), context)
        if isinstance(exact, Success):
            return Success(wanted)
        if not isinstance(exact.failure(), ConversationNotFound):
            return exact
        listed = await run(list_conversations(limit=_MOST), context)
        if isinstance(listed, Failure):
            return listed
        like = [each.id for each in listed.unwrap() if each.id.startswith(wanted)]
        if len(like) == 1:
            return Success(like[0])
        said = f"{len(like)} begin like this, such as {like[0]} and {like[1]}" if like else ""
        return Failure(ConversationNotFound(wanted, said))

    return effect(resolving)


def last_id() -> Op[str | None]:
    """The conversation that was continued last, None where there is none."""

    async def looking(context: Context) -> Outcome[str | None, LLMError]:
        listed = await run(list_conversations(limit=1), context)
        if isinstance(listed, Failure):
            return listed
        return Success(next((each.id for each in listed.unwrap()), None))

    return effect(looking)
