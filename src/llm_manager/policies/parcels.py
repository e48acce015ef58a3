"""Requests on their way to a vendor's own batch: how many fit, what is noted of them, and which batch is ours.

What is noted is enough to go on after a kill at any moment: a parcel is noted before it is handed in, and found at the
vendor again if the kill came between the vendor's word and our note of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from llm_manager.domain.catalog import BatchFacts
from llm_manager.domain.errors import (
    InvalidRequest,
    LLMError,
    MalformedResponse,
    NetworkError,
    RateLimitExceeded,
    RequestTimedOut,
    ServerError,
)
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import VendorBatch
from llm_manager.domain.verdicts import OVERLOADED, again, nothing_was_sent
from llm_manager.policies.pricing import reduced

MOST_BYTES = 32 * 1024 * 1024
"""What is handed in at once is in memory as a whole, and sent within ``timeouts.first_byte_s``: no more than this,
whatever the vendor would take."""

NOTES = "vendor batch "
"""What the names of our notes in a journal begin with; those of requests are hexadecimal."""


@dataclass(frozen=True, slots=True)
class Note:
    """A parcel: our *tag* for it, and which pieces of work of the journal are in it, in order."""

    tag: str
    works: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a parcel is: the file it was uploaded as, the batch it became; *over* once nothing more comes of it."""

    file: str | None = None
    batch: str | None = None
    over: bool = False


def notes_key(target: Target) -> str:
    """What the parcels for *target* are noted under."""
    return f"{NOTES}{target.key}"


def progress_key(tag: str) -> str:
    """What the progress of one parcel is noted under."""
    return f"{NOTES}{tag}"


def custom_id(tag: str, place: int) -> str:
    """What the request at *place* of a parcel is called: unique in the account, and within the 64 letters, digits and
    hyphens that vendors allow.

    >>> custom_id("3f", 7)
    '3f-7'
    """
    return f"{tag}-{place}"


def place_of(tag: str, id_: str) -> int | None:
    """The place of the request that is called *id_*; None if it is not of the parcel *tag*.

    >>> place_of("3f", "3f-7"), place_of("3f", "4f-7"), place_of("3f", "3f-x")
    (7, None, None)
    """
    digits = id_.removeprefix(f"{tag}-")
    return int(digits) if digits != id_ and digits.isascii() and digits.isdigit() else None


def has_room(facts: BatchFacts, count: int, size: int) -> bool:
    """May *count* lines of *size* bytes in all be one parcel?"""
    return count <= facts.most_requests and size + count <= most_bytes(facts)


def most_bytes(facts: BatchFacts) -> int:
    """How large a parcel may be: with some room for what stands around the lines."""
    return min(facts.most_bytes, MOST_BYTES) - 64 * 1024


def at_batch_price(target: Target) -> Target:
    """*target* with the price that its vendor takes for batches."""
    facts, price = target.provider.batches, target.facts.price
    if facts is None or price is None:
        return target
    own = target.facts.batch_cached_factor
    price = reduced(price, facts.price_factor, facts.cached_factor if own is None else own, facts.source)
    return replace(target, facts=replace(target.facts, price=price))


def may_be_accepted(error: LLMError) -> bool:
    """Can the vendor have taken a batch although handing it in ended so? Then it must not be handed in again unseen."""
    match error:
        case ServerError(status_code=status):
            return status not in OVERLOADED
        case NetworkError() | RequestTimedOut() | MalformedResponse():
            return not nothing_was_sent(error)
        case _:
            return False


def passes(error: LLMError) -> bool:
    """May asking again how a batch is, or for its results, end otherwise? It costs nothing, and changes nothing; a wait
    that is too long for a caller is not too long for a batch."""
    return isinstance(error, RateLimitExceeded) or again(error) in ("yes", "once", "if_ambiguous_allowed")


def is_outage(error: LLMError) -> bool:
    """Does *error* speak about the vendor as a whole, and not about what was asked for? Then it is waited out."""
    return passes(error) and isinstance(error, RateLimitExceeded | ServerError | NetworkError | RequestTimedOut)


Ours: TypeAlias = Literal["yes", "perhaps", "no"]


def is_ours(batch: VendorBatch, tag: str, count: int) -> Ours:
    """Is *batch* the parcel *tag* of *count* requests? Where the vendor keeps no tag, only its results can tell."""
    if batch.tag is not None:
        return "yes" if batch.tag == tag else "no"
    return "perhaps" if batch.total in (None, count) else "no"


def without_result(batch: VendorBatch, target: Target) -> LLMError:
    """What became of a request of which an ended *batch* tells nothing."""
    if batch.problems:
        return InvalidRequest(batch.problems, f"{target.model} refused the whole batch")
    match batch.status:
        case "expired":
            window_s = 0.0 if target.provider.batches is None else target.provider.batches.window_s
            return RequestTimedOut(target.model, window_s, "total", "the batch expired before its turn came")
        case "cancelled":
            return ServerError(target.model, 503, "the batch was cancelled before its turn came")
        case _:
            return MalformedResponse(target.model, "empty", f"the batch {batch.id} ended without a word about it")
