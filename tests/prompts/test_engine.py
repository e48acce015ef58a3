"""What a template prints: each value as it stands, lists and null never by mistake, and every problem with its line."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from llm_manager.prompts.engine import prepared, rendered
from llm_manager.prompts.filters import FILTERS
from llm_manager.prompts.syntax import SyntaxProblem, parsed
from llm_manager.prompts.values import Data

PRINTED: list[tuple[str, dict[str, Data], str]] = [
    ("Hello {{ who }}!", {"who": "Ada"}, "Hello Ada!"),
    ("{{ a }}{{ b }}{{ c }}{{ d }}", {"a": 1, "b": 1.5, "c": True, "d": False}, "11.5truefalse"),
    ("{{ a.items }} {{ a['keys'] }} {{ b[0] }} {{ b[-1] }}", {"a": {"items": 1, "keys": 2}, "b": [3, 4]}, "1 2 3 4"),
    ("{{ a[1:] | json }} {{ t[:2] }}", {"a": [1, 2, 3], "t": "abc"}, "[2, 3] ab"),
    ("{% if a and not b %}yes{% elif b %}b{% else %}no{% endif %}", {"a": 1, "b": 0}, "yes"),
    ("{{ 'x' if a == 1 else 'y' }}", {"a": 2}, "y"),
    ("{% for x in xs %}{{ loop.index }}:{{ x }} {% endfor %}", {"xs": ["a", "b"]}, "1:a 2:b "),
    ("{% for x in xs if x > 1 %}{{ x }}{% else %}none{% endfor %}", {"xs": [1, 2, 3]}, "23"),
    ("{% for x in xs %}{{ x }}{% else %}none{% endfor %}", {"xs": []}, "none"),
    ("{% for k, v in m | items %}{{ k }}={{ v }};{% endfor %}", {"m": {"a": 1, "b": 2}}, "a=1;b=2;"),
    ("{% for k in m %}{{ k }}{% endfor %}", {"m": {"a": 1, "b": 2}}, "ab"),
    ("{% for x in xs %}{% if not loop.first %}, {% endif %}{{ x }}{% endfor %}", {"xs": [1, 2]}, "1, 2"),
    ("{{ level in ['low', 'high'] }}", {"level": "low"}, "true"),
    ("{{ m.x | default('none') }} {{ n | default(0) }}", {"m": {}, "n": None}, "none 0"),
    ("{{ m.x is defined }} {{ m is mapping }} {{ n is divisibleby 2 }}", {"m": {}, "n": 4}, "false true true"),
    ("{# a note #}{% raw %}{{ x }}{% endraw %}", {}, "{{ x }}"),
    ("{{ a | default(-1) }}", {"a": None}, "-1"),
    ("a\n{% if x %}\nb\n{% endif %}\nc\n", {"x": True}, "a\nb\nc"),
    ("<b>{{ x }}</b>", {"x": "<i>&"}, "<b><i>&</b>"),
]


@pytest.mark.parametrize(("text", "data", "said"), PRINTED)
def test_a_template_prints(text: str, data: dict[str, Data], said: str) -> None:
    assert rendered(text, data) == Success(said)


FILTERED: list[tuple[str, Data, str]] = [
    ("x | capitalize", "aB", "Ab"),
    ("x | fenced", "a", "```\na\n```"),
    ("x | fenced('json')", [1], "```json\n[\n  1\n]\n```"),
    ("x | first", [1, 2], "1"),
    ("x | last", [1, 2], "2"),
    ("x | first | default('nothing')", [], "nothing"),
    ("x | last | default('nothing')", [], "nothing"),
    ("x | indent(2)", "a\nb", "a\n  b"),
    ("x | items | json", {"a": 1}, '[["a", 1]]'),
    ("x | join(', ')", ["a", 1, True], "a, 1, true"),
    ("x | json", {"é<": [None]}, '{"é<": [null]}'),
    ("x | json(2)", [1], "[\n  1\n]"),
    ("x | length", "abc", "3"),
    ("x | length", {"a": 1}, "1"),
    ("x | lower", "AB", "ab"),
    ("x | upper", "ab", "AB"),
    ("x | title", "a b", "A B"),
    ("x | trim", " a ", "a"),
    ("x | truncate(3)", "abcd", "ab…"),
    ("x | truncate", "abcd", "abcd"),
    ("x | round", 2.6, "3"),
    ("x | round(digits=1)", 2.66, "2.7"),
    ("x | sort | join", [3, 1, 2.5], "12.53"),
    ("x | sort | join", ["b", "a"], "ab"),
    ("x | unique | json", [1, "1", 1, {"a": 1}, {"a": 1}], '[1, "1", {"a": 1}]'),
    ("x | reverse | join", [1, 2], "21"),
]


@pytest.mark.parametrize(("expression", "value", "said"), FILTERED)
def test_a_filter_gives(expression: str, value: Data, said: str) -> None:
    assert rendered("{{ " + expression + " }}", {"x": value}) == Success(said)


def test_every_filter_is_tried() -> None:
    tried = {part.split("(")[0].strip() for expression, _, _ in FILTERED for part in expression.split("|")[1:]}
    assert tried == {*FILTERS, "default"}


MISTAKES: list[tuple[str, dict[str, Data], int, str]] = [
    ("a\n{{ x }}", {"x": None}, 2, "prints null: ask `{% if %}` first, or say `| default('...')`"),
    ("{{ x }}", {"x": [1]}, 1, "prints a list: say `| json`, `| join` or `| fenced`"),
    ("{{ x }}", {"x": {}}, 1, "prints a mapping: say `| json`, `| join` or `| fenced`"),
    ("\n\n{{ x.y }}", {"x": {}}, 3, "reads 'y' of a mapping, which has none"),
    ("{{ x.y.z }}", {"x": {}}, 1, "reads 'y' of a mapping, which has none"),
    ("{{ x[7] }}", {"x": "abc"}, 1, "reads 7 of text, which has none"),
    ("{{ x.upper }}", {"x": "abc"}, 1, "reads 'upper' of text, which has none"),
    ("{{ x['a'] }}", {"x": 5}, 1, "reads 'a' of a whole number, which has none"),
    ("{{ x }}", {}, 1, "'x' is undefined"),
    ("{{ x | upper }}", {"x": 1}, 1, "needs text here, and this is a whole number: write it with `| json`"),
    ("{{ x | upper }}", {}, 1, "'x' is undefined"),
    ("{{ x | join }}", {"x": "abc"}, 1, "needs a list here, and this is text"),
    ("{{ x | length }}", {"x": 1}, 1, "asks for the length of a whole number"),
    ("{{ x | items }}", {"x": 1}, 1, "asks for the items of a whole number"),
    ("{{ x | round }}", {"x": True}, 1, "rounds true or false"),
    ("{{ x | round('2') }}", {"x": 1.5}, 1, "needs a whole number as an argument"),
    ("{{ x | json(99) }}", {"x": 1}, 1, "needs a number from 0 to 16 as an argument"),
    ("{{ x | sort }}", {"x": [1, "a"]}, 1, "sorts a list that is not all text or all numbers"),
    ("{{ x | fenced('a b') }}", {"x": "a"}, 1, "fences with a language that is no word"),
    ("{% for y in x %}{% endfor %}", {"x": "abc"}, 1, "loops over text: give a list or a mapping"),
    ("{% for y in x %}{{ loop }}{% endfor %}", {"x": [1]}, 1, "prints what is no data"),
    ("{% for y in x %}{{ loop | length }}{% endfor %}", {"x": [1]}, 1, "asks for the length of no data"),
    ("{{ x[1:] }}", {"x": {}}, 1, "takes a slice of a mapping: give a list or text"),
    ("{{ x[1:] }}", {"x": None}, 1, "takes a slice of null: give a list or text"),
    ("{{ x[y:] }}", {"x": "a", "y": "b"}, 1, "slice indices must be integers or None or have an __index__ method"),
    ("{% if x > 3 %}{% endif %}", {"x": "a"}, 1, "'>' not supported between instances of 'str' and 'int'"),
]


@pytest.mark.parametrize(("text", "data", "line", "said"), MISTAKES)
def test_a_mistake_that_shows_in_the_data_is_told_with_its_line(
    text: str, data: dict[str, Data], line: int, said: str
) -> None:
    assert rendered(text, data) == Failure((SyntaxProblem(line, said),))


def test_a_division_by_nothing_is_told() -> None:
    assert isinstance(rendered("{{ x is divisibleby 0 }}", {"x": 1}), Failure)


WRITTEN_WRONGLY: list[tuple[str, int, str]] = [
    ("a\n{{ b", 2, "is not understood: unexpected end of template, expected 'end of print statement'."),
    ("{% if %}", 1, "is not understood: Expected an expression, got 'end of statement block'"),
    ("\n{{ x | uper }}", 2, "uses the filter 'uper', which is none: did you mean upper?"),
    ("{{ x is strnig }}", 1, "uses the test 'strnig', which is none: did you mean string?"),
    ("{{ -x }}", 1, "calculates or joins text: do that in Python, and give the result as a variable"),
    ("{{ x | join(bad=1) }}", 1, "uses the filter 'join' wrongly: got an unexpected keyword argument 'bad'"),
    ("{{ x | default }}", 1, "uses the filter 'default' wrongly: missing a required argument: 'otherwise'"),
    ("{{ x | join(*y) }}", 1, "uses the filter 'join' wrongly: write its arguments one by one, without *"),
    ("{{ x is divisibleby(*y) }}", 1, "spreads arguments with *: write them one by one"),
    (
        "{% for x in y %}{{ loop.indx }}{% endfor %}",
        1,
        "reads loop.indx: did you mean index?",
    ),
]


@pytest.mark.parametrize(("text", "line", "said"), WRITTEN_WRONGLY)
def test_a_mistake_in_the_text_is_told_with_its_line(text: str, line: int, said: str) -> None:
    assert parsed(text) == Failure((SyntaxProblem(line, said),))
    assert rendered(text, {"x": [], "y": []}) == Failure((SyntaxProblem(line, said),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{% for loop in x %}{% endfor %}",
            "is not understood: Can't assign to special loop variable in for-loop target",
        ),
        ("{% for y in x %}" * 25 + "{% endfor %}" * 25, "is nested too deep: too many statically nested blocks"),
    ],
)
def test_what_only_a_compiler_sees_is_told_before_anything_is_rendered(text: str, said: str) -> None:
    assert prepared(text) == Failure((SyntaxProblem(1, said),))


def test_every_mistake_in_a_text_is_told_at_once() -> None:
    text = "{{ f() }}\n{% set a = 1 %}\n{{ x | nothing_like_it }}"
    assert [problem.line for problem in parsed(text).failure()] == [1, 2, 3]


def test_the_variables_that_a_template_uses_are_known_by_their_lines() -> None:
    text = "{{ a }}\n{% for b in c if b > d %}{{ b }}{{ loop.index }}{% else %}{{ b }}{% endfor %}\n{{ a }}{{ e.f }}"
    assert parsed(text).unwrap().uses == {"a": 1, "c": 2, "d": 2, "b": 2, "e": 3}
