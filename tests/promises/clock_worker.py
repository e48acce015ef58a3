"""A program under a wall clock that somebody sets while it runs; run by the tests, on either loop.

All that depends on time begins; it says ``begun`` and waits for a line on its input; then everything goes on, and what
came of it is printed as JSON. It never looks at the wall clock itself, but to say how far that was set.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import anyio
from returns.result import Success

from llm_manager import (
    BreakerSettings,
    CacheSettings,
    Context,
    HttpSettings,
    KeySettings,
    LimiterSettings,
    LLMConfig,
    LLMRequest,
    Preferences,
    RetrySettings,
    Secret,
    custom,
    generate,
    run,
)
from llm_manager.testing.simulator import Fault, Reply, Say, Simulator, Status

Told = list[object]

HURRY_S = 1.0
"""Who has no more time than this does not wait for a circuit or for a key that rests."""

LONG_S = 10.0
"""No wait of ours takes so long on the busiest machine; every wait would that a day was added to."""


@dataclass
class Moment:
    """When the wall clock is set: once every scene has begun, which it does when all are warm."""

    warm: int = 0
    begun: int = 0
    are_warm: anyio.Event = field(default_factory=anyio.Event)
    have_begun: anyio.Event = field(default_factory=anyio.Event)
    is_set: anyio.Event = field(default_factory=anyio.Event)

    async def all_are_warm(self) -> None:
        self.warm += 1
        if self.warm == len(SCENES):
            self.are_warm.set()
        await self.are_warm.wait()

    async def comes(self) -> None:
        self.begun += 1
        if self.begun == len(SCENES) - len(IN_ONE_CALL):
            self.have_begun.set()
        await self.is_set.wait()


@dataclass
class Scene:
    """A context of its own, the model it asks, and the moment at which the wall clock is set."""

    context: Context
    model: str
    moment: Moment
    told: Told = field(default_factory=list[object])

    async def ask(self, prompt: str = "", deadline_s: float | None = None) -> None:
        """Tell what comes of it: the name of the error, or whether it was new."""
        preferences = Preferences(model=self.model, fallback="none")
        request = LLMRequest(prompt=prompt or str(len(self.told)), preferences=preferences, deadline_s=deadline_s)
        outcome = await run(generate(request), self.context)
        if isinstance(outcome, Success):
            answer = outcome.unwrap()
            self.told.append("cached" if answer.metadata.cached else "new")
            if not 0 <= (answer.metadata.latency_ms or 0) < 60_000:
                self.told.append(f"latency {answer.metadata.latency_ms}")
        else:
            self.told.append(outcome.failure().tag)


def configured(url: str) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={"openai": (Secret("any-key-will-do-here"),)}),
        http=HttpSettings(base_urls={"openai": f"{url}/v1"}),
        retry=RetrySettings(max_retries=0),
        circuit_breaker=BreakerSettings(failure_threshold=2, open_s=3),
        cache=CacheSettings(ttl_s=3),
    )


async def breaker(scene: Scene) -> None:
    """Two failures open it for three seconds; half-open it lets a probe through."""
    await scene.ask()
    await scene.ask()
    await scene.ask(deadline_s=HURRY_S)
    opened_s = time.monotonic()
    await scene.moment.comes()
    await scene.ask(deadline_s=HURRY_S)
    await anyio.sleep(3.4 - (time.monotonic() - opened_s))  # up to a tenth is added to the time that it is open
    await scene.ask()


async def limiter(scene: Scene) -> None:
    """Two are let through, the next in half a minute."""
    for _ in range(3):
        await scene.ask()
    await scene.moment.comes()
    for _ in range(3):
        await scene.ask()


async def key_rests(scene: Scene) -> None:
    """Told to wait three seconds, the key waits three seconds."""
    await scene.ask(deadline_s=HURRY_S)
    told_s = time.monotonic()
    await scene.ask(deadline_s=HURRY_S)
    await scene.moment.comes()
    await scene.ask(deadline_s=HURRY_S)
    await anyio.sleep(3.1 - (time.monotonic() - told_s))
    await scene.ask()


async def cache(scene: Scene) -> None:
    """An answer is kept for three seconds."""
    await scene.ask("the same")
    kept_s = time.monotonic()
    await scene.ask("the same")
    await scene.moment.comes()
    await scene.ask("the same")
    await anyio.sleep(3.1 - (time.monotonic() - kept_s))
    await scene.ask("the same")


async def deadline(scene: Scene) -> None:
    """A call that nobody answers ends at its deadline, two seconds after it began."""
    began_s = time.monotonic()
    await scene.ask(deadline_s=2.0)
    scene.told.append(2.0 <= time.monotonic() - began_s < LONG_S)


async def retry(scene: Scene) -> None:
    """A retry waits for as long as the vendor asked, three seconds, and a tenth at most."""
    began_s = time.monotonic()
    await scene.ask()
    scene.told.append(3.0 <= time.monotonic() - began_s < LONG_S)


REST = Status(429, headers={"retry-after": "3"})
SCENES: dict[str, tuple[Callable[[Scene], Awaitable[None]], list[Reply]]] = {
    "breaker": (breaker, [Status(500), Status(500), Say("well again")]),
    "limiter": (limiter, [Say("one"), Say("two")]),
    "key rests": (key_rests, [REST, Say("rested")]),
    "cache": (cache, [Say("kept"), Say("asked again")]),
    "deadline": (deadline, [Fault("hang")]),
    "retry": (retry, [REST, Say("in the end")]),
}
IN_ONE_CALL = ("deadline", "retry")
WARM = "gpt-5-mini"
MODELS = dict(zip(SCENES, ("gpt-5.6-terra", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-5"), strict=True))


def settings_of(name: str, config: LLMConfig) -> LLMConfig:
    match name:
        case "limiter":
            return replace(config, rate_limit=LimiterSettings(requests_per_minute=2, max_wait_s=0))
        case "retry":
            return replace(config, retry=RetrySettings(max_retries=1))
        case _:
            return config


async def play(name: str, url: str, moment: Moment, told: dict[str, Told]) -> None:
    scene, _ = SCENES[name]
    async with custom(settings_of(name, configured(url))) as context:
        warm = Scene(context, WARM, moment)
        await warm.ask("what a first call loads takes nobody's time")
        assert warm.told == ["new"]
        await moment.all_are_warm()
        on = Scene(context, MODELS[name], moment)
        told[name] = on.told
        await scene(on)


async def everything() -> dict[str, object]:
    told: dict[str, Told] = {}
    moment = Moment()
    set_by_s, before_s = 0.0, time.time() - time.monotonic()
    async with Simulator() as simulator, anyio.create_task_group() as group:
        simulator.script(WARM, [Say("warm")] * len(SCENES))
        for name, (_, replies) in SCENES.items():
            simulator.script(MODELS[name], replies)
            group.start_soon(play, name, simulator.url, moment, told)
        await moment.have_begun.wait()
        print("begun", flush=True)  # noqa: T201  # how it talks to the test
        await anyio.to_thread.run_sync(sys.stdin.readline)
        set_by_s = time.time() - time.monotonic() - before_s
        moment.is_set.set()
    return {"told": told, "set_by_s": set_by_s}


if __name__ == "__main__":
    print(json.dumps(anyio.run(everything, backend=sys.argv[1])), flush=True)  # noqa: T201  # as above
