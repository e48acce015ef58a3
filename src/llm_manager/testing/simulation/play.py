"""A scenario, played: the real stack, real policies and real limits, on models that only pretend, in virtual time.

One call is one task. Time is moved by the one who plays, from one moment at which something is due to the next, and
never before every task waits; so what happens depends on the scenario, the configuration and the operation alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.in_process import in_process_context
from llm_manager.adapters.observers.plain import Silent
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.events import Event
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import run
from llm_manager.ports import Clock
from llm_manager.testing.clock import VirtualClock
from llm_manager.testing.simulation.chance import CallRandom
from llm_manager.testing.simulation.player import Player
from llm_manager.testing.simulation.report import Report
from llm_manager.testing.simulation.scenario import Scenario
from llm_manager.testing.simulation.stage import Stage, staged
from llm_manager.testing.simulation.tally import Happening, Tally
from llm_manager.testing.simulation.traffic import Call, calls_of
from llm_manager.testing.simulation.watch import WatchedBreakers, WatchedKeys, WatchedLimiter
from llm_manager.testing.turns import CallClock, InTurn

Listener: TypeAlias = Callable[[int, Happening], None]
"""Hears the number of a call and what happened to it."""


async def simulate(
    scenario: Scenario,
    operation: Callable[[LLMRequest], Op[object]],
    *,
    config: LLMConfig | None = None,
    listen: Listener | None = None,
) -> Outcome[Report, ConfigurationError]:
    """What would have happened on the day that *scenario* describes, if each call had been ``operation(request)``.

    *operation* is ``generate``, or a pipeline of one's own. The stack is the one that *config*, or the defaults, make
    of it, with one process's cache, limits and breakers; keys and addresses that the scenario's models need are lent.
    Nothing is sent and nobody waits. *listen* hears of everything in order. It wants its event loop for itself: time
    moves when every task of the loop waits.

    The same scenario, configuration and operation give the same report and the same events, on asyncio and on trio,
    races and hedges included; not if the operation starts tasks by itself: which of those runs first is up to the event
    loop.

    Fails with ``ConfigurationError``, which names all that makes no sense in the scenario or for the configuration.
    """
    found = staged(scenario, LLMConfig() if config is None else config)
    if isinstance(found, Failure):
        return found
    stage = found.unwrap()
    tally = Tally(scenario, stage.targets, stage.behaviours)

    def tell(call: int, happening: Happening) -> None:
        tally.heard(call, happening)
        if listen is not None:
            listen(call, happening)

    ended_s = await _Play(scenario, stage, tally, tell).run(operation)
    return Success(tally.report(ended_s))


@final
class _Told:
    """The observer of one call."""

    __slots__ = ("_call", "_tell")

    def __init__(self, call: int, tell: Listener) -> None:
        self._call = call
        self._tell = tell

    def notify(self, event: Event, /) -> None:
        """Tell it with the number of the call."""
        self._tell(self._call, event)


@final
class _Play:
    """One playing of a scenario."""

    def __init__(self, scenario: Scenario, stage: Stage, tally: Tally, tell: Listener) -> None:
        self._scenario = scenario
        self._stage = stage
        self._tally = tally
        self._tell = tell
        self._clock = VirtualClock()
        self._context = in_process_context(
            stage.config, providers={}, clock=self._clock, random=CallRandom(scenario.seed, 0), observer=Silent()
        )
        self._services = tuple(dict.fromkeys(target.service for target in stage.targets))
        self._left = 0

    async def run(self, operation: Callable[[LLMRequest], Op[object]]) -> float:
        """Let all calls come and end; gives when the last one did."""
        clock = self._clock
        async with anyio.create_task_group() as group:
            try:
                for call in calls_of(self._scenario):
                    await clock.advance(call.at_s - clock.monotonic())
                    self._left += 1
                    self._tally.came(call.number, clock.monotonic())
                    group.start_soon(self._one, call, operation)
                while await clock.advance_to_next():
                    pass
                if self._left:
                    raise RuntimeError(f"{self._left} calls wait for something that is not on the context's clock")
            finally:
                clock.let_go()
        return clock.monotonic()

    async def _one(self, call: Call, operation: Callable[[LLMRequest], Op[object]]) -> None:
        came_s = self._clock.monotonic()
        clock = CallClock(self._clock, call.number)
        work = run(operation(call.request), self._context_of(call, clock))
        outcome = await InTurn(work, clock)
        self._tally.ended(call.number, came_s, self._clock.monotonic(), outcome)
        self._left -= 1

    def _context_of(self, call: Call, clock: Clock) -> Context:
        """Shared state, and a provider, an observer and a chance of its own."""
        shared, seed = self._context, self._scenario.seed
        player = Player(call, self._stage.behaviours, shared.config.timeouts, clock, seed)
        tell = partial(self._tell, call.number)
        return replace(
            shared,
            providers=dict.fromkeys(self._services, player),
            breakers=WatchedBreakers(shared.breakers, tell),
            keys=WatchedKeys(shared.keys, tell),
            limiter=WatchedLimiter(shared.limiter, tell),
            clock=clock,
            random=CallRandom(seed, call.number),
            observer=_Told(call.number, self._tell),
        )
