"""What a chat has at hand: the open context, and words to the person at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from returns.result import Failure

from llm_manager import LLMError, Op, describe
from llm_manager.cli.chart import Colour, paint_for
from llm_manager.cli.held import Held
from llm_manager.cli.show import print_painted
from llm_manager.domain.sanitize import escape_control_chars

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Desk:
    """The context that is *held* open, and *ask*, which puts a question and gives the line that is typed."""

    held: Held
    ask: Callable[[str], str]

    def find(self, op: Op[A]) -> A | None:
        """What *op* gives; or None, once its failure has been told."""
        outcome = self.held.run(op)
        if isinstance(outcome, Failure):
            self.complain(outcome.failure())
            return None
        return outcome.unwrap()

    def complain(self, error: LLMError) -> None:
        """Tell what went wrong and what to do, in one line."""
        tell(describe(error), "red")


def tell(text: str, colour: Colour = "plain") -> None:
    """Say something that is no answer."""
    sys.stdout.flush()
    print_painted(paint_for(sys.stderr)(escape_control_chars(text), colour), sys.stderr)
