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
from llm_manager.adapters.dialects.json_values import Json
from llm_manager.domain.vendor_batch import BatchPage, Inquiry, Submission, Uploaded, VendorBatch

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
class BatchWire:
    """One wire. *accepted* and *page* give None for what is no answer to their question, and *result* for a line that
    is no result."""

    dialect: Dialect
    line: Callable[[str, bytes], bytes]
    submission: Callable[[Submission], Ask]
    accepted: Callable[[Submission, Json], Uploaded | VendorBatch | None]
    inquiry: Callable[[Inquiry], Ask]
    page: Callable[[Inquiry, Json], BatchPage | None]
    place: Callable[[str], Ask]
    result: Callable[[Json], ResultLine | None]


_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def is_id(text: object) -> bool:
    """Is *text* a name that may stand in a path? What a vendor calls its things is not trusted with our addresses.

    >>> is_id("batch_1"), is_id("../files"), is_id(".."), is_id(None)
    (True, False, False, False)
    """
    return isinstance(text, str) and _ID.fullmatch(text) is not None and text.strip(".") != ""
