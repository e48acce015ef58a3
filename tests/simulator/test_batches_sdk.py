"""The vendors' own SDKs at the simulator's batches: what they accept is the vendors' wire and not our idea of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import anthropic
import httpx2
import openai
import pytest
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse
from anthropic.types.messages.batch_create_params import Request
from openai.types import Batch

from llm_manager.testing.simulator import Course, Simulator

pytestmark = pytest.mark.anyio

CHAT: Final = "/v1/chat/completions"
MODEL = "claude-sonnet-5-5"


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The SDKs work on asyncio alone."""
    return str(request.param)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


def openai_sdk(simulator: Simulator, path: str = "/v1") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=simulator.url + path, api_key="sk-x", max_retries=0)


def anthropic_sdk(simulator: Simulator) -> anthropic.AsyncAnthropic:
    headers = {"anthropic-version": "2023-06-01"}
    return anthropic.AsyncAnthropic(base_url=simulator.url, api_key="sk-ant-x", max_retries=0, default_headers=headers)


def line(custom_id: str, **body: object) -> dict[str, object]:
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": custom_id}], **body}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": asked}


async def handed_in(sdk: openai.AsyncOpenAI, lines: Sequence[object], metadata: dict[str, str] | None = None) -> Batch:
    data = "\n".join(json.dumps(each, ensure_ascii=False) for each in lines).encode()
    file = await sdk.files.create(file=("in.jsonl", data), purpose="batch")
    assert (file.bytes, file.filename, file.purpose) == (len(data), "in.jsonl", "batch")
    return await sdk.batches.create(
        input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata=metadata or {}
    )


async def ended(sdk: openai.AsyncOpenAI, batch: Batch) -> tuple[list[str], Batch]:
    statuses: list[str] = []
    while not statuses or batch.status not in ("completed", "failed", "expired", "cancelled"):
        batch = await sdk.batches.retrieve(batch.id)
        statuses.append(batch.status)
    return statuses, batch


async def rows(sdk: openai.AsyncOpenAI, file: str | None) -> list[dict[str, Any]]:
    text = "" if file is None else (await sdk.files.content(file)).text
    return [json.loads(row) for row in text.splitlines()]


@pytest.mark.parametrize("path", ["/v1", "/openai/v1"])
async def test_openai_answers_in_one_file_and_refuses_in_another(simulator: Simulator, path: str) -> None:
    async with openai_sdk(simulator, path) as sdk:
        batch = await handed_in(sdk, [line("Grüße"), line("bad", temperature=9)], {"ours": "yes"})
        assert (batch.status, batch.metadata, batch.output_file_id) == ("validating", {"ours": "yes"}, None)
        statuses, batch = await ended(sdk, batch)
        assert statuses == ["validating", "in_progress", "finalizing", "completed"]
        assert batch.request_counts is not None
        counts = batch.request_counts
        assert (counts.total, counts.completed, counts.failed) == (2, 1, 1)
        [answer], [refusal] = await rows(sdk, batch.output_file_id), await rows(sdk, batch.error_file_id)
        listed = [each.id async for each in sdk.batches.list()]
    assert (answer["custom_id"], answer["error"]) == ("Grüße", None)
    assert answer["response"]["status_code"] == 200
    assert answer["response"]["body"]["choices"][0]["message"]["content"] == "You said: Grüße"
    assert (refusal["custom_id"], refusal["response"]["status_code"]) == ("bad", 400)
    assert "temperature" in refusal["response"]["body"]["error"]["message"]
    assert listed == [batch.id]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("a"), line("a")], "custom_id"),
        ([line("")], "custom_id"),
        ([{**line("a"), "url": "/v1/embeddings"}], "does not match the batch endpoint"),
        ([line("a", stream=True)], "Streaming"),
        ([], "between 1 and 50,000"),
    ],
)
async def test_openai_fails_a_batch_that_is_wrong(simulator: Simulator, lines: list[object], said: str) -> None:
    async with openai_sdk(simulator) as sdk:
        statuses, batch = await ended(sdk, await handed_in(sdk, lines))
    assert statuses == ["validating", "failed"]
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert said in str(batch.errors.data[0].message)
    assert batch.errors.data[0].line == max(len(lines), 1)


async def test_openai_tells_what_was_not_begun(simulator: Simulator) -> None:
    simulator.script_batches([Course(("in_progress", "expired"), done=1), Course(("in_progress",), done=1)])
    async with openai_sdk(simulator) as sdk:
        _, expired = await ended(sdk, await handed_in(sdk, [line("a"), line("b")]))
        cancelling = await sdk.batches.cancel((await handed_in(sdk, [line("a"), line("b")])).id)
        statuses, cancelled = await ended(sdk, cancelling)
        codes = [(await rows(sdk, each.error_file_id))[0]["error"]["code"] for each in (expired, cancelled)]
        done = [(await rows(sdk, each.output_file_id))[0]["custom_id"] for each in (expired, cancelled)]
    assert (cancelling.status, statuses) == ("cancelling", ["cancelling", "cancelled"])
    assert codes == ["batch_expired", "batch_cancelled"]
    assert done == ["a", "a"]


