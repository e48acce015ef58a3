"""A hostile template reaches nothing, and stops: what is known against template engines, tried against this one."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from call_count import calls_of
from llm_manager.prompts.engine import rendered
from llm_manager.prompts.limits import RENDERED_CHARS, SOURCE_CHARS
from llm_manager.prompts.sandbox import environment
from llm_manager.prompts.values import Data

DATA: dict[str, Data] = {"x": "text", "xs": list(range(1000)), "long": "a" * 100_000, "m": {"a": 1}, "n": 7}

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ x.__class__ }}",
    "{{ x['__class__'] }}",
    "{{ x['__cla' 'ss__'] }}",
    "{{ x | attr('__class__') }}",
    "{{ (x | attr)('__class__') }}",
    "{{ xs | map(attribute='__class__') | join }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ joiner.__init__ }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ url_for.__globals__ }}",
    "{{ config }}",
    "{{ request.application }}",
    "{{ get_flashed_messages() }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ '{0.__class__.__mro__}' | format(x) }}",
    "{{ '%(a)s' % m }}",
    "{{ 'x'.format_map(m) }}",
    "{% for y in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for y in [1] %}{{ loop['__class__'] }}{% endfor %}",
    "{% for y in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% for y in [1] %}{{ loop.cycle(1) }}{% endfor %}",
    "{% for y in [1] %}{{ loop.changed }}{% endfor %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends 'base' %}",
    "{% block a %}{% endblock %}",
    "{% macro f() %}{% endmacro %}{{ f.__globals__ }}",
    "{% call f() %}{% endcall %}",
    "{% set a = x %}",
    "{% set a %}{{ x }}{% endset %}",
    "{% filter upper %}a{% endfilter %}",
    "{% with a = x %}{{ a }}{% endwith %}",
    "{% autoescape true %}a{% endautoescape %}",
    "{% do x.append(1) %}",
    "{% debug %}",
    "{% trans %}a{% endtrans %}",
    "{{ xs.append(1) }}",
    "{{ m.clear() }}",
    "{{ x.encode() }}",
    "{{ [x, xs] }}",
    "{{ {'a': x} }}",
    "{{ (x, n) | json }}",
    "{{ _ }}",
    "{{ context }}",
    "{{ environment }}",
    "{{ resolve }}",
    "{{ the purse }}",
    "{{ xs | each of }}",
    "{{ range.__self__ }}",
    "{{ x | safe }}",
    "{{ x | pprint }}",
    "{{ x | xmlattr }}",
    "{{ m.items }}",
    "{{ m | tojson | urlize }}",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_a_template_reaches_nothing_but_its_data(text: str) -> None:
    assert isinstance(rendered(text, DATA), Failure)


ENDLESS = [
    "{% for i in range(10**9) %}x{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ '%0999999999d' % n }}",
    "{{ x.ljust(10000000000) }}",
    "{{ x | center(1000000000) }}",
    "{{ x | indent(1000000000) }}",
    "{{ x | replace('', long) }}",
    "{{ x | wordwrap(1) }}",
    "{{ xs | batch(1) }}",
    "{{ n | round(1000000000) }}",
    "{{ x ~ x }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% for i in xs recursive %}{{ loop(xs) }}{% endfor %}",
    "{% for a in xs %}" * 3 + "y" + "{% endfor %}" * 3,
    "{% for a in xs %}" * 40 + "y" + "{% endfor %}" * 40,
    "{% for a in xs %}" + "{{ long }}" + "{% endfor %}",
    "{% for a in xs %}" + "{{ long | upper | lower | length }}" * 100 + "{% endfor %}",
    "{% for a in xs %}" + "{% if 'b' in long %}{% endif %}" * 100 + "{% endfor %}",
    "{% for a in xs %}" + "{% if long[1:] %}{% endif %}" * 100 + "{% endfor %}",
    "{% for a in xs %}" + "{% if xs == xs %}{% endif %}" * 100 + "{% endfor %}",
    "{% for a in xs %}" + "{{ xs | sort | length }}" * 10 + "{% endfor %}",
    "{{ long" + " | json" * 40 + " }}",
    "{{ m" + " | json" * 40 + " }}",
    "{{ xs | join(long) }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ x" + ".a" * 5000 + " }}",
    "{{ x" + " | upper" * 5000 + " }}",
    "{{ x" + " and x" * 5000 + " }}",
    "{{ " + "not " * 5000 + "x }}",
    "{% if x %}" * 5000 + "{% endif %}" * 5000,
    "{% if x == 1 %}" + "{% elif x == 2 %}" * 5000 + "{% endif %}",
    "{% if x %}" * 25 + "{% elif x %}" * 25 + "{% endif %}" * 25,
    "{{ " + "-" * 5000 + "1 }}",
    "{{ 1" + "0" * 5000 + " }}",
    "a" * (SOURCE_CHARS + 1),
    "{{ x " * (SOURCE_CHARS // 5),
    "{#" * (SOURCE_CHARS // 2),
    "{%" + " " * (SOURCE_CHARS - 2),
    "\n" * (SOURCE_CHARS - 3) + "{%-",
]


@pytest.mark.parametrize("text", ENDLESS, ids=lambda text: str(text)[:40])
def test_a_template_stops(text: str) -> None:
    """After some seconds' work, counted in calls; the limit itself is in units of work and not of time."""
    results: list[object] = []
    assert calls_of(lambda: results.append(rendered(text, DATA))) < 10_000_000
    assert isinstance(results[0], Failure)


