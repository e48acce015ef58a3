"""An error under status 200, whole or in the middle of a stream, whichever envelope it came in.

Each is put into the one envelope that the reader of every wire knows: ``{"error": {"message", "type", "code", ...}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from llm_manager.adapters.dialects.dialect import ErrorEvent
from llm_manager.adapters.dialects.json_values import Json, as_list, as_object, parse_json

_WORDS: Final = ("message", "detail", "details", "error_message", "msg", "error", "title", "reason")
"""Where the words of an error stand, the most telling first."""

_TYPES: Final = ("type", "error_type", "object")
_MARKS: Final = ("code", "status", "status_code", "error_code", "errors", "success")
_CODES: Final = ("code", "status_code", "error_code")
_STATUS_DIGITS: Final = 3
_ANSWERS: Final = ("choices", "candidates", "content", "usage", "usageMetadata", "done", "delta", "model_version")
"""What only an answer has."""


def error_in(answer: Json) -> Json | None:
    """The error that *answer* is, or that it tells; None of one that tells none.

    >>> error_in({"object": "error", "message": "busy", "code": "429"})
    {'error': {'object': 'error', 'message': 'busy', 'code': 429}}
    >>> error_in({"choices": None, "error": {"message": "no", "code": 402}})
    {'error': {'message': 'no', 'code': 402}}
    >>> error_in({"choices": [], "error": {"message": None, "code": None}}) is None
    True
    """
    error = answer.get("error")
    if _says_something(error):
        return _enclosed(error, answer)
    groq = as_object(answer.get("x_groq")).get("error")
    if _says_something(groq):
        return _enclosed(groq, {})
    if answer.get("object") == "error" or answer.get("type") == "error" or "error_type" in answer:
        return {"error": _fields(answer)}
    if _is_bare(answer):
        return {"error": _fields(answer)}
    return None


def error_at_choice(choice: Json) -> Json | None:
    """The error that stands beside the text of a choice (OpenRouter, "Errors", and gateways that do as it does)."""
    error = choice.get("error")
    return _enclosed(error, {}) if _says_something(error) else None


def error_of_event(frame: ErrorEvent) -> Json:
    """The error that an event named ``error`` is, whatever its data are."""
    try:
        value = parse_json(frame)
    except ValueError:
        value = frame.decode(errors="replace")
    fields = as_object(value)
    return error_in(fields) or {"error": _fields(fields or {"message": str(value)})}


def status_in(error: Json) -> int | None:
    """The status of HTTP that the code of *error* is, None for another one."""
    code = error.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else None


def named(word: str) -> Json:
    """The error whose type is *word*."""
    return {"error": {"type": word, "message": f"the answer ended with {word}"}}


def _says_something(error: object) -> bool:
    """A server that fills in every field says of no error that it is null, empty, or false."""
    if isinstance(error, Mapping):
        return any(map(_says_something, cast("Mapping[str, object]", error).values()))
    return bool(error) if not isinstance(error, list) else any(map(_says_something, cast("list[object]", error)))


def _is_bare(answer: Json) -> bool:
    """Words beside a code, and nothing of an answer: or the ``detail`` of FastAPI alone."""
    if any(name in answer for name in _ANSWERS):
        return False
    if _says_something(answer.get("detail")) or _says_something(answer.get("errors")):
        return True
    return isinstance(answer.get("message"), str) and any(name in answer for name in _MARKS)


def _enclosed(error: object, beside: Json) -> Json:
    if isinstance(error, dict):
        return {"error": _fields(cast("Json", error))}
    listed = as_list(error)
    if len(listed) == 1:
        return _enclosed(listed[0], beside)
    words = error if isinstance(error, str) else str(beside.get("message") or listed or error)
    told = {name: beside[name] for name in ("error_type", "type", "code", "status_code", "status") if beside.get(name)}
    return {"error": _fields({"message": words, **told})}


def _fields(error: Json) -> dict[str, Any]:
    """*error* with its words as ``message``, its kind as ``type``, and as ``code`` a status that is told as text."""
    found = {
        "message": next((words for name in _WORDS if (words := _words(error.get(name)))), None),
        "type": next((kind for name in _TYPES if isinstance(kind := error.get(name), str) and kind != "error"), None),
        "code": next((code for name in _CODES if (code := _code(error.get(name))) is not None), None),
    }
    return {**error, **{name: value for name, value in found.items() if value is not None}}


def _code(value: object) -> str | int | None:
    """A code, as the number that it is if it has the form of a status."""
    if isinstance(value, str):
        return int(value) if len(value) == _STATUS_DIGITS and value.isascii() and value.isdigit() else value or None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _words(value: object) -> str:
    """The words in *value*, which FastAPI lists and others nest."""
    if isinstance(value, str):
        return value
    if listed := as_list(value):
        return "; ".join(found for each in listed[:3] if (found := _words(each)))
    fields = as_object(value)
    if not fields:
        return ""
    return next((found for name in ("message", "msg", "detail") if (found := _words(fields.get(name)))), "")
