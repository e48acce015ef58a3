"""How conversations look: a list of them, one that is read again, what they took, and one as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from llm_manager import (
    ConversationContext,
    ConversationSummary,
    ConversationUsage,
    LLMResponse,
    StoredMessage,
    TextPart,
    UnknownCost,
    Usage,
    to_json,
)
from llm_manager.cli.chat.seat import TITLE
from llm_manager.cli.show import dollars, local_time, number, table
from llm_manager.domain.status import ModelMetrics

_HEX_ID: Final = 32


def list_text(found: Sequence[ConversationSummary]) -> str:
    """One line for each of *found*."""
    rows = [
        (
            short_id(each.id),
            local_time(each.updated_at),
            each.model or "-",
            str(each.version),
            _money(each.usage),
            title_of(each.metadata),
        )
        for each in found
    ]
    return table(("ID", "CONTINUED", "MODEL", "VERSION", "COST", "TITLE"), rows)


def title_of(metadata: Mapping[str, object]) -> str:
    """How a conversation began, on one line; nothing for those of other programs."""
    title: object = metadata.get(TITLE, "")
    return " ".join(title.split()) if isinstance(title, str) else ""


def short_id(id_: str) -> str:
    """As much of an id as a person wants to type: the beginning of a random one, and the whole of a name.

    >>> short_id("0123456789abcdef0123456789abcdef"), short_id("holiday")
    ('01234567', 'holiday')
    """
    is_random = len(id_) == _HEX_ID and all(char in "0123456789abcdef" for char in id_)
    return id_[:8] if is_random else id_


def cost_text(last: LLMResponse | None, whole: ConversationUsage | None, sitting: ModelMetrics) -> str:
    """What was used, as a table: by the last answer, the conversation, and all that was asked since the chat began,
    which counts answers that were stopped or lost too."""
    rows = (
        *(() if last is None else (("this turn", *_used(last.usage)),)),
        *(() if whole is None else (("this conversation", *_used_by(whole)),)),
        ("since you came", *_sitting(sitting)),
    )
    return table(("", "PROMPT", "ANSWER", "COST"), rows)


def _used(usage: Usage) -> tuple[str, str, str]:
    cost = None if isinstance(usage.cost, UnknownCost) else usage.cost.usd
    return number(usage.prompt_tokens), number(usage.completion_tokens), dollars(cost)


def _used_by(usage: ConversationUsage) -> tuple[str, str, str]:
    return number(usage.prompt_tokens), number(usage.completion_tokens), _money(usage)


def _sitting(counted: ModelMetrics) -> tuple[str, str, str]:
    known = 0.0 if isinstance(counted.cost, UnknownCost) else counted.cost.usd
    return number(counted.prompt_tokens), number(counted.completion_tokens), _with_unknown(known, counted.unpriced)


def _money(usage: ConversationUsage) -> str:
    return _with_unknown(usage.cost_usd, usage.unpriced_turns)


def _with_unknown(usd: float, unpriced: int) -> str:
    """What is known, and that there is more.

    >>> _with_unknown(0.5, 2), _with_unknown(0.0, 1)
    ('$0.5000 and 2 of unknown price', '?')
    """
    if not unpriced:
        return dollars(usd)
    return f"{dollars(usd)} and {unpriced} of unknown price" if usd else "?"


def as_json(conversation: ConversationContext) -> str:
    """All of it, in one JSON document."""
    return to_json(conversation) + "\n"


def as_markdown(conversation: ConversationContext) -> str:
    """What was said, for people; an answer's model is not in it, for a message does not know it."""
    title = title_of(conversation.metadata) or conversation.id
    return "\n\n".join((f"# {title}", *map(_section, conversation.messages))) + "\n"


def _section(message: StoredMessage) -> str:
    said = "\n\n".join(_parts(message))
    return f"## {message.role}, {local_time(message.timestamp)}\n\n{said}".rstrip()


def _parts(message: StoredMessage) -> Iterator[str]:
    if isinstance(message.content, str):
        if message.content:
            yield message.content
    else:
        for part in message.content:
            yield part.text if isinstance(part, TextPart) else f"(an image{f': {part.url}' if part.url else ''})"
    for call in message.tool_calls:
        yield f"calls `{call.name}` with `{call.arguments}`"


def last_exchange(conversation: ConversationContext) -> str:
    """What was said last, by either side."""
    spoken = [each for each in conversation.messages if each.role != "system"][-2:]
    return "\n".join(f"{each.role}: {' '.join(_parts(each))}" for each in spoken)


WRITERS: Final[Mapping[str, Callable[[ConversationContext], str]]] = {".md": as_markdown, ".json": as_json}
"""A form for each ending of a file's name."""
