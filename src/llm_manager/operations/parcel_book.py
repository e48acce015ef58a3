"""The parcels of one run in its journal: what an earlier run noted of them, and what this one notes before it acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Never, final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.codec import from_json, to_json
from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.target import Target
from llm_manager.policies.asked import Asked
from llm_manager.policies.parcels import Note, Progress, notes_key, progress_key
from llm_manager.ports import Journal, Work


@dataclass(frozen=True, slots=True)
class Member:
    """One request of a parcel: its place in the run, as it is asked, its work in the journal, and the most it costs."""

    index: int
    request: LLMRequest
    asked: Asked
    work: Work
    worst_usd: float = 0.0


@final
@dataclass(slots=True)
class Parcel:
    """Requests that go, or went, to the vendor together. *members* are those that have not been told yet, by their
    place; a parcel of an earlier run may have others, which nobody asks for any more. *is_in_doubt* while the vendor
    may have taken it without our knowing. *broken_off* counts how often in a row reading its results has, *unread* the
    looks in a row that gave what cannot be read."""

    note: Note
    work: Work
    progress: Progress
    since_s: float
    members: dict[int, Member] = field(default_factory=dict[int, Member])
    is_in_doubt: bool = False
    broken_off: int = 0
    unread: int = 0


@final
class ParcelBook:
    """The notes on parcels for one target."""

    __slots__ = ("_journal", "_spare", "_target", "broken", "count")

    def __init__(self, journal: Journal, target: Target) -> None:
        self._journal = journal
        self._target = target
        self._spare: Work | None = None
        self.broken: Failure[StoreUnavailable] | None = None
        """Why nothing can be noted any more."""
        self.count = 0
        """How many parcels there have been."""

    @property
    def remembers(self) -> bool:
        """Will a later run know of what this one has handed in?"""
        return not isinstance(self._journal, Forgetful) and self.broken is None

    async def parcels(self, now_s: float) -> Outcome[tuple[Parcel, ...], StoreUnavailable]:
        """Every parcel that was noted by an earlier run, those that are over too."""
        found: list[Parcel] = []
        while True:
            claimed = await self._journal.claim(notes_key(self._target))
            if isinstance(claimed, Failure):
                return claimed
            text = claimed.unwrap().text
            if text is None:
                self._spare = claimed.unwrap()
                return Success(tuple(found))
            note = from_json(Note, text)
            read = Failure(_unreadable()) if isinstance(note, Failure) else await self._read(note.unwrap(), now_s)
            if isinstance(read, Failure):
                return read
            found.append(read.unwrap())
            self.count += 1

    async def claim(self, key: str) -> Outcome[Work, StoreUnavailable]:
        """The next piece of work that is called so."""
        return await self._journal.claim(key)

    async def begin(self, tag: str, members: Sequence[Member], now_s: float) -> Outcome[Parcel, StoreUnavailable]:
        """Note that *members* are about to be handed in together, in this order."""
        self.count += 1
        note = Note(tag, tuple((member.work.key, member.work.number) for member in members))
        work = self._spare
        self._spare = None
        if work is None:
            claimed = await self._journal.claim(notes_key(self._target))
            if isinstance(claimed, Failure):
                return claimed
            work = claimed.unwrap()
        kept = await self._journal.keep(work, to_json(note))
        if isinstance(kept, Failure):
            self.broken = kept
            return kept
        begun = await self._read(note, now_s)
        if isinstance(begun, Success):
            begun.unwrap().members.update(enumerate(members))
        return begun

    async def advance(
        self, parcel: Parcel, *, file: str | None = None, batch: str | None = None, over: bool = False
    ) -> None:
        """Note how far *parcel* is; where that fails, the parcel goes on, for it is paid, and no other is begun."""
        was = parcel.progress
        parcel.progress = Progress(file=file or was.file, batch=batch or was.batch, over=over or was.over)
        await self._keep(parcel.work, to_json(parcel.progress))

    async def keep(self, member: Member, text: str) -> None:
        """Note what came of *member*."""
        await self._keep(member.work, text)

    async def _keep(self, work: Work, text: str) -> None:
        with anyio.CancelScope(shield=True):  # it is paid for
            kept = await self._journal.keep(work, text)
            if isinstance(kept, Failure):
                self.broken = kept

    async def _read(self, note: Note, now_s: float) -> Outcome[Parcel, StoreUnavailable]:
        claimed = await self._journal.claim(progress_key(note.tag))
        if isinstance(claimed, Failure):
            return claimed
        work = claimed.unwrap()
        progress = Success(Progress()) if work.text is None else from_json(Progress, work.text)
        if isinstance(progress, Failure):
            return Failure(_unreadable())
        return Success(Parcel(note, work, progress.unwrap(), now_s))


def _unreadable() -> StoreUnavailable:
    return StoreUnavailable("journal", "its notes on batches are not those of this version")


@final
class Forgetful:
    """The journal of who has none: it knows of what happens while it is there."""

    __slots__ = ("_claims",)

    def __init__(self) -> None:
        self._claims: Counter[str] = Counter()

    async def claim(self, key: str, /) -> Outcome[Work, Never]:
        """The next of the equal ones, never done."""
        self._claims[key] += 1
        return Success(Work(key, self._claims[key] - 1, None))

    async def keep(self, _work: Work, _text: str, /) -> Outcome[None, Never]:
        """Forget it."""
        return Success(None)