async def test_openai_knows_only_what_it_was_given(simulator: Simulator) -> None:
    async with openai_sdk(simulator) as sdk:
        with pytest.raises(openai.NotFoundError, match="No batch found"):
            await sdk.batches.retrieve("batch_9")
        with pytest.raises(openai.NotFoundError, match="No such File"):
            await sdk.files.content("file-9")
        with pytest.raises(openai.BadRequestError, match="input_file_id"):
            await sdk.batches.create(input_file_id="file-9", endpoint=CHAT, completion_window="24h")
        file = await sdk.files.create(file=("in.jsonl", b"{}"), purpose="batch")
        with pytest.raises(openai.BadRequestError, match="endpoint"):
            await sdk.batches.create(input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h")
        with pytest.raises(openai.BadRequestError, match="purpose"):
            await sdk.files.create(file=("in.jsonl", b"{}"), purpose="vision")
        with pytest.raises(openai.NotFoundError, match="Unknown request URL"):
            await sdk.files.delete("file-1")
        with pytest.raises(openai.AuthenticationError):
            await sdk.batches.retrieve("batch_1", extra_headers={"authorization": ""})


async def test_openai_lists_page_by_page(simulator: Simulator) -> None:
    async with openai_sdk(simulator) as sdk:
        made = [(await handed_in(sdk, [line("a")])).id for _ in range(3)]
        listed = [each.id async for each in sdk.batches.list(limit=2)]
    assert listed == made[::-1]


def request(custom_id: str, model: str = MODEL, **more: Any) -> Request:
    params: Any = {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": custom_id}], **more}
    return Request(custom_id=custom_id, params=params)


async def finished(sdk: anthropic.AsyncAnthropic, batch: MessageBatch) -> MessageBatch:
    while batch.processing_status != "ended":
        batch = await sdk.messages.batches.retrieve(batch.id)
    return batch


async def results(sdk: anthropic.AsyncAnthropic, batch: MessageBatch) -> dict[str, MessageBatchIndividualResponse]:
    return {each.custom_id: each async for each in await sdk.messages.batches.results(batch.id)}


async def test_anthropic_answers_and_refuses_request_by_request(simulator: Simulator) -> None:
    async with anthropic_sdk(simulator) as sdk:
        batch = await sdk.messages.batches.create(requests=[request("a"), request("b", max_tokens=0)])
        assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 2)
        batch = await finished(sdk, batch)
        told = await results(sdk, batch)
        listed = [each.id async for each in sdk.messages.batches.list()]
    counts = batch.request_counts
    assert (counts.processing, counts.succeeded, counts.errored) == (0, 1, 1)
    answered, refused = told["a"].result, told["b"].result
    assert answered.type == "succeeded"
    assert answered.message.content[0].type == "text"
    assert refused.type == "errored"
    assert refused.error.error.type == "invalid_request_error"
    assert listed == [batch.id]
    assert batch.results_url is not None
    assert batch.results_url.endswith(f"{batch.id}/results")


async def test_anthropic_tells_what_was_not_begun(simulator: Simulator) -> None:
    simulator.script_batches([Course(("in_progress", "expired"), done=1), Course(("in_progress",), done=1)])
    async with anthropic_sdk(simulator) as sdk:
        asked = [request("a"), request("b")]
        expired = await finished(sdk, await sdk.messages.batches.create(requests=asked))
        begun = await sdk.messages.batches.create(requests=asked)
        cancelling = await sdk.messages.batches.cancel(begun.id)
        cancelled = await finished(sdk, cancelling)
        kinds = [(await results(sdk, each))["b"].result.type for each in (expired, cancelled)]
    assert cancelling.processing_status == "canceling"
    assert kinds == ["expired", "canceled"]
    assert (expired.request_counts.expired, cancelled.request_counts.canceled) == (1, 1)


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([], "between 1 and 100000"),
        ([request("a b")], "custom_id"),
        ([request("a"), request("a")], "unique"),
        ([request("a", stream=True)], "stream"),
    ],
)
async def test_anthropic_refuses_a_batch_that_is_wrong(
    simulator: Simulator, requests: list[Request], said: str
) -> None:
    async with anthropic_sdk(simulator) as sdk:
        with pytest.raises(anthropic.BadRequestError, match=said):
            await sdk.messages.batches.create(requests=requests)
        with pytest.raises(anthropic.NotFoundError):
            await sdk.messages.batches.retrieve("msgbatch_9")
        with pytest.raises(anthropic.NotFoundError):
            await sdk.get("/v1/messages/batches/msgbatch_9/results", cast_to=str)
        with pytest.raises(anthropic.NotFoundError):
            await sdk.messages.batches.delete("msgbatch_9")


async def test_anthropic_wants_a_key_and_a_version(simulator: Simulator) -> None:
    async with httpx2.AsyncClient(base_url=simulator.url) as client:
        path = "/v1/messages/batches/msgbatch_9"
        nobody = await client.get(path, headers={"anthropic-version": "2023-06-01"})
        undated = await client.get(path, headers={"x-api-key": "sk-ant-x"})
    assert (nobody.status_code, undated.status_code) == (401, 400)
