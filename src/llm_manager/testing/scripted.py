"""A layer whose models read their answers from a script: the context to swap in when testing a pipeline.

    layer = scripted({"gpt": [RateLimitExceeded("gpt"), "It scatters."]})
    outcome = await provide(generate(LLMRequest(prompt="Why is the sky blue?")), layer)

Time is virtual and moves by itself whenever everybody waits, so retries and timeouts take none of yours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, final

from returns.result import Failure, Success

from llm_manager.adapters.health_check import check_in_background
from llm_manager.adapters.in_process import in_process_context
from llm_manager.adapters.incoming import Whole
from llm_manager.adapters.observers.plain import Silent
from llm_manager.adapters.system import SystemRandom
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import LLMError, ModelUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import ModelSettings
from llm_manager.domain.stream import Delta, TextDelta
from llm_manager.domain.target import Target
from llm_manager.effect.context import Context
from llm_manager.effect.layer import Layer, scoped
from llm_manager.effect.scope import Scope
from llm_manager.ports import Clock, Dispatch, Incoming, Observer
from llm_manager.testing.clock import VirtualClock


@dataclass(frozen=True, slots=True)
class Pause:
    """Take *seconds* of virtual time, then answer *line*."""

    seconds: float
    line: Line


@dataclass(frozen=True, slots=True)
class Pieces:
    """Say *texts* one after the other, each after *gap_s* of virtual time, and break off with *error* if there is
    one."""

    texts: Sequence[str]
    error: LLMError | None = None
    gap_s: float = 0.0


Line: TypeAlias = "str | LLMResponse | LLMError | Pieces | Pause | Callable[[LLMRequest], Line]"
"""What a scripted model does next: say a text, give a whole response, fail, speak in pieces, take its time, or look at
the request."""


@final
class ScriptedProvider:
    """The provider that reads the lines; *received* is what it was asked, in order."""

    def __init__(self, lines: Mapping[str, Sequence[Line]], clock: Clock) -> None:
        self._lines = {model: deque(script) for model, script in lines.items()}
        self._clock = clock
        self.received: list[Dispatch] = []

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """Read the next line of the model; after the last one it is unavailable."""
        line = await self._next(dispatch)
        if isinstance(line, Pieces):
            await self._clock.sleep(line.gap_s * len(line.texts))
        return _read(line, dispatch.target)

    async def _next(self, dispatch: Dispatch) -> str | LLMResponse | LLMError | Pieces:
        self.received.append(dispatch)
        model = dispatch.target.model
        script = self._lines.get(model)
        line: Line = script.popleft() if script else ModelUnavailable(model, self._at_its_end(model))
        while isinstance(line, Pause) or callable(line):
            if isinstance(line, Pause):
                await self._clock.sleep(line.seconds)
                line = line.line
            else:
                line = line(dispatch.request)
        return line

    def _at_its_end(self, model: str) -> str:
        asked = sum(each.target.model == model for each in self.received)
        return f"its script has no more lines: scripted() gave it {asked - 1}, and this is request {asked}"

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """The next line as it is said: :class:`Pieces` one by one, everything else at once."""
        line = await self._next(dispatch)
        if isinstance(line, Pieces):
            return Success(_Saying(line, dispatch.target, self._clock))
        read = _read(line, dispatch.target)
        return read if isinstance(read, Failure) else Success(Whole(read.unwrap()))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """The models that have a script."""
        return Success(tuple(self._lines))


@final
class _Saying:
    """Pieces on their way."""

    __slots__ = ("_clock", "_error", "_gap_s", "_left", "_response")

    def __init__(self, pieces: Pieces, target: Target, clock: Clock) -> None:
        self._clock = clock
        self._gap_s = pieces.gap_s
        self._error = pieces.error
        self._left = deque(pieces.texts)
        self._response = _said("".join(pieces.texts), target)

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """The next piece."""
        if self._left:
            await self._clock.sleep(self._gap_s)
            return Success((TextDelta(self._left.popleft()),))
        return Success(self._response) if self._error is None else Failure(self._error)

    longest_pull_s = None

    @property
    def usage(self) -> Usage:
        """A script tells none."""
        return Usage()

    async def aclose(self) -> None:
        """Nothing is held."""


def _read(line: str | LLMResponse | LLMError | Pieces, target: Target) -> Outcome[LLMResponse, LLMError]:
    match line:
        case str():
            return Success(_said(line, target))
        case Pieces(texts=texts, error=error):
            return Success(_said("".join(texts), target)) if error is None else Failure(error)
        case LLMResponse():
            return Success(line)
        case _:
            return Failure(line)


def _said(text: str, target: Target) -> LLMResponse:
    metadata = ResponseMetadata(provider=target.provider.name)
    return LLMResponse(content=text, model=target.model, finish_reason="stop", metadata=metadata)


def scripted(
    lines: Mapping[str, Sequence[Line]],
    *,
    config: LLMConfig | None = None,
    clock: Clock | None = None,
    observer: Observer | None = None,
    seed: int = 0,
) -> Layer[Context, LLMError, None]:
    """The layer in which the models named by *lines* read their answers from there, and no other model is configured.

    *config* sets everything else, a check in the background too. *clock* is a virtual one that moves by itself unless
    given. Each build of the layer reads the script from its beginning.
    """

    _check(lines)

    async def build(_needs: None, scope: Scope) -> Outcome[Context, LLMError]:
        time = VirtualClock(autojump=True) if clock is None else clock
        given = LLMConfig() if config is None else config
        models = {
            name: replace(given.models.get(name, ModelSettings()), provider="custom", model=None) for name in lines
        }
        context = in_process_context(
            replace(given, models={**given.models, **models}),
            providers={"custom": ScriptedProvider(lines, time)},
            clock=time,
            random=SystemRandom(seed),
            observer=Silent() if observer is None else observer,
        )
        await check_in_background(context, scope)
        return Success(context)

    return scoped(build)


def _check(lines: Mapping[str, object]) -> None:
    """A text would be read letter by letter, and a line alone not at all."""
    for model, script in lines.items():
        if isinstance(script, str) or not isinstance(script, Sequence):
            raise TypeError(
                f"the script of {model!r} is a {type(script).__name__}: give a list of lines, such as ['Hi.']"
            )
