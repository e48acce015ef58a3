"""What the code does about each status and each error, as tables: asked of the functions that decide, and of no list.

The readers of whole answers say which error a status is, and ``domain.verdicts`` what that error allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from itertools import groupby
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from llm_manager import AuthenticationFailed, LLMError, MalformedResponse, Problem
from llm_manager.adapters.bodies import read_whole
from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.http.driver import HttpAnswer
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import Again, NextModel, again, counts_against_breaker, next_model

DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai": openai.DIALECT,
    "anthropic": anthropic.DIALECT,
    "gemini": gemini.DIALECT,
    "ollama": ollama.DIALECT,
}

AGAIN: Final[Mapping[Again, str]] = {
    "yes": "y",
    "once": "once",
    "other_key": "other key",
    "if_ambiguous_allowed": "A",
    "no": "n",
}
NEXT_MODEL: Final[Mapping[NextModel, str]] = {
    "yes": "y",
    "larger_window": "a larger window",
    "if_ambiguous_allowed": "A",
    "if_filtered_allowed": "opt-in",
    "no": "n",
}

_SAMPLES: Final[Mapping[str, object]] = {
    "model": "gpt",
    "problems": (Problem("prompt", "is empty"),),
    "timeout_s": 20.0,
    "status_code": 500,
    "token_count": 200_000,
    "max_tokens": 128_000,
    "reason": "empty",
    "partial": "It sca",
    "response": "It scatters.",
    "capability": "vision",
    "failures": (),
    "limit_usd": 5.0,
    "spent_usd": 4.9,
    "conversation_id": "c1",
    "store": "redis",
    "kind": "text",
}
"""What the fields of a sample hold, of those that want something."""

_BY_WORDS: Final = ("capability", "kind")
"""Literals that say what was wrong and decide nothing: they are not told apart."""


def letters(error: LLMError) -> tuple[str, str, str]:
    """R, F and B of *error*."""
    return AGAIN[again(error)], NEXT_MODEL[next_model(error)], "y" if counts_against_breaker(error) else "n"


def status_table() -> str:
    """A line for each run of statuses that are alike, of an answer whose body says nothing more."""
    told = [(status, found) for status in range(200, 600) if not 300 <= status < 400 for found in [_line(status)]]
    lines: list[tuple[str, ...]] = []
    for key, run in groupby(told, lambda each: each[1]):
        statuses = [status for status, _ in run]
        span = f"{statuses[0]}" if len(statuses) == 1 else f"{statuses[0]} to {statuses[-1]}"
        lines.append((span, *key))
    return _table(("status", "comes back as", "R", "F", "B"), lines)


def _line(status: int) -> tuple[str, ...]:
    """What *status* is on every wire; where wires differ, what it is on each."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, dialect in DIALECTS.items():
        error = read_whole(dialect, HttpAnswer(status=status, headers={}, body=b"{}"), _target(name)).failure()
        found.setdefault((f"`{_name(error)}`", *letters(error)), []).append(name)
    if len(found) == 1:
        return next(iter(found))
    parts = [(f"{line[0]} ({', '.join(names)})", *line[1:]) for line, names in found.items()]
    return tuple("; ".join(dict.fromkeys(column)) for column in zip(*parts, strict=True))


def _target(name: str) -> Target:
    facts = ModelFacts(name="gpt", provider=name)
    return Target(model="gpt", provider=PROVIDERS[name], facts=facts, service=name, base_url="", key="k")


def _name(error: LLMError) -> str:
    match error:
        case AuthenticationFailed(forbidden=True):
            return f"{error.tag}(forbidden)"
        case MalformedResponse(reason=reason):
            return f"{error.tag}({reason})"
        case _:
            return error.tag


def error_table() -> str:
    """A line for each error, or for each kind of it that allows something else."""
    return _table(("error", "R", "F", "B"), [line for kind in get_args(LLMError) for line in _lines(kind)])


def _lines(kind: type[Any]) -> Iterator[tuple[str, ...]]:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for word, error in variants(kind):
        groups.setdefault(letters(error), []).append(word)
    for found, words in groups.items():
        which = "" if len(groups) == 1 else f": {', '.join(words)}"
        yield (f"`{kind.__name__}`{which}", *found)


def variants(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Every sort of *kind* that something could be decided by, in words: each of its literals and of its flags."""
    hints = get_type_hints(kind)
    wanted = {each.name: _SAMPLES[each.name] for each in fields(kind) if each.default is MISSING}
    base = kind(**wanted)
    told = [each for each in fields(kind) if each.init and each.name not in ("tag", *_BY_WORDS)]
    literals = [each.name for each in told if get_origin(hints[each.name]) is Literal]
    flags = [each.name for each in told if hints[each.name] is bool]
    for name in literals:
        yield from ((str(value), replace(base, **{name: value})) for value in get_args(hints[name]))
    if "status_code" in wanted:
        yield from ((str(status), replace(base, status_code=status)) for status in (400, 429, 498, 500, 502, 503, 529))
    elif not literals:
        yield "else", base
    yield from ((name, replace(base, **{name: True})) for name in flags)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))
