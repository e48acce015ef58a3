"""What all vendors' answers have in common: what a status means, and bodies that are no JSON."""

from __future__ import annotations

from codecs import getincrementaldecoder

from returns.result import Failure, Success

from llm_manager.adapters.dialects.json_values import Json, as_object, parse_json
from llm_manager.domain.errors import (
    AuthenticationFailed,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    ModelUnavailable,
    QuotaExhausted,
    ServerError,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import OVERLOADED

PIECE_BYTES = 64 * 1024

MESSAGE_LENGTH = 500
"""How much of a vendor's message is kept."""


def read_object(body: bytes, target: Target) -> Outcome[Json, MalformedResponse]:
    """The JSON object in *body*, an empty one where it is something else."""
    try:
        return Success(as_object(parse_json(body)))
    except ValueError as bad:
        return Failure(unparsable(body, bad, target))


def unparsable(body: bytes, bad: ValueError, target: Target) -> MalformedResponse:
    """What is wrong with a *body* that :func:`parse_json` raised *bad* for."""
    if not _is_utf8(body):
        return MalformedResponse(target.model, "undecodable", "the body is not UTF-8")
    if not body.lstrip().startswith((b"{", b"[")):  # a page of something that stands in between, or nothing at all
        return MalformedResponse(target.model, "undecodable", "the body is no JSON, nor the beginning of any")
    return MalformedResponse(target.model, "unparsable", f"the body is not JSON: {bad}"[:MESSAGE_LENGTH])


def _is_utf8(body: bytes) -> bool:
    """Is *body* UTF-8? The text, which may take four times as much memory, is made piece by piece."""
    if body.isascii():
        return True
    decoder = getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(body), PIECE_BYTES):
            decoder.decode(body[at : at + PIECE_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def by_status(status: int, said: str, asked_wait_s: float | None, target: Target) -> LLMError:
    """What *status* means where the vendor's own words say nothing more; *said* is its message, and *asked_wait_s* how
    long it wants to be left alone."""
    model = target.model
    match status:
        case 401 | 407:
            return AuthenticationFailed(model, message=said)
        case 402:
            return QuotaExhausted(model, said)
        case 403:
            return AuthenticationFailed(model, forbidden=True, message=said)
        case 404:
            return ModelUnavailable(model, said)
        case 408:
            return ServerError(model, 504, said)
        case _ if status >= 500 or status in OVERLOADED:
            return ServerError(model, status, said, retry_after_s=asked_wait_s)
        case _:
            return InvalidRequest((Problem("", said or f"status {status}"),), f"{model} refused it")
