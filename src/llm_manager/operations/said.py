"""What a turn of a conversation is: the request that a model is sent for it, and the turn that is stored of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, TypeAlias

from returns.result import Failure, Success

from llm_manager.domain.arguments import check_request
from llm_manager.domain.conversation import ConversationSummary, StoredMessage, Turn, advanced, stored_message
from llm_manager.domain.errors import (
    ConversationConflict,
    ConversationNotFound,
    InvalidRequest,
    LLMError,
    StoreUnavailable,
)
from llm_manager.domain.open_calls import CANCELLED, AnswerOpenCalls, OpenCall, cancelled, open_calls
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest, Message
from llm_manager.domain.request_problems import without_result
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.shapes import misfits
from llm_manager.effect.context import Context
from llm_manager.policies.history import opening_prompt, recent
from llm_manager.policies.routing import widest_window_tokens

Appended: TypeAlias = Outcome[int, ConversationNotFound | ConversationConflict | StoreUnavailable]

PAUSES_S = (0.25, 1.0, 2.0)
"""How long is waited between tries to store an answer that has been paid for, while the store cannot be reached."""


def random_id(context: Context) -> str:
    """128 random bits, in hexadecimal. Unique; not a secret: whoever may ask for a conversation is yours to decide."""
    return "".join(f"{int(context.random.random() * 2**32):08x}" for _ in range(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuing:
    """A conversation that was read, and what is to be said in it: *request* with what was said before and could fit.

    *new* is what of it is new; *turn_id* is that of the turn it becomes, and *follows* that of the one before.
    """

    conversation: ConversationSummary
    request: LLMRequest
    new: tuple[StoredMessage, ...]
    turn_id: str
    follows: str


async def begun(
    conversation_id: str, message: str | LLMRequest, answer_open_calls: AnswerOpenCalls | None, context: Context
) -> Outcome[Continuing, LLMError]:
    """Read the conversation and put *message* at its end. Fails when it is not there, or says nothing new, and for
    calls of tools that have no result, unless *answer_open_calls* says what becomes of them."""
    asked = LLMRequest(prompt=message) if isinstance(message, str) else message
    check_request(asked)
    wrong = misfits(asked)
    if wrong:
        return Failure(InvalidRequest(wrong))
    loaded = await context.conversations.load(conversation_id)
    if isinstance(loaded, Failure):
        return loaded
    turns = loaded.unwrap()
    conversation = advanced(None, conversation_id, turns)
    if not asked.prompt.strip() and not asked.messages:
        return Failure(InvalidRequest((Problem("message", "is empty: say something, or give the results of tools"),)))
    history = recent(turns, widest_window_tokens(context.config, asked))
    open_ = open_calls((*history, *asked.messages))
    if open_ and answer_open_calls is None:
        return Failure(InvalidRequest(tuple(Problem("message", f"{_WAITING} {_ways_out(each)}") for each in open_)))
    if open_:
        history, asked = _answered(history, asked, open_)
    now_s = context.clock.unix_s()
    return Success(
        Continuing(
            conversation=conversation,
            request=_with_history(asked, history, turns),
            new=_new_messages(asked, now_s),
            turn_id=random_id(context),
            follows=turns[-1].id,
        )
    )


_WAITING: Final = "the conversation waits for the result of a tool: it"


def _ways_out(each: OpenCall) -> str:
    return f'{without_result(each)}, or continue with answer_open_calls="{CANCELLED}"'


def _answered(
    history: Sequence[Message], asked: LLMRequest, found: Sequence[OpenCall]
) -> tuple[tuple[Message, ...], LLMRequest]:
    """*history* and *asked* with results for the calls *found* in them: those of the last answer are new, and stored
    with this turn; older ones are only sent."""
    said = (*history, *asked.messages)
    before = cancelled(said, found)
    filled = [[*results, *said[at : at + 1]] for at, results in enumerate(before)]
    old, new = filled[: len(history)], filled[len(history) :]
    return tuple(chain.from_iterable(old)), replace(asked, messages=tuple(chain.from_iterable(new)))


def _with_history(asked: LLMRequest, history: Sequence[Message], turns: Sequence[Turn]) -> LLMRequest:
    """*asked* after all that was said and could fit. A system prompt of its own holds for this turn in place of the one
    that the conversation began with; what the system said later stays where it was said."""
    opening = opening_prompt(turns)
    return replace(
        asked,
        messages=(*history, *asked.messages),
        system_prompt=asked.system_prompt or _prompt_of(opening),
        truncation="auto",
        kept_messages=len(asked.messages),
    )


def _prompt_of(opening: StoredMessage | None) -> str | None:
    return opening.content if opening is not None and isinstance(opening.content, str) else None


def _new_messages(asked: LLMRequest, now_s: float) -> tuple[StoredMessage, ...]:
    said = (*asked.messages, *((Message(role="user", content=asked.prompt),) if asked.prompt.strip() else ()))
    return tuple(stored_message(each, now_s) for each in said)


async def stored(
    continuing: Continuing, response: LLMResponse, context: Context, lost_usd: float = 0.0
) -> Outcome[None, LLMError]:
    """Store the turn. Where that fails, the answer, which has been paid for, is in the failure."""
    now_s = context.clock.unix_s()
    answer = StoredMessage(role="assistant", content=response.content, timestamp=now_s, tool_calls=response.tool_calls)
    turn = Turn(
        id=continuing.turn_id,
        at=now_s,
        messages=(*continuing.new, answer),
        model=response.model,
        usage=response.usage,
        follows=continuing.follows,
        lost_usd=lost_usd,
    )
    appended = await _placed(continuing, turn, context)
    if isinstance(appended, Success):
        return Success(None)
    return Failure(_with_answer(appended.failure(), response))


async def lost(continuing: Continuing, usd: float, context: Context) -> None:
    """Note that *usd* were spent on a turn that came to nothing. Where the store cannot be told, it is not told."""
    if usd > 0:
        id_ = random_id(context)  # the turn itself may be there although nobody heard so
        turn = Turn(id=id_, at=context.clock.unix_s(), follows=continuing.follows, lost_usd=usd)
        await _placed(continuing, turn, context)


async def _placed(continuing: Continuing, turn: Turn, context: Context) -> Appended:
    """Add *turn* after what was read, or after what has been spent meanwhile. A turn that only tells what was spent
    has its place after anything, and anything after it."""
    id_, version, follows = continuing.conversation.id, continuing.conversation.version, continuing.follows
    while True:
        appended = await _appended(id_, version, turn, context)
        if isinstance(appended, Success) or continuing.conversation.budget_usd is None:
            return appended
        if not isinstance(appended.failure(), ConversationConflict):
            return appended
        loaded = await context.conversations.load(id_)
        if not isinstance(loaded, Success):
            return appended
        turns = loaded.unwrap()
        read = continuing.conversation.version
        is_another = len(turns) <= version or turns[read - 1].id != follows
        if is_another or (turn.messages and any(each.messages for each in turns[read:])):
            return appended
        version, turn = len(turns), replace(turn, follows=turns[-1].id)


async def _appended(id_: str, version: int, turn: Turn, context: Context) -> Appended:
    """Add the turn, and, if it says something, try again while the store is away: it is one turn however often it is
    sent."""
    for pause_s in PAUSES_S if turn.messages else ():
        appended = await context.conversations.append(id_, version, (turn,))
        if isinstance(appended, Success) or not isinstance(appended.failure(), StoreUnavailable):
            return appended
        await context.clock.sleep(pause_s)
    return await context.conversations.append(id_, version, (turn,))


def _with_answer(
    error: ConversationNotFound | ConversationConflict | StoreUnavailable, response: LLMResponse
) -> LLMError:
    match error:
        case ConversationNotFound(conversation_id=id_):
            return ConversationConflict(id_, "it was deleted meanwhile", response=response)
        case ConversationConflict() | StoreUnavailable():
            return replace(error, response=response)
