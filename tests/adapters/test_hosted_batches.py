"""Vendors' batches over HTTP: what is asked, what is believed of the answer, and what is not."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import httpx2
import pytest
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    MalformedResponse,
    Problem,
    RateLimitExceeded,
    RequestTimedOut,
    Secret,
    ServerError,
    custom,
)
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import (
    BatchPage,
    Cancel,
    Desk,
    Load,
    Look,
    Recent,
    Result,
    Upload,
    Uploaded,
    VendorBatch,
)
from llm_manager.policies.targets import resolve
from llm_manager.ports import BatchProvider
from llm_manager.testing.simulator import Course, Fault, Simulator, Status
from tests.adapters.chosen import CHOSEN
from tests.operations.vendor_batches import ANTHROPIC, OPENAI, Vendor

pytestmark = pytest.mark.anyio

Bad: TypeAlias = Literal["oversize", "protocol"]

KEY = "sk-canary-0123456789"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


def config_of(vendor: Vendor, simulator: Simulator, most_bytes: int = 1 << 20) -> LLMConfig:
    config = vendor.config(simulator)
    settings = HttpSettings(engine=CHOSEN.engine, base_urls=config.http.base_urls, max_body_bytes=most_bytes)
    return LLMConfig(http=settings, keys=config.keys)


def desk_of(config: LLMConfig, vendor: Vendor) -> Desk:
    target = resolve(config, vendor.model).unwrap()
    return Desk(target=target, keys={vendor.name: Secret(KEY)})


def load(provider: BatchProvider, target: Target, *prompts: str) -> Load:
    lines = (provider.line(f"t-{n}", LLMRequest(prompt=prompt), target) for n, prompt in enumerate(prompts))
    return Load("t", tuple(lines))


async def everything(provider: BatchProvider, desk: Desk, place: str) -> list[Result] | Failure[object]:
    opened = await provider.results(desk, place)
    if isinstance(opened, Failure):
        return opened
    results, found = opened.unwrap(), list[Result]()
    try:
        while True:
            got = await results.pull()
            if isinstance(got, Failure):
                return got
            some = got.unwrap()
            if some is None:
                return found
            found.extend(some)
    finally:
        await results.aclose()


async def test_openai_is_handed_a_file_and_then_a_batch_of_it(simulator: Simulator) -> None:
    config = config_of(OPENAI, simulator)
    async with custom(config) as context:
        provider, desk = context.batches["openai"], desk_of(config, OPENAI)
        assert await provider.submit(desk, load(provider, desk.target, "Grüße", "two")) == Success(Uploaded("file-1"))
        made = VendorBatch(id="batch_1", status="validating", ended=False, total=2, succeeded=0, failed=0, tag="t")
        assert await provider.submit(desk, Upload("t", "file-1")) == Success(made)
        assert await provider.find(desk, Recent()) == Success(BatchPage((made,)))
        simulator.room.page_size = 1
        await provider.submit(desk, Upload("u", "file-1"))
        page = (await provider.find(desk, Recent())).unwrap()
        assert ([batch.id for batch in page.batches], page.more) == (["batch_2"], Recent("batch_2"))
    upload, create, *_ = simulator.received
    assert (upload.method, upload.path) == ("POST", "/v1/files")
    assert upload.headers["content-type"] == "multipart/form-data; boundary=llm-manager-t"
    assert create.json == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"llm_manager": "t"},
    }
    lines = [json.loads(line) for line in simulator.room.files["file-1"].splitlines()]
    assert [line["custom_id"] for line in lines] == ["t-0", "t-1"]
    assert lines[0]["body"] == {"model": OPENAI.model, "messages": [{"role": "user", "content": "Grüße"}]}
    assert {received.headers["authorization"] for received in simulator.received} == {f"Bearer {KEY}"}


async def test_anthropic_is_handed_the_batch_at_once(simulator: Simulator) -> None:
    config = config_of(ANTHROPIC, simulator)
    simulator.script_batches([Course(("in_progress", "cancelled"))])
    async with custom(config) as context:
        provider, desk = context.batches["anthropic"], desk_of(config, ANTHROPIC)
        made = VendorBatch(id="msgbatch_1", status="in_progress", ended=False, total=1)
        assert await provider.submit(desk, load(provider, desk.target, "hi")) == Success(made)
        cancelling = VendorBatch(id="msgbatch_1", status="canceling", ended=False, total=1)
        assert await provider.find(desk, Cancel("msgbatch_1")) == Success(BatchPage((cancelling,)))
        await provider.find(desk, Look("msgbatch_1"))
        ended = VendorBatch(
            id="msgbatch_1", status="ended", ended=True, total=1, succeeded=0, failed=1, places=("msgbatch_1",)
        )
        assert await provider.find(desk, Look("msgbatch_1")) == Success(BatchPage((ended,)))
        assert await provider.find(desk, Recent("msgbatch_1")) == Success(BatchPage(()))
        assert await everything(provider, desk, "msgbatch_1") == [
            ("t-0", Failure(ServerError(ANTHROPIC.model, 503, "the batch was cancelled before its turn came")))
        ]
    assert simulator.received[0].json["requests"][0]["custom_id"] == "t-0"
    assert {each.headers["x-api-key"] for each in simulator.received} == {KEY}
    assert {each.headers["anthropic-version"] for each in simulator.received} == {"2023-06-01"}


@asynccontextmanager
async def answering(
    vendor: Vendor, status: int, body: bytes, headers: dict[str, str] | None = None, most_bytes: int = 1 << 20
) -> AsyncGenerator[tuple[BatchProvider, Desk]]:
    """A vendor that answers everything so."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=pieces(), headers=headers)

    base_urls = {vendor.name: "https://vendor.test/v1"}
    keys = KeySettings(providers={vendor.name: (Secret(KEY),)})
    config = LLMConfig(
        http=HttpSettings(base_urls=base_urls, max_body_bytes=most_bytes, max_event_bytes=most_bytes), keys=keys
    )
    async with (
        httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client,
        custom(config, http_client=client) as context,
    ):
        yield context.batches[vendor.name], desk_of(config, vendor)


