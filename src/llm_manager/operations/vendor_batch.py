"""Many requests to a vendor's own batch, which answers within a day at a lower price: a stream that survives kills.

What is paid is never paid twice. Before anything is handed in, the journal knows of it; what was handed in when a kill
came is found again at the vendor; and an answer is kept before it is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, overload

from returns.result import Failure, Success

from llm_manager.domain.arguments import check_is, check_number, check_request, check_requests
from llm_manager.domain.catalog import BatchFacts
from llm_manager.domain.errors import LLMError, UnsupportedCapability
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.shapes import misfits
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import Desk
from llm_manager.effect.context import Context
from llm_manager.effect.op import pipe
from llm_manager.effect.opened import Opening, Pull, Pulled
from llm_manager.effect.schedule import Schedule, capped, exponential
from llm_manager.effect.sources import from_layer
from llm_manager.effect.stream import Stream
from llm_manager.operations.batch import JournalLayer
from llm_manager.operations.chain import today
from llm_manager.operations.parcel_book import Forgetful, ParcelBook
from llm_manager.operations.schema import value_of, wanted_of
from llm_manager.operations.vendor_desk import Patience, VendorDesk
from llm_manager.operations.vendor_intake import Intake
from llm_manager.operations.vendor_run import VendorRun
from llm_manager.operations.vendor_told import RESPONSES, Teller, Told, Wish
from llm_manager.policies.cache_key import cache_key
from llm_manager.policies.calendar import on_day
from llm_manager.policies.parcels import at_batch_price
from llm_manager.policies.planning import first_key, key_owner
from llm_manager.policies.targets import resolve
from llm_manager.ports import BatchProvider, Journal

if TYPE_CHECKING:
    from llm_manager.extraction import Schema

T = TypeVar("T")

VendorBatchStream: TypeAlias = Stream[tuple[int, Outcome[LLMResponse, LLMError]], LLMError, Context]
"""Outcomes as a vendor's batches end, each with the position of its request."""

POLL: Final[Schedule[object]] = pipe(exponential(5.0, 1.5), capped(300.0))
"""How often a batch is asked about: after 5 seconds at first, and every 5 minutes in the end."""

LIMIT_S: Final = 26 * 3600.0
"""A little longer than the day within which vendors answer."""


@overload
def batch_at_vendor(
    requests: Iterable[LLMRequest],
    *,
    model: str,
    journal: JournalLayer | None = ...,
    poll: Schedule[object] = ...,
    limit_s: float = ...,
    cancel: bool = ...,
) -> VendorBatchStream: ...
@overload
def batch_at_vendor(
    requests: Iterable[LLMRequest],
    *,
    model: str,
    schema: Schema[T],
    journal: JournalLayer | None = ...,
    poll: Schedule[object] = ...,
    limit_s: float = ...,
    cancel: bool = ...,
) -> Stream[tuple[int, Outcome[T, LLMError]], LLMError, Context]: ...
def batch_at_vendor(
    requests: Iterable[LLMRequest],
    *,
    model: str,
    schema: Schema[Any] | None = None,
    journal: JournalLayer | None = None,
    poll: Schedule[object] = POLL,
    limit_s: float = LIMIT_S,
    cancel: bool = False,
) -> Stream[tuple[int, Outcome[Any, LLMError]], LLMError, Context]:
    """Ask *model* all *requests* through its vendor's own batches; every outcome with its position, as batches end.

    Slower than :func:`~llm_manager.batch`, up to a day, and cheaper: the costs that answers carry are those of batches.
    A request is checked as any other before anything is sent. One failure loses none of the others; nothing falls back
    to another model, and nothing is tried again at the vendor. Requests are handed in by parcels of what the vendor
    takes, at most 32 MiB each, and those that wait for their answer are in memory. With several keys for the provider
    the first one is used, for a batch belongs to an account.

    With *schema* each answer is a value of it, put to the model as ``query_with_schema`` does; one that does not fit is
    a failure, for nobody is asked again at the vendor.

    With a *journal* the same requests over it go on after a kill, at any moment: nothing is handed in twice, a success
    is not asked again by this or by ``batch``, a failure is. Without one a kill forgets what was handed in. Leaving the
    stream leaves the vendor's batches as they are, to be waited for later; with *cancel* they are cancelled, which the
    vendor bills for what it has done. A budget holds what the answers can cost at most until they are there; of a batch
    that is left it holds nothing more: the run that takes it up counts the cost, and without a journal the worst is
    counted at once.

    *poll* is how long to pause after each look. After *limit_s* seconds, or when *poll* stops, what has no answer fails
    with ``RequestTimedOut``, and the batches go on. The stream fails as a whole with ``UnsupportedCapability`` where
    the model's provider has no batches, or is reached through a gateway; with ``InvalidRequest`` or
    ``AuthenticationFailed`` for a model that cannot be asked; and with ``StoreUnavailable`` for a journal that cannot
    be read.
    """
    write = 'batch_at_vendor(requests, model="gpt-4o")'
    check_requests(requests, "batch_at_vendor takes requests", write)
    check_is(model, str, "batch_at_vendor takes the name of a model", write)
    check_is(poll, Schedule, "batch_at_vendor takes a schedule to look by", "poll=spaced(60)")
    check_number(limit_s, "batch_at_vendor takes a limit of more than 0 seconds", "limit_s=3600", is_zero_right=False)
    wish = RESPONSES if schema is None else _values_of(schema)
    options = _Options(model, poll, limit_s, cancel, wish)
    stream = (
        _stream(requests, None, options)
        if journal is None
        else from_layer(journal, lambda opened: _stream(requests, opened, options))
    )
    return stream if schema is None else stream.map(lambda told: (told[0], _value(told[1], schema)))