def test_a_prompt_of_every_size_that_a_model_takes_is_made() -> None:
    text = "a" * (RENDERED_CHARS // 2)
    assert rendered("{{ x }}{{ x }}", {"x": text}) == Success(text * 2)
    assert isinstance(rendered("{{ x }}{{ x }}b", {"x": text}), Failure)


def test_long_data_is_looped_over() -> None:
    rows: list[Data] = [{"at": number, "level": "error"} for number in range(10_000)]
    text = "{% for row in rows if row.level == 'error' %}{{ loop.index }}. {{ row.at }}\n{% endfor %}"
    assert rendered(text, {"rows": rows}).unwrap().endswith("10000. 9999\n")


@pytest.mark.parametrize(
    "text",
    [
        "{{ x }}" * 14_000,
        "{{ x" + " == x" * 19_000 + " }}",
        "{{ 1 in [" + "1," * 49_000 + "] }}",
        "{% for y in m %}{% endfor %}" * 3_500,
        "{% if x %}" + "{% elif x %}" * 25 + "{% endif %}",
    ],
    ids=lambda text: str(text)[:20],
)
def test_the_longest_template_is_prepared_in_seconds(text: str) -> None:
    """The worst takes 17 million calls, some two seconds; twice the text takes twice as many."""
    results: list[object] = []
    assert calls_of(lambda: results.append(rendered(text, DATA))) < 40_000_000
    assert isinstance(results[0], Success)


def test_a_slice_that_cannot_be_is_not_there() -> None:
    assert isinstance(rendered("{{ xs[::0] | json }}", DATA), Failure)


def test_data_is_never_changed_by_a_template() -> None:
    data: dict[str, Data] = {"xs": [3, 1, 2]}
    assert rendered("{{ xs | sort | join }}{{ xs | reverse | join }}{{ xs | join }}", data) == Success("123213312")
    assert data == {"xs": [3, 1, 2]}


@pytest.mark.parametrize("text", ["{% for i in xs %}{{ x | upper }}{% endfor %}", "{{ long | json }}"])
def test_each_rendering_has_a_purse_of_its_own(text: str) -> None:
    assert {str(rendered(text, DATA)) for _ in range(50)} == {str(rendered(text, DATA))}
    assert isinstance(rendered(text, DATA), Success)


def test_nothing_is_safe_to_call_should_a_call_ever_get_that_far() -> None:
    assert not any(environment().is_safe_callable(each) for each in (str.upper, len, lambda: 1))
    assert environment().globals == {}
