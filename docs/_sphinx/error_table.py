"""The errors as a table, made of the union itself: ``.. error-table::``.

When each comes is the first sentence of its docstring, and what to do is what ``describe`` says to people.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, Final, get_args

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from llm_manager import LLMError, Problem, describe, is_transient

SAMPLES: Final[Mapping[str, object]] = {
    "model": "gpt",
    "retry_after_s": 7.0,
    "problems": (Problem("prompt", "is empty"),),
    "timeout_s": 20.0,
    "status_code": 503,
    "token_count": 200_000,
    "max_tokens": 128_000,
    "reason": "empty",
    "partial": "It sca",
    "response": "It scatters.",
    "capability": "vision",
    "failures": (),
    "limit_usd": 5.0,
    "spent_usd": 4.9,
    "conversation_id": "c1",
    "store": "redis",
}
"""What the fields of a sample hold, of those that want something."""


class ErrorTable(SphinxDirective):
    """``.. error-table::``, a row for each error."""

    def run(self) -> list[nodes.Node]:
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 22 34 10 34", ""]
        for row in (("error", "comes when", "may pass by itself", "what to do"), *map(_row, get_args(LLMError))):
            lines += [f"   {'* -' if not number else '  -'} {cell}" for number, cell in enumerate(row)]
        return self.parse_text_to_nodes(StringList([".. py:currentmodule:: llm_manager", "", *lines], "errors"))


def _row(kind: type[Any]) -> tuple[str, str, str, str]:
    wanted = [each.name for each in dataclasses.fields(kind) if each.default is dataclasses.MISSING]
    sample = kind(**{name: SAMPLES[name] for name in wanted})
    doc = " ".join((inspect.getdoc(kind) or "").split())
    when = doc.split(". ")[0].rstrip(".")
    todo = "mend what its problems name" if "problems" in wanted else describe(sample).rpartition(": ")[2]
    return f":py:class:`{kind.__name__}`", when, "yes" if is_transient(sample) else "no", todo


def setup(app: Sphinx) -> Mapping[str, object]:
    """What Sphinx calls."""
    app.add_directive("error-table", ErrorTable)
    return {"parallel_read_safe": True}
