"""Ids of tool calls: each names one call in a conversation, whichever model made it, in the form its reader takes.

Some servers give none, Ollama's first call of every answer has the same, and what one vendor gives another refuses:
Claude takes letters, digits, ``_`` and ``-`` (``functions.f:0`` is Kimi's), Mistral nine letters and digits, OpenAI 40
characters. What a model gave is kept in the conversation as long as it names one call; what is sent is mapped, calls
and results alike, each time in the same way, so that vendors' prompt caches still see the same beginning.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from typing import Final

from llm_manager.domain.provider_facts import CallIds
from llm_manager.domain.request import Message, ToolCall

_FORMS: Final = {
    "any": re.compile(r".+", re.DOTALL),
    "short": re.compile(r".{1,40}", re.DOTALL),  # OpenAI: "Expected a string with maximum length 40"
    "words": re.compile(r"[a-zA-Z0-9_-]{1,64}"),  # Anthropic; 64 is the limit of Bedrock
    "nine": re.compile(r"[a-zA-Z0-9]{9}"),  # Mistral
}
"""What an id is refused for where it has another form (errors of the vendors, seen until 2026-12-01)."""

_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_-]")


def unique_id(id_: str, taken: Collection[str]) -> str:
    """*id_*, or one made of it that is not *taken*.

    >>> unique_id("call_0", {"call_0"}), unique_id("", {"a"}), unique_id("a", ())
    ('call_0_2', 'call_1', 'a')
    """
    if id_ and id_ not in taken:
        return id_
    stem, number = (id_, 2) if id_ else ("call", len(taken))
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def ids_of(messages: Sequence[Message]) -> set[str]:
    """The ids of all calls in *messages*."""
    return {call.id for message in messages for call in message.tool_calls}


def with_unique_ids(calls: Sequence[ToolCall], messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    """*calls* that answer *messages*, with ids that are neither empty nor taken."""
    taken, named = ids_of(messages), list[ToolCall]()
    for call in calls:
        id_ = unique_id(call.id, taken)
        taken.add(id_)
        named.append(call if id_ == call.id else replace(call, id=id_))
    return tuple(named)


def with_fitting_ids(messages: Sequence[Message], form: CallIds) -> tuple[Message, ...]:
    """*messages* as they can be sent where ids have *form*: every call has one of its own, and its result the same.

    The results of calls that share an id within one answer are theirs in order.

    >>> asked = Message(role="assistant", tool_calls=(ToolCall(id="functions.f:0", name="f", arguments="{}"),))
    >>> sent = with_fitting_ids([asked, Message(role="tool", tool_call_id="functions.f:0")], "words")
    >>> sent[0].tool_calls[0].id, sent[1].tool_call_id
    ('functions_f_0', 'functions_f_0')
    """
    if not any(message.tool_calls for message in messages):
        return tuple(messages)
    fitting = _Fitting(form)
    return tuple(fitting.message(message) for message in messages)


class _Fitting:
    """The ids that were sent so far, and which of them the next results of each id belong to."""

    __slots__ = ("_form", "_given", "_open", "_times")

    def __init__(self, form: CallIds) -> None:
        self._form = _FORMS[form]
        self._given: set[str] = set()
        self._times: Counter[str] = Counter()
        self._open: dict[str, deque[str]] = {}

    def message(self, message: Message) -> Message:
        if message.tool_calls:
            own: dict[str, deque[str]] = {}
            calls: list[ToolCall] = []
            for call in message.tool_calls:
                id_ = self._fit(call.id)
                own.setdefault(call.id, deque()).append(id_)
                calls.append(call if id_ == call.id else replace(call, id=id_))
            self._open.update(own)
            return replace(message, tool_calls=tuple(calls))
        if message.role != "tool" or message.tool_call_id is None:
            return message
        known = self._open.get(message.tool_call_id)
        if not known:
            return message
        return replace(message, tool_call_id=known.popleft() if len(known) > 1 else known[0])

    def _fit(self, id_: str) -> str:
        """The next id for a call of *id_*: itself where it can be, else what is made of it and how often it came."""
        self._times[id_] += 1
        nth = self._times[id_]
        words = _FOREIGN.sub("_", id_)
        plain = (id_, words) if nth == 1 else ()
        made = (_digest(f"{id_}\0{nth}\0{salt}") for salt in range(_TRIES))
        for candidate in chain(plain, (f"{words or 'call'}_{nth}",), made):
            if candidate not in self._given and self._form.fullmatch(candidate):
                self._given.add(candidate)
                return candidate
        return id_


_TRIES: Final = 8
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _digest(text: str) -> str:
    """Nine letters and digits that stand for *text*: they fit everywhere."""
    number, letters = int.from_bytes(sha256(text.encode()).digest()[:8]), list[str]()
    for _ in range(9):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)
