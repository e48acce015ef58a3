"""Which part of Jinja2's language a template may use, and everything wrong with one before it is rendered.

The rule: what is not listed is refused. A template prints values, asks, loops and filters. It calls nothing, calculates
nothing, sets nothing, defines nothing and loads nothing: with each of these a few lines can make endless text or work,
and each is better done in Python, where it is typed and tested. What is left can be bounded; see :mod:`.engine`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from typing import TYPE_CHECKING, cast

from returns.result import Failure, Success

from llm_manager.domain.decode import nearest
from llm_manager.domain.outcome import Outcome
from llm_manager.prompts.filters import FILTERS
from llm_manager.prompts.limits import NESTING, SOURCE_CHARS
from llm_manager.prompts.sandbox import LOOP_FIELDS, TESTS, environment

if TYPE_CHECKING:
    from jinja2 import nodes


@dataclass(frozen=True, slots=True, order=True)
class SyntaxProblem:
    """What is wrong in *line*, counted from 1, of a template's text."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template's text as a tree that holds nothing that is not allowed, and the variables it *uses* by line."""

    tree: nodes.Template
    uses: Mapping[str, int]


def parsed(text: str) -> Outcome[Parsed, tuple[SyntaxProblem, ...]]:
    """The tree of *text*, or every problem that it has.

    >>> parsed("{{ config.__init__ }}").failure()
    (SyntaxProblem(line=1, message="reads '__init__': names that begin with _ are not for templates"),)
    """
    from jinja2 import TemplateSyntaxError  # noqa: PLC0415  # an extra: only who renders something needs it

    if len(text) > SOURCE_CHARS:
        said = f"is {len(text):,} characters long, and at most {SOURCE_CHARS:,} are taken: make long data a variable"
        return Failure((SyntaxProblem(1, said),))
    try:
        tree = environment().parse(text)
    except TemplateSyntaxError as bad:
        return Failure((SyntaxProblem(bad.lineno, f"is not understood: {bad.message}"),))
    except RecursionError:
        return Failure((SyntaxProblem(1, f"is nested more than {NESTING} levels deep"),))
    except ValueError:  # from Python's reader of numbers
        return Failure((SyntaxProblem(1, "holds a number with too many digits"),))
    uses: dict[str, int] = {}
    problems = tuple(sorted(set(_problems(tree, frozenset(), uses, 0))))
    return Failure(problems) if problems else Success(Parsed(tree, uses))


def _problems(node: nodes.Node, bound: frozenset[str], uses: dict[str, int], depth: int) -> Iterator[SyntaxProblem]:
    """What is wrong in *node*, in which the names *bound* are those of loops; its other names are put into *uses*."""
    from jinja2 import nodes  # noqa: PLC0415  # as above

    if depth > NESTING:
        yield SyntaxProblem(_line(node), f"is nested more than {NESTING} levels deep")
        return
    said = _refusal(node)
    if said is not None:
        yield SyntaxProblem(_line(node), said)
        if isinstance(node, nodes.Stmt):
            return  # what stands inside it makes no sense without it
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in bound:
        uses.setdefault(node.name, _line(node))
    if isinstance(node, nodes.For):
        yield from _loop_problems(node, bound, uses, depth)
        return
    for child in node.iter_child_nodes(exclude=("elif_",)):
        yield from _problems(child, bound, uses, depth + 1)
    if isinstance(node, nodes.If):  # to Python, each elif stands within the one before
        for level, branch in enumerate(node.elif_, depth + 1):
            yield from _problems(branch, bound, uses, level)


def _line(node: nodes.Node) -> int:
    """The line in which *node* begins; where Jinja2 keeps none, as for an ``elif``, that of the first thing inside."""
    return node.lineno or next(map(_line, node.iter_child_nodes()), 1)


def _loop_problems(loop: nodes.For, bound: frozenset[str], uses: dict[str, int], depth: int) -> Iterator[SyntaxProblem]:
    """As above: the loop's own names hold in its body and its condition, not in what it loops over."""
    from jinja2 import nodes  # noqa: PLC0415  # as above

    names = {name.name for name in (loop.target, *loop.target.find_all(nodes.Name)) if isinstance(name, nodes.Name)}
    for outside in (loop.iter, *loop.else_):
        yield from _problems(outside, bound, uses, depth + 1)
    inside = bound | names
    if loop.test is not None:
        yield from _problems(loop.test, inside, uses, depth + 1)
    for statement in loop.body:
        yield from _problems(statement, inside | {"loop"}, uses, depth + 1)


