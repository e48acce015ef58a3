"""The provider of one call: it answers as the weather has it, in virtual time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import final

from returns.result import Failure, Success

from llm_manager.domain.errors import LLMError, MalformedResponse, RequestTimedOut, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import FinishReason, LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import TimeoutSettings
from llm_manager.domain.stream import Delta, TextDelta
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import next_model
from llm_manager.ports import Clock, Dispatch, Incoming
from llm_manager.testing.simulation.chance import chance
from llm_manager.testing.simulation.scenario import Behaviour
from llm_manager.testing.simulation.traffic import Call
from llm_manager.testing.simulation.weather import Answers, BreaksOff, Fate, Refuses, Silence, fate

CHARACTERS_A_TOKEN = 4
"""About what it is in English."""

_WELL = Behaviour()


@final
class Player:
    """Plays every model to one *call*. Behind a gateway that falls back by itself, it plays that, too."""

    __slots__ = ("_behaviours", "_call", "_clock", "_seed", "_timeouts", "_tries")

    def __init__(
        self, call: Call, behaviours: Mapping[str, Behaviour], timeouts: TimeoutSettings, clock: Clock, seed: int
    ) -> None:
        self._call = call
        self._behaviours = behaviours
        self._timeouts = timeouts
        self._clock = clock
        self._seed = seed
        self._tries: Counter[str] = Counter()

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """The whole answer. Its head comes with its end, so that the limit of the attempt alone bounds it."""
        outcome = await self._whole(dispatch, dispatch.target)
        for target in dispatch.target.alternates:
            if isinstance(outcome, Success) or next_model(outcome.failure()) != "yes":
                break
            outcome = await self._whole(dispatch, target)
        return outcome

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """The answer in two pieces: its first token, and the rest."""
        outcome = await self._begun(dispatch, dispatch.target)
        for target in dispatch.target.alternates:
            if isinstance(outcome, Success) or next_model(outcome.failure()) != "yes":
                break
            outcome = await self._begun(dispatch, target)
        return outcome

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """The one that was asked for."""
        return Success((target.model,))

    async def _whole(self, dispatch: Dispatch, target: Target) -> Outcome[LLMResponse, LLMError]:
        match self._fate(target):
            case Answers(whole_s=whole_s):
                await self._clock.sleep(whole_s)
                return Success(self._answer(dispatch, target))
            case BreaksOff(broken_s=broken_s):
                await self._clock.sleep(broken_s)
                return Failure(MalformedResponse(target.model, "truncated", "it broke off (simulated)"))
            case Refuses(after_s=after_s, error=error):
                await self._clock.sleep(after_s)
                return Failure(error)
            case Silence():
                await self._clock.sleep(dispatch.timeout_s)
                return Failure(RequestTimedOut(target.model, dispatch.timeout_s, "attempt"))

    async def _begun(self, dispatch: Dispatch, target: Target) -> Outcome[Incoming, LLMError]:
        match self._fate(target):
            case Refuses(after_s=after_s, error=error):
                await self._clock.sleep(after_s)
                return Failure(error)
            case Silence():
                await self._clock.sleep(self._timeouts.first_byte_s)
                return Failure(RequestTimedOut(target.model, self._timeouts.first_byte_s, "first_byte"))
            case Answers(first_s=first_s, whole_s=whole_s):
                await self._clock.sleep(first_s)
                return Success(_Coming(self._clock, self._answer(dispatch, target), whole_s - first_s, None))
            case BreaksOff(first_s=first_s, broken_s=broken_s, part=part):
                await self._clock.sleep(first_s)
                return Success(_Coming(self._clock, self._answer(dispatch, target), broken_s - first_s, part))

    def _fate(self, target: Target) -> Fate:
        self._tries[target.key] += 1
        draw = partial(chance, self._seed, target.model, self._call.number, self._tries[target.key])
        behaviour = self._behaviours.get(target.key, _WELL)
        return fate(behaviour, target.facts, self._clock.monotonic(), self._call.answer_tokens, draw)

    def _answer(self, dispatch: Dispatch, target: Target) -> LLMResponse:
        most = dispatch.request.preferences.max_tokens
        tokens = self._call.answer_tokens
        finish: FinishReason = "stop"
        if most is not None and most < tokens:
            tokens, finish = most, "length"
        usage = Usage(
            prompt_tokens=self._call.prompt_tokens,
            completion_tokens=tokens,
            total_tokens=self._call.prompt_tokens + tokens,
        )
        return LLMResponse(
            content="." * (tokens * CHARACTERS_A_TOKEN),
            model=target.model,
            usage=usage,
            finish_reason=finish,
            metadata=ResponseMetadata(provider=target.provider.name),
        )


@final
class _Coming:
    """An answer in two pieces, *rest_s* apart; it breaks off behind *part* of it, unless that is None."""

    __slots__ = ("_clock", "_left", "_response", "_rest_s", "_whole")

    def __init__(self, clock: Clock, response: LLMResponse, rest_s: float, part: float | None) -> None:
        text = response.content
        come = text if part is None else text[: max(int(part * len(text)), CHARACTERS_A_TOKEN)]
        self._clock = clock
        self._response = response
        self._rest_s = rest_s
        self._whole = part is None
        self._left = deque((come[:CHARACTERS_A_TOKEN], come[CHARACTERS_A_TOKEN:]))

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """The next piece, and then the end."""
        if not self._left:
            return Success(self._response) if self._whole else Failure(StreamBroken(self._response.model))
        if len(self._left) == 1:
            await self._clock.sleep(self._rest_s)
        return Success((TextDelta(self._left.popleft()),))

    longest_pull_s = None

    @property
    def usage(self) -> Usage:
        """A vendor tells it at the end."""
        return Usage()

    async def aclose(self) -> None:
        """Nothing is held."""
