"""A template in a program: what it takes is checked as a whole, before anything is sent."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired

import pytest
from annotated_types import Ge, MaxLen
from pydantic import BaseModel
from returns.result import Failure, Success
from typing_extensions import TypedDict

from llm_manager import InvalidRequest, LLMRequest, Preferences, Problem
from llm_manager.prompts.limits import VALUES_CHARS
from llm_manager.prompts.sandbox import environment
from llm_manager.prompts.template import NEEDED, PromptTemplate, template
from llm_manager.prompts.variable import Variable


class Mood(Enum):
    """How somebody is."""

    GOOD = "good"


@dataclass(frozen=True)
class Guest:
    """Somebody who comes."""

    name: Annotated[str, MaxLen(5)]
    language: Literal["en", "fr"] = "en"
    visits: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True)
class Party:
    """Guests and a day."""

    guests: tuple[Guest, ...]
    day: date
    mood: Mood = Mood.GOOD


class Typed(TypedDict):
    """As a TypedDict."""

    name: str
    title: NotRequired[str]


class Model(BaseModel):
    """As a pydantic model."""

    name: str


GREET = template(Guest, "Greet {{ name }} in {{ language }}.", name="greet", version="2")


def problems(template: PromptTemplate[Any], values: object) -> tuple[Problem, ...]:
    return template.request(values).failure().problems


def test_a_template_makes_a_request_that_says_where_it_came_from() -> None:
    asking = template(
        Guest,
        "Greet {{ name }}.",
        name="greet",
        version="2.1",
        system_prompt="Speak {{ language }}.",
        task_type="ui-generation",
        preferences=Preferences(temperature=0),
    )
    assert asking.request(Guest("Ada", "fr")) == Success(
        LLMRequest(
            prompt="Greet Ada.",
            system_prompt="Speak fr.",
            task_type="ui-generation",
            preferences=Preferences(temperature=0),
            labels={"template": "greet", "template_version": "2.1"},
        )
    )


@pytest.mark.parametrize("nasty", ["{{ 7 * 7 }}", "{% for x in y %}", "{# no #}", "{{ name.__class__ }}", "%s {0} $a"])
def test_what_a_variable_contains_is_never_read_as_a_template(nasty: str) -> None:
    echo = template(Typed, "<{{ name }}>", name="echo")
    assert echo.request({"name": nasty}).unwrap().prompt == f"<{nasty}>"


def test_every_problem_of_the_variables_is_told_at_once() -> None:
    assert problems(GREET, {"name": "Augusta", "langauge": "fr", "visits": -1}) == (
        Problem("langauge", "is unknown: did you mean language?", "greet@2"),
        Problem("name", 'string should have at most 5 characters, not "Augusta"', "greet@2"),
        Problem("visits", "input should be greater than or equal to 0, not -1", "greet@2"),
    )


def test_a_record_that_lies_about_its_types_is_found_out() -> None:
    wrong: Any = Guest(7, "xx")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the point
    assert [problem.path for problem in problems(GREET, wrong)] == ["name", "language"]


def test_a_missing_variable_is_told() -> None:
    assert problems(GREET, {}) == (Problem("name", "field required", "greet@2"),)


def test_variables_come_as_records_models_and_typed_mappings() -> None:
    text = "{{ name }}{{ title | default('') }}"
    assert template(Typed, text, name="a").request({"name": "A", "title": "B"}).unwrap().prompt == "AB"
    assert template(Typed, text, name="a").request({"name": "A"}).unwrap().prompt == "A"
    assert template(Model, "{{ name }}", name="a").request(Model(name="A")).unwrap().prompt == "A"


def test_a_typed_mapping_is_held_to_its_names() -> None:
    loose: Any = {"name": "A", "titel": "B"}
    assert problems(template(Typed, "{{ name }}", name="a"), loose) == (
        Problem("titel", "is unknown: did you mean title?", "a@1"),
    )


def test_nested_records_dates_and_enums_are_data_to_a_template() -> None:
    party = template(
        Party, "{% for g in guests %}{{ g.name }} {% endfor %}{{ day }} {{ mood }}", name="party", version="1"
    )
    made = party.request(Party((Guest("Ada"), Guest("Bob")), date(2026, 11, 21)))
    assert made.unwrap().prompt == "Ada Bob 2026-11-21 good"


class Endless:
    """No data."""


@pytest.mark.parametrize(
    ("values", "path", "said"),
    [
        ({"name": "\ud800"}, "name", "holds half a character at position 0, which cannot be sent: decode it again"),
        ({"name": float("nan")}, "name", "is nan, which is no number that JSON can say"),
        ({"name": 10**2000}, "name", "is a whole number of more than a thousand digits"),
        (7, "", "is a int: give a record or a mapping of variables"),
        (None, "", "is a NoneType: give a record or a mapping of variables"),
    ],
)
def test_what_is_no_data_is_refused(values: object, path: str, said: str) -> None:
    assert problems(GREET, values) == (Problem(path, said, "greet@2"),)


def test_more_variables_than_anybody_has_are_refused_at_once() -> None:
    many = {f"name{number}": 1 for number in range(100_000)}
    assert problems(GREET, many) == (Problem("", "are 100,000 variables, and at most 1,000 are taken", "greet@2"),)


def test_a_template_that_says_nothing_is_told() -> None:
    assert template({}, " \n", name="a").problems()[0].message == "is empty: give the model something to answer"


def test_what_cannot_become_data_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    for value in ({"name": Endless()}, {"name": endless}, {"name": b"\xff"}, {"\ud800": 1}):
        [problem] = problems(GREET, value)
        assert problem.message.startswith("cannot be written as JSON: ")


def test_data_that_is_nested_too_deep_or_too_long_is_refused() -> None:
    anything = template({"x": Variable(type="json")}, "{{ x | json }}", name="a")
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    assert problems(anything, {"x": deep})[0].message == "is nested more than 32 levels deep"
    assert problems(anything, {"x": "a" * VALUES_CHARS})[0].message.startswith("hold more than 4,000,000 characters")


def test_every_problem_of_a_template_is_told_with_its_place() -> None:
    broken = template(
        Guest,
        "{{ nme }}\n{{ name | uper }}",
        name="No Name",
        version="v1",
        system_prompt="{% if %}",
        preferences=Preferences(temperature=9),
    )
    assert broken.problems() == (
        Problem("name", "'No Name' is no name: use small letters, digits and - _ . between them", "No Name@v1"),
        Problem("version", "'v1' is no version: write numbers with points, such as 2 or 1.3", "No Name@v1"),
        Problem("preferences.temperature", "is 9: give a number from 0 to 2", "No Name@v1"),
        Problem(
            "system_prompt",
            "is not understood: Expected an expression, got 'end of statement block'",
            "No Name@v1, line 1 of the text",
        ),
        Problem(
            "prompt", "uses the filter 'uper', which is none: did you mean upper?", "No Name@v1, line 2 of the text"
        ),
    )
    assert broken.request(Guest("Ada")) == Failure(InvalidRequest(broken.problems()))


def test_a_name_that_is_no_variable_is_told_with_the_nearest_one() -> None:
    assert template(Guest, "{{ name }}\n{{ visit }}", name="a").problems() == (
        Problem("prompt", "uses 'visit', which is no variable of it: did you mean visits?", "a@1, line 2 of the text"),
    )


def test_a_mistake_that_shows_in_the_data_is_a_problem_of_the_request() -> None:
    maybe = template(Typed, "{{ name }}\n{{ title }}", name="maybe")
    assert problems(maybe, {"name": "A"}) == (Problem("prompt", "'title' is undefined", "maybe@1, line 2 of the text"),)


def test_a_template_keeps_its_type_for_the_answer_and_for_its_variables() -> None:
    declared = template({"name": Variable(), "language": Variable(default="en")}, "{{ name }} {{ language }}", name="a")
    typed = declared.taking(Guest).answering(list[int])
    assert typed.answer == list[int]
    assert [str(problem) for problem in typed.problems()] == [
        "variables.visits (a@1): is a field of Guest, and the template declares no such variable"
    ]
    assert [str(problem) for problem in declared.taking(Other).problems()] == [
        "variables.name (a@1): is required, and Other has no such field"
    ]
    assert declared.taking(Typed).problems()[0].path == "variables.title"


@dataclass(frozen=True)
class Other:
    """Another record."""

    language: str = "en"


@dataclass(frozen=True)
class Tree:
    """Holds itself."""

    name: str
    leaves: tuple[Tree, ...] = field(default=())


def test_a_type_that_holds_itself_has_names_too() -> None:
    tree = template(Tree, "{{ name }}{% for leaf in leaves %} {{ leaf.name }}{% endfor %}", name="tree")
    assert tree.request(Tree("a", (Tree("b"),))).unwrap().prompt == "a b"


def test_what_a_template_takes_is_said_as_a_file_would() -> None:
    assert GREET.variables() == {
        "name": Variable(max_length=5),
        "language": Variable(default="en", choices=("en", "fr")),
        "visits": Variable(type="int", default=0),
    }


def test_declared_variables_are_checked_all_at_once() -> None:
    text = "{{ t }}{{ i }}{{ f }}{{ b }}{% if l %}{% endif %}{{ j | json }}{{ o | default('') }}{{ d }}"
    takes = {
        "t": Variable(max_length=2),
        "i": Variable(type="int", choices=(1, 2)),
        "f": Variable(type="float"),
        "b": Variable(type="bool"),
        "l": Variable(type="list", max_length=1),
        "j": Variable(type="json"),
        "o": Variable(optional=True),
        "d": Variable(default="d"),
    }
    declared = template(takes, text, name="a")
    right: dict[str, object] = {"t": "ab", "i": 1, "f": 2, "b": True, "l": [], "j": {"a": None}}
    assert declared.request(right).unwrap().prompt == 'ab12true{"a": null}d'
    assert declared.request({**right, "o": None, "d": "e"}).unwrap().prompt == 'ab12true{"a": null}e'
    wrong = {"t": "abc", "i": 3, "f": True, "b": 1, "l": [1, 2], "j": None, "d": 1, "x": 1}
    assert [str(problem) for problem in problems(declared, wrong)] == [
        "t (a@1): is 3 characters long, and at most 2 are taken",
        "i (a@1): is 3: give one of 1, 2",
        "f (a@1): is true or false: give a number",
        "b (a@1): is a whole number: give true or false",
        "l (a@1): is 2 items long, and at most 1 are taken",
        "j (a@1): is null: give JSON data",
        "d (a@1): is a whole number: give text",
        "x (a@1): is unknown: use one of t, i, f, b, l, j, o, d",
    ]
    assert [problem.path for problem in problems(declared, {})] == ["t", "i", "f", "b", "l", "j"]


def test_a_template_without_variables_takes_none() -> None:
    fixed = template({}, "Hi", name="a")
    assert fixed.request({}).unwrap().prompt == "Hi"
    assert problems(fixed, {"a": 1}) == (Problem("a", "is unknown: the template takes no variables", "a@1"),)
    asking = template({}, "{{ a }}", name="a")
    assert asking.problems()[0].message == "uses 'a', which is no variable of it: it takes none"


def test_without_the_engine_a_template_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert GREET.problems() == (Problem("prompt", NEEDED, "greet@2"),)
