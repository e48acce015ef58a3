"""OpenAI's files and batches, as its API reference describes them and its SDK accepts them (checked 2026-11-21)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from email.parser import BytesParser
from typing import cast
from urllib.parse import parse_qs, urlsplit

from llm_manager.testing.simulator.batches import Answer, AskOne, Batch, BatchRoom, Booked, Step
from llm_manager.testing.simulator.replies import Status
from llm_manager.testing.simulator.wires.values import Fields, as_bytes, fields_in, object_in

_CREATED = 1_700_000_000
_MOST_REQUESTS = 50_000
_MOST_BYTES = 200_000_000
_ENDPOINT = "/v1/chat/completions"
_PATH = re.compile(r"/(files|batches)(?:/([^/]+))?(?:/(content|cancel))?$")

_UNDONE: Mapping[str, tuple[str, str]] = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed before the batch was cancelled."),
}


def desk(
    method: str, url: str, headers: Mapping[str, str], body: bytes, room: BatchRoom, ask: AskOne
) -> Booked | Status | None:
    """What OpenAI answers, None for what is about neither files nor batches."""
    parts = urlsplit(url)
    found = _PATH.search(parts.path)
    if found is None:
        return None
    if not headers.get("authorization", "").removeprefix("Bearer "):
        return Status(401, None, "You didn't provide an API key.")
    kind, id_, verb = found.groups()
    match method, kind, id_, verb:
        case "POST", "files", None, None:
            return _upload(headers, body, room)
        case "GET", "files", str(), "content":
            return _content(id_, room)
        case "POST", "batches", None, None:
            return _create(body, room, ask)
        case "GET", "batches", None, None:
            return _list(parse_qs(parts.query), room)
        case ("GET", "batches", str(), None) | ("POST", "batches", str(), "cancel"):
            return _one(id_, room, cancel=verb == "cancel")
        case _:
            return Status(404, "unknown_url", f"Unknown request URL: {method} {parts.path}.")


def _upload(headers: Mapping[str, str], body: bytes, room: BatchRoom) -> Booked | Status:
    form = _form(headers.get("content-type", ""), body)
    if form.get("purpose", ("", b""))[1] != b"batch":
        return Status(400, None, "'purpose' is a required property: use 'batch'.")
    if "file" not in form:
        return Status(400, None, "'file' is a required property.")
    name, data = form["file"]
    if len(data) > _MOST_BYTES:
        return Status(413, None, "The file is too large.")
    id_ = f"file-{len(room.files) + 1}"
    room.files[id_] = data
    return Booked(as_bytes(_file(id_, name, len(data))))


def _file(id_: str, name: str, size: int) -> Fields:
    told = {"id": id_, "object": "file", "bytes": size, "created_at": _CREATED, "filename": name}
    return {**told, "purpose": "batch", "status": "processed", "expires_at": _CREATED + 30 * 86_400}


def _form(content_type: str, body: bytes) -> Mapping[str, tuple[str, bytes]]:
    """The fields of a form: each with the name of its file and what is in it."""
    whole = BytesParser().parsebytes(b"content-type: %b\r\n\r\n%b" % (content_type.encode(), body))
    parts = cast("Sequence[Message]", whole.get_payload()) if whole.is_multipart() else ()
    found: dict[str, tuple[str, bytes]] = {}
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(data, bytes):
            found[name] = (part.get_filename() or "", data)
    return found


def _content(id_: str, room: BatchRoom) -> Booked | Status:
    data = room.files.get(id_)
    if data is None:
        return Status(404, None, f"No such File object: {id_}")
    return Booked(data, "application/octet-stream")


def _create(body: bytes, room: BatchRoom, ask: AskOne) -> Booked | Status:
    fields = object_in(body) or {}
    file = str(fields.get("input_file_id"))
    if file not in room.files:
        return Status(400, None, f"Invalid 'input_file_id': no such file {file!r}.")
    if fields.get("endpoint") != _ENDPOINT:
        return Status(400, None, f"Invalid 'endpoint': use {_ENDPOINT!r}.")
    if fields.get("completion_window") != "24h":
        return Status(400, None, "Invalid 'completion_window': use '24h'.")
    requests, wrong = _requests(room.files[file])
    course = room.next_course()
    batch = Batch(
        id=f"batch_{len(room.batches) + 1}",
        requests=requests,
        ask=ask,
        course=course if not wrong else type(course)(("validating", "failed")),
        made_of=file,
        metadata=fields_in(fields, "metadata") or None,
        wrong=wrong,
    )
    room.batches[batch.id] = batch
    return Booked(as_bytes(_told(batch, batch.step)))


def _requests(data: bytes) -> tuple[Sequence[tuple[str, object]], Sequence[tuple[int, str]]]:
    """The requests in a file, and what is wrong with it, by line."""
    rows = [object_in(line) or {} for line in data.splitlines() if line.strip()]
    ids = [str(row.get("custom_id", "")) for row in rows]
    wrong = list(_complaints(rows, ids))
    return [(id_, fields_in(row, "body")) for id_, row in zip(ids, rows, strict=True)], wrong


def _complaints(rows: Sequence[Fields], ids: Sequence[str]) -> Iterator[tuple[int, str]]:
    if not 0 < len(rows) <= _MOST_REQUESTS:
        yield 1, "The batch input file must have between 1 and 50,000 requests."
    seen: set[str] = set()
    for number, (row, id_) in enumerate(zip(rows, ids, strict=True), 1):
        if not id_ or len(id_) > 64:
            yield number, "Missing or too long: 'custom_id'."
        elif id_ in seen:
            yield number, "The custom_id is used by another request of the file."
        elif (row.get("method"), row.get("url")) != ("POST", _ENDPOINT):
            yield number, "The URL provided for this request does not match the batch endpoint."
        elif fields_in(row, "body").get("stream"):
            yield number, "Streaming is not supported in a batch."
        seen.add(id_)


def _list(query: Mapping[str, Sequence[str]], room: BatchRoom) -> Booked:
    limit = int(query.get("limit", ["20"])[0])
    found, more = room.newest(query.get("after", [None])[0], limit)
    rows = [_told(batch, _looked(batch, room)) for batch in found]
    ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {}
    return Booked(as_bytes({"object": "list", "data": rows, "has_more": more, **ends}))


def _one(id_: str, room: BatchRoom, *, cancel: bool) -> Booked | Status:
    batch = room.batches.get(id_)
    if batch is None:
        return Status(404, None, f"No batch found with id '{id_}'.")
    return Booked(as_bytes(_told(batch, batch.cancel() if cancel else _looked(batch, room))))


def _looked(batch: Batch, room: BatchRoom) -> Step:
    step = batch.look()
    if batch.answers and not batch.files:
        _write_files(batch, room)
    return step


def _write_files(batch: Batch, room: BatchRoom) -> None:
    """What went well in one file, the rest in another, the last first: nobody promises an order."""
    lines: dict[str, list[bytes]] = {"output_file_id": [], "error_file_id": []}
    for answer in reversed(batch.answers):
        kind = "output_file_id" if answer.status == 200 else "error_file_id"
        lines[kind].append(as_bytes(_line(batch, answer)) + b"\n")
    for kind, rows in lines.items():
        if rows:
            batch.files[kind] = f"file-{len(room.files) + 1}"
            room.files[batch.files[kind]] = b"".join(rows)


def _line(batch: Batch, answer: Answer) -> Fields:
    head = {"id": f"batch_req_{answer.custom_id}", "custom_id": answer.custom_id}
    if answer.status is None:
        code, message = _UNDONE["expired" if batch.step == "expired" else "cancelled"]
        return {**head, "response": None, "error": {"code": code, "message": message}}
    response = {"status_code": answer.status, "request_id": f"req_{answer.custom_id}", "body": answer.body}
    return {**head, "response": response, "error": None}


def _told(batch: Batch, step: str) -> Fields:
    ended = batch.answers if step == batch.step else ()
    succeeded = sum(answer.status == 200 for answer in ended)
    problems = [{"code": "invalid", "line": line, "message": said, "param": None} for line, said in batch.wrong]
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": _ENDPOINT,
        "errors": {"object": "list", "data": problems} if step == "failed" else None,
        "input_file_id": batch.made_of,
        "completion_window": "24h",
        "status": step,
        "output_file_id": batch.files.get("output_file_id") if ended else None,
        "error_file_id": batch.files.get("error_file_id") if ended else None,
        "created_at": _CREATED,
        "expires_at": _CREATED + 86_400,
        "request_counts": {
            "total": len(batch.requests),
            "completed": succeeded,
            "failed": len(ended) - succeeded,
        },
        "metadata": batch.metadata,
    }
