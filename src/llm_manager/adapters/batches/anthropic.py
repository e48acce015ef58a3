"""Anthropic's Message Batches: the requests in one body, and the results behind the batch.

Checked on 2026-11-21 against Anthropic's API reference ("Create a Message Batch", "Retrieve Message Batch results")
and the types of its SDK. A batch has no place for our tag, so the ids of its requests begin with it. The results are
asked for by the id of the batch: the URL that the vendor names is not followed, for a key would go with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from llm_manager.adapters.batches.wire import Ask, BatchWire, Listed, ResultLine, Undone, is_id
from llm_manager.adapters.dialects import anthropic
from llm_manager.adapters.dialects.json_values import Json, as_count, as_object, as_text
from llm_manager.domain.vendor_batch import (
    Submission,
    Upload,
    VendorBatch,
)

_UNDONE: Mapping[str, Undone] = {"expired": "expired", "canceled": "cancelled"}


def _line(custom_id: str, body: bytes) -> bytes:
    return b'{"custom_id":%b,"params":%b}' % (json.dumps(custom_id).encode(), body)


def _submission(submission: Submission) -> Ask:
    lines = () if isinstance(submission, Upload) else submission.lines  # nothing is ever uploaded on this wire
    return Ask(method="POST", path="messages/batches", body=b'{"requests":[%b]}' % b",".join(lines))


def _accepted(_submission: Submission, answer: Json) -> VendorBatch | None:
    return _batch(answer)


def _batch(answer: Json) -> VendorBatch | None:
    id_, status = as_text(answer.get("id")), as_text(answer.get("processing_status"))
    if id_ is None or status is None or not is_id(id_):
        return None
    told = as_object(answer.get("request_counts"))
    counts = {name: as_count(told.get(name)) or 0 for name in _KINDS}
    ended = status == "ended"
    return VendorBatch(
        id=id_,
        status=status,
        ended=ended,
        total=sum(counts.values()) or None,
        succeeded=counts["succeeded"] if ended else None,  # told at the end alone, and 0 before
        failed=counts["errored"] + counts["canceled"] + counts["expired"] if ended else None,
        places=(id_,) if ended else (),
    )


_KINDS = ("processing", "succeeded", "errored", "canceled", "expired")


def _place(batch: str) -> Ask:
    return Ask(method="GET", path=f"messages/batches/{batch}/results")


def _result(line: Json) -> ResultLine | None:
    custom_id, result = as_text(line.get("custom_id")), as_object(line.get("result"))
    if custom_id is None:
        return None
    kind = as_text(result.get("type")) or ""
    if kind == "succeeded":
        return ResultLine(custom_id=custom_id, body=result.get("message"))
    return ResultLine(custom_id=custom_id, undone=_UNDONE.get(kind), body=result.get("error"))


WIRE = BatchWire(
    dialect=anthropic.DIALECT,
    line=_line,
    submission=_submission,
    accepted=_accepted,
    listed=Listed(path="messages/batches", most=1000, after="after_id", batch=_batch),
    place=_place,
    result=_result,
)
