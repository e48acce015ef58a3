"""The real llama.cpp in this process, on a real file: small, random, and held to a grammar all the same."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BreakerSettings,
    ConfigurationError,
    ContextTooLarge,
    InvalidRequest,
    LLMConfig,
    LLMError,
    LLMRequest,
    Message,
    ModelSettings,
    Preferences,
    RetrySettings,
    ServerError,
    StreamFinished,
    TextDelta,
    UnsupportedCapability,
    custom,
    describe,
    generate,
    generate_stream,
    provide,
    query_with_schema,
    route_request,
    run,
    stream_with_schema,
    warmup_models,
)
from llm_manager.adapters.llama_cpp_engine import EngineKey, engine_key, load_engine
from llm_manager.domain.request import JsonMode, JsonSchema, Tool
from llm_manager.policies.engines import ENGINE_FIELDS
from tiny_gguf import write_tiny_gguf

pytestmark = pytest.mark.anyio

SHORT = Preferences(model="tiny", fallback="none", max_tokens=200, seed=1)
SHORT_ANSWER = replace(SHORT, max_tokens=1)


def config(path: Path, **settings: int) -> LLMConfig:
    tiny = ModelSettings(provider="llama_cpp", path=str(path), context_tokens=settings.get("context_tokens", 1024))
    return LLMConfig(models={"tiny": tiny}, retry=RetrySettings(max_retries=0))


@dataclass(frozen=True)
class Reading:
    ok: bool
    level: int


async def test_a_local_model_answers_and_says_what_it_used(gguf_file: Path) -> None:
    request = LLMRequest(prompt="hello", preferences=Preferences(model="tiny", max_tokens=12, seed=1))
    response = (await provide(generate(request), custom(config(gguf_file)))).unwrap()
    assert response.model == "tiny"
    assert 1 <= (response.usage.completion_tokens or 0) <= 12
    assert response.finish_reason in ("length", "stop")
    assert response.metadata.provider == "llama_cpp"


async def test_a_local_model_cannot_leave_the_schema(gguf_file: Path) -> None:
    op = query_with_schema(LLMRequest(prompt="read", preferences=SHORT), Reading, max_reasks=0)
    assert isinstance((await provide(op, custom(config(gguf_file)))).unwrap(), Reading)


async def test_json_mode_is_a_grammar_the_sampler_cannot_leave(gguf_file: Path) -> None:
    """A model of random weights rarely comes to an end: the engine calls what is cut off an error of its own."""
    written: list[object] = []
    patient = replace(config(gguf_file), circuit_breaker=BreakerSettings(enabled=False))
    async with custom(patient) as context:
        for seed in range(12):
            request = LLMRequest(
                prompt="read", preferences=replace(SHORT, seed=seed), response_format=JsonMode(), namespace=f"{seed}"
            )
            match await run(generate(request), context):
                case Success(response):
                    written.append(json.loads(response.content))
                case Failure(error):
                    assert isinstance(error, ServerError)
    assert written
    assert all(isinstance(value, dict) for value in written)


async def test_a_model_is_loaded_once_and_unloaded_with_its_layer(gguf_file: Path) -> None:
    async with custom(config(gguf_file)) as context:
        [status] = (await run(warmup_models(), context)).unwrap()
        again = (await run(warmup_models(), context)).unwrap()[0]
    assert status.healthy
    assert again.latency_ms is not None
    assert status.latency_ms is not None
    assert again.latency_ms < status.latency_ms


async def test_two_questions_at_once_to_one_engine_are_both_answered(gguf_file: Path) -> None:
    answers: list[str] = []
    async with custom(config(gguf_file)) as context, anyio.create_task_group() as group:

        async def ask(seed: int) -> None:
            request = LLMRequest(prompt=f"q{seed}", preferences=Preferences(model="tiny", max_tokens=8, seed=seed))
            answers.append((await run(generate(request), context)).unwrap().content)

        group.start_soon(ask, 1)
        group.start_soon(ask, 2)
    assert len(answers) == 2


async def test_a_prompt_larger_than_the_window_is_told_with_both_figures(gguf_file: Path) -> None:
    """The estimate lets it pass, the engine counts bytes and does not."""
    request = LLMRequest(prompt="x" * 2000, preferences=SHORT)
    error = (await provide(generate(request), custom(config(gguf_file)))).failure()
    assert isinstance(error, ContextTooLarge)
    assert (error.token_count or 0) > 1024
    assert error.max_tokens == 1024


async def test_tools_are_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    request = LLMRequest(prompt="x", tools=(Tool(name="f"),), preferences=SHORT)
    error = (await provide(generate(request), custom(config(tmp_path / "none.gguf")))).failure()
    assert error == UnsupportedCapability("tiny", "tools")


async def test_a_cancelled_call_stops_the_engine_between_two_tokens(gguf_file: Path) -> None:
    """Left alone it would write until its window of 100,000 tokens is full."""
    endless = Preferences(model="tiny", fallback="none", seed=3)
    schema_of_a_long_list = query_with_schema(LLMRequest(prompt="go", preferences=endless), list[int], 0)
    async with custom(config(gguf_file, context_tokens=2048)) as context:
        await run(warmup_models(), context)
        with anyio.move_on_after(0.02) as scope:
            await run(schema_of_a_long_list, context)
        started = time.monotonic()
        request = LLMRequest(prompt="short", preferences=Preferences(model="tiny", max_tokens=2, seed=7))
        answered = await run(generate(request), context)
    assert (answered.unwrap().usage.completion_tokens or 9) <= 2
    if scope.cancelled_caught:
        assert time.monotonic() - started < 5


async def test_a_local_model_streams_its_answer_token_by_token(gguf_file: Path) -> None:
    request = LLMRequest(prompt="hello", preferences=Preferences(model="tiny", max_tokens=12, seed=1))
    async with custom(config(gguf_file)) as context:
        async with (await run(generate_stream(request), context)).unwrap() as stream:
            *pieces, last = [event async for event in stream]
        whole = (await run(route_request(request), context)).unwrap()
    assert isinstance(last, StreamFinished)
    assert last.response.content == "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))
    assert (last.response.content, last.response.usage.total_tokens) == (whole.content, whole.usage.total_tokens)
    assert len(pieces) > 1


async def test_a_stream_that_is_left_stops_the_engine(gguf_file: Path) -> None:
    """Left alone it would write until its window is full, and the next question would wait for that."""
    endless = LLMRequest(prompt="go", preferences=Preferences(model="tiny", fallback="none", seed=3))
    async with custom(config(gguf_file, context_tokens=2048)) as context:
        async with (await run(stream_with_schema(endless, list[int]), context)).unwrap() as stream:
            await anext(stream)
        request = LLMRequest(prompt="short", preferences=Preferences(model="tiny", max_tokens=2, seed=7))
        answered = (await run(generate(request), context)).unwrap()
    assert (answered.usage.completion_tokens or 9) <= 2


def _bad_files(tmp_path: Path, gguf_file: Path) -> dict[Path, str]:
    text = tmp_path / "text.gguf"
    text.write_text("this is no model")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf_file.read_bytes()[:200_000])
    old = tmp_path / "old.gguf"
    old.write_bytes(b"GGUF\x01\x00\x00\x00")
    return {
        tmp_path / "missing.gguf": "there is no such file",
        text: "is no GGUF file",
        cut: "cannot load it",
        old: "is GGUF version 1",
        tmp_path: "cannot be read",
    }


async def test_what_is_wrong_with_a_file_is_told_with_what_to_do(tmp_path: Path, gguf_file: Path) -> None:
    for path, said in _bad_files(tmp_path, gguf_file).items():
        error: LLMError = (
            await provide(generate(LLMRequest(prompt="x", preferences=SHORT)), custom(config(path)))
        ).failure()
        assert isinstance(error, ConfigurationError), error
        assert said in describe(error)
        assert "models.tiny.path" in describe(error)


ALTERNATING = (
    "{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def chat_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose turns are made of control tokens, and that wants them to alternate."""
    path = tmp_path_factory.mktemp("chat") / "chat.gguf"
    return write_tiny_gguf(path, chat_template=ALTERNATING, control_tokens=("<|im_start|>", "<|im_end|>"))


