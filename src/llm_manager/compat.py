"""Requests in the words of others, for programs that move over piece by piece.

    asked = request_from_openai(body)                 # a Result[LLMRequest, InvalidRequest]

The body of a chat completion is a lingua franca: clients, proxies, logs and files of batches are written in it. The
rule of this room: a translation is pure and total, and drops nothing in silence. What cannot be carried over is a
problem, at the path that it has in the original; what says only what is so anyway is taken. To add somebody else's
words, write one function from them to the fields that ``parse_request`` reads, and the names of its paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, TypeGuard, cast

from returns.result import Failure, Success

from llm_manager.domain.codec import parse_request
from llm_manager.domain.errors import InvalidRequest
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest

__all__ = ["request_from_openai"]

_Fields: TypeAlias = Mapping[str, object]

_WISHES: Final = ("model", "temperature", "top_p", "seed", "stop", "max_tokens", "max_completion_tokens")
_TAKEN: Final = (*_WISHES, "messages", "tools", "tool_choice", "response_format", "stream", "stream_options")
_DEFAULTS: Final[_Fields] = {
    "n": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logprobs": False,
    "store": False,
    "parallel_tool_calls": True,
    "service_tier": "auto",
    "strict": False,
    "detail": "auto",
}
"""What OpenAI does when it is told nothing (API reference, "Create chat completion", 2026-11-21): to say it is to say
nothing."""


def request_from_openai(body: Mapping[str, object]) -> Outcome[LLMRequest, InvalidRequest]:
    """The request that *body*, the JSON of a chat completion or the arguments of ``chat.completions.create``, makes.

    Every problem is named at once, with its path in *body*: what is wrong, and what would change the answer and has no
    field here, such as ``logit_bias``. The role ``developer`` becomes ``system``; ``stream`` only has the answer
    fetched in pieces, for whether you see them is up to ``generate_stream``. As everywhere, ``model`` goes first and
    the chain of the task follows, unless ``preferences.fallback`` is set to ``none``.

    >>> body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}], "temperature": 0}
    >>> request_from_openai(body).unwrap().messages
    (Message(role='user', content='Why?', tool_calls=(), tool_call_id=None),)
    >>> [str(problem) for problem in request_from_openai({**body, "n": 3, "top_p": 7}).failure().problems]
    ['n: is not carried over: leave it out', 'top_p: is 7.0: give a number above 0, at most 1']
    """
    parsed = parse_request(_request(body))
    problems = (*_foreign(body), *(_theirs(each, body) for each in _problems(parsed)))
    return Failure(InvalidRequest(tuple(dict.fromkeys(problems)))) if problems else parsed


def _problems(parsed: Outcome[LLMRequest, InvalidRequest]) -> tuple[Problem, ...]:
    """What is wrong with the request that was made of it, at the most exact places: of a value that may have several
    forms, the reader tells what keeps it from each."""
    told = () if isinstance(parsed, Success) else parsed.failure().problems
    paths = [each.path for each in told]
    return tuple(
        each
        for each in told
        if not each.path.endswith(".tag") and not any(path.startswith(f"{each.path}.") for path in paths)
    )


def _request(body: _Fields) -> _Fields:
    """*body* in the fields of a request; what has not the form it should have is left for ``parse_request`` to see."""
    fields = {
        "messages": _each(body.get("messages"), _message),
        "tools": _each(body.get("tools"), _tool),
        "tool_choice": _choice(body.get("tool_choice")),
        "response_format": _format(body.get("response_format")),
        "streaming": body.get("stream"),
        "preferences": _wishes(body),
    }
    return _said(fields)


def _wishes(body: _Fields) -> _Fields:
    stop, limit = body.get("stop"), body.get("max_completion_tokens")
    own = {name: body.get(name) for name in _WISHES if name != "max_completion_tokens"}
    given = {"stop": [stop] if isinstance(stop, str) else stop, "max_tokens": body.get("max_tokens", limit)}
    return _said({**own, **given, **({} if limit is None else {"max_tokens": limit})})


def _message(fields: _Fields) -> _Fields:
    role = fields.get("role")
    return _said(
        {
            "role": "system" if role == "developer" else role,
            "content": _each(fields.get("content"), _part),
            "tool_calls": _each(fields.get("tool_calls"), _call),
            "tool_call_id": fields.get("tool_call_id"),
        }
    )


def _part(fields: _Fields) -> _Fields:
    if fields.get("type") == "image_url":
        return {"tag": "ImagePart", "url": _inner(fields, "image_url").get("url", fields.get("image_url"))}
    return {"tag": "TextPart", "text": fields.get("text", "" if fields.get("type") != "text" else None)}


def _call(fields: _Fields) -> _Fields:
    return _said({"id": fields.get("id"), **_named(_inner(fields, "function"), "name", "arguments")})


def _tool(fields: _Fields) -> _Fields:
    return _said(_named(_inner(fields, "function"), "name", "description", "parameters"))


def _choice(value: object) -> object:
    return _named(_inner(_fields(value), "function"), "name") if _is_record(value) else value


def _format(value: object) -> object:
    fields = _fields(value)
    match fields.get("type"):
        case "text":
            return None
        case "json_object":
            return {"tag": "JsonMode"}
        case "json_schema":
            inner = _inner(fields, "json_schema")
            return {"tag": "JsonSchema", "strict": inner.get("strict") or False, **_named(inner, "name", "schema")}
        case _:
            return value


def _foreign(body: _Fields) -> Iterator[Problem]:
    """What *body* says and no request can: each name that is not read above."""
    yield from _others("", body, _TAKEN)
    small, large = body.get("max_tokens"), body.get("max_completion_tokens")
    if small is not None and large is not None and small != large:
        yield Problem("max_tokens", f"is {small}, and max_completion_tokens is {large}: give one of them")
    for at, message in _listed("messages", body.get("messages")):
        yield from _others(at, message, ("role", "content", "tool_calls", "tool_call_id"))
        for place, part in _listed(f"{at}.content", message.get("content")):
            yield from _foreign_part(place, part)
        for place, call in _listed(f"{at}.tool_calls", message.get("tool_calls")):
            yield from _function(place, call, ("id",), ("name", "arguments"))
    for at, tool in _listed("tools", body.get("tools")):
        yield from _function(at, tool, (), ("name", "description", "parameters"))
    choice = _fields(body.get("tool_choice"))
    if choice:
        yield from _function("tool_choice", choice, (), ("name",))
    yield from _foreign_format(_fields(body.get("response_format")))


def _foreign_part(at: str, part: _Fields) -> Iterator[Problem]:
    yield from _others(at, part, ("type", "text", "image_url"))
    yield from _others(f"{at}.image_url", _inner(part, "image_url"), ("url",))
    if part.get("type") not in ("text", "image_url"):
        yield Problem(f"{at}.type", f"is {part.get('type')!r}: use text or image_url")


def _function(at: str, fields: _Fields, beside: Sequence[str], known: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with *fields*, which are to say ``{"type": "function", "function": {...}}``."""
    if fields.get("type") != "function":
        yield Problem(f"{at}.type", f"is {fields.get('type')!r}: only functions are carried over")
    yield from _others(at, fields, ("type", "function", *beside))
    yield from _others(f"{at}.function", _inner(fields, "function"), known)


