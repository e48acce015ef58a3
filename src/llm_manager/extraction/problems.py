"""Problems that a schema has with a value, said so that a person can act on them and a model can mend them.

One line a problem: where, what was found, what is wanted; capped in length and in number, because they are sent back to
the model and every token is paid for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from llm_manager.domain.problem import Problem

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_FOUND_CHARS: Final = 60
_MESSAGE_CHARS: Final = 200
_MOST: Final = 20


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """What *error* complains about, in its order; past twenty only their number is said."""
    details = error.errors(include_url=False, include_context=False)
    shown = tuple(map(_problem, details[:_MOST]))
    more = len(details) - len(shown)
    return (*shown, Problem("", f"and {more} more problems")) if more else shown


def reask(problems: Iterable[Problem]) -> str:
    """The problems as the message that asks the model again, one line each.

    >>> print(reask([Problem("age", "found 'old'; wanted a valid integer")]))
    The JSON does not fit. Send the whole corrected JSON and nothing else. Mend this:
    - age: found 'old'; wanted a valid integer
    """
    lines = "\n".join(f"- {problem}" for problem in problems)
    return f"The JSON does not fit. Send the whole corrected JSON and nothing else. Mend this:\n{lines}"


def _problem(detail: ErrorDetails) -> Problem:
    path = ".".join(map(str, detail["loc"]))
    wanted = _wanted(detail["msg"])
    if detail["type"] == "missing":
        return Problem(path, "is missing; a value is required")
    if detail["type"] == "extra_forbidden":
        return Problem(path, "is not a known field; leave it out")
    return Problem(path, _capped(f"found {shown(detail['input'])}; wanted {wanted}", _MESSAGE_CHARS))


def _wanted(message: str) -> str:
    for opening in ("Input should be ", "Value should be ", "Value error, "):
        if message.startswith(opening):
            return message.removeprefix(opening)
    return message[:1].lower() + message[1:]


def shown(found: Any) -> str:
    """A found value in a few characters, as JSON.

    >>> shown({"a": [1, 2]}), shown("x" * 99)[-5:]
    ('{"a": [1, 2]}', 'xxxx…')
    """
    if isinstance(found, str):
        return json.dumps(found[: _FOUND_CHARS + 1], ensure_ascii=False)[:-1][:_FOUND_CHARS] + (
            '"' if len(found) < _FOUND_CHARS else "…"
        )
    try:
        said = json.dumps(found, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(found).__name__}"
    return _capped(said, _FOUND_CHARS)


def _capped(line: str, most: int) -> str:
    return line if len(line) <= most else line[: most - 1] + "…"
