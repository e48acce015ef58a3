"""Errands to a vendor about its batches: each one tried again where that is safe, and a batch never handed in twice.

Looking and reading change nothing and are repeated like any call; an outage is waited out where the fate of what may be
paid for depends on it. Handing in is paid for, and no vendor documents a key against doing it twice: after an end that
leaves it open whether the batch was taken, the account's batches are searched for it first, whatever
``retry.ambiguous`` says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, TypeVar, final

from returns.result import Failure, Success

from llm_manager.combinators.retry import RETRY_AFTER_SLACK, default_schedule, retry
from llm_manager.domain.errors import LLMError, MalformedResponse, RateLimitExceeded, RequestTimedOut
from llm_manager.domain.events import VendorBatchSeen
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.vendor_batch import (
    BatchPage,
    Cancel,
    Desk,
    Inquiry,
    Look,
    Recent,
    Submission,
    Upload,
    Uploaded,
    VendorBatch,
)
from llm_manager.domain.verdicts import retry_after_s
from llm_manager.effect.context import Context, emit
from llm_manager.effect.op import effect, run
from llm_manager.effect.schedule import Continue, Driver
from llm_manager.operations.parcel_book import Parcel, ParcelBook
from llm_manager.policies.parcels import Ours, is_ours, is_outage, may_be_accepted, place_of
from llm_manager.ports import BatchProvider, BatchResults

A = TypeVar("A")

Errand: TypeAlias = Callable[[Context], Coroutine[Any, Any, Outcome[A, LLMError]]]
"""One request to the vendor."""


@final
class Patience:
    """How long a run waits: a pause after each look, as *drive* says, and until *end_s* on the context's clock."""

    __slots__ = ("_context", "_drive", "_end_s", "_limit_s")

    def __init__(self, context: Context, drive: Driver[object], limit_s: float) -> None:
        self._context = context
        self._drive = drive
        self._limit_s = limit_s
        self._end_s = context.clock.monotonic() + limit_s

    async def wait(self, model: str, asked_s: float = 0.0) -> LLMError | None:
        """Pause, for *asked_s* at least; or why there is no more waiting, once the time is up."""
        now_s = self._context.clock.monotonic()
        left_s = self._end_s - now_s
        decision = self._drive(now_s, self._context.random, None)
        if left_s > 0 and isinstance(decision, Continue):
            if asked_s > 0:
                asked_s += asked_s * RETRY_AFTER_SLACK * self._context.random.random()
            await self._context.clock.sleep(min(max(decision.delay_s, asked_s), left_s))
            return None
        said = "the batch goes on at the vendor: the same requests over the same journal wait for it again"
        return RequestTimedOut(model, self._limit_s, "total", said)


@final
class _Unclear:
    """A batch that may be ours goes on."""


