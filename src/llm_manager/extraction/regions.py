"""Where a damaged value must have ended, whatever its brackets say: at the end of its block or tag.

The rule: an end is looked for once until it is passed. To know another tag that wraps answers, add it to ``_WRAPPER``.
"""

from __future__ import annotations

import re
from typing import Final

from llm_manager.extraction.ahead import Ahead

_FENCE_ENDS: Final = re.compile(r"\n[ \t]*+(?:```|~~~)")
_JSON_OPENS: Final = re.compile(r"\n[ \t]*+(?:```|~~~)[ \t]*+(?:json\b|\n)", re.IGNORECASE)
_WRAPPER: Final = re.compile(
    r"<(tool_call|function_call|json|answer|output|result|response)>\s{0,20}+\Z", re.IGNORECASE
)


class Regions:
    """The ends of blocks and tags in one text."""

    __slots__ = ("_closings", "_fence_ends", "_json_opens", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._fence_ends = Ahead(_FENCE_ENDS, text)
        self._json_opens = Ahead(_JSON_OPENS, text)
        self._closings: dict[str, Ahead] = {}

    def end(self, at: int, *, in_block: bool) -> int:
        """The end of the block or tag that a value at *at* stands in; in the open where a block of JSON begins."""
        if in_block:
            return self._or_end(self._fence_ends.of(at))
        before = self._text[max(0, at - 60) : at].rstrip()
        wrapper = _WRAPPER.search(before) if before.endswith(">") else None
        if wrapper and (closing := self.closing(wrapper[1], at)) >= 0:
            return closing
        return self._or_end(self._json_opens.of(at))

    def closing(self, name: str, at: int) -> int:
        """Where the tag *name* is closed next; -1 where it is not."""
        ahead = self._closings.get(name)
        if ahead is None:
            ahead = self._closings[name] = Ahead(re.compile(f"</{name}>"), self._text)
        return ahead.of(at)

    def _or_end(self, at: int) -> int:
        return at if at >= 0 else len(self._text)
