"""What an extraction answers: the value, where it stood, what was repaired, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, Union, assert_never

JsonValue: TypeAlias = Union[bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"], None]  # noqa: UP007  # a forward reference to itself
"""Whatever JSON can say. Always encodes as UTF-8 JSON: no NaN, no infinity, no lone surrogate."""

Confidence: TypeAlias = Literal["exact", "located", "repaired", "guessed"]

RepairKind: TypeAlias = Literal[
    "bare_key",
    "bare_string",
    "bracket_added",
    "bracket_dropped",
    "bracket_swapped",
    "call_unwrapped",
    "comma_added",
    "comma_dropped",
    "comment_dropped",
    "concatenated",
    "colon_added",
    "control_character",
    "document_unescaped",
    "duplicate_key",
    "ellipsis_dropped",
    "escape_repaired",
    "huge_number",
    "key_dropped",
    "literal_translated",
    "non_finite",
    "null_added",
    "number_translated",
    "odd_quotes",
    "odd_space",
    "quote_added",
    "quote_escaped",
    "quote_guessed",
    "set_to_list",
    "surrogate_replaced",
    "text_dropped",
    "truncated",
    "values_joined",
]

_LOSSY: frozenset[RepairKind] = frozenset(
    {
        "duplicate_key",
        "ellipsis_dropped",
        "huge_number",
        "key_dropped",
        "non_finite",
        "null_added",
        "quote_guessed",
        "surrogate_replaced",
        "text_dropped",
        "truncated",
    }
)


class Repair(NamedTuple):
    """One thing that was not JSON and was read anyway; *offset* counts characters from the start of the text."""

    kind: RepairKind
    offset: int

    @property
    def lossy(self) -> bool:
        """Whether the value may say less than the text did, or say it differently."""
        return self.kind in _LOSSY


class Span(NamedTuple):
    """Where a value stood: characters *start* up to, not including, *end*."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """A value found in text.

    *complete* is False when the text stopped before the value did. *ambiguous* is True when another value in the same
    text had an equal claim and this one won by standing later, or when another part of the text was not read: brackets
    nested too deep there, or there were so many that its end was not looked at.
    """

    value: JsonValue
    span: Span
    repairs: tuple[Repair, ...] = ()
    complete: bool = True
    whole_text: bool = False
    ambiguous: bool = False

    @property
    def confidence(self) -> Confidence:
        """How far to trust the value.

        ``exact``: the whole text is JSON. ``located``: it is JSON, with other text around it. ``repaired``: nothing was
        lost in repair. ``guessed``: something may have been, the text was cut off, or another value was as likely.
        """
        if not self.complete or self.ambiguous or any(repair.lossy for repair in self.repairs):
            return "guessed"
        if self.repairs:
            return "repaired"
        return "exact" if self.whole_text else "located"


def explain(repair: Repair) -> str:
    """What a repair did, in words, for people.

    >>> explain(Repair("comma_added", 17))
    'at 17: put the comma that was missing between two values'
    """
    return f"at {repair.offset}: {_said(repair.kind)}"


def _said(kind: RepairKind) -> str:  # noqa: C901, PLR0912  # one line a case
    match kind:
        case "bare_key":
            return "read a key without quotes"
        case "bare_string":
            return "read text without quotes as a string"
        case "bracket_added":
            return "closed a bracket that was left open"
        case "bracket_dropped":
            return "skipped a closing bracket that closes nothing"
        case "bracket_swapped":
            return "read one kind of bracket as the other"
        case "call_unwrapped":
            return "took the value out of a call"
        case "comma_added":
            return "put the comma that was missing between two values"
        case "comma_dropped":
            return "dropped a comma, or a semicolon, too many"
        case "comment_dropped":
            return "skipped a comment"
        case "concatenated":
            return "joined strings written as a sum"
        case "colon_added":
            return "read a missing or different sign as the colon"
        case "control_character":
            return "kept a raw line break or control character in a string"
        case "document_unescaped":
            return "removed one layer of escaping around the whole value"
        case "duplicate_key":
            return "kept the last of two members with the same key"
        case "ellipsis_dropped":
            return "skipped an ellipsis; the model left something out"
        case "escape_repaired":
            return "read an escape that JSON does not know"
        case "huge_number":
            return "kept a number too long for arithmetic as a string"
        case "key_dropped":
            return "dropped a key without a value"
        case "literal_translated":
            return "read a literal of another language"
        case "non_finite":
            return "read a number that is not finite as null"
        case "null_added":
            return "read a missing value as null"
        case "number_translated":
            return "read a number in a notation JSON does not know"
        case "odd_quotes":
            return "read other quotation marks as quotes"
        case "odd_space":
            return "skipped white space JSON does not know"
        case "quote_added":
            return "put the quotation mark that was missing"
        case "quote_guessed":
            return "took marks that look like the end of a string, and more, for a part of it"
        case "quote_escaped":
            return "read a quotation mark as a part of its string"
        case "set_to_list":
            return "read a set or tuple as a list"
        case "surrogate_replaced":
            return "replaced half a surrogate pair"
        case "text_dropped":
            return "skipped text that belongs to no value"
        case "truncated":
            return "closed a value whose text was cut off"
        case "values_joined":
            return "joined several values into a list"
        case _:
            assert_never(kind)
