"""A prompt template as a value: what it says, what it takes, and the request it makes of that.

    greet = template(Guest, "Greet {{ name }} in {{ language }}.", name="greet", version="1")
    greet.request(Guest(name="Ada", language="French"))     # Outcome[LLMRequest, InvalidRequest]; nothing is sent

The rule: making a template never fails and never loads the engine, so that a module may hold one as a constant. What is
wrong with it is told by ``problems``, and by ``request``, before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, overload

from returns.result import Failure, Success

from llm_manager.domain.decode import nearest
from llm_manager.domain.errors import InvalidRequest
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest, Preferences, TaskType
from llm_manager.domain.request_problems import request_problems
from llm_manager.prompts.engine import prepared, rendered
from llm_manager.prompts.inputs import Inputs, agreement_problems, described, names, read
from llm_manager.prompts.limits import PROBLEMS, VARIABLES
from llm_manager.prompts.sandbox import environment
from llm_manager.prompts.values import Data
from llm_manager.prompts.variable import Variable, declaration_problems

if TYPE_CHECKING:
    from llm_manager.extraction.schema import Schema

V = TypeVar("V")
W = TypeVar("W")
T = TypeVar("T")

NEEDED: Final = "templates are rendered by Jinja2: pip install 'llm-manager[templates]'"

Values: TypeAlias = Mapping[str, object]
"""The variables of a template without a type of its own, such as one from a file, by name."""

_NO_WISH: Final = Preferences()

_NAME = re.compile(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*")
_VERSION = re.compile(r"\d{1,9}(\.\d{1,9})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate(Generic[V]):
    """A prompt with places for the variables *V*, and how it is best asked.

    *name* and *version* (``1``, ``1.2``; the larger the newer) are in the labels of every request it makes, so that
    logs can tell which text got an answer. *source* is the file it was read from, and *lines* says in which line of
    it the texts begin.
    """

    name: str
    version: str
    prompt: str
    inputs: Inputs[V]
    system_prompt: str | None = None
    description: str = ""
    task_type: TaskType = "general"
    preferences: Preferences = field(default_factory=Preferences)
    source: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict[str, int])

    def request(self, variables: V) -> Outcome[LLMRequest, InvalidRequest]:
        """The request with *variables* in their places. Pure; nothing is sent.

        Every problem of the template or of the variables is told at once, with its path: what is missing, unknown, of
        the wrong type or too long. A value is text to be shown; whatever it contains, it is never read as a template.
        """
        wrong = self.problems()
        if wrong:
            return Failure(InvalidRequest(wrong))
        data = read(self.inputs, variables)
        if isinstance(data, Failure):
            return Failure(InvalidRequest(tuple(replace(each, source=label(self)) for each in data.failure())))
        return _request(self, data.unwrap())

    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong with the template itself, with its place; empty when it can be used."""
        found = islice(_problems(self), PROBLEMS)
        return tuple(replace(each, source=each.source or self.source or label(self)) for each in found)

    def variables(self) -> dict[str, Variable]:
        """What it takes, by name."""
        return described(self.inputs)

    def taking(self, kind: type[W]) -> PromptTemplate[W]:
        """The same template, whose variables come as a *kind*: a dataclass, TypedDict or pydantic model.

        So a template that was read from a file is checked by type checkers where it is used. Where the fields of
        *kind* are not the variables that the file declares, ``problems`` says so.
        """
        return PromptTemplate(**_fields(self, Inputs(kind=kind, declared=self.inputs.declared)))

    def answering(self, answer: Schema[T]) -> SchemaTemplate[V, T]:
        """The same template, whose answer is a value of the type *answer*, for ``query_template``."""
        return SchemaTemplate(**_fields(self, self.inputs), answer=answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaTemplate(PromptTemplate[V], Generic[V, T]):
    """A template whose answer is a value of *answer*: a pydantic model, dataclass, TypedDict or ``TypeAdapter``."""

    answer: Schema[T]


@overload
def template(
    variables: type[V],
    prompt: str,
    *,
    name: str,
    version: str = "1",
    system_prompt: str | None = None,
    description: str = "",
    task_type: TaskType = "general",
    preferences: Preferences = ...,
) -> PromptTemplate[V]: ...
@overload
def template(
    variables: Mapping[str, Variable],
    prompt: str,
    *,
    name: str,
    version: str = "1",
    system_prompt: str | None = None,
    description: str = "",
    task_type: TaskType = "general",
    preferences: Preferences = ...,
) -> PromptTemplate[Values]: ...
def template(
    variables: type[Any] | Mapping[str, Variable],
    prompt: str,
    *,
    name: str,
    version: str = "1",
    system_prompt: str | None = None,
    description: str = "",
    task_type: TaskType = "general",
    preferences: Preferences = _NO_WISH,
) -> PromptTemplate[Any]:
    """A template that takes *variables*: the fields of a dataclass, TypedDict or pydantic model, or declared by name.

    *prompt* and *system_prompt* are texts, in the part of Jinja2's language that ``docs/how-to/templates.md``
    describes.
    """
    return PromptTemplate(
        name=name,
        version=version,
        prompt=prompt,
        inputs=Inputs(declared=variables) if isinstance(variables, Mapping) else Inputs(kind=variables),
        system_prompt=system_prompt,
        description=description,
        task_type=task_type,
        preferences=preferences,
    )


def label(template: PromptTemplate[Any]) -> str:
    """Its name and version, as ``name@version``."""
    return f"{template.name}@{template.version}"


def version_key(template: PromptTemplate[Any]) -> tuple[int, ...]:
    """What versions are ordered by: ``1.10`` is newer than ``1.9``."""
    return tuple(map(int, template.version.split(".")))


def _fields(template: PromptTemplate[Any], inputs: Inputs[W]) -> dict[str, Any]:
    own = {each: getattr(template, each) for each in PromptTemplate.__dataclass_fields__}
    return {**own, "inputs": inputs}


def _texts(template: PromptTemplate[Any]) -> dict[str, str]:
    system = {} if template.system_prompt is None else {"system_prompt": template.system_prompt}
    return {**system, "prompt": template.prompt}


def _request(template: PromptTemplate[Any], data: Mapping[str, Data]) -> Outcome[LLMRequest, InvalidRequest]:
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path, text in _texts(template).items():
        made = rendered(text, data)
        if isinstance(made, Success):
            texts[path] = made.unwrap()
        else:
            problems.extend(_placed(template, path, each.line, each.message) for each in made.failure())
    if problems:
        return Failure(InvalidRequest(tuple(problems)))
    return Success(
        LLMRequest(
            prompt=texts["prompt"],
            system_prompt=texts.get("system_prompt"),
            task_type=template.task_type,
            preferences=template.preferences,
            labels={"template": template.name, "template_version": template.version},
        )
    )


def _placed(template: PromptTemplate[Any], path: str, line: int, message: str) -> Problem:
    """A problem of a text, with its line: of the file if that is known, else of the text."""
    start = template.lines.get(path)
    where = f"line {line} of the text" if start is None else f"line {start + line - 1}"
    return Problem(path, message, f"{template.source or label(template)}, {where}")


def _problems(template: PromptTemplate[Any]) -> Iterator[Problem]:
    if not _NAME.fullmatch(template.name):
        yield Problem("name", f"{template.name!r} is no name: use small letters, digits and - _ . between them")
    if not _VERSION.fullmatch(template.version):
        yield Problem("version", f"{template.version!r} is no version: write numbers with points, such as 2 or 1.3")
    if not template.prompt.strip():
        yield Problem("prompt", "is empty: give the model something to answer")
    asked = LLMRequest(prompt="x", task_type=template.task_type, preferences=template.preferences)
    yield from request_problems(asked)
    declared = template.inputs.declared or {}
    if len(declared) > VARIABLES:
        yield Problem("variables", f"are {len(declared):,}, and at most {VARIABLES:,} are taken")
        return
    for name, variable in declared.items():
        if not name.isidentifier() or name.startswith("_"):
            yield Problem(f"variables.{name}", "is no name that a template can use: write it like a Python name")
        yield from declaration_problems(variable, f"variables.{name}")
    yield from agreement_problems(template.inputs)
    yield from _text_problems(template)


def _text_problems(template: PromptTemplate[Any]) -> Iterator[Problem]:
    """What is wrong in the texts: how they are written, and the variables they use."""
    try:
        environment()
    except ImportError:
        yield Problem("prompt", NEEDED)
        return
    known, used, understood = names(template.inputs), set[str](), True
    for path, text in _texts(template).items():
        read_ = prepared(text)
        if isinstance(read_, Failure):
            understood = False
            for each in read_.failure():
                yield _placed(template, path, each.line, each.message)
            continue
        for name, line in read_.unwrap().uses.items():
            used.add(name)
            if name not in known:
                yield _placed(template, path, line, f"uses {name!r}, which is no variable of it: {_hint(name, known)}")
    for name in template.inputs.declared or ():
        if understood and name not in used:
            yield Problem(f"variables.{name}", "is declared and never used: use it in a text, or leave it out")


def _hint(name: str, known: tuple[str, ...]) -> str:
    return nearest(name, known) if known else "it takes none"
