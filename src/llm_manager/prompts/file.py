"""The text of a template file to a template: every problem at once, each with its line or path.

A file is TOML, or TOML between two lines of ``+++`` and the prompt below them, as it stands. The fields are those of
:class:`TemplateFile`. A file names no type of Python and no other file: what it may cause is a request, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from returns.result import Failure, Success

from llm_manager.domain.decode import decoded
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import Preferences, TaskType
from llm_manager.domain.toml_text import parsed_toml
from llm_manager.prompts.inputs import Inputs
from llm_manager.prompts.template import PromptTemplate, Values
from llm_manager.prompts.variable import Variable

FENCE: Final = "+++"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFile:
    """What a template file may say. *version* may be a whole number; *variables* are tables by their names."""

    name: str
    prompt: str
    version: str | int = "1"
    description: str = ""
    task_type: TaskType = "general"
    preferences: Preferences = field(default_factory=Preferences)
    system_prompt: str | None = None
    variables: Mapping[str, Variable] = field(default_factory=dict[str, Variable])


def parse_template(text: str, source: str) -> Outcome[PromptTemplate[Values], ConfigurationError]:
    """The template that *text*, of the file *source*, describes; or all that is wrong with it.

    >>> text = "+++\\nname = 'hi'\\n[variables.who]\\n+++\\nHello {{ who }}!"
    >>> parse_template(text, "hi.prompt").unwrap().request({"who": "Ada"}).unwrap().prompt
    'Hello Ada!'
    """
    split = _split(text)
    if split is None:
        said = f"begins with {FENCE} and has no second line of {FENCE}, with the prompt below it"
        return _failed((Problem("", said),), source)
    tree = parsed_toml(split.toml)
    if isinstance(tree, Failure):
        return _failed((Problem("", tree.failure()),), source)
    return _from_tree(tree.unwrap(), split, source)


@dataclass(frozen=True, slots=True)
class _Split:
    """A file in its parts: *toml* keeps the numbers of its lines, and the *body* begins in *line*, if there is one."""

    toml: str
    body: str | None = None
    line: int = 1


def _split(text: str) -> _Split | None:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.startswith(f"{FENCE}\n"):
        return _Split(text)
    end = re.compile(rf"^{re.escape(FENCE)}[ \t]*(\n|$)", re.MULTILINE).search(text, len(FENCE))
    if end is None:
        return None
    toml = "\n" + text[len(FENCE) + 1 : end.start()]
    return _Split(toml, text[end.end() :], text.count("\n", 0, end.end()) + 1)


def _from_tree(
    tree: Mapping[str, object], split: _Split, source: str
) -> Outcome[PromptTemplate[Values], ConfigurationError]:
    problems: list[Problem] = []
    if split.body is not None:
        if "prompt" in tree:
            problems.append(Problem("prompt", "is there twice: under the second +++, and above it; keep one"))
        tree = {**tree, "prompt": split.body}
    read = decoded(TemplateFile, tree)
    problems.extend(read.problems)
    if read.value is not None:
        made = _template(read.value, split, source)
        told = {problem.path for problem in problems}
        problems.extend(each for each in made.problems() if each.path not in told)
        if not problems:
            return Success(made)
    return _failed(problems, source)


def _template(file: TemplateFile, split: _Split, source: str) -> PromptTemplate[Values]:
    return PromptTemplate(
        name=file.name,
        version=str(file.version),
        prompt=file.prompt,
        inputs=Inputs(declared=file.variables),
        system_prompt=file.system_prompt,
        description=file.description,
        task_type=file.task_type,
        preferences=file.preferences,
        source=source,
        lines={} if split.body is None else {"prompt": split.line},
    )


def _failed(
    problems: tuple[Problem, ...] | list[Problem], source: str
) -> Outcome[PromptTemplate[Values], ConfigurationError]:
    return Failure(ConfigurationError(tuple(_sourced(problems, source))))


def _sourced(problems: tuple[Problem, ...] | list[Problem], source: str) -> Iterator[Problem]:
    for problem in problems:
        yield problem if problem.source is not None else replace(problem, source=source)
