"""What was acquired is released, in reverse order, whatever happened in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Never

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager.effect.layer import Layer, feed, map_layer, merge, provide_layer, scoped
from llm_manager.effect.op import Effect, Outcome, effect, fail, run, service, succeed
from llm_manager.effect.scope import Scope, acquire_use_release

pytestmark = pytest.mark.anyio


def noting(log: list[str], word: str) -> Callable[[], Awaitable[object]]:
    async def note() -> None:
        await anyio.lowlevel.checkpoint()
        log.append(word)

    return note


async def test_finalizers_run_in_reverse_even_when_one_raises() -> None:
    log: list[str] = []

    async def broken() -> None:
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        async with Scope() as scope:
            scope.add(noting(log, "first"))
            scope.add(broken)
            scope.add(noting(log, "last"))
    assert log == ["last", "first"]


async def test_every_broken_finalizer_is_named() -> None:
    async def broken() -> None:
        raise ValueError("bug")

    scope = Scope()
    scope.add(broken)
    scope.add(broken)
    with pytest.raises(ValueError, match="bug") as caught:
        await scope.close()
    assert caught.value.__notes__ == ["another finalizer of this scope failed too: ValueError('bug')"]


async def test_a_broken_finalizer_does_not_hide_the_exception_under_way() -> None:
    async def broken() -> None:
        raise ValueError("bug")

    with pytest.raises(KeyError) as caught:
        async with Scope() as scope:
            scope.add(broken)
            raise KeyError("cause")
    assert caught.value.__notes__ == ["a finalizer failed while this was under way: ValueError('bug')"]


async def test_a_hanging_finalizer_is_cut_off_and_the_ones_below_it_still_start() -> None:
    log: list[str] = []

    async def hanging() -> None:
        await anyio.sleep_forever()

    async def instant() -> None:
        log.append("instant")

    scope = Scope(cleanup_s=0.01)
    scope.add(instant)
    scope.add(hanging)
    await scope.close()
    assert log == ["instant"]


async def test_use_is_released_after_cancellation() -> None:
    log: list[str] = []

    def release(_: str) -> Effect[None, Never, object]:
        async def releasing(_: object) -> Outcome[None, Never]:
            await anyio.lowlevel.checkpoint()
            log.append("released")
            return Success(None)

        return effect(releasing)

    async def waiting(_: object) -> Outcome[str, str]:
        await anyio.sleep_forever()
        return Success("never")

    with anyio.move_on_after(0.01) as cancelled:
        await run(acquire_use_release(succeed("it"), lambda _: effect(waiting), release), None)
    assert cancelled.cancelled_caught
    assert log == ["released"]


async def test_nothing_is_used_or_released_when_acquiring_fails() -> None:
    op: Effect[str, str, object] = acquire_use_release(fail("none"), lambda _: succeed("used"), lambda _: succeed(None))
    assert await run(op, None) == Failure("none")


whole_name: Effect[str, str, str] = service(lambda name: name)
whole_number: Effect[int, str, int] = service(lambda number: number)


def part(log: list[str], name: str) -> Layer[str, str, object]:
    async def build(_: object, scope: Scope) -> Outcome[str, str]:
        log.append(f"+{name}")
        scope.add(noting(log, f"-{name}"))
        return Success(name)

    return scoped(build)


async def test_a_shared_layer_is_built_once_and_all_are_released_in_reverse() -> None:
    log: list[str] = []
    base = part(log, "base")
    left = map_layer(base, lambda name: name + "/left")
    whole = merge(left, merge(part(log, "right"), base, lambda a, b: f"{a}+{b}"), lambda a, b: f"{a}, {b}")
    outcome = await run(provide_layer(whole_name, whole), None)
    assert outcome == Success("base/left, right+base")
    assert log == ["+base", "+right", "-right", "-base"]


async def test_what_was_built_is_released_when_a_later_part_fails() -> None:
    log: list[str] = []

    async def fails(_: object, __: Scope) -> Outcome[str, str]:
        return Failure("no")

    broken = scoped(fails)
    layer = merge(part(log, "base"), broken, lambda a, b: a + b)
    assert await run(provide_layer(whole_name, layer), None) == Failure("no")
    assert log == ["+base", "-base"]
    assert await run(provide_layer(whole_name, map_layer(merge(broken, broken, max), str)), None) == Failure("no")


async def test_feed_builds_one_layer_from_another() -> None:
    log: list[str] = []

    async def build(name: str, _: Scope) -> Outcome[int, str]:
        return Success(len(name))

    layer = feed(part(log, "base"), scoped(build))
    assert await run(provide_layer(whole_number, layer), None) == Success(4)

    async def fails(_: object, __: Scope) -> Outcome[str, str]:
        return Failure("no")

    assert await run(provide_layer(whole_number, feed(scoped(fails), scoped(build))), None) == Failure("no")


async def test_work_beside_a_scope_ends_before_its_finalizers_run() -> None:
    told: list[str] = []

    async def working() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            told.append("work")

    async def finalizing() -> None:
        told.append("finalizer")

    async with Scope() as scope:
        scope.add(finalizing)
        await scope.start(working)
        await anyio.wait_all_tasks_blocked()
        assert told == []
    assert told == ["work", "finalizer"]


async def test_a_bug_in_work_beside_a_scope_comes_out_bare_when_it_closes() -> None:
    told: list[str] = []

    async def broken() -> None:
        raise KeyError("bug")

    async def finalizing() -> None:
        told.append("finalizer")

    with pytest.raises(KeyError, match="bug"):
        async with Scope() as scope:
            scope.add(finalizing)
            await scope.start(broken)
            await anyio.wait_all_tasks_blocked()
            told.append("the block goes on")
    assert told == ["the block goes on", "finalizer"]