def _refusal(node: nodes.Node) -> str | None:  # noqa: C901, PLR0912  # one flat table
    """Why *node* may not stand in a template; None when it may."""
    from jinja2 import nodes  # noqa: PLC0415  # as above

    match node:
        case nodes.Name(name=name) if name == "self" or name.startswith("_"):
            return f"reads {name!r}, which is not for templates"
        case nodes.Getattr(attr=attr) if attr.startswith("_"):
            return f"reads {attr!r}: names that begin with _ are not for templates"
        case nodes.Getattr(node=nodes.Name(name="loop"), attr=attr) if attr not in LOOP_FIELDS:
            return f"reads loop.{attr}: {nearest(attr, LOOP_FIELDS)}"
        case nodes.Filter(name=name) if name not in (*FILTERS, "default"):
            return f"uses the filter {name!r}, which is none: {nearest(name, (*FILTERS, 'default'))}"
        case nodes.Test(name=name) if name not in TESTS:
            return f"uses the test {name!r}, which is none: {nearest(name, TESTS)}"
        case nodes.Filter(name=name) if (said := _argument_problem(node)) is not None:
            return f"uses the filter {name!r} wrongly: {said}"
        case nodes.Test() if node.dyn_args is not None or node.dyn_kwargs is not None:
            return "spreads arguments with *: write them one by one"
        case nodes.List() if not all(isinstance(item, nodes.Const) for item in node.items):
            return "makes a list of values: give the list as a variable"
        case nodes.Tuple(ctx="load") if not all(isinstance(item, nodes.Const) for item in node.items):
            return "makes a list of values: give the list as a variable"
        case nodes.For(recursive=True):
            return "loops within itself: give flat data"
        case nodes.Call():
            return "calls something: a template cannot; give it what it shall say as a variable"
        case nodes.Neg(node=nodes.Const(value=int() | float())):
            return None
        case nodes.Neg() | nodes.BinExpr() | nodes.Concat() if not isinstance(node, nodes.And | nodes.Or):
            return "calculates or joins text: do that in Python, and give the result as a variable"
        case _ if isinstance(node, _allowed()):
            return None
        case _:
            return f"uses {_spelt(node)}, which templates have not: they print, ask (if), loop (for) and filter"


def _argument_problem(filter_: nodes.Filter) -> str | None:
    """Why the filter cannot be given the arguments that stand there."""
    if filter_.dyn_args is not None or filter_.dyn_kwargs is not None:
        return "write its arguments one by one, without *"
    named = {keyword.key: None for keyword in cast("list[nodes.Keyword]", filter_.kwargs)}
    try:
        signature(FILTERS.get(filter_.name, _default)).bind(None, *filter_.args, **named)
    except TypeError as bad:
        return str(bad)
    return None


def _default(value: object, otherwise: object) -> None:
    """What ``default`` is given."""


@lru_cache(maxsize=1)
def _allowed() -> tuple[type[nodes.Node], ...]:
    from jinja2 import nodes  # noqa: PLC0415  # as above

    texts = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.CondExpr)
    values = (nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.List, nodes.Tuple)
    questions = (nodes.Filter, nodes.Keyword, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not)
    return (*texts, *values, *questions)


def _spelt(node: nodes.Node) -> str:
    name = type(node).__name__
    return _SPELT.get(name, name.lower())


_SPELT: Mapping[str, str] = {
    "Assign": "set",
    "AssignBlock": "set",
    "CallBlock": "call",
    "FilterBlock": "a filter block",
    "FromImport": "from",
    "ScopedEvalContextModifier": "autoescape",
}