def _foreign_format(fields: _Fields) -> Iterator[Problem]:
    if fields and fields.get("type") not in ("text", "json_object", "json_schema"):
        said = "use text, json_object or json_schema"
        yield Problem("response_format.type", f"is {fields.get('type')!r}: {said}")
    yield from _others("response_format", fields, ("type", "json_schema"))
    inner = _inner(fields, "json_schema")
    yield from _others("response_format.json_schema", inner, ("name", "schema", "strict"))


def _others(at: str, fields: _Fields, known: Sequence[str]) -> Iterator[Problem]:
    for name, value in fields.items():
        says_nothing = value is None or value in ([], {}) or (name in _DEFAULTS and value == _DEFAULTS[name])
        if name not in known and not says_nothing:
            yield Problem(f"{at}.{name}" if at else str(name), "is not carried over: leave it out")


_PATHS: Final = (
    (r"^prompt$", "messages"),
    (r"^preferences\.", ""),
    (r"^streaming$", "stream"),
    (r"^(messages\.\d+\.content\.\d+)\.url", r"\1.image_url.url"),
    (r"^(messages\.\d+\.tool_calls\.\d+|tools\.\d+|tool_choice)\.(?!id)(\w+)", r"\1.function.\2"),
    (r"^response_format\.(schema|name|strict)", r"response_format.json_schema.\1"),
)
"""Where the fields of a request stand in the body of a chat completion."""


def _theirs(problem: Problem, body: _Fields) -> Problem:
    """*problem* with the path that it has in *body*."""
    path = problem.path
    for ours, theirs in _PATHS:
        path = re.sub(ours, theirs, path)
    if path == "max_tokens" and body.get("max_completion_tokens") is not None:
        path = "max_completion_tokens"
    return Problem(path, problem.message, problem.source)


def _each(value: object, change: Callable[[_Fields], _Fields]) -> object:
    """*value* with every record in it changed, if it is a list."""
    if not isinstance(value, list | tuple):
        return value
    return [change(item) if _is_record(item) else item for item in cast("Sequence[object]", value)]


def _listed(at: str, value: object) -> Iterator[tuple[str, _Fields]]:
    """The records in *value*, if it is a list, with their paths."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[object]", value)):
            if _is_record(item):
                yield f"{at}.{index}", item


def _inner(fields: _Fields, name: str) -> _Fields:
    return _fields(fields.get(name))


def _fields(value: object) -> _Fields:
    return value if _is_record(value) else {}


def _is_record(value: object) -> TypeGuard[_Fields]:
    return isinstance(value, Mapping)


def _named(fields: _Fields, *names: str) -> dict[str, object]:
    return _said({name: fields.get(name) for name in names})


def _said(fields: _Fields) -> dict[str, object]:
    """Without what is null, which OpenAI takes for left out."""
    return {name: value for name, value in fields.items() if value is not None}