@final
class VendorDesk:
    """The vendor of one target, for one run."""

    __slots__ = ("_book", "_context", "_desk", "_patience", "_provider", "known")

    def __init__(
        self, context: Context, provider: BatchProvider, desk: Desk, book: ParcelBook, patience: Patience
    ) -> None:
        self._context = context
        self._provider = provider
        self._desk = desk
        self._book = book
        self._patience = patience
        self.known: set[str] = set()
        """The batches that are known to be some parcel's: no other parcel's then."""

    async def hand_in(self, parcel: Parcel, submission: Submission) -> LLMError | None:
        """Have *submission* become a batch, and note which; or why it did not."""

        async def once(_context: Context) -> Outcome[Uploaded | VendorBatch, LLMError]:
            if parcel.is_in_doubt:
                found = await self.search(parcel)
                if isinstance(found, Failure):
                    return found
                batch = found.unwrap()
                if batch is not None:
                    return Success(batch)
            outcome = await self._provider.submit(self._desk, submission)
            parcel.is_in_doubt = isinstance(outcome, Failure) and may_be_accepted(outcome.failure())
            return outcome

        outcome = await self._waited_out(lambda: self._patiently(once), _is_queue)
        if isinstance(outcome, Failure) and parcel.is_in_doubt and may_be_accepted(outcome.failure()):
            outcome = await self._found_at_last(parcel, outcome.failure())
        if isinstance(outcome, Failure):
            if not parcel.is_in_doubt:
                await self._book.advance(parcel, over=True)
            return outcome.failure()
        answer = outcome.unwrap()
        if isinstance(answer, VendorBatch):
            await self._adopt(parcel, answer)
            return None
        await self._book.advance(parcel, file=answer.id)
        return await self.hand_in(parcel, Upload(parcel.note.tag, answer.id))

    async def _found_at_last(self, parcel: Parcel, error: LLMError) -> Outcome[Uploaded | VendorBatch, LLMError]:
        """The batch that *parcel* became although the last of all tries ended in *error*; else *error*."""
        found = await self.search(parcel)
        batch = None if isinstance(found, Failure) else found.unwrap()
        return Failure(error) if batch is None else Success(batch)

    async def take_up(self, parcel: Parcel) -> LLMError | None:
        """Bring *parcel*, which an earlier run noted, to where this run can wait for it, or find that it never left.

        Or why it cannot be told whether it did.
        """
        noted = parcel.progress
        if noted.over or noted.batch is not None:
            return None
        found = await self.search(parcel)
        if isinstance(found, Failure):
            return found.failure()
        batch = found.unwrap()
        if batch is not None:
            await self._adopt(parcel, batch)
            return None
        if noted.file is None:  # its requests are handed in anew
            await self._book.advance(parcel, over=True)
            return None
        error = await self.hand_in(parcel, Upload(parcel.note.tag, noted.file))
        return None if parcel.progress.over else error

    async def _adopt(self, parcel: Parcel, batch: VendorBatch) -> None:
        """Note that *batch* is what became of *parcel*."""
        self.known.add(batch.id)
        await self._book.advance(parcel, batch=batch.id)
        self._seen(batch)

    async def search(self, parcel: Parcel) -> Outcome[VendorBatch | None, LLMError]:
        """The batch that *parcel* became, if it did, among all of the account.

        Where the vendor keeps no tag, one of the same size that still goes on is waited for: its results will tell. An
        outage is waited out, too.
        """
        while True:
            found = await self._searched(parcel)
            if isinstance(found, Failure):
                return found
            batch = found.unwrap()
            if batch is None or isinstance(batch, VendorBatch):
                return Success(batch)
            late = await self._patience.wait(self._desk.target.model)
            if late is not None:
                return Failure(late)

    async def look(self, batch_id: str) -> Outcome[VendorBatch, LLMError]:
        """How the batch is."""
        found = await self._find(Look(batch_id))
        if isinstance(found, Failure):
            return found
        batches = found.unwrap().batches
        if not batches:
            return Failure(MalformedResponse(self._desk.target.model, "protocol", "what came is no batch"))
        self._seen(batches[0])
        return Success(batches[0])

    async def cancel(self, batch_id: str) -> None:
        """Have nothing more of it begun. Once, whatever comes of it: the run is leaving."""
        await self._provider.find(self._desk, Cancel(batch_id))

    async def results(self, place: str) -> Outcome[BatchResults, LLMError]:
        """What is at *place*; whoever asked closes it."""
        return await self._patiently(lambda _: self._provider.results(self._desk, place))

    async def _searched(self, parcel: Parcel) -> Outcome[VendorBatch | _Unclear | None, LLMError]:
        is_unclear = False
        seen = set[str]()
        more: Recent | None = Recent()
        while more is not None:
            page = await self._waited_out(partial(self._find, more), is_outage)
            if isinstance(page, Failure):
                return page
            new = [batch for batch in page.unwrap().batches if batch.id not in seen]
            seen.update(batch.id for batch in new)
            for batch in new:
                ours = await self._ours(batch, parcel)
                if isinstance(ours, Failure):
                    return ours
                if ours.unwrap() == "yes":
                    return Success(batch)
                is_unclear = is_unclear or ours.unwrap() == "perhaps"
            more = page.unwrap().more if new else None  # a list that gives the same page for ever has an end too
        return Success(_Unclear() if is_unclear else None)

    async def _ours(self, batch: VendorBatch, parcel: Parcel) -> Outcome[Ours, LLMError]:
        """Is *batch* what became of *parcel*? Where it keeps no tag, the ids in its results begin with ours."""
        ours = "no" if batch.id in self.known else is_ours(batch, parcel.note.tag, len(parcel.note.works))
        if ours != "perhaps" or not batch.ended:
            return Success(ours)
        for place in batch.places:
            first = await self._waited_out(partial(self._first_id, place), is_outage)
            if isinstance(first, Failure):
                return first
            id_ = first.unwrap()
            if id_ is not None:
                return Success("no" if place_of(parcel.note.tag, id_) is None else "yes")
        return Success("no")

    async def _first_id(self, place: str) -> Outcome[str | None, LLMError]:
        opened = await self.results(place)
        if isinstance(opened, Failure):
            return opened
        results = opened.unwrap()
        try:
            while True:
                got = await results.pull()
                if isinstance(got, Failure):
                    return got
                some = got.unwrap()
                if some is None:
                    return Success(None)
                if some:
                    return Success(some[0][0])
        finally:
            await results.aclose()

    async def _find(self, inquiry: Inquiry) -> Outcome[BatchPage, LLMError]:
        return await self._patiently(lambda _: self._provider.find(self._desk, inquiry))

    async def _waited_out(
        self, ask: Callable[[], Awaitable[Outcome[A, LLMError]]], is_waited_for: Callable[[LLMError], bool]
    ) -> Outcome[A, LLMError]:
        """What *ask* gives, again after a pause while its end *is waited for*, for as long as the run has time."""
        while True:
            outcome = await ask()
            if not isinstance(outcome, Failure) or not is_waited_for(outcome.failure()):
                return outcome
            late = await self._patience.wait(self._desk.target.model, retry_after_s(outcome.failure()) or 0.0)
            if late is not None:
                return Failure(late)

    async def _patiently(self, errand: Errand[A]) -> Outcome[A, LLMError]:
        """*errand*, again as often as ``retry`` lets any call be: each of ours is safe to repeat, or is made so."""
        settings = replace(self._context.config.retry, ambiguous=True)
        return await run(retry(default_schedule(settings))(effect(errand)), self._context)

    def _seen(self, batch: VendorBatch) -> None:
        context, target = self._context, self._desk.target
        seen = VendorBatchSeen(
            at_s=context.clock.monotonic(),
            model=target.model,
            provider=target.provider.name,
            batch=batch,
            run=context.run,
        )
        emit(context, seen)


def _is_queue(error: LLMError) -> bool:
    """Was nothing taken, and is it known when to come again?"""
    return isinstance(error, RateLimitExceeded) and error.retry_after_s is not None
