"""What holds of every combinator that keeps the type of what it wraps, whatever it is for.

The rule: these are the promises a pipeline relies on without knowing which policies stand around it. Each is tried on
asyncio and on trio, in virtual time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

import anyio
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.domain.errors import LLMError, ServerError
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.ongoing import Ongoing
from llm_manager.effect.op import effect, run
from llm_manager.testing.laws.law import Law, holds, same
from llm_manager.testing.scripted import scripted

A = TypeVar("A")

BACKENDS: Final = ("asyncio", "trio")
_LASTING: Final = ServerError("law", 500, "it stays like this")


class Bug(Exception):  # what a program may raise; no outcome
    """A mistake in a program, which is nobody's to catch."""


def policy_laws(policy: Policy) -> tuple[Law, ...]:
    """All laws of a *policy*; it is put around operations of its own for each.

    >>> from llm_manager import timeout
    >>> for law in policy_laws(timeout(5)):
    ...     law()
    """

    return (
        Law("a success comes through with its value", _success(policy)),
        Law("a failure that lasts stays a failure", partial(_failure, policy)),
        Law("a bug comes out as it is", partial(_bug, policy)),
        Law("an operation can be run again", partial(_again, policy)),
        Law("a cancelled run leaves the way free", partial(_cancelled, policy)),
        Law("a stream that was left leaves the way free", partial(_left, policy)),
    )


def _success(policy: Policy) -> Callable[[], None]:
    @given(value=st.one_of(st.none(), st.integers(), st.text(max_size=5)))
    def law(value: object) -> None:
        good: Outcome[object, LLMError] = Success(value)
        for outcome in _on_all(partial(_run_once, policy(_giving(good)))):
            same("a success comes through with its value", outcome, Success(value))

    return law


def _failure(policy: Policy) -> None:
    for outcome in _on_all(partial(_run_once, policy(_failing()))):
        holds("a failure that lasts stays a failure", is_true=isinstance(outcome, Failure), of=outcome)


def _bug(policy: Policy) -> None:
    for raised in _on_all(partial(_raised_by, policy(_raising()))):
        holds("a bug comes out as it is", is_true=isinstance(raised, Bug), of=raised)


def _again(policy: Policy) -> None:
    good: Outcome[str, LLMError] = Success("same")
    op = policy(_giving(good))
    first, second = _on_all(partial(_run_once, op)), _on_all(partial(_run_once, op))
    same("an operation can be run again", second, first)


def _cancelled(policy: Policy) -> None:
    for outcome in _on_all(partial(_after_a_cancelled_run, policy)):
        same("a cancelled run ends, and leaves the way free for the next", outcome, Success("next"))


def _left(policy: Policy) -> None:
    for outcome in _on_all(partial(_after_a_left_stream, policy)):
        same("a stream that was left leaves the way free for the next", outcome, Success("next"))


def _on_all(program: Callable[[], Awaitable[A]]) -> list[A]:
    return [anyio.run(program, backend=backend) for backend in BACKENDS]


async def _run_once(op: Op[A]) -> Outcome[A, LLMError]:
    async with scripted({}) as context:
        return await run(op, context)


async def _raised_by(op: Op[object]) -> BaseException | None:
    async with scripted({}) as context:
        try:
            await run(op, context)
        except Bug as raised:
            return raised
    return None


async def _after_a_cancelled_run(policy: Policy) -> Outcome[str, LLMError]:
    """One policy around two operations: the first never ends by itself."""
    async with scripted({}) as context:
        with context.clock.move_on_after(0.5):
            await run(policy(_hanging()), context)
        return await run(policy(_giving(Success("next"))), context)


async def _after_a_left_stream(policy: Policy) -> Outcome[object, LLMError]:
    async with scripted({}) as context:
        opened = await run(policy(_giving(Success(Ongoing()))), context)
        if isinstance(opened, Success):
            await opened.unwrap().aclose()
        return await run(policy(_giving(Success("next"))), context)


def _giving(outcome: Outcome[A, LLMError]) -> Op[A]:
    async def give(_: Context) -> Outcome[A, LLMError]:
        return outcome

    return effect(give)


def _failing() -> Op[object]:
    async def fail(_: Context) -> Outcome[object, LLMError]:
        return Failure(_LASTING)

    return effect(fail)


def _raising() -> Op[object]:
    async def stumble(_: Context) -> Outcome[object, LLMError]:
        raise Bug

    return effect(stumble)


def _hanging() -> Op[str]:
    async def hang(context: Context) -> Outcome[str, LLMError]:
        await context.clock.sleep(3_600)
        return Success("never")

    return effect(hang)
