"""A batch over a real Ray with two workers, which share their cache over a real Redis."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest

from llm_manager.testing.simulator import Simulator
from redis_server import RedisServer

if sys.version_info >= (3, 14):
    pytest.skip("no wheel of Ray for this Python yet", allow_module_level=True)

from llm_manager.on_ray import map_requests

ray: Any = import_module("ray")  # its types are incomplete
data: Any = import_module("ray.data")

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own, of which there are many


@pytest.fixture
def vendor() -> Iterator[Simulator]:
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            yield server


@pytest.fixture
def cluster(vendor: Simulator, redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings = tmp_path / "settings.toml"
    settings.write_text("[redis]\ntimeout_s = 20.0\n", encoding="utf-8")  # two cores, and a cluster on them
    environment = {
        "LLM_MANAGER_CONFIG": str(settings),
        "OPENAI_API_KEY": "sk-canary-0123456789",
        "OPENAI_BASE_URL": f"{vendor.url}/v1",
        "REDIS_URL": redis.url,
        "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    }
    monkeypatch.setenv("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=100 * 1024 * 1024,
        runtime_env={"env_vars": environment},
    )
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_two_workers_answer_a_dataset_and_share_what_they_know(vendor: Simulator) -> None:
    rows = [{"id": number, "prompt": f"question {number}"} for number in range(40)]
    rows[7] = {"id": 7, "prompt": ""}
    asked = data.from_items([*rows, {"id": 40, "prompt": "x", "preferences": {"temperature": 9.0, "model": None}}])
    first = {row["id"]: row for row in map_requests(asked, workers=2, block=8).take_all()}
    paid = len(vendor.received)
    again = {row["id"]: row for row in map_requests(asked, workers=2, block=8).take_all()}
    assert sorted(first) == list(range(41))
    for number in set(range(40)) - {7}:
        for told in (first, again):
            assert json.loads(told[number]["response"])["content"] == f"You said: question {number}"
            assert told[number]["error"] is None
    for number, path in ((7, "prompt"), (40, "preferences.temperature")):
        assert first[number]["response"] is None
        assert json.loads(first[number]["error"])["problems"][0]["path"] == path
    assert paid == 39
    assert len(vendor.received) == 39, "the second run, by other processes, is answered from the cache they share"
    assert all(json.loads(again[number]["response"])["metadata"]["cached"] for number in range(7))
