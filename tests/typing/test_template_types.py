"""What type checkers infer of templates; ``must_fail/templates.py`` has what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import assert_type

from pydantic import BaseModel
from typing_extensions import TypedDict

from llm_manager import ConfigurationError, InvalidRequest, LLMRequest, LLMResponse, Op, Outcome
from llm_manager.templates import (
    ANOMALY_ANALYSIS,
    COMPONENT_GENERATION,
    AnomalyAnalysis,
    AnomalyInput,
    ComponentGeneration,
    ComponentInput,
    PromptTemplate,
    SchemaTemplate,
    TemplateLibrary,
    Values,
    Variable,
    ask,
    load_templates,
    query_template,
    template,
    template_from_file,
)


@dataclass(frozen=True)
class Guest:
    """Variables as a record."""

    name: str


class Typed(TypedDict):
    """Variables as a mapping."""

    name: str


class Model(BaseModel):
    """Variables as a model."""

    name: str


def inferred() -> None:
    """Checked by mypy and pyright, never run."""
    record = template(Guest, "{{ name }}", name="a")
    assert_type(record, PromptTemplate[Guest])
    assert_type(record.request(Guest("Ada")), Outcome[LLMRequest, InvalidRequest])
    assert_type(ask(record, Guest("Ada")), Op[LLMResponse])
    assert_type(template(Typed, "{{ name }}", name="a"), PromptTemplate[Typed])
    assert_type(ask(template(Typed, "{{ name }}", name="a"), Typed(name="Ada")), Op[LLMResponse])
    assert_type(ask(template(Model, "{{ name }}", name="a"), Model(name="Ada")), Op[LLMResponse])
    assert_type(template({"name": Variable()}, "{{ name }}", name="a"), PromptTemplate[Values])
    numbers = record.answering(list[int])
    assert_type(numbers, SchemaTemplate[Guest, list[int]])
    assert_type(query_template(numbers, Guest("Ada")), Op[list[int]])
    assert_type(ask(numbers, Guest("Ada")), Op[LLMResponse])
    assert_type(query_template(ANOMALY_ANALYSIS, AnomalyInput(data="x")), Op[AnomalyAnalysis])
    assert_type(query_template(COMPONENT_GENERATION, ComponentInput(description="x")), Op[ComponentGeneration])


def read(path: Path) -> None:
    """As above: what was read from a file gets its types where it is used."""
    assert_type(template_from_file(path), Outcome[PromptTemplate[Values], ConfigurationError])
    assert_type(load_templates(path), Outcome[TemplateLibrary[Values], ConfigurationError])
    found = load_templates(path).unwrap().find("a")
    assert_type(found, Outcome[PromptTemplate[Values], ConfigurationError])
    assert_type(found.unwrap().taking(Guest).answering(int), SchemaTemplate[Guest, int])
