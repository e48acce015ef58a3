"""The reference, from docstrings: ``.. public:: llm_manager`` and the names that a group of readers looks for.

The rule: a signature is shown as its author wrote it (``Op[LLMResponse]``, not what that alias stands for), a name
leads to the page of the door it is imported from, and a type alias is shown with what it stands for. What a docstring
refers to and nobody can import is a warning, which is an error.

Everything here is a turn of ``sphinx.ext.autodoc``; to show a new kind of thing, give :func:`_lines` a case.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, Final, NamedTuple, cast, get_overloads

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

SOURCE: Final = Path(__file__).parent.parent.parent / "src"
DOORS: Final = (
    "llm_manager",
    "llm_manager.compat",
    "llm_manager.extraction",
    "llm_manager.templates",
    "llm_manager.ports",
    "llm_manager.testing",
    "llm_manager.testing.laws",
    "llm_manager.testing.strategies",
    "llm_manager.testing.simulation",
    "llm_manager.testing.simulator",
    "llm_manager.on_ray",
)
OVERLOADED: Final[Mapping[str, str]] = {"pipe": "(value, /, *functions)"}
"""Where a signature for every number of arguments says less than one for all of them."""


class Assigned(NamedTuple):
    """What a name at the top of a module is given: *alias* is the type that it stands for, as its module writes it,
    None of a value."""

    alias: str | None
    doc: str


class Public(SphinxDirective):
    """``.. public:: module``, then names: each documented as what it is."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        door = self.arguments[0]
        module = importlib.import_module(door)
        lines = [f".. py:currentmodule:: {door}", ""]
        for name in " ".join(self.content).split():
            lines += [*_lines(door, name, getattr(module, name)), ""]
        return self.parse_text_to_nodes(StringList("\n".join(lines).splitlines(), "public names"))


def _lines(door: str, name: str, thing: object) -> list[str]:
    match thing:
        case type() if issubclass(thing, Exception):  # autodoc stumbles over what Python itself makes of its signature
            return [f".. py:exception:: {name}", "", textwrap.indent(inspect.getdoc(thing) or "", "   ")]
        case type():
            hidden = "tag" if dataclasses.is_dataclass(thing) else "__init__"
            return [f".. autoclass:: {door}.{name}", "   :members:", f"   :exclude-members: {hidden}"]
        case FunctionType() if get_overloads(thing) and name not in OVERLOADED:
            return _overloaded(name, thing)
        case _ if callable(thing) and (isinstance(thing, FunctionType) or hasattr(thing, "__wrapped__")):
            return [f".. autofunction:: {door}.{name}{OVERLOADED.get(name, '')}"]
        case _:
            pass
    found = _assigned(door)[name]
    head = [f".. py:data:: {name}"]
    if found.alias is not None:
        head = [f".. py:type:: {name}", f"   :canonical: {' '.join(found.alias.split()).strip('()')}"]
    return [*head, "", textwrap.indent(found.doc, "   ")]


def _overloaded(name: str, thing: FunctionType) -> list[str]:
    """Every way to call *thing*; autodoc would write the aliases in them out."""
    ways = [_signature(each) for each in get_overloads(thing)]
    heads = [f"{name}{arguments} -> {given}" for arguments, given in ways]
    first, *others = heads
    return [
        f".. py:function:: {first}",
        *(f"                 {each}" for each in others),
        "",
        textwrap.indent(inspect.getdoc(thing) or "", "   "),
    ]


@cache
def _assigned(door: str) -> Mapping[str, Assigned]:
    """Every alias and value at the top of a module of ours, those near *door* before all others."""
    near = SOURCE.joinpath(*door.split("."))
    found: dict[str, Assigned] = {}
    for path in sorted(SOURCE.rglob("*.py"), key=lambda path: (near not in path.parents, path.name[0] == "_", path)):
        for name, assigned in _assigned_in(path.read_text(encoding="utf-8")):
            found.setdefault(name, assigned)
    return found


