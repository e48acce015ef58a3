"""Turns as the wires take them that know two roles: neighbours of one role are one."""

from __future__ import annotations

from collections.abc import Iterable

from llm_manager.adapters.dialects.json_values import Json


def merged(turns: Iterable[tuple[str, list[Json]]]) -> list[tuple[str, list[Json]]]:
    """*turns* with the parts of neighbours of one role together; a turn without parts is none.

    >>> merged([("user", [{"text": "a"}]), ("user", [{"text": "b"}]), ("model", [])])
    [('user', [{'text': 'a'}, {'text': 'b'}])]
    """
    found: list[tuple[str, list[Json]]] = []
    for role, parts in turns:
        if found and found[-1][0] == role:
            found[-1][1].extend(parts)
        elif parts:
            found.append((role, list(parts)))
    return found
