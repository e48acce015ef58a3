"""Conversations as values: turns that are only ever added, and what they add up to.

The rule of this room: a store keeps turns, and everything else is a fold over them; nothing that was said is changed or
left out, whatever of it a model is shown later. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from llm_manager.domain.request import ImagePart, JsonObject, Message, Role, TextPart, ToolCall
from llm_manager.domain.response import UnknownCost, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """One message as it was said at *timestamp*, in Unix seconds; *version* is that of the turn it belongs to."""

    role: Role
    content: str | tuple[TextPart | ImagePart, ...] = ""
    timestamp: float
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    version: int = 0


_SAID = tuple(each.name for each in fields(Message))


def message_of(stored: StoredMessage) -> Message:
    """*stored* as a request has it: without when it was said, and in which turn."""
    return Message(**{name: getattr(stored, name) for name in _SAID})


def stored_message(message: Message, timestamp: float) -> StoredMessage:
    """*message*, said at *timestamp*, in Unix seconds."""
    return StoredMessage(timestamp=timestamp, **{name: getattr(message, name) for name in _SAID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is settled when a conversation begins: data of its owner's, and what all of it may cost, None for no
    limit."""

    metadata: JsonObject = field(default_factory=dict[str, Any])
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is added to a conversation in one piece: what was asked and what was answered, at *at* in Unix seconds.

    *id* tells it from every other turn, so that one that is sent twice is stored once. *model* and *usage* are of the
    answer, None where no model was asked; the first turn of a conversation has an *opening*. *follows* is the id of the
    turn that it was said after, None where any may be before it: under one id there may be another conversation by now,
    of as many turns. *lost_usd* is what was spent on it beside its answer, where the conversation has a budget: a turn
    that failed at a price is one without messages.
    """

    id: str
    at: float
    messages: tuple[StoredMessage, ...] = ()
    model: str | None = None
    usage: Usage | None = None
    opening: Opening | None = None
    follows: str | None = None
    lost_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationUsage:
    """What the answers of a conversation have used. *cost_usd* is what is known of it; *unpriced_turns* counts the
    answers whose cost is not. *lost_usd* is what was spent beside them, where there is a budget that counts it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    unpriced_turns: int = 0
    lost_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """A conversation without what was said in it: the line of a list. *model* gave the last answer."""

    id: str
    version: int
    message_count: int
    model: str | None
    metadata: JsonObject
    created_at: float
    updated_at: float
    usage: ConversationUsage
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationContext:
    """A whole conversation. *version* is the number of its turns; a turn is added to the version that was read.

    *created_at* and *updated_at* are Unix seconds; *budget_usd* is what all of it may cost, None for no limit.
    """

    id: str
    messages: tuple[StoredMessage, ...] = ()
    metadata: JsonObject = field(default_factory=dict[str, Any])
    created_at: float
    updated_at: float
    version: int
    usage: ConversationUsage = field(default_factory=ConversationUsage)
    budget_usd: float | None = None
    model: str | None = None


def advanced(before: ConversationSummary | None, conversation_id: str, turns: Sequence[Turn]) -> ConversationSummary:
    """The summary once *turns* are added; there is none *before* the first.

    >>> advanced(None, "a", [Turn(id="1", at=5.0), Turn(id="2", at=7.0, model="gpt", usage=Usage())]).usage
    ConversationUsage(prompt_tokens=0, completion_tokens=0, cost_usd=0.0, unpriced_turns=1, lost_usd=0.0)
    """
    if not turns:
        if before is not None:
            return before
        msg = "a conversation has at least one turn"
        raise ValueError(msg)
    begun = _begun(conversation_id, turns[0]) if before is None else before
    return replace(
        begun,
        version=begun.version + len(turns),
        message_count=begun.message_count + sum(len(turn.messages) for turn in turns),
        model=next((turn.model for turn in reversed(turns) if turn.model), begun.model),
        updated_at=turns[-1].at,
        usage=_added(begun.usage, turns),
    )


def _begun(conversation_id: str, first: Turn) -> ConversationSummary:
    opening = first.opening or Opening()
    return ConversationSummary(
        id=conversation_id,
        version=0,
        message_count=0,
        model=None,
        metadata=opening.metadata,
        created_at=first.at,
        updated_at=first.at,
        usage=ConversationUsage(),
        budget_usd=opening.budget_usd,
    )


def _added(total: ConversationUsage, turns: Sequence[Turn]) -> ConversationUsage:
    used = [turn.usage for turn in turns if turn.usage is not None]
    cost_usd, unpriced, lost_usd = total.cost_usd, total.unpriced_turns, total.lost_usd
    for usage in used:  # in their order, whoever adds them in however many steps: floats remember it
        if isinstance(usage.cost, UnknownCost):
            unpriced += 1
        else:
            cost_usd += usage.cost.usd
    for turn in turns:
        lost_usd += turn.lost_usd
    return ConversationUsage(
        prompt_tokens=total.prompt_tokens + sum(usage.prompt_tokens or 0 for usage in used),
        completion_tokens=total.completion_tokens + sum(usage.completion_tokens or 0 for usage in used),
        cost_usd=cost_usd,
        unpriced_turns=unpriced,
        lost_usd=lost_usd,
    )


def conversation_of(conversation_id: str, turns: Sequence[Turn]) -> ConversationContext:
    """What *turns*, all of a conversation in order, add up to."""
    summary = advanced(None, conversation_id, turns)
    return ConversationContext(
        id=conversation_id,
        messages=tuple(
            replace(message, version=version) for version, turn in enumerate(turns, 1) for message in turn.messages
        ),
        metadata=summary.metadata,
        created_at=summary.created_at,
        updated_at=summary.updated_at,
        version=summary.version,
        usage=summary.usage,
        budget_usd=summary.budget_usd,
        model=summary.model,
    )
