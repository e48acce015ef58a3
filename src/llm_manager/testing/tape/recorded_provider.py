"""A provider whose exchanges are written down: what it was asked, and everything that came back, piece by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from returns.result import Failure, Success

from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import Event, GatewayTimed
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming, Observer, Provider
from llm_manager.testing.tape.lines import Answered, Closed, Failed, How, Listed, Opened, Pulled, Step
from llm_manager.testing.tape.log import Log


@dataclass(frozen=True, slots=True)
class _Overhears:
    """Keeps what a provider tells of the gateway, and passes everything on."""

    next: Observer
    told: list[GatewayTimed]

    def notify(self, event: Event, /) -> None:
        """Keep it if it is of the gateway."""
        if isinstance(event, GatewayTimed):
            self.told.append(event)
        self.next.notify(event)


@final
class RecordedProvider:
    """A provider whose exchanges are written down."""

    __slots__ = ("_inner", "_log", "_service")

    def __init__(self, service: str, inner: Provider, log: Log) -> None:
        self._service = service
        self._inner = inner
        self._log = log

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """The recorded provider's whole answer."""
        number, told = self._asked("complete", dispatch), list[GatewayTimed]()
        overheard = replace(dispatch, observer=_Overhears(dispatch.observer, told))
        outcome, at_once = await self._log.waited(number, self._inner.complete(overheard))
        self._log.tape.write(_ended(number, self._log.now_s(), outcome, at_once=at_once, told=tuple(told)))
        return outcome

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """The recorded provider's answer in pieces, each written down as it comes."""
        number, told = self._asked("stream", dispatch), list[GatewayTimed]()
        overheard = replace(dispatch, observer=_Overhears(dispatch.observer, told))
        opened, at_once = await self._log.waited(number, self._inner.stream(overheard))
        now_s = self._log.now_s()
        if isinstance(opened, Failure):
            self._log.tape.write(_ended(number, now_s, opened, at_once=at_once, told=tuple(told)))
            return opened
        incoming = opened.unwrap()
        line = Opened(
            exchange=number,
            at_s=now_s,
            longest_pull_s=incoming.longest_pull_s,
            usage=incoming.usage,
            at_once=at_once,
            told=tuple(told),
        )
        self._log.tape.write(line)
        return Success(_Incoming(number, incoming, self._log))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """The recorded provider's list."""
        self._log.tape.hide(keys.values())
        number = self._log.asked("models", self._service, target)
        outcome, at_once = await self._log.waited(number, self._inner.models(target, keys))
        at_s = self._log.now_s()
        match outcome:
            case Success(names):
                self._log.tape.write(Listed(exchange=number, at_s=at_s, models=names, at_once=at_once))
            case Failure(error):
                self._log.tape.write(Failed(exchange=number, at_s=at_s, error=error, at_once=at_once))
        return outcome

    def _asked(self, how: How, dispatch: Dispatch) -> int:
        self._log.tape.hide(dispatch.keys.values())
        return self._log.asked(how, self._service, dispatch.target, dispatch.request, dispatch.trace_id)


def _ended(
    number: int,
    at_s: float,
    outcome: Outcome[LLMResponse, LLMError],
    *,
    at_once: bool,
    usage: Usage | None = None,
    told: tuple[GatewayTimed, ...] = (),
) -> Answered | Failed:
    match outcome:
        case Success(response):
            return Answered(exchange=number, at_s=at_s, response=response, usage=usage, at_once=at_once, told=told)
        case Failure(error):
            return Failed(exchange=number, at_s=at_s, error=error, usage=usage, at_once=at_once, told=told)


@final
class _Incoming:
    """An answer on its way, each piece of it written down."""

    __slots__ = ("_inner", "_log", "_number", "_usage")

    def __init__(self, number: int, inner: Incoming, log: Log) -> None:
        self._number = number
        self._inner = inner
        self._log = log
        self._usage = inner.usage

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """The next of it."""
        got, at_once = await self._log.waited(self._number, self._inner.pull())
        at_s, usage = self._log.now_s(), self._news()
        if isinstance(got, Failure):
            line: Step = _ended(self._number, at_s, got, at_once=at_once, usage=usage)
        elif isinstance(piece := got.unwrap(), LLMResponse):
            line = _ended(self._number, at_s, Success(piece), at_once=at_once, usage=usage)
        else:
            line = Pulled(exchange=self._number, at_s=at_s, deltas=tuple(piece), usage=usage, at_once=at_once)
        self._log.tape.write(line)
        return got

    def _news(self) -> Usage | None:
        usage = self._inner.usage
        if usage == self._usage:
            return None
        self._usage = usage
        return usage

    @property
    def longest_pull_s(self) -> float | None:
        """That of the recorded answer."""
        return self._inner.longest_pull_s

    @property
    def usage(self) -> Usage:
        """That of the recorded answer."""
        return self._inner.usage

    async def aclose(self) -> None:
        """Let go of it."""
        await self._inner.aclose()
        self._log.tape.write(Closed(exchange=self._number, at_s=self._log.now_s()))