BOTH = pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC], ids=lambda vendor: vendor.name)


@BOTH
async def test_a_batch_that_was_created_with_201_is_one_and_204_says_nothing(vendor: Vendor) -> None:
    """A batch that is taken for refused is paid for, and handed in again."""
    accepted = json.dumps({"id": "b_1", "status": "validating", "processing_status": "in_progress"}).encode()
    async with answering(vendor, 201, b"\xef\xbb\xbf" + accepted) as (provider, desk):
        made = (await provider.submit(desk, load(provider, desk.target, "hi"))).unwrap()
        assert isinstance(made, Uploaded | VendorBatch)
        found = (await provider.find(desk, Look("b_1"))).unwrap()
        assert [batch.id for batch in found.batches] == ["b_1"]
    async with answering(vendor, 204, b"") as (provider, desk):
        failed = (await provider.find(desk, Look("b_1"))).failure()
        assert isinstance(failed, MalformedResponse)
        assert failed.reason == "empty"


@BOTH
@pytest.mark.parametrize(
    "answer",
    [{}, {"id": 1}, {"id": "../../files"}, {"id": ".."}, {"id": "a b", "status": "x", "processing_status": "x"}],
)
async def test_what_is_no_batch_is_not_believed(vendor: Vendor, answer: object) -> None:
    bad = Failure(MalformedResponse(vendor.model, "protocol", "what came is no batch"))
    async with answering(vendor, 200, json.dumps(answer).encode()) as (provider, desk):
        assert await provider.submit(desk, load(provider, desk.target, "hi")) == bad
        assert await provider.find(desk, Look("b")) == bad
        assert await provider.find(desk, Recent()) == Success(BatchPage(()))
        if vendor is OPENAI:
            assert await provider.submit(desk, Upload("t", "file-1")) == bad


async def test_files_with_odd_names_are_not_asked_for() -> None:
    told = {"id": "b", "status": "completed", "output_file_id": "../models", "error_file_id": "file-1"}
    async with answering(OPENAI, 200, json.dumps(told).encode()) as (provider, desk):
        [batch] = (await provider.find(desk, Look("b"))).unwrap().batches
    assert batch.places == ("file-1",)


async def test_the_problems_of_a_failed_batch_are_named() -> None:
    errors = {"data": [{"message": "no such model", "line": 2}, {"message": "too much is queued"}, "odd"]}
    told = {"id": "b", "status": "failed", "errors": errors}
    async with answering(OPENAI, 200, json.dumps(told).encode()) as (provider, desk):
        [batch] = (await provider.find(desk, Look("b"))).unwrap().batches
    assert batch.ended
    assert batch.problems == (Problem("line 2", "no such model"), Problem("", "too much is queued"), Problem("", ""))


@BOTH
async def test_a_key_that_a_vendor_echoes_is_masked(vendor: Vendor) -> None:
    said = {"error": {"message": f"who is {KEY}?", "type": "authentication_error"}}
    async with answering(vendor, 401, json.dumps(said).encode()) as (provider, desk):
        outcomes = [await provider.find(desk, Look("b")), await provider.results(desk, "b")]
    masked = AuthenticationFailed(vendor.model, message=f"who is {Secret(KEY)!r}?")
    assert [outcome.failure() for outcome in outcomes] == [masked, masked]