PATHS = ["/health", "/v1/health", "/v1/models", "/props", "/slots", "/metrics", "/", "/v1/chat/completions"]


def test_whoever_finds_the_port_of_a_loaded_model_is_refused(gguf_file: Path) -> None:
    """A page in a browser sends ``text/plain`` without asking first, and may read what names its origin."""
    settings = ModelSettings(path=str(gguf_file), context_tokens=512)
    engine = load_engine("tiny", engine_key(settings), lambda: False).unwrap().engine
    headers = {"origin": "http://other.example", "content-type": "text/plain"}
    asked = b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}'
    with httpx2.Client(base_url=engine.listening_address, headers=headers, trust_env=False) as client:
        answers = [client.request(method, path, content=asked) for path in PATHS for method in ("GET", "POST")]
    assert {answer.status_code for answer in answers} <= {401, 404}
    assert {answer.headers.get("access-control-allow-origin") for answer in answers} <= {None, ""}
    assert engine.handle_chat_completions(json.loads(asked))["usage"]["completion_tokens"] == 1


REFUSED = {
    "roles must alternate": LLMRequest(prompt="b", messages=(Message(role="user", content="a"),)),
    "non-empty array": LLMRequest(prompt="a", response_format=JsonSchema(schema={"enum": []})),
}


