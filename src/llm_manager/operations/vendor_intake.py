"""The requests of a batch at its vendor, in order: answered already, handed in already, or to be handed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import final

from anyio import lowlevel
from returns.result import Failure, Success

from llm_manager.domain.catalog import BatchFacts
from llm_manager.domain.codec import from_json
from llm_manager.domain.errors import BudgetExceeded, InvalidRequest, LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_problems import request_problems
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import Load
from llm_manager.effect.context import Context
from llm_manager.operations.chain import chain_of
from llm_manager.operations.parcel_book import Member, Parcel, ParcelBook
from llm_manager.operations.vendor_desk import VendorDesk
from llm_manager.operations.vendor_told import Teller, Wish
from llm_manager.policies.asked import asked_of, sent_tokens
from llm_manager.policies.candidate import Skipped
from llm_manager.policies.parcels import custom_id, has_room
from llm_manager.policies.planning import worst_try_usd
from llm_manager.ports import BatchProvider, Work


@final
class _Draft:
    """A parcel before it is handed in."""

    __slots__ = ("lines", "members", "size", "tag")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.members: list[Member] = []
        self.lines: list[bytes] = []
        self.size = 0


@final
class Intake:
    """Takes the *requests* in order. *waiting* are the parcels at the vendor: those of earlier runs, and what is handed
    in here."""

    def __init__(
        self,
        context: Context,
        provider: BatchProvider,
        facts: BatchFacts,
        target: Target,
        book: ParcelBook,
        vendor: VendorDesk,
        teller: Teller,
        requests: Iterable[LLMRequest],
        wish: Wish,
    ) -> None:
        self._wish = wish
        self._context = context
        self._provider = provider
        self._facts = facts
        self._target = target
        self._book = book
        self._vendor = vendor
        self._teller = teller
        self._requests = enumerate(requests)
        self._noted: dict[tuple[str, int], tuple[Parcel, int]] = {}
        self._draft: _Draft | None = None
        self.waiting: list[Parcel] = []
        self.is_done = False

    async def resume(self) -> LLMError | None:
        """Take up the parcels of earlier runs; or why that cannot be done, for then some might be paid twice."""
        noted = await self._book.parcels(self._context.clock.monotonic())
        if isinstance(noted, Failure):
            return noted.failure()
        parcels = noted.unwrap()
        self._vendor.known.update(each.progress.batch for each in parcels if each.progress.batch is not None)
        for parcel in parcels:
            error = await self._vendor.take_up(parcel)
            if error is not None:
                return error
            if not parcel.progress.over:
                self.waiting.append(parcel)
                self._noted.update((work, (parcel, place)) for place, work in enumerate(parcel.note.works))
        return None

    async def take(self) -> None:
        """The next request; after the last one, what is left to be handed in."""
        await lowlevel.checkpoint()  # without a journal nothing else here waits, and there may be a hundred thousand
        index, request = next(self._requests, (0, None))
        if request is None:
            self.is_done = True
            await self._hand_in()
            return
        problems = request_problems(request)
        if problems:  # no key can be made of a field that holds anything
            self._teller.refused(index, request, InvalidRequest(problems))
            return
        claimed = self._book.broken or await self._book.claim(self._wish.key(request))
        if isinstance(claimed, Failure):
            self._teller.refused(index, request, claimed.failure())
            return
        work = claimed.unwrap()
        kept = None if work.text is None else from_json(LLMResponse, work.text)
        if isinstance(kept, Success):
            self._teller.kept(index, kept.unwrap())
        else:
            await self._place(index, request, work)

    async def _place(self, index: int, request: LLMRequest, work: Work) -> None:
        """Into the parcel that it went in, or into the next one."""
        noted = self._noted.pop((work.key, work.number), None)
        if noted is not None:
            parcel, place = noted
            parcel.members[place] = Member(index, request, asked_of(request, self._target), work)
            return
        error = self._refused(request) or await self._draw_up(index, request, work)
        if error is not None:
            self._teller.refused(index, request, error)

    def _refused(self, request: LLMRequest) -> LLMError | None:
        """Why *request* may not be sent to this model: what routing would say of it."""
        found = chain_of(replace(request, preferences=replace(request.preferences, fallback="none")), self._context)
        if isinstance(found, Failure):
            return found.failure()
        candidate = found.unwrap()[0]
        return candidate.error if isinstance(candidate, Skipped) else None

    async def _worst_usd(self, request: LLMRequest) -> Outcome[float, BudgetExceeded]:
        """The most that *request* can cost, as far as a budget wants to know."""
        budget = self._context.budget
        if budget is None:
            return Success(0.0)
        worst = worst_try_usd(self._target, request, sent_tokens(request, self._target).high)
        if worst is None and self._context.config.budget.unknown_prices == "refuse":
            said = f"what {self._target.model} costs is not known: set its price, or budget.unknown_prices = 'allow'"
            return Failure(BudgetExceeded(None, await budget.spent_usd(), said))
        return Success(worst or 0.0)

    async def _draw_up(self, index: int, request: LLMRequest, work: Work) -> LLMError | None:
        """Put it into the parcel that is handed in next; hand that in before, if it is full."""
        worst = await self._worst_usd(request)
        if isinstance(worst, Failure):
            return worst.failure()
        member = Member(index, request, asked_of(request, self._target), work, worst.unwrap())
        line = self._line(member)
        draft = self._draft
        if draft is not None and not has_room(self._facts, len(draft.lines) + 1, draft.size + len(line)):
            await self._hand_in()
            line = self._line(member)
        if not has_room(self._facts, 1, len(line)):
            return InvalidRequest((Problem("", f"is {len(line):,} bytes: more than fits into a batch"),))
        draft = self._drawn()
        draft.members.append(member)
        draft.lines.append(line)
        draft.size += len(line)
        return None

    def _drawn(self) -> _Draft:
        """The draft, begun if there is none. Its tag is drawn by lot: it is to be unique in the whole account."""
        if self._draft is None:
            halves = (int(self._context.random.random() * 2**52) for _ in range(2))
            self._draft = _Draft("".join(f"{half:013x}" for half in halves) + f"-{self._book.count}")
        return self._draft

    def _line(self, member: Member) -> bytes:
        draft = self._drawn()
        return self._provider.line(custom_id(draft.tag, len(draft.members)), member.asked.sent, self._target)

    async def _hand_in(self) -> None:
        draft, self._draft = self._draft, None
        if draft is None or not draft.members:
            return
        since_s = self._context.clock.monotonic()
        reserved = await self._reserve(sum(member.worst_usd for member in draft.members))
        if isinstance(reserved, Failure):
            for member in draft.members:
                self._teller.refused(member.index, member.request, reserved.failure())
            return
        begun = await self._book.begin(draft.tag, draft.members, since_s)
        if isinstance(begun, Failure):
            await self._teller.failed(draft.members, begun.failure(), since_s, is_paid=False)
            return
        parcel = begun.unwrap()
        error = await self._vendor.hand_in(parcel, Load(draft.tag, tuple(draft.lines)))
        if error is None:
            self.waiting.append(parcel)
        else:
            await self._teller.failed(draft.members, error, since_s, is_paid=not parcel.progress.over)

    async def _reserve(self, worst_usd: float) -> Outcome[None, BudgetExceeded]:
        budget = self._context.budget
        return Success(None) if budget is None else await budget.reserve(worst_usd, 0.0, self._context.clock)
