"""Texts side by side where a terminal is wide enough for them, and below one another where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from llm_manager.cli.cells import cropped, padded, wrapped
from llm_manager.cli.chart import Colour, Paint

NARROWEST: Final = 30
"""Columns that have fewer cells than these nobody reads."""


@dataclass(frozen=True, slots=True)
class Block:
    """One text with its *head* and the *remark* under that; *colour* is that of the text."""

    head: str
    remark: str
    text: str
    colour: Colour = "plain"


def side_by_side(blocks: Sequence[Block], width: int, paint: Paint, rule: str = " │ ") -> str | None:
    """The *blocks* in columns of equal width, as wide as *width* cells together; None where that is too narrow."""
    each = (width - len(rule) * (len(blocks) - 1)) // len(blocks)
    if each < NARROWEST:
        return None
    remarks = max(len(wrapped(block.remark, each)) for block in blocks)
    columns = [list(_column(block, each, remarks, paint)) for block in blocks]
    rows = zip_longest(*columns, fillvalue=" " * each)
    return "\n".join(rule.join(row).rstrip() for row in rows)


def _column(block: Block, width: int, remarks: int, paint: Paint) -> Iterator[str]:
    """The lines of a column. The texts of all begin on one line, so there are as many *remarks* as the longest has."""
    yield paint(padded(cropped(block.head, width), width), "bold")
    rows = wrapped(block.remark, width)
    for row in (*rows, *[""] * (remarks - len(rows) + 1)):
        yield paint(padded(row, width), "dim")
    for row in wrapped(block.text, width):
        yield paint(padded(row, width), block.colour)


def stacked(blocks: Sequence[Block], paint: Paint) -> str:
    """The *blocks* below one another, as a text that could be Markdown.

    >>> print(stacked([Block("gpt", "1.2 s", "Blue.")], lambda text, _colour: text))
    ## gpt
    <BLANKLINE>
    1.2 s
    <BLANKLINE>
    Blue.
    """
    return "\n\n".join(
        f"{paint(f'## {each.head}', 'bold')}\n\n{paint(each.remark, 'dim')}\n\n{paint(each.text, each.colour)}".rstrip()
        for each in blocks
    )
