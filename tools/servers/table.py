"""The servers: how each is started, which model it is asked for, and what to set for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from servers.process import serving
from tiny_gguf import write_tiny_gguf

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / ".tools/servers"
LLAMA_CPP = "xllamacpp"
LITELLM, AIMOCK = "1.108.7", "1.43.0"
KATAN, MOCKLLM, TINYTOT = "0.22.0", "0.0.8", "0.5.0"

KEY = "sk-canary-0123456789"

PROGRAM = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.port, params.hostnames = sys.argv[1], 512, int(sys.argv[2]), ["127.0.0.1"]
params.n_parallel, params.use_jinja = 1, True
server = xllamacpp.Server(params)
time.sleep(3600)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server; *started* gives its base URL, and is told that of a vendor for those that pass requests on."""

    name: str
    version: str
    how: str
    model: str
    started: Callable[[str], AbstractContextManager[str]]
    to_set: str
    provider: str = "openai"


@contextmanager
def _llama_cpp(_: str) -> Generator[str, None, None]:
    TOOLS.mkdir(parents=True, exist_ok=True)
    model = write_tiny_gguf(TOOLS / "tiny.gguf")
    command = ["{python}", "-c", PROGRAM, str(model), "{port}"]
    with serving(command, "/health") as url:
        yield f"{url}/v1"


@contextmanager
def _litellm(vendor: str) -> Generator[str, None, None]:
    config = TOOLS / "litellm.yaml"
    model = {"model": "openai/gpt-4o", "api_base": f"{vendor}/v1", "api_key": KEY}
    rows = {
        "model_list": [{"model_name": "gpt-4o", "litellm_params": model}],
        "litellm_settings": {"num_retries": 0},
        "general_settings": {"master_key": KEY},
    }
    config.write_text(json.dumps(rows))
    command = [str(TOOLS / "litellm/bin/litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", "{port}"]
    with serving(command, "/health/liveliness", environ={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}) as url:
        yield f"{url}/v1"


@contextmanager
def _aimock(_: str) -> Generator[str, None, None]:
    fixtures = TOOLS / "fixtures.json"
    said = [
        {
            "match": {"userMessage": "weather"},
            "response": {"toolCalls": [{"name": "weather", "arguments": '{"city": "Rome"}'}]},
        },
        {"match": {"userMessage": "number"}, "response": {"content": '{"number": 7}'}},
        {"match": {"userMessage": "sky"}, "response": {"content": "It scatters blue light."}},
    ]
    fixtures.write_text(json.dumps({"fixtures": said}))
    program = TOOLS / "aimock/node_modules/.bin/llmock"
    command = [
        "{node}",
        str(program.resolve()),
        "--port",
        "{port}",
        "--fixtures",
        str(fixtures),
        "--log-level",
        "silent",
    ]
    with serving(command, "/v1/models") as url:
        yield f"{url}/v1"


def _package(name: str, *arguments: str, ready: str = "/v1/models") -> Callable[[str], AbstractContextManager[str]]:
    """How the program of the package *name* is started, which is in an environment of its own."""

    @contextmanager
    def starting(_: str) -> Generator[str, None, None]:
        program = TOOLS / name / "bin" / name
        with serving([str(program), *arguments, "--host", "127.0.0.1", "--port", "{port}"], ready) as url:
            yield f"{url}/v1"

    return starting


@contextmanager
def _mockllm(vendor: str) -> Generator[str, None, None]:
    said = TOOLS / "mockllm.yml"
    said.write_text(json.dumps({"responses": {"why is the sky blue?": "It scatters."}}))
    with _package("mockllm", "start", "--responses", str(said))(vendor) as url:
        yield url


SERVERS: Sequence[Server] = (
    Server(
        name="llama.cpp's server",
        version=f"in xllamacpp {version(LLAMA_CPP)}",
        how="its HTTP listener, a context of 512 tokens, a model of half a megabyte with random weights",
        model="tiny",
        started=_llama_cpp,
        provider="llama_server",
        to_set="provider `llama_server`, `LLAMA_SERVER_URL`",
    ),
    Server(
        name="LiteLLM proxy",
        version=LITELLM,
        how="`litellm --config`, one model of an OpenAI that this project plays",
        model="gpt-4o",
        started=_litellm,
        to_set="`providers.litellm = {base_url = ...}`, and its own key",
    ),
    Server(
        name="aimock",
        version=AIMOCK,
        how="`llmock --fixtures`, three answers",
        model="gpt-4o",
        started=_aimock,
        to_set="`base_url`, any key",
    ),
    Server(
        name="llm-katan",
        version=KATAN,
        how="`llm-katan --backend echo`, which says what it is told",
        model="gpt-4o",
        started=_package(
            "llm-katan", "--model", "gpt-4o", "--backend", "echo", "--stats-file", str(TOOLS / "katan.json")
        ),
        to_set="`base_url`, any key",
    ),
    Server(
        name="mockllm",
        version=MOCKLLM,
        how="`mockllm start --responses`, one answer",
        model="gpt-4o",
        started=_mockllm,
        to_set="`base_url`, any key; it counts nothing of a stream, whose usage is estimated",
    ),
    Server(
        name="tinytot",
        version=TINYTOT,
        how="`tinytot`, which answers by rules and without a model",
        model="tinytot",
        started=_package("tinytot"),
        to_set="`base_url`, any key; it streams to those who did not ask for it and counts nothing: usage is estimated",
    ),
)
