"""Many requests, several at a time: a stream of outcomes that a slow reader holds back and a journal can resume."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Never, TypeAlias, TypeVar, final, overload

import anyio
from returns.result import Failure, Success

from llm_manager.domain.arguments import check_count, check_requests
from llm_manager.domain.codec import from_json, to_json
from llm_manager.domain.errors import LLMError, StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_problems import request_problems
from llm_manager.domain.response import LLMResponse
from llm_manager.effect.context import Context, Op
from llm_manager.effect.layer import Layer
from llm_manager.effect.op import effect, run
from llm_manager.effect.sources import from_iterable, from_layer, unwrap
from llm_manager.effect.stream import Stream
from llm_manager.operations.feed import Feed
from llm_manager.operations.generate import generate
from llm_manager.operations.schema import query_with_schema, wanted_of
from llm_manager.policies.cache_key import cache_key
from llm_manager.ports import Journal, Work

if TYPE_CHECKING:
    from llm_manager.extraction import Schema

A = TypeVar("A")
T = TypeVar("T")

JournalLayer: TypeAlias = Layer[Journal, StoreUnavailable, None]
"""How a journal is opened for one batch."""

Batch: TypeAlias = Stream[tuple[int, Outcome[A, LLMError]], StoreUnavailable, Context]
"""Outcomes as they come, each with the position of its request."""


@overload
def batch(
    requests: Iterable[LLMRequest], *, concurrency: int = ..., journal: JournalLayer | None = ...
) -> Batch[LLMResponse]: ...
@overload
def batch(
    requests: Iterable[LLMRequest], *, concurrency: int = ..., journal: JournalLayer | None = ..., schema: Schema[T]
) -> Batch[T]: ...
def batch(
    requests: Iterable[LLMRequest],
    *,
    concurrency: int = 10,
    journal: JournalLayer | None = None,
    schema: Schema[Any] | None = None,
) -> Batch[Any]:
    """Ask all *requests*, *concurrency* at a time; every outcome with its position, as they come.

    One failure loses none of the others. Requests are taken from the iterable when there is room for them, and no more
    than *concurrency* are under way or waiting to be read: neither side fills the memory. With *schema* each answer is
    a value of it, as ``query_with_schema`` gives.

    With a *journal* a success is kept before it is told, and a later run of the same requests over the same journal
    gives it back without asking, in whatever order they come: what is done is not paid twice. Failures are asked
    again. A journal that cannot be opened fails the stream with ``StoreUnavailable``; once it cannot be written, the
    requests that were under way are told all the same, for they are paid, and those after them fail before they are
    sent.

    A batch is a feed: while a model is known to refuse (a key that rests, an open circuit, our own limits), its rows
    wait, whatever the moment is, and are asked again; ``FeedPaused`` is told once. A row fails for reasons of its own,
    or when no row of its model has been answered for ten minutes.
    """
    check_requests(requests, "batch takes requests", "batch([LLMRequest(prompt=...), ...])")
    check_count(
        concurrency, "batch takes how many are asked at the same time, 1 or more", "batch(requests, concurrency=10)"
    )
    job: _Job[Any] = _RESPONSE if schema is None else _value_job(schema)
    source = from_iterable(requests)
    if journal is None:

        async def paced(_: Context) -> Outcome[Batch[Any], Never]:
            return Success(source.settle(partial(_paced, Feed(concurrency), job), concurrency))

        return unwrap(effect(paced))

    def journaled(opened: Journal) -> Batch[Any]:
        kept = _Kept(opened, job, Feed(concurrency))
        return source.settle(kept.ask, concurrency)

    return from_layer(journal, journaled)


def _paced(feed: Feed, job: _Job[A], request: LLMRequest) -> Op[A]:
    return feed.paced(request, job.op(request))


@dataclass(frozen=True, slots=True)
class _Job(Generic[A]):
    """How a request is asked, what tells it from others, and how its answer is written down and read."""

    op: Callable[[LLMRequest], Op[A]]
    key: Callable[[LLMRequest], str]
    write: Callable[[A], str]
    read: Callable[[str], Outcome[A, object]]


def _response_key(request: LLMRequest) -> str:
    return cache_key(request, ())


_RESPONSE: _Job[LLMResponse] = _Job(generate, _response_key, to_json, lambda text: from_json(LLMResponse, text))


def _value_job(schema: Schema[T]) -> _Job[T]:
    from llm_manager.extraction import validate_text  # noqa: PLC0415  # only who wants values pays for it
    from llm_manager.extraction.schema import adapter_of  # noqa: PLC0415  # as above

    format_, adapter = wanted_of(schema).format, adapter_of(schema)
    return _Job(
        lambda request: query_with_schema(request, schema),
        lambda request: cache_key(replace(request, response_format=format_), ()),
        lambda value: adapter.dump_json(value).decode(),
        lambda text: validate_text(text, schema),
    )


@final
class _Kept(Generic[A]):
    """One run over one journal."""

    __slots__ = ("_broken", "_feed", "_job", "_journal")

    def __init__(self, journal: Journal, job: _Job[A], feed: Feed) -> None:
        self._journal = journal
        self._job = job
        self._feed = feed
        self._broken: Failure[StoreUnavailable] | None = None

    def ask(self, request: LLMRequest) -> Op[A]:
        """The answer that the journal has for *request*, or else one that it has from now on."""

        async def asking(context: Context) -> Outcome[A, LLMError]:
            if request_problems(request):  # no key can be made of a field that holds anything
                return await run(self._job.op(request), context)  # which says so, and which request it was
            claimed = self._broken or await self._journal.claim(self._job.key(request))
            if isinstance(claimed, Failure):
                return claimed
            work = claimed.unwrap()
            kept = None if work.text is None else self._job.read(work.text)
            if isinstance(kept, Success):
                return Success(kept.unwrap())
            outcome = await run(_paced(self._feed, self._job, request), context)
            if isinstance(outcome, Success):
                with anyio.CancelScope(shield=True):  # it is paid for
                    await self._keep(work, outcome.unwrap())
            return outcome

        return effect(asking)

    async def _keep(self, work: Work, value: A) -> None:
        written = await self._journal.keep(work, self._job.write(value))
        if isinstance(written, Failure):
            self._broken = written
