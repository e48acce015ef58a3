"""Secrets in diagnostics: what is said of a failure, or written to a log, a span or a recording, shows no key.

The rule of this room: an answer is handed over as it came, whatever it holds, and is read alike whatever the key is.
Masked is what is said about it, after it has been decoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar, final

from returns.result import Failure

from llm_manager.domain.errors import ConfigurationError, InvalidRequest, LLMError, SchemaMismatch
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.secret import Secret

A = TypeVar("A")

ANYWHERE = 8
"""From this length on a key is masked wherever it stands. A shorter one (``test``, ``EMPTY``, ``x``: what servers that
check nothing are given) is masked where it stands as a word: inside other words it is not the key."""

SHOWN_START = 3
"""How much of the beginning of a key may stand at the end of a message that was cut off."""


@final
class Mask:
    """Hides *secrets* in text. It holds them closed, so that a traceback with locals does not show them."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[Secret]) -> None:
        by_length = sorted(dict.fromkeys(secrets), key=lambda secret: -len(secret.reveal()))
        self._secrets = tuple(secret for secret in by_length if secret.reveal().strip())

    def hiding(self, secrets: Iterable[Secret]) -> Mask:
        """One that hides *secrets*, too."""
        more = tuple(secret for secret in secrets if secret not in self._secrets)
        return Mask((*self._secrets, *more)) if more else self

    def text(self, text: str) -> str:
        """*text* with the hint of each secret in its place."""
        for secret in self._secrets:
            text = _without(text, secret)
        return text

    def error(self, error: LLMError) -> LLMError:
        """*error* with what it says masked; text of an answer that it carries stays as it came."""
        match error:
            case InvalidRequest() | ConfigurationError() | SchemaMismatch():
                problems = tuple(self._problem(each) for each in error.problems)
                return replace(error, message=self.text(error.message), problems=problems)
            case _:
                said = self.text(error.message)
                return error if said == error.message else replace(error, message=said)

    def outcome(self, outcome: Outcome[A, LLMError]) -> Outcome[A, LLMError]:
        """*outcome* as it is, or the failure with what it says masked."""
        return Failure(self.error(outcome.failure())) if isinstance(outcome, Failure) else outcome

    def _problem(self, problem: Problem) -> Problem:
        return replace(problem, path=self.text(problem.path), message=self.text(problem.message))


def _without(text: str, secret: Secret) -> str:
    if len(secret.reveal()) >= ANYWHERE:
        for form in _written(secret):
            text = _without_start(text.replace(form.reveal(), repr(secret)), form)
        return text
    if secret.reveal() not in text:
        return text
    return re.sub(rf"(?<![\w-]){re.escape(secret.reveal())}(?![\w-])", lambda _: repr(secret), text)


def _written(secret: Secret) -> tuple[Secret, ...]:
    """*secret* as it may stand in a text: as it is, and as JSON writes it, with and without escaped slashes."""
    escaped = Secret(json.dumps(secret.reveal())[1:-1])
    return tuple(dict.fromkeys((secret, escaped, Secret(escaped.reveal().replace("/", "\\/")))))


def _without_start(text: str, secret: Secret) -> str:
    """*text*, which may have been cut off inside the secret, without the beginning of it that is left."""
    for length in range(min(len(secret.reveal()), len(text)), SHOWN_START, -1):
        if text.endswith(secret.reveal()[:length]):
            return f"{text[:-length]}{secret!r}"
    return text