@pytest.mark.parametrize("said", REFUSED)
async def test_what_the_engine_refuses_is_a_wrong_request_and_opens_no_circuit(
    chat_file: Path, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = replace(REFUSED[said], preferences=SHORT)
    async with custom(config(chat_file)) as context:
        refused = [(await run(generate(asked), context)).failure() for _ in range(6)]
        good = await run(generate(LLMRequest(prompt="a", preferences=replace(SHORT, max_tokens=2))), context)
    assert all(isinstance(error, InvalidRequest) and said in describe(error) for error in refused), refused
    assert isinstance(good, Success)
    assert "Traceback" not in capfd.readouterr().err


async def test_two_models_of_one_file_have_each_their_own_window(gguf_file: Path) -> None:
    models = {
        name: ModelSettings(provider="llama_cpp", path=str(gguf_file), context_tokens=tokens)
        for name, tokens in (("small", 256), ("big", 1024))
    }
    found: dict[str, object] = {}
    async with custom(LLMConfig(models=models, retry=RetrySettings(max_retries=0))) as context:
        for name in models:
            wish = Preferences(model=name, fallback="none", max_tokens=1)
            match await run(generate(LLMRequest(prompt="x" * 600, preferences=wish)), context):
                case Success(response):
                    found[name] = response.model
                case Failure(error):
                    found[name] = (type(error), getattr(error, "max_tokens", None))
    assert found == {"small": (ContextTooLarge, 256), "big": "big"}


def test_models_share_an_engine_where_nothing_that_shapes_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    settings = ModelSettings(path=str(path))
    same = replace(settings, path=f"{tmp_path}/./m.gguf", prompt_usd=1.0, control_tokens="token")
    others: list[dict[str, Any]] = [
        {"path": str(tmp_path / "n.gguf")},
        {"context_tokens": 256},
        {"threads": 1},
        {"gpu_layers": 0},
        {"slots": 2},
        {"cache_ram_mib": 0},
        {"chat_template": "x"},
    ]
    assert engine_key(same) == engine_key(settings)
    assert all(engine_key(replace(settings, **each)) != engine_key(settings) for each in others)
    shaping = {field.name for field in fields(EngineKey)}
    assert {name for each in others for name in each} == shaping == {"path", *ENGINE_FIELDS}


@pytest.mark.parametrize(("setting", "tokens"), [("text", 13), ("token", 1)])
async def test_a_control_token_that_a_user_types_is_text(chat_file: Path, setting: Any, tokens: int) -> None:
    """Ten characters, and three bytes that split them: as many tokens; or the one token that ends the turn."""
    model = ModelSettings(provider="llama_cpp", path=str(chat_file), context_tokens=1024, control_tokens=setting)
    counted: list[int] = []
    async with custom(LLMConfig(models={"tiny": model})) as context:
        for prompt in ("a", "a<|im_end|>"):
            response = (await run(generate(LLMRequest(prompt=prompt, preferences=SHORT_ANSWER)), context)).unwrap()
            counted.append(response.usage.prompt_tokens or 0)
    assert counted[1] - counted[0] == tokens


async def test_a_template_of_the_settings_rescues_a_file_with_one_that_does_not_work(tmp_path: Path) -> None:
    broken = write_tiny_gguf(tmp_path / "broken.gguf", chat_template="{{ raise_exception('always') }}")
    error = (await provide(generate(LLMRequest(prompt="x", preferences=SHORT)), custom(config(broken)))).failure()
    assert "set models.tiny.chat_template" in describe(error)
    mended = config(broken)
    models = {"tiny": replace(mended.models["tiny"], chat_template="{{ messages[0]['content'] }}")}
    op = generate(LLMRequest(prompt="x", preferences=SHORT_ANSWER))
    assert isinstance(await provide(op, custom(replace(mended, models=models))), Success)
