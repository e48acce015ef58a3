"""OpenAI's batches, which Groq speaks too: a file of requests, a batch of it, a file of answers and one of errors.

Checked on 2026-11-21 against OpenAI's API reference ("Create batch", "The request output object", "Upload file"), the
types of its SDK, and Groq's "Batch processing". Our tag is in the metadata of the batch. The vendor documents no key
against doing things twice: a batch is found again by its tag in the list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from llm_manager.adapters.batches.wire import Ask, BatchWire, Listed, ResultLine, Undone, is_id
from llm_manager.adapters.dialects import openai
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.domain.problem import Problem
from llm_manager.domain.vendor_batch import (
    Load,
    Submission,
    Upload,
    Uploaded,
    VendorBatch,
)

ENDPOINT = "/v1/chat/completions"
"""What the requests are for. It is a name and no path: Groq's has the same, wherever its own is."""

TAG = "llm_manager"
"""The field of the metadata that our tag is in."""

_ENDED = frozenset({"failed", "completed", "expired", "cancelled"})

_UNDONE: Mapping[str, Undone] = {
    "batch_expired": "expired",
    "batch_cancelled": "cancelled",
    "request_timeout": "timed_out",
}


def _line(custom_id: str, body: bytes) -> bytes:
    head = json.dumps({"custom_id": custom_id, "method": "POST", "url": ENDPOINT}, separators=(",", ":"))
    return b'%b,"body":%b}' % (head[:-1].encode(), body)


def _submission(submission: Submission) -> Ask:
    match submission:
        case Load(tag=tag, lines=lines):
            boundary = f"llm-manager-{tag}"
            return Ask(
                method="POST",
                path="files",
                content_type=f"multipart/form-data; boundary={boundary}",
                body=b"".join(_parts(tag, boundary.encode(), lines)),
            )
        case Upload(tag=tag, id=id_):
            fields = {"input_file_id": id_, "endpoint": ENDPOINT, "completion_window": "24h", "metadata": {TAG: tag}}
            return Ask(method="POST", path="batches", body=json.dumps(fields, separators=(",", ":")).encode())


def _parts(tag: str, boundary: bytes, lines: tuple[bytes, ...]) -> Iterator[bytes]:
    """RFC 7578. A boundary begins a line of its own after CRLF, which no JSON text on one line holds."""
    yield b'--%b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n' % boundary
    file = b'--%b\r\ncontent-disposition: form-data; name="file"; filename="%b.jsonl"\r\n' % (boundary, tag.encode())
    yield file + b"content-type: application/jsonl\r\n\r\n"
    for line in lines:
        yield line
        yield b"\n"
    yield b"\r\n--%b--\r\n" % boundary


def _accepted(submission: Submission, answer: Json) -> Uploaded | VendorBatch | None:
    if isinstance(submission, Upload):
        return _batch(answer)
    id_ = as_text(answer.get("id"))
    return Uploaded(id_) if id_ is not None and is_id(id_) else None


def _batch(answer: Json) -> VendorBatch | None:
    id_, status = as_text(answer.get("id")), as_text(answer.get("status"))
    if id_ is None or status is None or not is_id(id_):
        return None
    counts = as_object(answer.get("request_counts"))
    files = (as_text(answer.get(name)) for name in ("output_file_id", "error_file_id"))
    return VendorBatch(
        id=id_,
        status=status,
        ended=status in _ENDED,
        total=as_count(counts.get("total")),
        succeeded=as_count(counts.get("completed")),
        failed=as_count(counts.get("failed")),
        tag=as_text(as_object(answer.get("metadata")).get(TAG)) or "",
        places=tuple(file for file in files if file is not None and is_id(file)),
        problems=tuple(_problems(answer)),
    )


def _problems(answer: Json) -> Iterator[Problem]:
    for row in as_list(as_object(answer.get("errors")).get("data")):
        error = as_object(row)
        line = as_count(error.get("line"))
        yield Problem("" if line is None else f"line {line}", as_text(error.get("message")) or "")


def _place(file: str) -> Ask:
    return Ask(method="GET", path=f"files/{file}/content")


def _result(line: Json) -> ResultLine | None:
    custom_id = as_text(line.get("custom_id"))
    if custom_id is None:
        return None
    answer, error = as_object(line.get("response")), as_object(line.get("error"))
    if answer:
        status = as_count(answer.get("status_code"))
        return ResultLine(custom_id=custom_id, status=200 if status is None else status, body=answer.get("body"))
    undone = _UNDONE.get(as_text(error.get("code")) or "")
    message = as_text(error.get("message")) or ""
    return ResultLine(custom_id=custom_id, undone=undone, message=message, body={"error": error})


WIRE = BatchWire(
    dialect=openai.DIALECT,
    line=_line,
    submission=_submission,
    accepted=_accepted,
    listed=Listed(path="batches", most=100, after="after", batch=_batch),
    place=_place,
    result=_result,
)