def _assigned_in(text: str) -> Iterator[tuple[str, Assigned]]:
    body = ast.parse(text).body
    for node, behind in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.AnnAssign(
                target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias"), value=ast.expr() as value
            ):
                yield name, Assigned(ast.unparse(value).strip("'"), _text_behind(behind))
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name, Assigned(None, _text_behind(behind))
            case _:
                pass


def _text_behind(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str() as text)):
            return inspect.cleandoc(text)
        case _:
            return ""


def as_written(
    app: Sphinx, what: str, name: str, thing: Any, options: object, signature: str | None, gives: str | None
) -> tuple[str, str] | None:
    """The signature of *thing* with the annotations of its source."""
    if what not in {"function", "method", "class"} or name.rpartition(".")[2] in OVERLOADED:
        return None
    if what == "class" and not dataclasses.is_dataclass(thing):
        return ("", "")
    try:
        arguments, given = _signature(thing)
    except (TypeError, ValueError):
        return None
    return (arguments, "" if what == "class" else given)


def _signature(thing: Any) -> tuple[str, str]:
    """The arguments of *thing* and what it gives, as they are written."""
    found = inspect.signature(thing)
    kept = [each for each in found.parameters.values() if each.name not in {"self", "cls", "tag"}]
    shown = [each.replace(default=_Shown(each)) for each in kept]
    arguments = str(found.replace(parameters=shown, return_annotation=inspect.Signature.empty))
    return (_without_quotes(arguments), _unquoted(found.return_annotation))


class _Shown:
    """A default value as a reader wants to see it."""

    def __new__(cls, parameter: inspect.Parameter) -> Any:
        if parameter.default is inspect.Parameter.empty:
            return inspect.Parameter.empty
        return super().__new__(cls)

    def __init__(self, parameter: inspect.Parameter) -> None:
        default = parameter.default
        if repr(default) == "<factory>":
            self._text = "..."
        elif isinstance(default, FunctionType | type):
            self._text = default.__name__
        else:
            self._text = repr(default)

    def __repr__(self) -> str:
        return self._text


def _without_quotes(arguments: str) -> str:
    """*arguments* with the quotes taken off annotations, which are texts in our modules."""
    return re.sub(r": (?P<q>['\"])(?P<text>.*?)(?P=q)(?=[,)]| = )", lambda found: f": {found['text']}", arguments)


def _unquoted(annotation: Any) -> str:
    return "" if annotation is inspect.Signature.empty else str(annotation).strip("'\"")


def public_target(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element) -> nodes.Node | None:
    """Where *node* leads: the door through which its name is imported; a name inside a signature may lead nowhere."""
    if node.get("refdomain") != "py":
        return None
    objects = env.domains.python_domain.objects
    for wanted in _ways_to_say(str(node["reftarget"])):
        for door in _nearest(str(node.get("py:module") or "")):
            entry = objects.get(f"{door}.{wanted}")
            if entry is not None:
                return make_refnode(app.builder, str(node["refdoc"]), entry.docname, entry.node_id, shown)
    return shown if _may_stand_alone(node, shown) else None


def _ways_to_say(target: str) -> Iterator[str]:
    parts = target.lstrip(".").split(".")
    yield ".".join(parts[-2:])
    yield parts[-1]


def _nearest(module: str) -> list[str]:
    return sorted(DOORS, key=lambda door: (door != module, door))


def _may_stand_alone(node: pending_xref, shown: nodes.Element) -> bool:
    """Types in a signature, and the names of other packages, need no page of ours."""
    in_text = isinstance(shown, nodes.literal)
    target = str(node["reftarget"])
    return not in_text or hasattr(builtins, target) or target.split(".", maxsplit=1)[0] in {"dataclasses", "importlib"}


def setup(app: Sphinx) -> Mapping[str, object]:
    """What Sphinx calls."""
    app.add_directive("public", Public)
    app.connect("autodoc-process-signature", cast("Any", as_written))
    app.connect("missing-reference", cast("Any", public_target))
    return {"parallel_read_safe": True}
