"""Several at once, and the first success wins."""

from __future__ import annotations

from typing import TypeVar

from llm_manager.domain.arguments import check_ops
from llm_manager.domain.errors import AllModelsFailed, LLMError
from llm_manager.domain.verdicts import model_of
from llm_manager.effect import concurrent
from llm_manager.effect.context import Op

A = TypeVar("A")


def race(*ops: Op[A]) -> Op[A]:
    """The first success; the others are cancelled and awaited. Without one: ``AllModelsFailed`` in the order given."""
    check_ops(ops, "race takes operations, or a request and models", "race(generate(one), generate(other))")
    return concurrent.race(ops, _all_failed)


def _all_failed(errors: tuple[LLMError, ...]) -> LLMError:
    return AllModelsFailed(tuple((model_of(error), error) for error in errors))
