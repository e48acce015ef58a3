"""What holds of every template and every value."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.prompts.engine import rendered
from llm_manager.prompts.filters import FILTERS, fenced
from llm_manager.prompts.sandbox import TESTS
from llm_manager.prompts.syntax import parsed
from llm_manager.prompts.values import Data, as_data, characters
from llm_manager.prompts.work import weight
from llm_manager.templates import parse_template

marks = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "{{ 7*7 }}", "{% raw %}", "```", "+++", "\n", "\r", "{", "%"]
)
texts = st.lists(st.one_of(marks, st.text(max_size=8)), max_size=8).map("".join)
scalars: st.SearchStrategy[Data] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
)
data: st.SearchStrategy[Data] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)

fragments = st.sampled_from(
    [
        *("{{", "}}", "{%", "%}", "{#", "#}", "{{-", "-%}", "(", ")", "[", "]", "{", "}", "|", ".", ",", ":", "=", "~"),
        *("for", "in", "if", "elif", "else", "endfor", "endif", "is", "not", "and", "or", "set", "macro", "include"),
        *("x", "xs", "m", "loop", "loop.index", "__class__", "'a'", '"b"', "0", "-1", "1e9", "**", "*", "+", "==", "<"),
        *("{{ x }}", "{% for y in xs %}", "{% endfor %}", "{% if m %}", "{% endif %}", "{% raw %}", "{% endraw %}"),
        *(f"| {name}" for name in FILTERS),
        *(f"is {name}" for name in TESTS),
    ]
)
sources = st.lists(st.one_of(fragments, st.text(max_size=4)), max_size=20).map(" ".join)

numbers = st.sampled_from(["0", "1", "-1", "3", "99", "1e9", "'a'", "x"])
calls = st.one_of(
    st.sampled_from([*FILTERS, "default(x)", "default(0)"]),
    st.tuples(st.sampled_from([*FILTERS]), numbers).map("{0[0]}({0[1]})".format),
)
names = st.sampled_from(
    ["x", "xs", "m", "y", "loop.index", "loop.previtem", "'text'", "7", "1.5", "true", "none", "[1, 'a']"]
)
expressions = st.recursive(
    names,
    lambda inner: st.one_of(
        st.tuples(inner, calls).map("({0[0]} | {0[1]})".format),
        st.tuples(inner, st.sampled_from(["a", "items", "0"])).map("{0[0]}.{0[1]}".format),
        st.tuples(inner, numbers).map("{0[0]}[{0[1]}]".format),
        st.tuples(inner, numbers, numbers).map("{0[0]}[{0[1]}:{0[2]}]".format),
        st.tuples(inner, st.sampled_from(["==", "!=", "<", ">=", "in", "not in", "and", "or"]), inner).map(
            "({0[0]} {0[1]} {0[2]})".format
        ),
        st.tuples(inner, st.sampled_from(["is", "is not"]), st.sampled_from(TESTS)).map(
            lambda part: f"({part[0]} {part[1]} {part[2]}{' 0' if part[2] == 'divisibleby' else ''})"
        ),
        st.tuples(inner, inner, inner).map("({0[0]} if {0[1]} else {0[2]})".format),
        inner.map("(not {})".format),
        inner.map("(-{})".format),
    ),
    max_leaves=5,
)
programs = st.recursive(
    st.one_of(st.just("text"), expressions.map("{{{{ {} }}}}".format)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(expressions, inner, inner).map("{{% if {0[0]} %}}{0[1]}{{% else %}}{0[2]}{{% endif %}}".format),
        st.tuples(expressions, inner, inner).map(
            "{{% for y in {0[0]} %}}{0[1]}{{% else %}}{0[2]}{{% endfor %}}".format
        ),
        st.tuples(expressions, inner).map("{{% for y in xs if {0[0]} %}}{0[1]}{{% endfor %}}".format),
    ),
    max_leaves=6,
)


@given(texts, texts)
def test_a_value_stands_in_the_prompt_as_it_is(one: str, two: str) -> None:
    assert rendered("<{{ a }}|{{ b }}>", {"a": one, "b": two}) == Success(f"<{one}|{two}>")


@given(data)
def test_data_is_written_as_the_json_that_it_is(value: Data) -> None:
    text = rendered("{{ value | json }}", {"value": value}).unwrap()
    assert json.loads(text) == value


@given(texts)
def test_no_text_ends_its_own_fence(text: str) -> None:
    opening, *inside, closing = fenced(text).split("\n")
    fence = re.fullmatch(r"`{3,}", opening)
    assert fence is not None
    assert closing == opening
    assert "\n".join(inside) == text
    assert not any(line.lstrip().startswith(opening) for line in re.split(r"[\r\n]", text))


@given(st.one_of(sources, programs), data, st.lists(data, max_size=3))
def test_any_template_is_rendered_or_refused_and_leaves_its_data_alone(source: str, x: Data, xs: list[Data]) -> None:
    given_: dict[str, Data] = {"x": x, "xs": xs, "m": {"a": x}}
    before = json.dumps(given_)
    first = rendered(source, given_)
    assert isinstance(first, Success | Failure)
    assert rendered(source, given_) == first
    assert json.dumps(given_) == before
    if isinstance(parsed(source), Failure):
        assert isinstance(first, Failure)


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_a_template_file_or_is_refused(text: str, fence: bool) -> None:
    outcome = parse_template(f"+++\nname = 'a'\n+++\n{text}" if fence else text, "f.prompt")
    assert isinstance(outcome, Success) or outcome.failure().problems


@given(data)
def test_what_is_data_stays_the_data_that_it_is(value: Data) -> None:
    assert as_data({"value": value}) == Success({"value": value})


@given(data)
def test_what_is_looked_at_is_paid_for(value: Data) -> None:
    assert weight(value) * 64 >= characters(value)
