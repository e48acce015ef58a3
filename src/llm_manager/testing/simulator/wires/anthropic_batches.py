"""Anthropic's Message Batches, as its API reference describes them and its SDK accepts them (checked 2026-11-21)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from llm_manager.testing.simulator.batches import ENDS, Answer, AskOne, Batch, BatchRoom, Booked, Step
from llm_manager.testing.simulator.replies import Status
from llm_manager.testing.simulator.wires.values import Fields, as_bytes, fields_in, object_in, rows_in

_WHEN = "2026-11-21T12:00:00Z"
_LATER = "2026-11-22T12:00:00Z"
_MOST_REQUESTS = 100_000
_MOST_BYTES = 256_000_000
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PATH = re.compile(r"/messages/batches(?:/([^/]+))?(?:/(results|cancel))?$")


def desk(
    method: str, url: str, headers: Mapping[str, str], body: bytes, room: BatchRoom, ask: AskOne
) -> Booked | Status | None:
    """What Anthropic answers, None for what is not about batches."""
    parts = urlsplit(url)
    found = _PATH.search(parts.path)
    if found is None:
        return None
    if not (headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")):
        return Status(401, None, "x-api-key header is required")
    if "anthropic-version" not in headers:
        return Status(400, None, "anthropic-version: header is required")
    id_, verb = found.groups()
    here = f"http://{headers.get('host', '')}/v1/messages/batches"
    match method, id_, verb:
        case "POST", None, None:
            return _create(body, room, ask, here)
        case "GET", None, None:
            return _list(parse_qs(parts.query), room, here)
        case ("GET", str(), None) | ("POST", str(), "cancel"):
            return _one(id_, room, here, cancel=verb == "cancel")
        case "GET", str(), "results":
            return _results(id_, room)
        case _:
            return Status(404, None, "Not found")


def _create(body: bytes, room: BatchRoom, ask: AskOne, here: str) -> Booked | Status:
    rows = rows_in(object_in(body) or {}, "requests")
    complaint = _complaint(rows, len(body))
    if complaint is not None:
        return complaint
    batch = Batch(
        id=f"msgbatch_{len(room.batches) + 1}",
        requests=[(str(row["custom_id"]), fields_in(row, "params")) for row in rows],
        ask=ask,
        course=room.next_course(),
    )
    room.batches[batch.id] = batch
    return Booked(as_bytes(_told(batch, batch.step, here)))


def _complaint(rows: Sequence[Fields], size: int) -> Status | None:
    ids = [str(row.get("custom_id", "")) for row in rows]
    if size > _MOST_BYTES:
        return Status(413, None, "Request exceeds the maximum size")
    if not 0 < len(rows) <= _MOST_REQUESTS:
        return Status(400, None, "requests: List should have between 1 and 100000 items")
    bad = next((index for index, id_ in enumerate(ids) if not _CUSTOM_ID.fullmatch(id_)), None)
    if bad is not None:
        return Status(400, None, f"requests.{bad}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    if len(set(ids)) < len(ids):
        return Status(400, None, "requests: custom_id must be unique")
    if any(fields_in(row, "params").get("stream") for row in rows):
        return Status(400, None, "requests.0.params.stream: streaming is not supported in batches")
    return None


def _list(query: Mapping[str, Sequence[str]], room: BatchRoom, here: str) -> Booked:
    found, more = room.newest(query.get("after_id", [None])[0], int(query.get("limit", ["20"])[0]))
    rows = [_told(batch, batch.look(), here) for batch in found]
    ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {"first_id": None, "last_id": None}
    return Booked(as_bytes({"data": rows, "has_more": more, **ends}))


def _one(id_: str, room: BatchRoom, here: str, *, cancel: bool) -> Booked | Status:
    batch = room.batches.get(id_)
    if batch is None:
        return Status(404, None, f"Message batch {id_} not found")
    return Booked(as_bytes(_told(batch, batch.cancel() if cancel else batch.look(), here)))


def _results(id_: str, room: BatchRoom) -> Booked | Status:
    batch = room.batches.get(id_)
    if batch is None or not batch.answers:
        return Status(404, None, f"Message batch {id_} has no available results")
    lines = (_line(batch, answer) for answer in reversed(batch.answers))  # nobody promises an order
    return Booked(b"".join(as_bytes(line) + b"\n" for line in lines), "application/x-jsonl")


def _line(batch: Batch, answer: Answer) -> Fields:
    if answer.status is None:
        result: Fields = {"type": "expired" if batch.step == "expired" else "canceled"}
    elif answer.status == 200:
        result = {"type": "succeeded", "message": answer.body}
    else:
        result = {"type": "errored", "error": answer.body}
    return {"custom_id": answer.custom_id, "result": result}


def _told(batch: Batch, step: Step, here: str) -> Fields:
    ended = step in ENDS
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "canceling" if step == "cancelling" else "in_progress",
        "request_counts": _counts(batch) if ended else {**_NONE, "processing": len(batch.requests)},
        "created_at": _WHEN,
        "expires_at": _LATER,
        "ended_at": _WHEN if ended else None,
        "archived_at": None,
        "cancel_initiated_at": _WHEN if step in ("cancelling", "cancelled") else None,
        "results_url": f"{here}/{batch.id}/results" if ended else None,
    }


_NONE: Mapping[str, int] = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}


def _counts(batch: Batch) -> Mapping[str, int]:
    succeeded = sum(answer.status == 200 for answer in batch.answers)
    undone = sum(answer.status is None for answer in batch.answers)
    word = "expired" if batch.step == "expired" else "canceled"
    return {**_NONE, "succeeded": succeeded, "errored": len(batch.answers) - succeeded - undone, word: undone}
