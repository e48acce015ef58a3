"""Hypothesis strategies for what models write: values, the text around them, and the faults in them.

The rule: a fault is a way to write a value that is not JSON and still says the same, so every law has the shape
``extract(written(value, faults)) == value``. To add one, name it in ``Fault`` and let ``written`` write it. Needs
``hypothesis``, which the library itself does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

from hypothesis import strategies as st

from llm_manager.extraction import JsonValue

Fault: TypeAlias = Literal[
    "bare_keys",
    "comments",
    "double_commas",
    "equals_signs",
    "missing_commas",
    "odd_spaces",
    "python_literals",
    "raw_line_breaks",
    "single_quotes",
    "trailing_commas",
    "tuples",
    "typographic_quotes",
]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
"""Every fault that loses nothing."""

_scalars: Final[st.SearchStrategy[JsonValue]] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False)
)
_WORDS: Final = "abcdefghij XYZ é你 0123456789 ._-"

words: Final = st.text(_WORDS, max_size=20)
"""Text as it stands in most values: letters, digits, spaces."""

keys: Final = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(lambda key: key not in {"nan", "inf", "new"})
"""Names as programs choose them."""

texts: Final = st.text(st.characters(codec=None), max_size=200)
"""Any text, with lone surrogates and NUL."""

MARKS: Final = (
    *"\"'{}[]():,;\\=+-#aé1 \n\x00\ud83d“”",
    *("=>", "//", "/*", "*/", "```", "```json\n", "...", "<think>", "</think>", "\\u", '\\"', "&quot;"),
    *("true", "None", "NaN", "e5", '{"a": ', '"b": '),
)
"""What matters to a parser."""
model_texts: Final = st.lists(st.sampled_from(MARKS), max_size=40).map("".join)
"""Text made of marks, in any order."""


def _nested(leaves: st.SearchStrategy[JsonValue], names: st.SearchStrategy[str]) -> st.SearchStrategy[JsonValue]:
    def grow(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
        return st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4))

    return st.recursive(leaves, grow, max_leaves=12)


json_values: Final = _nested(
    st.one_of(_scalars, st.text(st.characters(exclude_categories=["Cs"]), max_size=30)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
)
"""Any JSON value, with any text in it."""

json_objects: Final[st.SearchStrategy[JsonValue]] = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10), json_values, min_size=1, max_size=4
)
"""Any JSON object with a member."""

_plain: Final = _nested(st.one_of(_scalars, words.map(str.strip)), keys)
plain_objects: Final[st.SearchStrategy[JsonValue]] = st.dictionaries(keys, _plain, min_size=1, max_size=4)
"""Objects of ordinary names and words, whose meaning survives every fault."""

Wrapper: TypeAlias = Callable[[str], str]
WRAPPERS: Final[dict[str, Wrapper]] = {
    "a block": lambda text: f"```json\n{text}\n```",
    "a block with prose": lambda text: f"Sure, here it is:\n\n```json\n{text}\n```\n\nLet me know!",
    "a block of tildes": lambda text: f"~~~\n{text}\n~~~",
    "an open block": lambda text: f"Here:\n```json\n{text}",
    "a block on one line": lambda text: f"It is ```{text}``` then.",
    "prose": lambda text: f"It's this: {text} isn't it?",
    "prose with brackets": lambda text: f"As in [1] and {{name}}: {text}\nSee also [2], [link](http://x.y).",
    "a thought": lambda text: f'<think>maybe {{"draft": 1}}?</think>\n{text}',
    "a tag": lambda text: f"<tool_call>\n{text}\n</tool_call>",
    "an assignment": lambda text: f"const answer = {text};",
    "a call": lambda text: f"callback({text});",
    "other space": lambda text: f"\ufeff\u200b\n{text}\n\u00a0",
}
"""Ways to put a value into text, by name."""


def written(value: JsonValue, faults: frozenset[Fault] = frozenset()) -> str:
    """*value* as a model with these *faults* would write it; as JSON when there are none.

    >>> written({"a": [True, "x"]}, frozenset({"python_literals", "single_quotes"}))
    "{'a': [True, 'x']}"
    """
    match value:
        case str():
            return _string(value, faults)
        case bool() | None:
            python = {True: "True", False: "False", None: "None"}
            return python[value] if "python_literals" in faults else json.dumps(value)
        case list():
            return _list(value, faults)
        case dict():
            return _object(value, faults)
        case int() | float():
            return json.dumps(value)


def _string(value: str, faults: frozenset[Fault]) -> str:
    body = json.dumps(value, ensure_ascii=False)[1:-1]
    if "raw_line_breaks" in faults:
        body = body.replace(" ", "\n") if not value.isspace() else body
    if "typographic_quotes" in faults:
        return f"“{body}”"
    return f"'{body}'" if "single_quotes" in faults else f'"{body}"'


def _list(items: list[JsonValue], faults: frozenset[Fault]) -> str:
    body = _separated([written(item, faults) for item in items], faults)
    return f"({body})" if "tuples" in faults and len(items) > 1 else f"[{body}]"


def _object(members: dict[str, JsonValue], faults: frozenset[Fault]) -> str:
    equals = " = " if "equals_signs" in faults else ": "
    plain_keys = faults - {"raw_line_breaks"}
    return f"{{{_separated([_key(k, plain_keys) + equals + written(v, faults) for k, v in members.items()], faults)}}}"


def _key(key: str, faults: frozenset[Fault]) -> str:
    return key if "bare_keys" in faults else _string(key, faults)


def _separated(parts: list[str], faults: frozenset[Fault]) -> str:
    if "odd_spaces" in faults:
        parts = [f"\u00a0{part}\u3000" for part in parts]
    comma = "\n" if "missing_commas" in faults else ",, " if "double_commas" in faults else ", "
    if "comments" in faults:
        comma += "// why\n"
    return comma.join(parts) + (", " if "trailing_commas" in faults and parts else "")


def raw_line_breaks_lost(value: JsonValue) -> JsonValue:
    """What the fault ``raw_line_breaks`` makes of a value: its spaces have become line breaks, which are kept."""
    match value:
        case str():
            return value if value.isspace() else value.replace(" ", "\n")
        case list():
            return [raw_line_breaks_lost(item) for item in value]
        case dict():
            return {key: raw_line_breaks_lost(item) for key, item in value.items()}
        case _:
            return value
