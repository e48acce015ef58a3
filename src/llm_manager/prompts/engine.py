"""A parsed template and data to text, within bounds.

Before it is compiled, a template gets its meters: what it loops over, what it compares and what it slices goes through
a filter that pays from the purse of this rendering. A loop pays for all its rounds before the first one, at the price
of its body; so nested loops, long lists and long texts add up to the same purse, and what is bounded is the work of
the whole, not of one construct.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, cast

from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome
from llm_manager.prompts.sandbox import EACH, PURSE, SLICED, WEIGHED, environment
from llm_manager.prompts.syntax import SyntaxProblem, parsed
from llm_manager.prompts.values import Data
from llm_manager.prompts.work import Purse, within_length

if TYPE_CHECKING:
    from jinja2 import Template, nodes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A template that can be rendered: the variables it *uses* with their lines, and what it *costs* without loops."""

    template: Template
    uses: Mapping[str, int]
    cost: int


@lru_cache(maxsize=256)
def prepared(text: str) -> Outcome[Prepared, tuple[SyntaxProblem, ...]]:
    """The template of *text*, or every problem that it has. A text that is asked for again is prepared already."""
    from jinja2 import TemplateSyntaxError  # noqa: PLC0415  # an extra: only who renders something needs it

    read = parsed(text)
    if isinstance(read, Failure):
        return read
    made, tree = environment(), read.unwrap().tree
    cost = _cost(tree)
    try:
        code = made.compile(_metered(tree))
    except TemplateSyntaxError as bad:  # what only the compiler sees, such as a loop over a name called loop
        return Failure((SyntaxProblem(bad.lineno, f"is not understood: {bad.message}"),))
    except SyntaxError as bad:  # of Python, which takes twenty blocks within each other and no more
        return Failure((SyntaxProblem(1, f"is nested too deep: {bad.msg}"),))
    return Success(Prepared(made.template_class.from_code(made, code, {}), read.unwrap().uses, cost))


def rendered(text: str, data: Mapping[str, Data]) -> Outcome[str, tuple[SyntaxProblem, ...]]:
    """*text* with *data* in its places, or what is wrong, by line. Pure: the same text and data, the same answer.

    >>> rendered("{{ who }} says {{ what }}", {"who": "Eve", "what": "{{ 7 * 7 }}"})
    <Success: Eve says {{ 7 * 7 }}>
    """
    from jinja2 import TemplateError  # noqa: PLC0415  # as above

    found = prepared(text)
    if isinstance(found, Failure):
        return found
    purse = Purse()
    try:
        purse.pay(found.unwrap().cost)
        return Success(_collected(found.unwrap().template, {**data, PURSE: purse}))
    except (TemplateError, ValueError, TypeError, ArithmeticError) as bad:
        # a TypeError is a comparison of what has no order, an ArithmeticError a division by nothing
        said = (getattr(bad, "message", None) or str(bad)).strip()
        return Failure((SyntaxProblem(_line(bad.__traceback__), said),))


def _collected(template: Template, names: dict[str, object]) -> str:
    pieces: list[str] = []
    length = 0
    context = template.new_context(names)
    for piece in template.root_render_func(context):
        length += len(piece)
        within_length(length)
        pieces.append(piece)
    return "".join(pieces)


def _metered(tree: nodes.Template) -> nodes.Template:
    """*tree* with its meters put in. It is changed, and not copied."""
    from jinja2 import nodes  # noqa: PLC0415  # as above

    for loop in list(tree.find_all(nodes.For)):
        loop.iter = _through(EACH, cast("nodes.Expr", loop.iter), nodes.Const(_round_cost(loop), lineno=loop.lineno))
    for asked in list(tree.find_all(nodes.Compare)):
        asked.expr = _through(WEIGHED, asked.expr)
        for operand in asked.ops:
            operand.expr = _through(WEIGHED, operand.expr)
    for item in list(tree.find_all(nodes.Getitem)):
        if isinstance(item.arg, nodes.Slice):
            item.node = _through(SLICED, item.node)
    tree.set_environment(environment())
    return tree


def _through(name: str, value: nodes.Expr, *arguments: nodes.Expr) -> nodes.Expr:
    from jinja2 import nodes  # noqa: PLC0415  # as above

    return nodes.Filter(value, name, list(arguments), [], None, None, lineno=value.lineno)


def _round_cost(loop: nodes.For) -> int:
    """The price of one round: what stands in the body and the condition, without what nested loops pay themselves."""
    condition = () if loop.test is None else (loop.test,)
    return 1 + sum(map(_cost, chain(loop.body, condition)))


def _cost(node: nodes.Node) -> int:
    """One for each node that is met when *node* is; of a loop, what it takes to begin it."""
    from jinja2 import nodes  # noqa: PLC0415  # as above

    children = (node.iter, *node.else_) if isinstance(node, nodes.For) else node.iter_child_nodes()
    return 1 + sum(map(_cost, children))


def _line(trace: TracebackType | None) -> int:
    """The line of the template in which an exception was raised: the last of its own frames in *trace*."""
    line = 1
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = cast("Template", template).get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