@BOTH
async def test_a_redirect_is_refused(vendor: Vendor) -> None:
    elsewhere = {"location": "https://elsewhere.test"}
    async with answering(vendor, 302, b"", elsewhere) as (provider, desk):
        found, opened = await provider.find(desk, Look("b")), await provider.results(desk, "b")
    refused = MalformedResponse(vendor.model, "redirect", "a redirect was refused: set the final URL")
    assert (found.failure(), opened.failure()) == (refused, refused)


def openai_line(custom_id: str, **fields: object) -> bytes:
    return json.dumps({"custom_id": custom_id, "response": None, "error": None, **fields}).encode()


async def test_each_line_of_openais_results_is_an_answer_or_an_error() -> None:
    message = {"role": "assistant", "content": f"{KEY}!"}
    good = {"choices": [{"message": message, "finish_reason": "stop"}], "id": "c"}
    lines = [
        openai_line("t-0", response={"status_code": 200, "body": good}),
        openai_line("t-1", response={"status_code": 429, "body": {"error": {"message": "slow down"}}}),
        openai_line("t-2", error={"code": "batch_expired", "message": "too late"}),
        openai_line("t-3", error={"code": "request_timeout"}),
        openai_line("t-4", error={"code": "rate_limit_exceeded", "message": "busy"}),
        openai_line("t-5", response={"body": good}),
    ]
    async with answering(OPENAI, 200, b"\n\n".join(lines)) as (provider, desk):
        found = dict(_sound(await everything(provider, desk, "f")))
    model = OPENAI.model
    assert found["t-0"].unwrap().content == f"{KEY}!"
    assert {id_: outcome.failure() for id_, outcome in found.items() if isinstance(outcome, Failure)} == {
        "t-1": RateLimitExceeded(model, None, "slow down"),
        "t-2": RequestTimedOut(model, 24 * 3600.0, "total", "too late"),
        "t-3": ServerError(model, 504, "the model did not answer in time"),
        "t-4": RateLimitExceeded(model, None, "busy"),
    }
    assert found["t-5"].unwrap() == found["t-0"].unwrap()


async def test_each_line_of_anthropics_results_is_an_answer_or_an_error() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    content = [{"type": "text", "text": "hello"}]
    results: dict[str, object] = {
        "t-0": {"type": "succeeded", "message": {"content": content, "stop_reason": "end_turn"}},
        "t-1": {"type": "errored", "error": error},
        "t-2": {"type": "expired"},
        "t-3": {"type": "something new"},
    }
    lines = [json.dumps({"custom_id": id_, "result": result}).encode() for id_, result in results.items()]
    async with answering(ANTHROPIC, 200, b"\n".join(lines)) as (provider, desk):
        found = dict(_sound(await everything(provider, desk, "b")))
    assert found["t-0"].unwrap().content == "hello"
    assert found["t-1"] == Failure(ServerError(ANTHROPIC.model, 529, "busy"))
    expired = "the batch expired before its turn came"
    assert found["t-2"] == Failure(RequestTimedOut(ANTHROPIC.model, 24 * 3600.0, "total", expired))
    assert isinstance(found["t-3"].failure(), MalformedResponse)


@BOTH
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"a": "' + b"x" * 2000, ("oversize", "a line of the results is larger than its cap")),
        (b'{"id": 1}', ("protocol", "a line of the results is none")),
    ],
)
async def test_a_line_that_is_none_ends_the_results(vendor: Vendor, body: bytes, error: tuple[Bad, str]) -> None:
    async with answering(vendor, 200, body, most_bytes=1000) as (provider, desk):
        assert await everything(provider, desk, "b") == Failure(MalformedResponse(vendor.model, *error))


async def test_results_that_are_no_json_or_too_large_an_error_say_so(simulator: Simulator) -> None:
    config = config_of(OPENAI, simulator, most_bytes=1000)
    simulator.room.files["f"] = b"{}"
    simulator.script("GET /v1/files/f/content", [Fault("html"), Fault("reset_in_body"), Status(500)])
    async with custom(config) as context:
        provider, desk = context.batches["openai"], desk_of(config, OPENAI)
        outcomes = [await everything(provider, desk, "f") for _ in range(3)]
        found = await provider.find(desk, Look("b"))
        sent = await provider.submit(desk, Load("t", (b"x" * 10,)))
    assert [type(outcome.failure()).__name__ for outcome in outcomes if isinstance(outcome, Failure)] == [
        "MalformedResponse",
        "MalformedResponse",
        "ServerError",
    ]
    assert type(found.failure()).__name__ == "ModelUnavailable"
    assert sent == Success(Uploaded("file-2"))
    async with answering(OPENAI, 500, b"x" * 2000, most_bytes=1000) as (provider, desk):
        assert await provider.results(desk, "f") == Failure(
            MalformedResponse(OPENAI.model, "oversize", "the body is larger than 1000 bytes")
        )


def _sound(found: list[Result] | Failure[object]) -> list[Result]:
    assert not isinstance(found, Failure), found
    return found
