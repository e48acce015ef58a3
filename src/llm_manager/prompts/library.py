"""Templates by name, several versions of one side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from returns.result import Failure, Success

from llm_manager.domain.decode import nearest
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.prompts.template import PromptTemplate, label, version_key

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class TemplateLibrary(Generic[V]):
    """Some *templates*, by name and from old to new."""

    templates: tuple[PromptTemplate[V], ...] = ()

    def find(self, name: str) -> Outcome[PromptTemplate[V], ConfigurationError]:
        """The newest template called *name*, or of ``name@version`` just that version.

        Fails with what there is when there is no such template.
        """
        wanted, _, version = name.partition("@")
        found = [each for each in self.templates if each.name == wanted and version in ("", each.version)]
        if found:
            return Success(found[-1])
        return Failure(ConfigurationError((Problem("template", f"{name!r} is none: {self._hint(wanted)}"),)))

    def _hint(self, name: str) -> str:
        versions = [label(each) for each in self.templates if each.name == name]
        if versions:
            return f"there are {', '.join(versions)}"
        names = sorted({each.name for each in self.templates})
        return nearest(name, names) if names else "there are no templates"


def library(templates: Iterable[PromptTemplate[V]]) -> Outcome[TemplateLibrary[V], ConfigurationError]:
    """The library of *templates*; fails when one version of a name is there twice, or a template has problems."""
    every = tuple(templates)
    problems = (*_repeated(every), *(problem for each in every for problem in each.problems()))
    if problems:
        return Failure(ConfigurationError(problems))
    return Success(TemplateLibrary(tuple(sorted(every, key=lambda each: (each.name, version_key(each))))))


def _repeated(templates: tuple[PromptTemplate[Any], ...]) -> Iterator[Problem]:
    for name, count in Counter(map(label, templates)).items():
        if count > 1:
            places = ", ".join(each.source or "this program" for each in templates if label(each) == name)
            yield Problem("version", f"{name} is there {count} times: in {places}; give each a version of its own")
