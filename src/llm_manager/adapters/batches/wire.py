"""What a wire for batches is: how one family of vendors takes many requests at once. Pure: no I/O, no clock.

The requests and answers inside are those of its dialect, which is asked for them: there is no second encoder. To add
a wire, write its module beside this one with a ``WIRE``, and give :func:`llm_manager.layers.live` its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.dialects.json_values import Json, as_list, as_object
from llm_manager.domain.vendor_batch import BatchPage, Cancel, Inquiry, Look, Recent, Submission, Uploaded, VendorBatch

Undone: TypeAlias = Literal["expired", "cancelled", "timed_out"]
"""Why a request of a batch was not answered by the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One HTTP request, to *path* under the target's address."""

    method: Literal["GET", "POST"]
    path: str
    content_type: str = "application/json"
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """What became of the request *custom_id*: an answer of the dialect, *status* and *body*, or why there is none."""

    custom_id: str
    status: int = 200
    body: object = None
    undone: Undone | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """How batches are asked about and listed, newest first: alike in all wires but for names.

    They are under *path*, at most *most* of them come at once, those behind one are asked for by *after*, and *batch*
    reads one, or gives None for what is none.
    """

    path: str
    most: int
    after: str
    batch: Callable[[Json], VendorBatch | None]

    def ask(self, inquiry: Inquiry) -> Ask:
        """The request that *inquiry* is."""
        match inquiry:
            case Look(id=id_):
                return Ask(method="GET", path=f"{self.path}/{id_}")
            case Cancel(id=id_):
                return Ask(method="POST", path=f"{self.path}/{id_}/cancel")
            case Recent(after=after):
                behind = "" if after is None else f"&{self.after}={after}"
                return Ask(method="GET", path=f"{self.path}?limit={self.most}{behind}")

    def page(self, inquiry: Inquiry, answer: Json) -> BatchPage | None:
        """What *answer* says to it, None if that is no answer."""
        if not isinstance(inquiry, Recent):
            batch = self.batch(answer)
            return None if batch is None else BatchPage((batch,))
        found = [batch for row in as_list(answer.get("data")) if (batch := self.batch(as_object(row))) is not None]
        is_more = answer.get("has_more") is True and bool(found)
        return BatchPage(tuple(found), Recent(found[-1].id) if is_more else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWire:
    """One wire. *accepted* gives None for what is no answer to its question, and *result* for a line that is no
    result."""

    dialect: Dialect
    line: Callable[[str, bytes], bytes]
    submission: Callable[[Submission], Ask]
    accepted: Callable[[Submission, Json], Uploaded | VendorBatch | None]
    listed: Listed
    place: Callable[[str], Ask]
    result: Callable[[Json], ResultLine | None]


_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def is_id(text: object) -> bool:
    """Is *text* a name that may stand in a path? What a vendor calls its things is not trusted with our addresses.

    >>> is_id("batch_1"), is_id("../files"), is_id(".."), is_id(None)
    (True, False, False, False)
    """
    return isinstance(text, str) and _ID.fullmatch(text) is not None and text.strip(".") != ""
