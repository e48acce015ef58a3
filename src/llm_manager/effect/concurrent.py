"""Several effects at once: all or nothing, all outcomes, or the first success.

Children live in one task group, so none outlives the call. Outcomes are kept by position, because trio starts children
in random order. A child that raises is a bug: it comes out bare and not as an exception group.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Never, TypeVar

import anyio
from returns.result import Failure, Success

from llm_manager.domain.arguments import check_count, check_ops
from llm_manager.effect.ongoing import let_go
from llm_manager.effect.op import Effect, Outcome, effect, run
from llm_manager.effect.strands import beside

A = TypeVar("A")
E = TypeVar("E")
E2 = TypeVar("E2")
R = TypeVar("R")


async def children(count: int, child: Callable[[int], Awaitable[bool]], limit: int | None = None) -> None:
    """Run ``child(0)`` to ``child(count - 1)``, *limit* at a time; one that returns True cancels the others."""
    if count == 1:  # a task group costs more than the child
        await child(0)
        return
    bugs: list[Exception] = []
    gate = anyio.CapacityLimiter(limit) if limit is not None and limit < count else None

    async with anyio.create_task_group() as group:

        async def guarded(index: int) -> None:
            try:
                if gate is None:
                    stop = await child(index)
                else:
                    async with gate:
                        stop = await child(index)
            except Exception as bug:  # noqa: BLE001  # raised bare, below, once the siblings are gone
                bugs.append(bug)
                stop = True
            if stop:
                group.cancel_scope.cancel()

        for index in range(count):
            group.start_soon(guarded, index)
    if bugs:
        raise bugs[0]


def _check(name: str, ops: object, limit: object) -> None:
    check_ops(ops, f"{name} takes a sequence of operations", f"{name}([generate(one), generate(other)])")
    if limit is not None:
        check_count(limit, f"{name} takes how many run at the same time, 1 or more", f"{name}(ops, limit=4)")


def gather(ops: Sequence[Effect[A, E, R]], limit: int | None = None) -> Effect[tuple[A, ...], E, R]:
    """All values in order, or the first failure; the others are then cancelled and awaited."""
    _check("gather", ops, limit)

    async def gathering(context: R) -> Outcome[tuple[A, ...], E]:
        values: dict[int, A] = {}
        failures: list[Failure[E]] = []

        async def child(index: int) -> bool:
            outcome = await beside(context, index, partial(run, ops[index]))
            if isinstance(outcome, Failure):
                failures.append(outcome)
                return True
            values[index] = outcome.unwrap()
            return False

        await children(len(ops), child, limit)
        if failures:
            await let_go(values.values())
            return failures[0]
        return Success(tuple(values[index] for index in range(len(ops))))

    return effect(gathering)


def settle(ops: Sequence[Effect[A, E, R]], limit: int | None = None) -> Effect[tuple[Outcome[A, E], ...], Never, R]:
    """Every outcome, in order; one failure never loses the others."""
    _check("settle", ops, limit)

    async def settling(context: R) -> Outcome[tuple[Outcome[A, E], ...], Never]:
        outcomes: dict[int, Outcome[A, E]] = {}

        async def child(index: int) -> bool:
            outcomes[index] = await beside(context, index, partial(run, ops[index]))
            return False

        await children(len(ops), child, limit)
        return Success(tuple(outcomes[index] for index in range(len(ops))))

    return effect(settling)


def race(ops: Sequence[Effect[A, E, R]], all_failed: Callable[[tuple[E, ...]], E2]) -> Effect[A, E2, R]:
    """The first success; the losers are cancelled and awaited. Without one: *all_failed* of the errors, in order."""

    async def racing(context: R) -> Outcome[A, E2]:
        won: list[Success[A]] = []
        errors: dict[int, E] = {}

        async def child(index: int) -> bool:
            outcome = await beside(context, index, partial(run, ops[index]))
            if isinstance(outcome, Failure):
                errors[index] = outcome.failure()
                return False
            won.append(outcome)
            return True

        await children(len(ops), child)
        await let_go(late.unwrap() for late in won[1:])  # a dead heat
        return won[0] if won else Failure(all_failed(tuple(errors[index] for index in sorted(errors))))

    return effect(racing)
