"""A combinator of one's own, and the laws that it must obey.

``warmed_up`` lets nothing through in the first seconds after the context was built: a policy that waits for a warm-up.
It needs nothing that is not public, and ``policy_laws`` finds out whether a pipeline can rely on it.
"""

from __future__ import annotations

from typing import TypeVar

from llm_manager import Context, LLMError, Op, Outcome, Policy, effect, run
from llm_manager.testing.laws import policy_laws

A = TypeVar("A")


def warmed_up(after_s: float) -> Policy:
    """Wait until *after_s* seconds have passed since the context was built, then run."""

    def around(op: Op[A], /) -> Op[A]:
        async def waiting(context: Context) -> Outcome[A, LLMError]:
            left_s = context.started_s + after_s - context.clock.monotonic()
            if left_s > 0:
                await context.clock.sleep(left_s)
            return await run(op, context)

        return effect(waiting)

    return around


def main() -> None:
    """Hold it to its laws; nobody waits for the seconds, which are virtual."""
    for law in policy_laws(warmed_up(30)):
        law()
        print(f"holds: {law}")


if __name__ == "__main__":
    main()
