"""What the body of an error says, in whichever envelope: the words, the codes, and what stands beside them.

Vendors wrap an error as ``{"error": {...}}``, servers as a text, as ``detail``, as a list of one, or put an object
where a message is expected. No word of the other side is lost: what has no text of its own is kept as the JSON it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text, parse_json
from llm_manager.adapters.dialects.statuses import MESSAGE_LENGTH

READ_LENGTH: Final = 4_000
"""How much of a message is read: gateways put their own words, and those of other gateways, in front of a vendor's."""

_NAMES: Final = ("message", "msg", "detail", "details", "error", "error_message", "errors", "description", "title")
_CODES: Final = ("code", "type", "status", "error_type", "error_code")
_DEPTH: Final = 4
_ITEMS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorWords:
    """One error. *message* is for people; *text* is more of the same, for reading. *codes* are the names that it gives
    itself, the most telling first, *status* the one it tells in its body, and *error* the object it is."""

    message: str
    text: str
    codes: tuple[str, ...] = ()
    status: int | None = None
    param: str = ""
    error: Json

    @property
    def code(self) -> str:
        """The most telling of its codes, empty where it has none."""
        return self.codes[0] if self.codes else ""


def words_of(body: bytes) -> ErrorWords:
    """What the *body* of an answer with an error status says; as it stands if it is no JSON.

    >>> words_of(b'{"detail": [{"loc": ["body", "stop"], "msg": "Field required"}]}').message
    'body.stop: Field required'
    >>> words_of(b'[{"error": {"code": 400, "message": "No such field", "status": "INVALID_ARGUMENT"}}]').codes
    ('INVALID_ARGUMENT',)
    """
    as_it_stands = body[:READ_LENGTH].decode(errors="replace")
    try:
        value: object = parse_json(body)
    except ValueError:
        value = None
    listed = as_list(value)
    answer = listed[0] if listed else value
    return words_in(as_object(answer) or {"message": as_text(answer) or as_it_stands}, as_it_stands)


def words_in(answer: Json, as_it_stands: str = "") -> ErrorWords:
    """What the error in *answer* says; *as_it_stands* where it has no words."""
    error = _error_in(answer)
    text = _text(error) or _text(answer) or as_it_stands
    raw = as_text(as_object(error.get("metadata")).get("raw"))  # OpenRouter: what the vendor behind it said
    made = error.get("failed_generation")
    beside = [f": {part}" for part in (raw, as_text(made) or _json(made)) if part and part not in text]
    text = "".join((text, *beside))[:READ_LENGTH]
    codes = tuple(dict.fromkeys(_codes(error, answer)))
    return ErrorWords(
        message=text[:MESSAGE_LENGTH],
        text=text,
        codes=tuple(code for code in codes if not code.isdigit()),
        status=_status(error),
        param=as_text(error.get("param")) or "",
        error=error,
    )


def _error_in(answer: Json) -> Json:
    """The object that is the error: the innermost that is called so."""
    error = answer
    for _ in range(_DEPTH):
        inner = next((found for name in ("error", "detail", "message") if (found := as_object(error.get(name)))), None)
        if inner is None:
            listed = as_list(error.get("errors"))
            inner = as_object(listed[0]) if listed and "message" not in error else None
        if not inner:
            return error
        # What stands beside it belongs to it: a type, a code.
        error = {**{name: error[name] for name in _CODES if name in error}, **inner}
    return error


def _codes(error: Json, answer: Json) -> Iterator[str]:
    inner = as_object(error.get("innererror"))  # Azure's
    for fields in (error, inner, answer):
        yield from (text for name in _CODES if (text := as_text(fields.get(name))))
        if isinstance(number := fields.get("code"), int) and not isinstance(number, bool):
            yield str(number)


def _status(error: Json) -> int | None:
    """A status that the error tells as a number, or as the text of one."""
    for name in ("code", "status", "status_code", "statusCode"):
        value = error.get(name)
        number = int(value) if isinstance(value, str) and value.isdigit() and len(value) == 3 else as_count(value)
        if number is not None and 400 <= number < 600:
            return number
    return None


def _text(value: object, depth: int = 0) -> str:
    """The words in *value*, wherever they are."""
    if isinstance(value, str):
        return _unwrapped(value, depth)
    if depth >= _DEPTH:
        return _json(value)
    listed = as_list(value)
    if listed:
        return "; ".join(filter(None, (_text(each, depth + 1) for each in listed[:_ITEMS])))
    fields = as_object(value)
    named = (text for name in _NAMES if (text := _text(fields.get(name), depth + 1)))
    said = next(named, "")
    place = ".".join(str(step) for step in as_list(fields.get("loc"))[:_ITEMS])
    return f"{place}: {said}" if place and said else said or (_json(value) if depth and fields else "")


def _unwrapped(text: str, depth: int) -> str:
    """*text*, or the words inside where it is the JSON of an error of somebody behind."""
    if depth >= _DEPTH or not text.startswith(("{", "[")):
        return text
    try:
        return _text(parse_json(text.encode(errors="replace")), depth + 1) or text
    except ValueError:
        return text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:READ_LENGTH] if isinstance(value, dict | list) else ""