def _values_of(schema: Schema[Any]) -> Wish:
    """A value and a response are not the same in a journal, though they are asked for in the same words."""
    format_ = wanted_of(schema).format
    return Wish(
        asked=lambda request: replace(request, response_format=format_),
        key=lambda request: cache_key(request, ("a value, at the vendor",)),
        is_done=lambda response: isinstance(value_of(response, schema), Success),
    )


def _value(told: Outcome[LLMResponse, LLMError], schema: Schema[T]) -> Outcome[T, LLMError]:
    return told if isinstance(told, Failure) else value_of(told.unwrap(), schema)


@dataclass(frozen=True, slots=True)
class _Options:
    model: str
    poll: Schedule[object]
    limit_s: float
    cancel: bool
    wish: Wish


def _stream(requests: Iterable[LLMRequest], journal: Journal | None, options: _Options) -> VendorBatchStream:
    async def open_(context: Context, opening: Opening) -> Pull[Told, LLMError]:
        found = _counter(context, options.model)
        if isinstance(found, Failure):
            return _failing(found)
        target, facts, provider = found.unwrap()
        book = ParcelBook(Forgetful() if journal is None else journal, target)
        patience = Patience(context, options.poll.driver(), options.limit_s)
        vendor = VendorDesk(context, provider, _desk(context, target), book, patience)
        priced = at_batch_price(target)
        teller = Teller(context, book, priced, options.wish)
        asked = (options.wish.asked(_to(options.model, request)) for request in requests)
        intake = Intake(context, provider, facts, priced, book, vendor, teller, asked, options.wish)
        performed = VendorRun(context, priced, book, vendor, intake, teller, patience)
        opening.scope.add(lambda: performed.aclose(cancel=options.cancel))
        return performed.pull

    return Stream(open_)


def _to(model: str, request: LLMRequest) -> LLMRequest:
    check_request(request)
    if misfits(request):
        return request  # it is refused when it is looked through, with what is wrong
    return replace(request, preferences=replace(request.preferences, model=model))


def _counter(context: Context, model: str) -> Outcome[tuple[Target, BatchFacts, BatchProvider], LLMError]:
    """Who takes batches for *model*, which is known before anything is sent."""
    resolved = resolve(context.config, model)
    if isinstance(resolved, Failure):
        return resolved
    target = on_day(resolved.unwrap(), today(context))
    name, facts = target.provider.name, target.provider.batches
    provider = context.batches.get(target.service)
    if facts is not None and provider is not None and target.service == name:
        return Success((target, facts, provider))
    way = "" if target.service == name else f" through {target.service}"
    said = f"{name} takes no batches{way}: leave it to batch, which asks one by one"
    return Failure(UnsupportedCapability(target.model, "batch", said))


def _desk(context: Context, target: Target) -> Desk:
    owner = key_owner(context.config, target)
    return Desk(target=target, keys={} if owner is None else {owner: first_key(context.config, owner)})


def _failing(failure: Failure[LLMError]) -> Pull[Told, LLMError]:
    async def pulling() -> Pulled[Told, LLMError]:
        return failure

    return pulling
