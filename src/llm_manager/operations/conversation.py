"""Conversations: begun, continued with any model, listed, forked and forgotten.

What was asked and what was answered is stored as one turn, in one transaction, after the answer, and only if nobody has
changed the conversation since it was read. What a model is shown is cut to its window; what is stored never is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self, final

import anyio
from returns.result import Failure, Success

from llm_manager.combinators.observed import observed
from llm_manager.domain.arguments import check_count, check_finite, check_is, refuse
from llm_manager.domain.conversation import (
    ConversationContext,
    ConversationSummary,
    Opening,
    StoredMessage,
    Turn,
    conversation_of,
)
from llm_manager.domain.errors import ConversationConflict, InvalidRequest, LLMError
from llm_manager.domain.json_problems import json_problem
from llm_manager.domain.open_calls import CANCELLED, AnswerOpenCalls
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import effect, run
from llm_manager.operations.generate import generate
from llm_manager.operations.said import Continuing, begun, lost, random_id, stored
from llm_manager.operations.sources import Pieces, Source
from llm_manager.operations.stream import LLMStream, streamed
from llm_manager.operations.tab import Tab

MAX_PAGE = 1_000
"""The most conversations that one list holds."""


def start_conversation(
    system_prompt: str | None = None,
    *,
    conversation_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    budget_usd: float | None = None,
) -> Op[str]:
    """Begin a conversation; gives its id: *conversation_id*, any text, or 128 random bits.

    *metadata* is data of yours, as JSON can say it, and comes back with the conversation. *budget_usd* bounds what all
    of its turns may cost, those that fail too: one that could cost more than is left is ``BudgetExceeded``, and nothing
    is sent.
    An id that is taken is ``ConversationConflict``.
    """
    if budget_usd is not None:
        takes = "start_conversation takes a budget of more than 0 US dollars"
        check_finite(budget_usd, takes, "start_conversation(budget_usd=0.5)", is_zero_right=False)
    given = Opening(metadata=dict(metadata or {}), budget_usd=budget_usd)

    async def starting(context: Context) -> Outcome[str, LLMError]:
        problems = _problems(conversation_id, given)
        if problems:
            return Failure(InvalidRequest(problems))
        # as every store gives it back, and out of reach of whoever changes theirs
        opening = replace(given, metadata=json.loads(json.dumps(given.metadata)))
        context = context.strand("start_conversation")
        now_s = context.clock.unix_s()
        said = (StoredMessage(role="system", content=system_prompt, timestamp=now_s),) if system_prompt else ()
        turn = Turn(id=random_id(context), at=now_s, messages=said, opening=opening)
        id_ = random_id(context) if conversation_id is None else conversation_id
        added = await context.conversations.append(id_, 0, (turn,))
        return added if isinstance(added, Failure) else Success(id_)

    return effect(starting)


_NAMELESS: Final = Problem("conversation_id", "is empty: give a name, or none to have one made")


def _problems(conversation_id: str | None, opening: Opening) -> tuple[Problem, ...]:
    found: list[Problem] = []
    if conversation_id == "":
        found.append(_NAMELESS)
    bad = json_problem(opening.metadata, "metadata")
    if bad is not None:
        found.append(bad)
    return tuple(found)


_CONTINUING: Final = "continue_conversation"


def _check(conversation_id: object, message: object, answer_open_calls: object) -> None:
    write = 'continue_conversation("id", "And why?")'
    check_is(conversation_id, str, "a conversation has a text for its id", write)
    check_is(message, (str, LLMRequest), "a conversation goes on with a text or a request", write)
    if answer_open_calls not in (None, CANCELLED):
        takes = "answer_open_calls says what becomes of calls without a result"
        refuse(ValueError, takes, 'answer_open_calls="cancelled"', answer_open_calls)


def continue_conversation(
    conversation_id: str, message: str | LLMRequest, *, answer_open_calls: AnswerOpenCalls | None = None
) -> Op[LLMResponse]:
    """Say *message* and have it answered; once this succeeds the turn is stored.

    *message* is a text, or a request of which the prompt and the messages, such as the results of tools, are what is
    new; its model, tools, deadline and the rest hold for this turn alone, so that a conversation can change models.
    A turn that fails stores nothing, but for what it cost where there is a budget. When another was stored meanwhile
    this one is a ``ConversationConflict``, and when the store cannot be reached ``StoreUnavailable``; the answer, which
    has been paid for, is in their ``response``.

    An answer that called tools waits for their results. A turn that leaves one out is an ``InvalidRequest`` that names
    the call, and nothing is sent; with *answer_open_calls* ``"cancelled"`` each of these calls is given the result
    "cancelled", which is stored with the turn, and the conversation goes on.
    """
    _check(conversation_id, message, answer_open_calls)

    async def continuing(context: Context) -> Outcome[LLMResponse, LLMError]:
        read = await begun(conversation_id, message, answer_open_calls, context)
        if isinstance(read, Failure):
            return read
        turn = read.unwrap()
        async with _Keeping(turn, context) as keeping:
            answered = await run(keeping.tab.bounding(generate(turn.request)), context)
            if isinstance(answered, Failure):
                return answered
            response = answered.unwrap()
            kept = await keeping.store(response)
            return kept if isinstance(kept, Failure) else Success(response)

    return observed(_CONTINUING)(effect(continuing))


def continue_conversation_stream(
    conversation_id: str, message: str | LLMRequest, *, answer_open_calls: AnswerOpenCalls | None = None
) -> Op[LLMStream]:
    """As :func:`continue_conversation`, with the answer in pieces.

    The turn is stored when the answer is whole, before ``StreamFinished`` is told; where that fails, the stream ends in
    ``StreamFailed`` with the answer inside its error. A stream that breaks off or is left stores nothing.
    """
    _check(conversation_id, message, answer_open_calls)

    async def continuing(context: Context) -> Outcome[LLMStream, LLMError]:
        read = await begun(conversation_id, message, answer_open_calls, context)
        if isinstance(read, Failure):
            return read
        turn = read.unwrap()
        keeping = _Keeping(turn, context)
        op = streamed(turn.request, lambda source: _Storing(source, keeping))
        try:
            opened = await run(keeping.tab.bounding(op), context)
        except BaseException:
            await keeping.aclose()
            raise
        if isinstance(opened, Failure):
            await keeping.aclose()
        return opened

    return observed(_CONTINUING)(effect(continuing))


def fork_conversation(conversation_id: str, version: int | None = None, *, new_id: str | None = None) -> Op[str]:
    """Begin another conversation with the first *version* turns of this one, None for all; gives its id.

    Both go on by themselves. What the copied turns have used was paid for by the first: the fork's totals, and its
    budget, begin anew. A version it does not have is ``InvalidRequest``.
    """
    if version is not None:
        check_count(version, "fork_conversation takes a version of 1 or more", 'fork_conversation("id", version=2)')

    async def forking(context: Context) -> Outcome[str, LLMError]:
        if new_id == "":
            return Failure(InvalidRequest((_NAMELESS,)))
        if new_id == conversation_id:
            return Failure(ConversationConflict(conversation_id, "a fork needs an id of its own"))
        context = context.strand("fork_conversation")
        loaded = await context.conversations.load(conversation_id)
        if isinstance(loaded, Failure):
            return loaded
        turns = loaded.unwrap()
        kept = len(turns) if version is None else version
        if not 1 <= kept <= len(turns):
            said = f"is {kept}: the conversation has the versions 1 to {len(turns)}"
            return Failure(InvalidRequest((Problem("version", said),)))
        id_ = random_id(context) if new_id is None else new_id
        copies = tuple(replace(turn, usage=None, lost_usd=0.0) for turn in turns[:kept])
        added = await context.conversations.append(id_, 0, copies)
        return added if isinstance(added, Failure) else Success(id_)

    return effect(forking)


def get_conversation(conversation_id: str) -> Op[ConversationContext]:
    """The whole conversation, as it is stored."""

    async def getting(context: Context) -> Outcome[ConversationContext, LLMError]:
        loaded = await context.conversations.load(conversation_id)
        return loaded if isinstance(loaded, Failure) else Success(conversation_of(conversation_id, loaded.unwrap()))

    return effect(getting)


def list_conversations(
    after: ConversationSummary | None = None, *, limit: int = 100
) -> Op[tuple[ConversationSummary, ...]]:
    """At most *limit* conversations, the last continued first; the next ones come *after* the last of these.

    One that is continued meanwhile moves to the front, and every other one is seen.
    """
    takes = f"list_conversations takes a limit from 1 to {MAX_PAGE}"
    check_count(limit, takes, "list_conversations(limit=100)", most=MAX_PAGE)

    async def listing(context: Context) -> Outcome[tuple[ConversationSummary, ...], LLMError]:
        return await context.conversations.page(after, limit)

    return effect(listing)


def delete_conversation(conversation_id: str) -> Op[None]:
    """Forget it, for good."""

    async def deleting(context: Context) -> Outcome[None, LLMError]:
        return await context.conversations.remove(conversation_id)

    return effect(deleting)


@final
class _Keeping:
    """One turn on its way into the store: the turn with its answer, or, where it fails, what it has cost."""

    __slots__ = ("_context", "_is_over", "_turn", "tab")

    def __init__(self, turn: Continuing, context: Context) -> None:
        self._turn = turn
        self._context = context
        self._is_over = False
        self.tab = Tab(turn.conversation)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    async def store(self, response: LLMResponse) -> Outcome[None, LLMError]:
        """Store the turn. It is paid for: who calls it off now would pay for nothing, so that has to wait."""
        done: list[Outcome[None, LLMError]] = []
        with anyio.CancelScope(shield=True):
            lost_usd = await self.tab.lost_usd(response.usage)
            done.append(await stored(self._turn, response, self._context, lost_usd))
        self._is_over = isinstance(done[0], Success)
        return done[0]

    async def aclose(self) -> None:
        """Nothing more comes: note what was spent if the turn was not stored."""
        if self._is_over:
            return
        self._is_over = True
        with anyio.CancelScope(shield=True):
            await lost(self._turn, await self.tab.lost_usd(), self._context)


@final
class _Storing:
    """What *source* gives, where the whole answer is only given once it is stored."""

    __slots__ = ("_keeping", "_source")

    def __init__(self, source: Source, keeping: _Keeping) -> None:
        self._source = source
        self._keeping = keeping

    @property
    def model(self) -> str:
        """Who is answering."""
        return self._source.model

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._source.text

    async def pull(self) -> Outcome[Pieces | LLMResponse, LLMError]:
        """The next pieces; before the last of all, the turn is stored."""
        got = await self._source.pull()
        if isinstance(got, Success) and isinstance(response := got.unwrap(), LLMResponse):
            kept = await self._keeping.store(response)
            got = kept if isinstance(kept, Failure) else got
        if isinstance(got, Failure):
            await self._keeping.aclose()
        return got

    async def aclose(self) -> None:
        """Let go of it."""
        await self._source.aclose()
        await self._keeping.aclose()
