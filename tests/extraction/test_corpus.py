"""Every class of damage model output is known for, as data: ``tests/corpus`` says what a text must give, and why.

``*.second.json`` was written from the list of classes alone by somebody who had not written the parser. A case may also
say how far to trust the value (``confidence``), whether the schema may bend it (``coerce``), and how (``coercions``).
"""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from returns.result import Failure, Success

from llm_manager.domain.errors import ExtractionFailed
from llm_manager.extraction import decode_text, extract_json

CORPUS = Path(__file__).parent.parent / "corpus"
FILES = sorted(CORPUS.glob("*.json"))


class Person(BaseModel, extra="forbid"):
    name: str
    age: int


class Severity(Enum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    ON_HOLD = "on_hold"


class Ticket(BaseModel):
    title: str
    severity: Severity
    tags: list[str]
    estimate_hours: float | None


class Line(BaseModel):
    sku: str
    quantity: int
    price: float


class Invoice(BaseModel):
    number: str
    total: float
    currency: Literal["EUR", "USD", "GBP"]
    lines: list[Line]
    paid: bool
    note: str | None


class Keywords(BaseModel):
    keywords: list[str]


class Circle(BaseModel):
    kind: Literal["circle"]
    radius: float


class Square(BaseModel):
    kind: Literal["square"]
    side: float


class Event(BaseModel):
    day: date
    at: datetime
    tags: tuple[str, ...]


SCHEMAS: dict[str, TypeAdapter[Any]] = {
    "Event": TypeAdapter(Event),
    "Invoice": TypeAdapter(Invoice),
    "Keywords": TypeAdapter(Keywords),
    "Person": TypeAdapter(Person),
    "Ticket": TypeAdapter(Ticket),
    "dict[str, float]": TypeAdapter(dict[str, float]),
    "dict[str, int]": TypeAdapter(dict[str, int]),
    "int": TypeAdapter(int),
    "list[Person]": TypeAdapter(list[Person]),
    "list[Shape]": TypeAdapter(list[Annotated[Circle | Square, Field(discriminator="kind")]]),
    "list[int]": TypeAdapter(list[int]),
    "str": TypeAdapter(str),
}


def cases(*, with_schema: bool) -> list[Any]:
    return [
        pytest.param(case, id=f"{file.stem}-{index}: {case['why'][:50]}")
        for file in FILES
        for index, case in enumerate(json.loads(file.read_text(encoding="utf-8")))
        if ("schema" in case) is with_schema
    ]


@pytest.mark.parametrize("case", cases(with_schema=False))
def test_each_text_of_the_corpus_gives_what_it_must(case: dict[str, Any]) -> None:
    match extract_json(case["text"]):
        case Success(found):
            assert (repr(found.value), found.complete, found.confidence) == (
                repr(case.get("expected", "nothing")),
                case.get("complete", True),
                case.get("confidence", found.confidence),
            )
        case Failure(ExtractionFailed(kind=kind)):
            assert kind == case.get("failure"), case


@pytest.mark.parametrize("case", cases(with_schema=True))
def test_each_text_of_the_corpus_gives_what_its_schema_wants(case: dict[str, Any]) -> None:
    adapter = SCHEMAS[case["schema"]]
    match decode_text(case["text"], adapter, coerce=case.get("coerce", False)):
        case Success(decoded):
            bends = [f"{each.kind} {each.path}" for each in decoded.coercions]
            assert "failure" not in case
            assert decoded.value == adapter.validate_python(case["expected"])
            assert bends == case.get("coercions", [])
        case Failure(error):
            kind = error.kind if isinstance(error, ExtractionFailed) else "mismatch"
            assert kind == case.get("failure"), case


def test_the_corpus_covers_every_class_at_least_five_times() -> None:
    sizes = {file.stem: len(json.loads(file.read_text(encoding="utf-8"))) for file in FILES}
    assert len(sizes) >= 46
    assert min(sizes.values()) >= 5
    assert sum(sizes.values()) >= 400
