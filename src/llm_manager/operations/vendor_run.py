"""One run of a batch at its vendor: take the requests, hand in what is new, wait, read.

It does the next thing whenever it is pulled and has nothing to tell: a slow reader slows it down, and there is no task
beside it. What can be told is told first; the vendor is asked once all requests are taken.
"""

from __future__ import annotations

from collections import deque
from typing import final

from returns.result import Failure, Success

from llm_manager.domain.errors import LLMError, ModelUnavailable
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import Result, VendorBatch
from llm_manager.domain.verdicts import retry_after_s
from llm_manager.effect.context import Context
from llm_manager.effect.opened import END, Pulled
from llm_manager.operations.parcel_book import Parcel, ParcelBook
from llm_manager.operations.vendor_desk import Patience, VendorDesk
from llm_manager.operations.vendor_intake import Intake
from llm_manager.operations.vendor_told import Teller, Told
from llm_manager.policies.parcels import is_outage, passes, place_of, without_result
from llm_manager.ports import BatchResults

MOST_BREAKS = 5
"""How often in a row the results of one batch may break off and tell nothing new, or a look at it may give what cannot
be read, before the run gives it up."""


@final
class _Reading:
    """The results of a batch that has ended, as far as they have been read."""

    __slots__ = ("batch", "parcel", "places", "results")

    def __init__(self, parcel: Parcel, batch: VendorBatch) -> None:
        self.parcel = parcel
        self.batch = batch
        self.places = deque(batch.places)
        self.results: BatchResults | None = None


@final
class VendorRun:
    """What one opening of the stream does."""

    def __init__(
        self,
        context: Context,
        target: Target,
        book: ParcelBook,
        vendor: VendorDesk,
        intake: Intake,
        teller: Teller,
        patience: Patience,
    ) -> None:
        self._context = context
        self._target = target
        self._book = book
        self._vendor = vendor
        self._intake = intake
        self._teller = teller
        self._patience = patience
        self._ended: deque[_Reading] = deque()
        self._left: list[Parcel] = []
        self._has_begun = self._has_looked = False
        self._asked_s = 0.0
        """How long the vendor asked to stay away."""

    async def pull(self) -> Pulled[Told, LLMError]:
        """The next outcome."""
        if not self._has_begun:
            error = await self._intake.resume()
            if error is not None:
                return Failure(error)
            self._has_begun = True
        while not self._teller.ready:
            if self._ended:
                await self._read(self._ended[0])
            elif not self._intake.is_done:
                await self._intake.take()
            elif any(parcel.members for parcel in self._intake.waiting):
                await self._wait()
            else:
                return END
        return Success(self._teller.ready.popleft())

    async def aclose(self, *, cancel: bool) -> None:
        """Let go of what is being read; with *cancel*, have the vendor begin nothing more of what it still has."""
        for reading in self._ended:
            if reading.results is not None:
                await reading.results.aclose()
        parcels = (*self._intake.waiting, *(reading.parcel for reading in self._ended))
        await self._teller.left([member for parcel in parcels for member in parcel.members.values()])
        for parcel in (*self._intake.waiting, *self._left) if cancel else ():
            if parcel.progress.batch is not None:
                await self._vendor.cancel(parcel.progress.batch)

    async def _wait(self) -> None:
        """Look at every parcel whose answers somebody wants; from the second time on, after a pause."""
        late = await self._patience.wait(self._target.model, self._asked_s) if self._has_looked else None
        self._has_looked, self._asked_s = True, 0.0
        for parcel in tuple(self._intake.waiting):
            if not parcel.members:
                continue
            if late is not None:
                await self._give_up(parcel, late)
            else:
                await self._look(parcel)

    async def _look(self, parcel: Parcel) -> None:
        looked = await self._vendor.look(parcel.progress.batch or "")
        if isinstance(looked, Failure):
            error = looked.failure()
            self._stay_away(error)
            parcel.unread += not is_outage(error)
            if not passes(error) or parcel.unread > MOST_BREAKS:
                await self._give_up(parcel, error)
            return
        parcel.unread = 0
        if looked.unwrap().ended:
            self._intake.waiting.remove(parcel)
            self._ended.append(_Reading(parcel, looked.unwrap()))

    def _stay_away(self, error: LLMError) -> None:
        self._asked_s = max(self._asked_s, retry_after_s(error) or 0.0)

    async def _give_up(self, parcel: Parcel, error: LLMError) -> None:
        """Nothing more is learnt of *parcel* in this run; the next one asks again."""
        self._intake.waiting.remove(parcel)
        self._left.append(parcel)
        await self._teller.failed(parcel.members.values(), error, parcel.since_s, is_paid=True)
        parcel.members.clear()

    async def _read(self, reading: _Reading) -> None:
        """Some of the results; at their end, what the vendor did not tell."""
        if reading.results is None and reading.places:
            opened = await self._vendor.results(reading.places.popleft())
            if isinstance(opened, Failure):
                reading.parcel.broken_off += not is_outage(opened.failure())
                await self._break_off(reading, opened.failure())
            else:
                reading.results = opened.unwrap()
        elif reading.results is None:
            await self._finish(reading)
        else:
            await self._read_on(reading, reading.results)

    async def _read_on(self, reading: _Reading, results: BatchResults) -> None:
        got = await results.pull()
        some = None if isinstance(got, Failure) else got.unwrap()
        for result in some or ():
            await self._told(reading.parcel, result)
        if some is None:
            reading.results = None
            await results.aclose()
        if isinstance(got, Failure):
            reading.parcel.broken_off += 1
            await self._break_off(reading, got.failure())

    async def _told(self, parcel: Parcel, result: Result) -> None:
        """One result, unless it has been told before, is nobody's wish, or is none of ours."""
        id_, outcome = result
        place = place_of(parcel.note.tag, id_)
        member = None if place is None else parcel.members.pop(place, None)
        if member is not None:
            parcel.broken_off = 0
            await self._teller.answered(parcel, member, outcome)

    async def _break_off(self, reading: _Reading, error: LLMError) -> None:
        """Results are read from their beginning again; what was told is passed over then. An outage is waited out.

        Results that are gone, of a batch that is there, never come back: the next run asks anew.
        """
        self._ended.popleft()
        parcel = reading.parcel
        self._intake.waiting.append(parcel)
        self._stay_away(error)
        if not passes(error) or parcel.broken_off > MOST_BREAKS:
            await self._give_up(parcel, error)
        if isinstance(error, ModelUnavailable):
            await self._book.advance(parcel, over=True)

    async def _finish(self, reading: _Reading) -> None:
        self._ended.popleft()
        parcel = reading.parcel
        left = [parcel.members.pop(place) for place in tuple(parcel.members)]
        for member in left:
            await self._teller.answered(parcel, member, Failure(without_result(reading.batch, self._target)))
        await self._book.advance(parcel, over=True)
