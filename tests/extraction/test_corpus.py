"""Every class of damage model output is known for, as data: ``tests/corpus`` says what a text must give, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter
from returns.result import Failure, Success

from llm_manager.domain.errors import ExtractionFailed
from llm_manager.extraction import extract_json, extract_with_schema

CORPUS = Path(__file__).parent.parent / "corpus"
FILES = sorted(CORPUS.glob("*.json"))


class Person(BaseModel, extra="forbid"):
    name: str
    age: int


SCHEMAS: dict[str, TypeAdapter[Any]] = {
    "Person": TypeAdapter(Person),
    "list[int]": TypeAdapter(list[int]),
    "dict[str, int]": TypeAdapter(dict[str, int]),
}


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{file.stem}-{index}: {case['why'][:50]}")
        for file in FILES
        for index, case in enumerate(json.loads(file.read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize("case", cases())
def test_each_text_of_the_corpus_gives_what_it_must(case: dict[str, Any]) -> None:
    text = case["text"]
    if "schema" in case:
        adapter = SCHEMAS[case["schema"]]
        assert extract_with_schema(text, adapter) == Success(adapter.validate_python(case["expected"]))
        return
    match extract_json(text):
        case Success(found):
            assert (repr(found.value), found.complete) == (
                repr(case.get("expected", "nothing")),
                case.get("complete", True),
            )
        case Failure(ExtractionFailed(kind=kind)):
            assert kind == case.get("failure"), case


def test_the_corpus_covers_every_class_at_least_five_times() -> None:
    sizes = {file.stem: len(json.loads(file.read_text(encoding="utf-8"))) for file in FILES}
    assert len(sizes) >= 46
    assert min(sizes.values()) >= 5
    assert sum(sizes.values()) >= 400
