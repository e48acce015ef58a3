"""Calls of tools that nobody has answered: vendors refuse what is said after them.

A call is answered by a ``tool`` message before the next one of the user or the assistant. What the system says in
between changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from llm_manager.domain.request import Message, ToolCall

AnswerOpenCalls: TypeAlias = Literal["cancelled"]
"""What becomes of calls that have no result: they are told to have been cancelled."""

CANCELLED: Final = "cancelled"


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call without a result: *path* is its place, and *before* the index of the message that its result is missing
    in front of."""

    call: ToolCall
    path: str
    before: int


def open_calls(messages: Sequence[Message]) -> tuple[OpenCall, ...]:
    """The calls in *messages* that no message answers in time, in their order.

    >>> call = ToolCall(id="a", name="look", arguments="{}")
    >>> [each.path for each in open_calls([Message(role="assistant", tool_calls=(call,)), Message(role="user")])]
    ['messages.0.tool_calls.0']
    """
    if not any(message.tool_calls for message in messages):
        return ()
    return tuple(_open(messages))


def _open(messages: Sequence[Message]) -> Iterator[OpenCall]:
    waiting: list[tuple[ToolCall, str]] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            answered = next((each for each in waiting if each[0].id == message.tool_call_id), None)
            if answered is not None:
                waiting.remove(answered)
        elif message.role != "system":
            yield from (OpenCall(call, path, index) for call, path in waiting)
            calls = message.tool_calls if message.role == "assistant" else ()
            waiting = [(call, f"messages.{index}.tool_calls.{at}") for at, call in enumerate(calls)]
    yield from (OpenCall(call, path, len(messages)) for call, path in waiting)


def cancelled(messages: Sequence[Message], found: Sequence[OpenCall]) -> list[list[Message]]:
    """The results of the calls *found* in *messages*, by the index of the message that they stand in front of."""
    results: list[list[Message]] = [[] for _ in range(len(messages) + 1)]
    for each in found:
        results[each.before].append(Message(role="tool", content=CANCELLED, tool_call_id=each.call.id))
    return results
